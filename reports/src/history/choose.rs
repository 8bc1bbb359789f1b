//! Which measurements get a chart: the headline ones, then what changed most.

use std::collections::HashMap;

use results::history::{History, Series};
use results::{Experiment, Metric, Unit};

use crate::charts::{Lane, Trend};
use crate::{palette, words};

/// More charts would make the page slow to load; the table holds every measurement.
pub(super) const MOST_CHARTS: usize = 16;

/// Names of files longer than this are cut.
const LONGEST: usize = 80;

/// A chart, and the name of its files.
pub(super) struct Chosen<'h> {
    pub name: String,
    pub trend: Trend<'h>,
    /// Whether something in it changed.
    pub changed: bool,
}

/// What is always shown, in this order, if it was measured.
const HEADLINE: [(Experiment, &str, Metric); 4] = [
    (Experiment::Startup, "noop", Metric::StartupTime),
    (Experiment::Memory, "noop", Metric::MarginalMemory),
    (Experiment::Syscalls, "getpid", Metric::TimePerOp),
    (Experiment::Cpu, "sha256", Metric::TimePerOp),
];

/// One metric of one workload on all backends and settings.
struct Group<'h> {
    series: Vec<&'h Series>,
}

impl<'h> Group<'h> {
    fn first(&self) -> &'h Series {
        self.series[0]
    }

    fn changed(&self) -> bool {
        !self.first().key.metric.is_part() && self.series.iter().any(|series| series.levels.len() > 1)
    }

    fn moved(&self) -> f64 {
        self.series.iter().map(|series| series.moved()).fold(1.0, f64::max)
    }

    /// Place in [`HEADLINE`].
    fn headline(&self) -> Option<usize> {
        let key = &self.first().key;
        HEADLINE.iter().position(|(experiment, workload, metric)| {
            (key.experiment, &*key.workload, &key.metric) == (*experiment, *workload, metric)
        })
    }
}

/// The charts to show, and how many that changed are left out.
pub(super) fn choose<'h>(history: &'h History, seats: &HashMap<&str, usize>) -> (Vec<Chosen<'h>>, usize) {
    let mut groups: Vec<Group<'h>> = groups(history);
    groups.retain(|group| group.headline().is_some() || group.changed());
    groups.sort_by(|a, b| {
        let order = |group: &Group<'_>| group.headline().unwrap_or(HEADLINE.len());
        order(a).cmp(&order(b)).then(b.moved().total_cmp(&a.moved()))
    });
    let left_out = groups.len().saturating_sub(MOST_CHARTS);
    groups.truncate(MOST_CHARTS);
    let mut chosen: Vec<Chosen<'h>> = Vec::new();
    for group in groups {
        let plain = file_name(group.first());
        let taken = chosen.iter().filter(|other| other.name.starts_with(&plain)).count();
        let name = if taken > 0 { format!("{plain}-{}", taken + 1) } else { plain };
        chosen.push(Chosen { name, changed: group.changed(), trend: trend(history, &group, seats) });
    }
    (chosen, left_out)
}

fn groups(history: &History) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut places: HashMap<(Experiment, &str, &Metric, Unit), usize> = HashMap::new();
    for series in &history.series {
        let key = (series.key.experiment, &*series.key.workload, &series.key.metric, series.key.unit);
        let place = *places.entry(key).or_insert(groups.len());
        if place == groups.len() {
            groups.push(Group { series: Vec::new() });
        }
        groups[place].series.push(series);
    }
    groups
}

fn trend<'h>(history: &'h History, group: &Group<'h>, seats: &HashMap<&str, usize>) -> Trend<'h> {
    let mut lanes: Vec<Lane<'h>> = Vec::new();
    for &series in &group.series {
        match lanes.iter_mut().find(|lane| lane.backend == series.key.backend) {
            Some(lane) => lane.series.push(series),
            None => lanes.push(Lane {
                seat: seats.get(&*series.key.backend).copied().unwrap_or_default(),
                backend: &series.key.backend,
                series: vec![series],
            }),
        }
    }
    let key = &group.first().key;
    let title = words::measurement(key.experiment, &key.workload, &key.metric);
    Trend { history, title: crate::canvas::shorten(&title, 60), unit: key.unit, lanes }
}

/// The seat of each backend of any run, which decides its colour and shape.
pub(super) fn seats(history: &History) -> HashMap<&str, usize> {
    let mut names: Vec<&str> = Vec::new();
    let mut known = std::collections::HashSet::new();
    names.extend(history.series.iter().map(|series| &*series.key.backend).filter(|name| known.insert(*name)));
    let seats = palette::seats(names.iter().copied());
    names.into_iter().zip(seats).collect()
}

/// A name made of a run's strings that leads nowhere else.
fn file_name(series: &Series) -> String {
    let key = &series.key;
    let name = format!("{}-{}-{}", key.experiment, key.workload, key.metric);
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    name.chars().take(LONGEST).map(plain).collect()
}
