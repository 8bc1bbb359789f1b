//! The numbers behind the trends.

use std::collections::HashMap;

use results::history::{Entry, History, Series, Step};
use results::{Experiment, RunState, Unit};

use crate::Error;
use crate::charts::spark;
use crate::format::{interval, moment, quantity};
use crate::page::mark;
use crate::words;

/// Below as many runs nothing can be told to have changed (see [`results::stats::change_points`]).
pub(super) const FEWEST: usize = 12;

/// Rows that a page may have.
const MOST_ROWS: usize = 1000;
const MOST_CHANGES: usize = 100;
pub(super) const MOST_RUNS: usize = 1000;
/// Differing fields that a page names of one setting.
const MOST_FIELDS: usize = 12;

/// A measurement that changed.
pub(super) struct ChangeRow {
    pub mark: String,
    pub title: String,
    pub backend: String,
    pub before: String,
    pub after: String,
    pub step: StepCells,
}

/// A step, as cells of a table; all empty without one.
#[derive(Default)]
pub(super) struct StepCells {
    pub ratio: String,
    pub interval: String,
    pub since: String,
    pub worse: bool,
}

/// An experiment.
pub(super) struct Section {
    pub title: String,
    pub groups: Vec<Group>,
}

/// One metric of one workload.
pub(super) struct Group {
    pub title: String,
    pub rows: Vec<Row>,
}

/// One series.
pub(super) struct Row {
    pub mark: String,
    pub backend: String,
    /// From 1.
    pub setting: usize,
    pub runs: usize,
    pub level: String,
    pub latest: String,
    pub latest_ratio: String,
    pub step: StepCells,
    pub spark: String,
}

/// What runs of one kind have in common.
pub(super) struct SettingRow {
    pub host: String,
    pub runs: usize,
    pub differences: Vec<String>,
    pub fields_left_out: usize,
}

/// A run.
pub(super) struct RunRow<'h> {
    pub run: &'h Entry,
    pub began: String,
    pub setting: usize,
    pub interrupted: bool,
}

/// When a run was taken, and of which commit.
pub(super) fn when(run: &Entry) -> String {
    let git = run.tool.git.as_deref().map_or(String::new(), |git| format!(" ({git})"));
    format!("{}{git}", moment(&run.started_at))
}

fn step_cells(history: &History, step: Step, run: usize) -> StepCells {
    StepCells {
        ratio: quantity(step.ratio, Unit::Ratio),
        interval: interval(step.low, step.high, Unit::Count),
        since: history.runs.get(run).map(when).unwrap_or_default(),
        worse: step.worse,
    }
}

fn last_step(history: &History, series: &Series) -> StepCells {
    let Some((from, to)) =
        series.levels.len().checked_sub(2).map(|at| (&series.levels[at], &series.levels[at + 1]))
    else {
        return StepCells::default();
    };
    let run = series.points[to.from].run;
    match to.step {
        Some(step) => step_cells(history, step, run),
        None => StepCells {
            ratio: format!("from {}", quantity(from.median, series.key.unit)),
            since: history.runs.get(run).map(when).unwrap_or_default(),
            ..StepCells::default()
        },
    }
}

fn mark_of(series: &Series, seats: &HashMap<&str, usize>) -> Result<String, Error> {
    mark(seats.get(&*series.key.backend).copied().unwrap_or_default())
}

/// What changed, the largest last step first, and how many are left out.
pub(super) fn changes(
    history: &History,
    seats: &HashMap<&str, usize>,
) -> Result<(Vec<ChangeRow>, usize), Error> {
    let changed = history.changed();
    let rows = changed.iter().take(MOST_CHANGES).map(|series| {
        let key = &series.key;
        let level = |back: usize| {
            let place = series.levels.len().checked_sub(back);
            place.map_or(String::new(), |place| quantity(series.levels[place].median, key.unit))
        };
        Ok(ChangeRow {
            mark: mark_of(series, seats)?,
            title: words::measurement(key.experiment, &key.workload, &key.metric),
            backend: key.backend.clone(),
            before: level(2),
            after: level(1),
            step: last_step(history, series),
        })
    });
    Ok((rows.collect::<Result<_, Error>>()?, changed.len().saturating_sub(MOST_CHANGES)))
}

/// Every measurement, by experiment, and how many rows are left out.
pub(super) fn sections(
    history: &History,
    seats: &HashMap<&str, usize>,
) -> Result<(Vec<Section>, usize), Error> {
    let names = [
        (Experiment::Startup, "Startup"),
        (Experiment::Memory, "Memory"),
        (Experiment::Syscalls, "System calls"),
        (Experiment::Cpu, "Computation and memory system"),
        (Experiment::Density, "Many instances"),
        (Experiment::Isolation, "Isolation: limits and neighbours"),
        (Experiment::Ladder, "The ladder"),
        (Experiment::Exec, "Own programs"),
    ];
    let (mut sections, mut left) = (Vec::new(), MOST_ROWS);
    for (experiment, title) in names {
        let mut groups: Vec<Group> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        for series in history.series.iter().filter(|series| series.key.experiment == experiment).take(left) {
            let key = &series.key;
            let title = words::measurement(experiment, &key.workload, &key.metric);
            let place = *places.entry(title.clone()).or_insert(groups.len());
            if place == groups.len() {
                groups.push(Group { title, rows: Vec::new() });
            }
            groups[place].rows.push(row(history, series, seats)?);
        }
        left -= groups.iter().map(|group| group.rows.len()).sum::<usize>();
        if !groups.is_empty() {
            sections.push(Section { title: title.to_owned(), groups });
        }
    }
    Ok((sections, history.series.len().saturating_sub(MOST_ROWS)))
}

fn row(history: &History, series: &Series, seats: &HashMap<&str, usize>) -> Result<Row, Error> {
    let unit = series.key.unit;
    let latest = series.latest().map(|point| point.median);
    let level = series.levels.last().map(|level| level.median);
    let ratio = latest.zip(level).filter(|(_, level)| *level > 0.0).map(|(latest, level)| latest / level);
    let show = |value: Option<f64>, unit| value.map_or(String::new(), |value| quantity(value, unit));
    Ok(Row {
        mark: mark_of(series, seats)?,
        backend: series.key.backend.clone(),
        setting: series.setting + 1,
        runs: series.points.len(),
        level: show(level, unit),
        latest: show(latest, unit),
        latest_ratio: show(ratio, Unit::Ratio),
        step: last_step(history, series),
        spark: spark(series, seats.get(&*series.key.backend).copied().unwrap_or_default())?
            .unwrap_or_default(),
    })
}

/// The settings.
pub(super) fn settings(history: &History) -> Vec<SettingRow> {
    let rows = history.settings.iter().map(|setting| SettingRow {
        host: format!(
            "{}, {} CPUs, Linux {}",
            setting.host.cpu_model, setting.host.cpus, setting.host.kernel
        ),
        runs: setting.runs,
        differences: setting.differences.iter().take(MOST_FIELDS).map(ToString::to_string).collect(),
        fields_left_out: setting.differences.len().saturating_sub(MOST_FIELDS),
    });
    rows.take(MOST_RUNS).collect()
}

/// The newest runs, newest first.
pub(super) fn runs(history: &History) -> Vec<RunRow<'_>> {
    let rows = history.runs.iter().rev().take(MOST_RUNS).map(|run| RunRow {
        run,
        began: moment(&run.started_at),
        setting: run.setting + 1,
        interrupted: run.state == RunState::Interrupted,
    });
    rows.collect()
}
