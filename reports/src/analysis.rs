//! What a page and its charts need to know about a run: an estimate, and a ratio to the baseline, per measurement.
//!
//! Values are in the measurement's own unit. Computed once per rendering, because a bootstrap is the dear part of it.
//! Invariant: `cells` is parallel to `run.measurements`.

use std::collections::{HashMap, HashSet};
use std::num::NonZero;
use std::panic::resume_unwind;
use std::thread;

use results::ladder::{self, Agreement, Step, is_rung};
use results::stats::{Estimate, bootstrap_median, paired_ratio};
use results::{Backend, BackendStatus, Experiment, Measurement, Metric, Run};

use crate::nsdi::Published;
use crate::palette;

/// The backend that the others are compared with: no isolation at all.
pub const BASELINE: &str = "process";

/// Identifies a measurement within a run.
type Key<'r> = (Experiment, &'r str, &'r str, &'r Metric);

/// A run with its statistics.
pub struct Analysis<'r> {
    /// The run.
    pub run: &'r Run,
    /// What others published, to be drawn beside it.
    pub published: Option<&'r Published>,
    /// How long starts take rung by rung, if the run climbed the ladder.
    pub ladder: Option<Ladder>,
    cells: Vec<Cell<'r>>,
    index: HashMap<Key<'r>, usize>,
    seats: Vec<usize>,
}

/// A measurement with its statistics.
#[derive(Clone, Copy)]
pub struct Cell<'r> {
    /// The measurement.
    pub of: &'r Measurement,
    /// Median and 95 % interval, if there are samples.
    pub estimate: Option<Estimate>,
    /// Ratio to the baseline's value, from the blocks that both have; `None` for the baseline itself, and if the baseline's
    /// value may be zero or less.
    pub ratio: Option<Estimate>,
    /// Samples that something disturbed.
    pub flagged: usize,
}

/// The starts of the ladder.
pub struct Ladder {
    /// Every rung, from the ground up.
    pub steps: Vec<Step>,
    /// Whether the steps add up to the container; else why that cannot be told.
    pub agreement: Result<Agreement, String>,
}

impl Ladder {
    /// `None` if no rung above the bare process was measured.
    fn of(run: &Run) -> Option<Self> {
        let starts = |m: &&Measurement| m.experiment == Experiment::Ladder && m.metric == Metric::StartupTime;
        let workload = &run.measurements.iter().find(starts)?.workload;
        let (metric, seed) = (Metric::StartupTime, run.config.seed);
        let steps = ladder::steps(run, workload, &metric, seed);
        steps.iter().skip(1).find(|step| step.found.is_ok())?;
        let agreement = ladder::agreement(run, &steps, workload, &metric, seed);
        Some(Ladder { steps, agreement })
    }
}

/// Maps measurements in their order, on all CPUs.
fn each<T: Send>(of: &[Measurement], map: impl Fn(&Measurement) -> T + Sync) -> Vec<T> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let share = of.len().div_ceil(threads).max(1);
    let map = &map;
    thread::scope(|scope| {
        let parts =
            of.chunks(share).map(|part| scope.spawn(move || part.iter().map(map).collect::<Vec<_>>()));
        // All are started before the first is waited for.
        let parts: Vec<_> = parts.collect();
        parts.into_iter().flat_map(|part| part.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    })
}

impl<'r> Analysis<'r> {
    /// Computes all estimates of a run.
    pub fn new(run: &'r Run) -> Self {
        let mut index = HashMap::new();
        for (place, m) in run.measurements.iter().enumerate() {
            // The first wins, should a damaged file hold two.
            index.entry((m.experiment, &*m.workload, &*m.backend, &m.metric)).or_insert(place);
        }
        let seed = run.config.seed;
        // Of a series, rounds are the observations.
        let estimates = each(&run.measurements, |m| bootstrap_median(&m.condensed().samples, seed));
        let base_of =
            |m: &Measurement| index.get(&(m.experiment, &*m.workload, BASELINE, &m.metric)).copied();
        let ratios = each(&run.measurements, |m| {
            let place = base_of(m).filter(|_| m.backend != BASELINE)?;
            // A multiple of what may as well be nothing says nothing.
            let base = estimates[place].filter(|base| base.low > 0.0);
            base.and_then(|_| paired_ratio(&m.condensed(), &run.measurements[place].condensed(), seed))
        });
        let both = estimates.iter().zip(ratios);
        let cells = run.measurements.iter().zip(both).map(|(of, (&estimate, ratio))| Cell {
            of,
            estimate,
            ratio,
            flagged: of.flags.iter().flatten().filter(|flags| !flags.is_empty()).count(),
        });
        let cells = cells.collect();
        let seats = palette::seats(run.backends.iter().map(|backend| &*backend.name));
        Analysis { run, published: None, ladder: Ladder::of(run), cells, index, seats }
    }

