//! Carries experiments out: blocks of trials, each result into the journal as it comes. A cell (one
//! workload on one backend) that cannot go on leaves the rest alone.

mod record;

use std::time::{Duration, Instant};

use anyhow::Result;
use results::stats::Rng;
use results::{Experiment, Journal};
use workloads::Workload;

pub use record::verdict;

use crate::ab::protocol::Standing;
use crate::ab::turns::Turns;
use crate::backend::{Backend, Group};
use crate::clock::Clock;
use crate::experiment::{Plan, Rig};
use crate::preset::Preset;
use crate::progress::{Position, Progress, name};
use crate::schedule::{Stopping, block};
use crate::trial::TrialError;

/// A backend that is to be measured.
pub struct Contestant {
    /// What starts instances.
    pub backend: Box<dyn Backend>,
    /// Whether it was asked for by name, and so joins every experiment.
    pub asked_for: bool,
    /// How long an instance of it lived that was stopped as soon as it was READY, once that is known.
    pub life: Duration,
}

impl Contestant {
    /// Whether it is somebody else's and comes along unasked: starting it may take a thousand times as long as starting ours, so
    /// it must not take their time.
    pub fn is_guest(&self) -> bool {
        !self.asked_for && !self.backend.groups().contains(&Group::Builtin)
    }

    /// Whether it takes part in an experiment.
    pub fn joins(&self, experiment: Experiment) -> bool {
        self.asked_for || self.backend.joins(experiment)
    }
}

/// One workload on one backend.
#[derive(Debug, Default)]
struct Cell {
    /// Samples of the primary metric.
    samples: Vec<f64>,
    failures: u32,
    /// Why the last trial failed.
    reason: Option<String>,
    over: bool,
}

/// Carries out a run's experiments.
pub struct Executor<'a> {
    /// Where and under whose eyes trials run.
    pub rig: Rig<'a>,
    /// How much to measure.
    pub preset: &'a Preset,
    /// Names of the workloads wanted; empty means all.
    pub wanted: &'a [String],
    /// The run's seed.
    pub seed: u64,
    /// Where results go.
    pub journal: &'a mut Journal,
    /// Where the user looks.
    pub progress: &'a mut Progress,
    /// Who says what comes when, if another run takes turns with this one.
    pub turns: Option<&'a mut Turns>,
}

/// Whether something asked the run to end early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// The plan was carried out.
    Ended,
    /// A signal came.
    Interrupted,
}

