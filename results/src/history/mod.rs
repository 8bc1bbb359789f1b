//! Many runs in the order in which they were taken: where a measurement changed its level, and by how much.
//!
//! A run counts as one value, its median: what differs from run to run is what a change has to stand out from. Runs of
//! different hosts, agents or configurations are different [`Setting`]s. Invariant: a level never spans two settings,
//! and every index is within the list that it points to.

mod levels;

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Serialize;

use crate::compare::{Difference, differences};
use crate::stats::median;
use crate::{Host, Key, Run, RunState, Tool};

pub use levels::{Level, Step};

/// What many runs tell.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct History {
    /// The runs, oldest first.
    pub runs: Vec<Entry>,
    /// The settings they were taken in, in the order of their first runs.
    pub settings: Vec<Setting>,
    /// One series per measurement and setting, in the order in which they first appear.
    pub series: Vec<Series>,
}

/// A run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Its name.
    pub run_id: String,
    /// RFC 3339 time at which it began.
    pub started_at: String,
    /// What measured it.
    pub tool: Tool,
    /// Whether it reached the end of its plan.
    pub state: RunState,
    /// Its place in the list of settings.
    pub setting: usize,
}

/// Runs that can be compared with each other: the same host, agent and configuration.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Setting {
    /// The machine, as the newest run saw it.
    pub host: Host,
    /// How many runs there are.
    pub runs: usize,
    /// In what the first of them differs from the run before; empty for the first setting.
    pub differences: Vec<Difference>,
}

/// One measurement over the runs of one setting.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Series {
    /// What was measured.
    #[serde(flatten)]
    pub key: Key,
    /// Place of its setting.
    pub setting: usize,
    /// Its value in each run that has one, oldest first; never empty.
    pub points: Vec<Point>,
    /// The stretches between changes, oldest first; never empty.
    pub levels: Vec<Level>,
}

/// What one run measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Point {
    /// Place of the run.
    pub run: usize,
    /// Median of its samples, in the unit of the measurement.
    pub median: f64,
    /// How many samples there were.
    pub samples: usize,
}

/// A run reduced to what a history needs, so that hundreds fit into memory.
struct Sketch {
    /// Without its measurements and evidence.
    head: Run,
    started: Option<jiff::Timestamp>,
    medians: Vec<(Key, f64, usize)>,
}

impl From<Run> for Sketch {
    fn from(mut run: Run) -> Self {
        let measurements = std::mem::take(&mut run.measurements);
        let medians =
            measurements.iter().filter_map(|m| Some((m.into(), median(&m.samples)?, m.samples.len())));
        let medians = medians.collect();
        run.evidence.clear();
        Sketch { started: run.started_at.parse().ok(), head: run, medians }
    }
}

/// Puts runs, given in any order, into theirs. Of runs of the same name the first counts.
pub fn history(runs: impl IntoIterator<Item = Run>) -> History {
    let mut names = HashSet::new();
    let mut sketches: Vec<Sketch> =
        runs.into_iter().filter(|run| names.insert(run.run_id.clone())).map(Sketch::from).collect();
    sketches.sort_by(|a, b| (a.started, &a.head.run_id).cmp(&(b.started, &b.head.run_id)));

    let (places, settings) = settings(&sketches);
    let mut series: Vec<Series> = Vec::new();
    let mut known: HashMap<(usize, Key), usize> = HashMap::new();
    let mut runs = Vec::new();
    for (run, (sketch, setting)) in sketches.into_iter().zip(places).enumerate() {
        let Run { run_id, started_at, tool, state, .. } = sketch.head;
        runs.push(Entry { run_id, started_at, tool, state, setting });
        for (key, median, samples) in sketch.medians {
            let place = *known.entry((setting, key)).or_insert_with_key(|(_, key)| {
                series.push(Series { key: key.clone(), setting, points: Vec::new(), levels: Vec::new() });
                series.len() - 1
            });
            series[place].points.push(Point { run, median, samples });
        }
    }
    for one in &mut series {
        let medians: Vec<f64> = one.points.iter().map(|point| point.median).collect();
        one.levels = levels::levels(&medians, one.key.better);
    }
    History { runs, settings, series }
}

/// The settings, and that of each run.
fn settings(sketches: &[Sketch]) -> (Vec<usize>, Vec<Setting>) {
    let (mut places, mut settings) = (Vec::new(), Vec::new());
    // The newest run of each setting, by its place: what a further run has to agree with.
    let mut newest: BTreeMap<usize, &Run> = BTreeMap::new();
    for (index, sketch) in sketches.iter().enumerate() {
        let run = &sketch.head;
        let same = newest.iter().rev().find(|(_, other)| differences(other, run).is_empty());
        let place = same.map_or(settings.len(), |(place, _)| *place);
        if place == settings.len() {
            let before = index.checked_sub(1).map(|before| &sketches[before].head);
            settings.push(Setting {
                host: run.host.clone(),
                runs: 0,
                differences: before.map_or_else(Vec::new, |before| differences(before, run)),
            });
        }
        settings[place].host = run.host.clone();
        settings[place].runs += 1;
        newest.insert(place, run);
        places.push(place);
    }
    (places, settings)
}

impl Series {
    /// Its newest value.
    pub fn latest(&self) -> Option<Point> {
        self.points.last().copied()
    }

    /// The step from the level before to the newest one, and the run at which it came.
    pub fn last_step(&self) -> Option<(Step, Point)> {
        let level = self.levels.last()?;
        Some((level.step?, *self.points.get(level.from)?))
    }

    /// How far the newest step went, as a ratio that is at least 1; 1 without a step. What series are sorted by.
    pub fn moved(&self) -> f64 {
        self.last_step().map_or(1.0, |(step, _)| step.ratio.max(1.0 / step.ratio))
    }
}

impl History {
    /// The series that changed their level at least once and are a measurement of their own ([`crate::Metric::is_part`]),
    /// the largest last step first.
    pub fn changed(&self) -> Vec<&Series> {
        let changed = |series: &&Series| series.levels.len() > 1 && !series.key.metric.is_part();
        let mut found: Vec<&Series> = self.series.iter().filter(changed).collect();
        found.sort_by(|a, b| b.moved().total_cmp(&a.moved()));
        found
    }
}
