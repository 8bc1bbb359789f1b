//! Leads two runs through the same blocks, so that only one of them measures at any time.
//!
//! Who comes first is random and balanced: of every two blocks of a workload, either side begins one.
//! Invariant: no side gets a reply while the other one has its turn.

use std::collections::HashMap;
use std::time::Duration;

use results::stats::Rng;

use super::error::AbError;
use super::protocol::{Reply, Request, Standing};
use super::side::Side;
use crate::interrupt::Interrupt;
use crate::progress::{Position, Progress};

/// A run greets as its first act: what takes longer is no run.
const GREETING: Duration = Duration::from_secs(10);
/// Preparing may unpack a kernel and ask each backend who it is, on an emulated machine too.
const PREPARING: Duration = Duration::from_secs(600);
/// A turn is a workload on every backend, each of which the run itself gives up after a minute or two.
const TURN: Duration = Duration::from_secs(900);

/// What the two sides are called.
const NAMES: [&str; 2] = ["A", "B"];

/// Two runs under one lead.
pub struct Lead<'a> {
    sides: [Side; 2],
    order: Order,
    interrupt: &'a Interrupt,
    progress: &'a mut Progress,
    /// The workloads that both have, of the experiment under way.
    common: Vec<String>,
}

impl<'a> Lead<'a> {
    /// Leads two runs that were just started.
    pub fn new(sides: [Side; 2], seed: u64, interrupt: &'a Interrupt, progress: &'a mut Progress) -> Self {
        Self { sides, order: Order::new(seed), interrupt, progress, common: Vec::new() }
    }

    /// Leads both to their ends, and returns the names of the runs.
    pub fn run(mut self) -> Result<[String; 2], AbError> {
        let run_ids = self.prepare()?;
        let mut asked = self.both_ask()?;
        loop {
            asked = match asked {
                [Some(Request::Turn(a)), Some(Request::Turn(b))] => self.turns([a, b])?,
                [
                    Some(Request::Block { experiment, block, wanted: a }),
                    Some(Request::Block { experiment: other, block: other_block, wanted: b }),
                ] if (experiment, block) == (other, other_block) => {
                    let workloads = self.agree(block, &a, &b);
                    self.reply(&Reply::Block { workloads })?;
                    self.both_ask()?
                }
                [None, None] => return Ok(run_ids),
                [a, b] => return Err(AbError::OutOfStep { what: format!("A says {a:?}, B says {b:?}") }),
            }
        }
    }

    /// Has them prepare, one after the other, and begin with what both can.
    fn prepare(&mut self) -> Result<[String; 2], AbError> {
        // Both greet before either does anything that leaves a trace.
        for (side, name) in NAMES.iter().enumerate() {
            match self.ask(side, GREETING)? {
                Some(Request::Hello) => {}
                other => {
                    return Err(AbError::OutOfStep {
                        what: format!("{name} should greet and says {other:?}"),
                    });
                }
            }
        }
        let (a, b) = (self.ready(0)?, self.ready(1)?);
        let experiments = self.common("experiments", &a.experiments, &b.experiments)?;
        let backends = self.common("backends", &a.backends, &b.backends)?;
        self.reply(&Reply::Begin { experiments, backends })?;
        Ok([a.run_id, b.run_id])
    }

    fn ready(&mut self, side: usize) -> Result<Ready, AbError> {
        self.sides[side].reply(&Reply::Go)?;
        match self.ask(side, PREPARING)? {
            Some(Request::Ready { run_id, experiments, backends }) => {
                Ok(Ready { run_id, experiments, backends })
            }
            other => Err(AbError::OutOfStep {
                what: format!("{} should get ready and says {other:?}", NAMES[side]),
            }),
        }
    }