impl Executor<'_> {
    /// Carries the plans out in order, sharing the time budget out; what one leaves unused, the
    /// later ones get. The turns of another run do not count.
    pub fn run(&mut self, plans: &[Box<dyn Plan>], contestants: &mut [Contestant]) -> Result<Course> {
        let mut started = Instant::now();
        for (index, plan) in plans.iter().enumerate() {
            let shares: f64 = plans[index..].iter().map(|plan| plan.share()).sum();
            let left = self.preset.budget.saturating_sub(started.elapsed());
            let budget = left.mul_f64(plan.share() / shares);
            let mut clock = Clock::new(started, budget, self.preset.budget);
            let course = self.experiment(plan.as_ref(), contestants, &mut clock)?;
            for evidence in plan.evidence() {
                self.journal.evidence(&evidence)?;
            }
            if course == Course::Interrupted {
                return Ok(Course::Interrupted);
            }
            started = clock.started();
        }
        Ok(Course::Ended)
    }

    fn experiment(
        &mut self,
        plan: &dyn Plan,
        contestants: &mut [Contestant],
        clock: &mut Clock,
    ) -> Result<Course> {
        let mut workloads = plan.workloads();
        if !self.wanted.is_empty() {
            workloads.retain(|workload| self.wanted.iter().any(|name| name == workload.name));
        }
        let backends: Vec<usize> =
            (0..contestants.len()).filter(|&i| contestants[i].joins(plan.id())).collect();
        if workloads.is_empty() || backends.is_empty() {
            return Ok(Course::Ended);
        }
        let mut cells: Vec<Vec<Cell>> =
            workloads.iter().map(|_| contestants.iter().map(|_| Cell::default()).collect()).collect();
        if self.turn(plan.id(), 0, workloads[0], clock)? == Course::Interrupted
            || self.warm_up(plan, workloads[0], &backends, contestants) == Course::Interrupted
        {
            return Ok(Course::Interrupted);
        }
        // Each experiment has a sequence of its own, so that leaving one out does not change another.
        let mut rng = Rng::new(self.seed ^ (plan.id() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let stopping = self.preset.stopping;
        let (mut guests, mut hosts): (Vec<usize>, Vec<usize>) =
            backends.iter().partition(|&&b| contestants[b].is_guest());
        // Two runs that take turns have to draw the same order, whatever the time.
        if hosts.is_empty() || self.turns.is_some() {
            (hosts, guests) = (backends.clone(), Vec::new());
        }
        let rig_of_guests = self.rig.in_haste();
        let mut blocks = 0;
        loop {
            let goes_on = stopping.goes_on(blocks, clock.spent(), clock.budget());
            let owed = if guests.is_empty() { 0 } else { clock.owed_to_guests(stopping) };
            let is_open = |&w: &usize| goes_on && self.is_open(&cells[w], &hosts, stopping);
            let waits = |&w: &usize| owed > 0 && guests.iter().any(|&b| !cells[w][b].over);
            let wanted_by_hosts = (0..workloads.len()).any(|w| is_open(&w));
            let mut open: Vec<usize> = (0..workloads.len()).filter(|w| is_open(w) || waits(w)).collect();
            if self.agree(plan.id(), blocks, &workloads, &mut open, clock)? == Course::Interrupted {
                return Ok(Course::Interrupted);
            }
            if open.is_empty() {
                break;
            }
            let with_guests = !guests.is_empty() && clock.guests_join(blocks, stopping, wanted_by_hosts);
            if with_guests {
                clock.count_guests();
            }
            let mut at = None;
            for (w, b) in block(&mut rng, &open, if with_guests { &backends } else { &hosts }) {
                if at.replace(w) != Some(w)
                    && self.turn(plan.id(), blocks, workloads[w], clock)? == Course::Interrupted
                {
                    return Ok(Course::Interrupted);
                }
                if cells[w][b].over {
                    continue;
                }
                let backend = contestants[b].backend.as_mut();
                self.show(plan.id(), blocks, workloads[w], backend.name(), clock);
                let begun = Instant::now();
                let is_guest = guests.contains(&b);
                let mut result =
                    plan.trial(if is_guest { &rig_of_guests } else { &self.rig }, backend, workloads[w]);
                if is_guest {
                    clock.leave_to_guests(begun.elapsed());
                }
                if let (Ok(finding), Some(flag)) = (&mut result, backend.flag()) {
                    finding.mark(flag);
                }
                let course =
                    self.record(plan, workloads[w], backend.name(), result, blocks, &mut cells[w][b])?;
                if course == Course::Interrupted {
                    return Ok(Course::Interrupted);
                }
                self.rig.settle();
            }
            blocks += 1;
        }
        for (w, b) in (0..workloads.len()).flat_map(|w| backends.iter().map(move |&b| (w, b))) {
            self.conclude(plan, workloads[w], contestants[b].backend.name(), &cells[w][b])?;
        }
        Ok(Course::Ended)
    }

    /// Waits until the other run, if there is one, does not measure.
    fn turn(
        &mut self,
        experiment: Experiment,
        block: u32,
        workload: &Workload,
        clock: &mut Clock,
    ) -> Result<Course> {
        let Some(turns) = &mut self.turns else { return Ok(Course::Ended) };
        let stopping = self.preset.stopping;
        let standing = Standing {
            experiment,
            block,
            most_blocks: stopping.max_blocks,
            workload: workload.name.to_owned(),
            done: clock.done(block, stopping),
            left_s: clock.left(block, stopping).as_secs_f64(),
        };
        let asked = Instant::now();
        let granted = turns.turn(self.rig.interrupt, standing)?;
        clock.leave_out(asked.elapsed());
        // This thread has slept.
        self.rig.settle();
        Ok(granted.map_or(Course::Interrupted, |()| Course::Ended))
    }

    /// Makes the workloads of a block those that both runs do, if there are two.
    fn agree(
        &mut self,
        experiment: Experiment,
        block: u32,
        workloads: &[&Workload],
        open: &mut Vec<usize>,
        clock: &mut Clock,
    ) -> Result<Course> {
        let Some(turns) = &mut self.turns else { return Ok(Course::Ended) };
        let wanted: Vec<&str> = open.iter().map(|&w| workloads[w].name).collect();
        let asked = Instant::now();
        let agreed = turns.block(self.rig.interrupt, experiment, block, &wanted)?;
        clock.leave_out(asked.elapsed());
        let Some(names) = agreed else { return Ok(Course::Interrupted) };
        // In the order given: with the same seed, both runs then draw the same order.
        *open = names.iter().filter_map(|name| workloads.iter().position(|w| w.name == name)).collect();
        Ok(Course::Ended)
    }

    /// Whether a workload needs more samples: some backend still runs it, and some interval is wide.
    fn is_open(&self, cells: &[Cell], backends: &[usize], stopping: Stopping) -> bool {
        let running: Vec<&Cell> = backends.iter().map(|&b| &cells[b]).filter(|cell| !cell.over).collect();
        !running.is_empty() && !running.iter().all(|cell| stopping.is_narrow(&cell.samples, self.seed))
    }

    /// The first start of anything reads from disk and fills caches; it is not measured. What fails
    /// here fails again in the first block, and is recorded there.
    fn warm_up(
        &mut self,
        plan: &dyn Plan,
        workload: &Workload,
        backends: &[usize],
        contestants: &mut [Contestant],
    ) -> Course {
        for &b in backends {
            let trial = plan.warm_up(&self.rig, contestants[b].backend.as_mut(), workload);
            if matches!(trial, Err(TrialError::Interrupted)) || self.rig.interrupt.is_raised() {
                return Course::Interrupted;
            }
        }
        Course::Ended
    }

    fn show(
        &mut self,
        experiment: Experiment,
        blocks: u32,
        workload: &Workload,
        backend: &str,
        clock: &Clock,
    ) {
        let stopping = self.preset.stopping;
        self.progress.show(&Position {
            experiment,
            blocks: (blocks, stopping.max_blocks),
            workload: workload.name,
            backend,
            done: clock.done(blocks, stopping),
            left: clock.left(blocks, stopping),
        });
        tracing::trace!("{} block {blocks}: {} on {backend}", name(experiment), workload.name);
    }
}