    /// One measurement.
    pub fn cell(&self, of: Experiment, workload: &str, backend: &str, metric: &Metric) -> Option<&Cell<'r>> {
        self.index.get(&(of, workload, backend, metric)).map(|&place| &self.cells[place])
    }

    /// The startup time of a backend.
    pub fn startup(&self, backend: &str) -> Option<&Cell<'r>> {
        self.first(Experiment::Startup, backend, &Metric::StartupTime)
    }

    /// A metric of an experiment that has one workload only.
    pub fn first(&self, of: Experiment, backend: &str, metric: &Metric) -> Option<&Cell<'r>> {
        self.cells(of).find(|cell| cell.of.backend == backend && cell.of.metric == *metric)
    }

    /// The measurements of an experiment, in the order they were first taken.
    pub fn cells(&self, of: Experiment) -> impl Iterator<Item = &Cell<'r>> {
        self.cells.iter().filter(move |cell| cell.of.experiment == of)
    }

    /// Whether an experiment has any sample.
    pub fn has(&self, of: Experiment) -> bool {
        self.cells(of).any(|cell| cell.estimate.is_some())
    }

    /// Whether nothing else was measured.
    pub fn only(&self, of: Experiment) -> bool {
        !self.cells.is_empty() && self.cells.iter().all(|cell| cell.of.experiment == of)
    }

    /// The workloads of an experiment, in the order they were first run.
    pub fn workloads(&self, of: Experiment) -> Vec<&'r str> {
        let mut seen = HashSet::new();
        self.cells(of).map(|cell| &*cell.of.workload).filter(|workload| seen.insert(*workload)).collect()
    }

    /// The backends that ran, each with its seat, which decides its colour and shape; without those that are nothing but
    /// rungs of the ladder.
    pub fn backends(&self) -> impl Iterator<Item = (usize, &'r Backend)> {
        self.asked_for().filter(|(_, backend)| backend.status == BackendStatus::Ok)
    }

    /// The same with those that could not run.
    pub fn asked_for(&self) -> impl Iterator<Item = (usize, &'r Backend)> {
        self.seated().filter(|(_, backend)| !is_rung(&backend.name))
    }

    /// Every backend, rungs too.
    fn seated(&self) -> impl Iterator<Item = (usize, &'r Backend)> {
        self.seats.iter().copied().zip(&self.run.backends)
    }

    /// The seat of a backend, if it is part of the run.
    pub fn seat(&self, name: &str) -> Option<usize> {
        self.seated().find(|(_, backend)| backend.name == name).map(|(seat, _)| seat)
    }

    /// What was published of, each with a seat of [`palette::PUBLISHED`].
    pub fn published_seats(&self) -> impl Iterator<Item = (usize, &'static str)> {
        let mut seen = HashSet::new();
        let data = self.published.into_iter();
        let vmms = data.flat_map(|of| {
            of.starts.iter().map(|starts| starts.vmm).chain(of.memory.iter().map(|memory| memory.vmm))
        });
        let new = vmms.filter(move |vmm| seen.insert(*vmm));
        new.enumerate().map(|(place, vmm)| (palette::PUBLISHED + place, vmm))
    }

    /// The software that emulated the processor, if the run's host says that it is one.
    pub fn emulator(&self) -> Option<&'r str> {
        self.run.host.emulator()
    }
}