    /// What is in both lists, in the order of the first. What is left out is said.
    fn common(&self, what: &'static str, a: &[String], b: &[String]) -> Result<Vec<String>, AbError> {
        for (name, list, other) in [(NAMES[0], a, b), (NAMES[1], b, a)] {
            for lonely in list.iter().filter(|item| !other.contains(item)) {
                self.progress.note(&format!("of the {what}, only {name} has {lonely}: it is left out"));
            }
        }
        let common: Vec<String> = a.iter().filter(|item| b.contains(item)).cloned().collect();
        if common.is_empty() {
            return Err(AbError::NothingInCommon { what, a: a.join(", "), b: b.join(", ") });
        }
        Ok(common)
    }

    /// The workloads of the next block: those that either side still wants, of those that both have.
    fn agree(&mut self, block: u32, a: &[String], b: &[String]) -> Vec<String> {
        if block == 0 {
            self.common = self.common("workloads", a, b).unwrap_or_default();
        }
        self.common.iter().filter(|workload| a.contains(workload) || b.contains(workload)).cloned().collect()
    }

    /// Lets one measure, then the other.
    fn turns(&mut self, standings: [Standing; 2]) -> Result<[Option<Request>; 2], AbError> {
        let mut asked = [None, None];
        let first = self.order.first(&standings[0].workload);
        for side in [first, 1 - first] {
            self.show(&standings, side);
            self.sides[side].reply(&Reply::Go)?;
            asked[side] = self.ask(side, TURN)?;
        }
        Ok(asked)
    }

    fn show(&mut self, [a, b]: &[Standing; 2], side: usize) {
        let of_side = if side == 0 { a } else { b };
        // What a run says of itself may be any number.
        let left_s = (a.left_s + b.left_s).clamp(0.0, 1e7);
        self.progress.show(&Position {
            experiment: of_side.experiment,
            blocks: (of_side.block, of_side.most_blocks),
            workload: &of_side.workload,
            backend: NAMES[side],
            done: (a.done + b.done) / 2.0,
            left: if left_s.is_nan() { Duration::ZERO } else { Duration::from_secs_f64(left_s) },
        });
    }

    fn both_ask(&mut self) -> Result<[Option<Request>; 2], AbError> {
        Ok([self.ask(0, TURN)?, self.ask(1, TURN)?])
    }

    fn ask(&mut self, side: usize, limit: Duration) -> Result<Option<Request>, AbError> {
        let progress = &self.progress;
        self.sides[side].request(self.interrupt, limit, &mut |text| progress.note(text))
    }

    fn reply(&mut self, reply: &Reply) -> Result<(), AbError> {
        self.sides.iter_mut().try_for_each(|side| side.reply(reply))
    }
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        // Both at once, before either is waited for.
        self.sides.iter_mut().for_each(Side::ask_to_end);
    }
}

/// What a side says when it is ready.
struct Ready {
    run_id: String,
    experiments: Vec<String>,
    backends: Vec<String>,
}

/// Who comes first.
struct Order {
    rng: Rng,
    /// Who has to begin the next block of a workload, to make up for the last one.
    owed: HashMap<String, usize>,
}

impl Order {
    fn new(seed: u64) -> Self {
        // Not the sequence that the runs draw their orders from.
        Self { rng: Rng::new(!seed), owed: HashMap::new() }
    }

    /// 0 for A, 1 for B.
    fn first(&mut self, workload: &str) -> usize {
        self.owed.remove(workload).unwrap_or_else(|| {
            let first = self.rng.below(2);
            self.owed.insert(workload.to_owned(), 1 - first);
            first
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_every_two_blocks_of_a_workload_either_side_begins_one() {
        let mut order = Order::new(7);
        let mut firsts = Vec::new();
        for _ in 0..50 {
            for workload in ["getpid", "fstat"] {
                let pair = [order.first(workload), order.first(workload)];
                assert_eq!(pair[0] + pair[1], 1, "{pair:?}");
                firsts.push(pair[0]);
            }
        }
        let first_a = firsts.iter().filter(|&&first| first == 0).count();
        assert!((30..=70).contains(&first_a), "which one is random: {first_a} of 100");
    }
}
