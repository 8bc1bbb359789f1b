//! How the time of a run is spent: a budget that is shared out over its experiments, and beside it what guests take.
//!
//! Guests are runtimes of others that nobody asked for by name. Starting one may take a thousand times as long as starting a process,
//! so that blocks with all of them would leave ours few samples. They take part in as many blocks as fit into as much time as the
//! hosts have spent so far, spread over the whole experiment, and in the least number of blocks in any case. Their time is not
//! the budget's: hosts get as many samples as without them. Ratios pair within the blocks that both have.

use std::time::{Duration, Instant};

use crate::schedule::Stopping;

/// The time of a run and of the experiment under way.
#[derive(Debug)]
pub struct Clock {
    started: Instant,
    experiment: Instant,
    budget: Duration,
    total: Duration,
    /// What guests took in this experiment.
    guests: Duration,
    /// Blocks that they were in.
    guest_blocks: u32,
}

impl Clock {
    /// An experiment begins, with `budget` of the run's `total`.
    pub fn new(started: Instant, budget: Duration, total: Duration) -> Self {
        let guests = Duration::ZERO;
        Self { started, experiment: Instant::now(), budget, total, guests, guest_blocks: 0 }
    }

    /// When the run began, moved by all that is not its own time.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// The budget of the experiment.
    pub fn budget(&self) -> Duration {
        self.budget
    }

    /// What the experiment has spent of it.
    pub fn spent(&self) -> Duration {
        self.experiment.elapsed()
    }

    /// Takes time out that was spent waiting for the other run.
    pub fn leave_out(&mut self, waited: Duration) {
        self.started += waited;
        self.experiment += waited;
    }

    /// Takes the time of a guest's trial out, and remembers it.
    pub fn leave_to_guests(&mut self, spent: Duration) {
        self.leave_out(spent);
        self.guests += spent;
    }

    /// A block with guests begins.
    pub fn count_guests(&mut self) {
        self.guest_blocks += 1;
    }

    /// Blocks that guests have still to be in, however long they take.
    pub fn owed_to_guests(&self, stopping: Stopping) -> u32 {
        stopping.min_blocks.saturating_sub(self.guest_blocks)
    }

    /// Whether guests take part in the next block: while they have not taken more time than the hosts; when no more blocks are
    /// left than are owed to them; and when nobody else wants another one.
    pub fn guests_join(&self, blocks: u32, stopping: Stopping, wanted_by_hosts: bool) -> bool {
        let left = stopping.max_blocks.saturating_sub(blocks);
        !wanted_by_hosts || left <= self.owed_to_guests(stopping) || self.guests <= self.spent()
    }

    /// How long the rest may take: the rest of the budget, or less if the blocks run out first, or more if the least number of
    /// blocks is not reached in it; where there are guests, their time with it.
    pub fn left(&self, blocks: u32, stopping: Stopping) -> Duration {
        let here = self.experiment.elapsed();
        let left_here = self.budget.saturating_sub(here);
        let later = self.total.saturating_sub(self.started.elapsed()).saturating_sub(left_here);
        if blocks == 0 {
            return later + left_here;
        }
        let up_to = |wanted: u32| here.div_f64(blocks.into()).mul_f64(wanted.saturating_sub(blocks).into());
        let own = left_here.min(up_to(stopping.max_blocks)).max(up_to(stopping.min_blocks));
        if self.guest_blocks == 0 {
            return later + own;
        }
        // They may catch up with the hosts.
        let owed = (self.guests / self.guest_blocks) * self.owed_to_guests(stopping);
        2 * later + own + owed.max((here + own).saturating_sub(self.guests))
    }

    /// How much of the run is done, from 0 to 1.
    pub fn done(&self, blocks: u32, stopping: Stopping) -> f64 {
        let spent = self.started.elapsed().as_secs_f64();
        spent / (spent + self.left(blocks, stopping).as_secs_f64()).max(f64::EPSILON)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STOPPING: Stopping = Stopping { min_blocks: 3, max_blocks: 60, relative_width: 0.0 };

    fn clock(spent: u64, guests: u64, guest_blocks: u32) -> Clock {
        let ago = |seconds| Instant::now() - Duration::from_secs(seconds);
        let (budget, total) = (Duration::from_secs(10), Duration::from_secs(10));
        let guests = Duration::from_secs(guests);
        Clock { started: ago(spent), experiment: ago(spent), budget, total, guests, guest_blocks }
    }

    #[test]
    fn blocks_that_must_run_are_counted_when_the_budget_is_spent() {
        let clock = clock(40, 0, 0);
        let left = clock.left(2, STOPPING).as_secs_f64();
        assert!((19.9..20.5).contains(&left), "{left}");
        assert_eq!(clock.left(3, STOPPING), Duration::ZERO);
    }

    #[test]
    fn guests_take_no_more_time_than_hosts_but_are_in_the_least_number_of_blocks() {
        assert!(clock(0, 0, 0).guests_join(0, STOPPING, true), "the first block");
        assert!(!clock(2, 3, 1).guests_join(5, STOPPING, true), "they have had more");
        assert!(clock(4, 3, 1).guests_join(9, STOPPING, true), "the others have caught up");
        assert!(clock(2, 30, 1).guests_join(58, STOPPING, true), "two blocks are left, and owed");
        assert!(!clock(2, 30, 2).guests_join(58, STOPPING, true), "one is owed");
        assert!(clock(2, 30, 1).guests_join(5, STOPPING, false), "nobody else wants one");
        assert_eq!(
            (clock(2, 3, 1).owed_to_guests(STOPPING), clock(2, 3, 9).owed_to_guests(STOPPING)),
            (2, 0)
        );
    }

    #[test]
    fn with_an_exact_number_of_blocks_guests_are_in_all() {
        let exactly = Stopping::exactly(2);
        assert!(
            clock(1, 50, 0).guests_join(0, exactly, true) && clock(1, 50, 1).guests_join(1, exactly, true)
        );
    }

    #[test]
    fn what_guests_take_is_not_the_budget_s() {
        let mut clock = clock(5, 0, 0);
        clock.leave_to_guests(Duration::from_secs(5));
        assert!(clock.spent() < Duration::from_secs(1), "{:?}", clock.spent());
        assert!(!clock.guests_join(1, STOPPING, true));
    }
}
