//! `bench history`: what changed over many runs.

use std::path::Path;

use anyhow::{Result, bail};
use comfy_table::presets::NOTHING;
use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, Table};
use reports::format::{interval, moment, quantity};
use reports::history::{Unread, headline};
use results::Unit;
use results::history::{History, Series};
use serde_json::{Value, json};

use crate::cli::history::HistoryArgs;
use crate::output::{note, plain, print, print_json};
use crate::runs;

/// Reads all runs below a folder, prints what changed and writes the page.
pub fn history(args: &HistoryArgs) -> Result<()> {
    let (history, unread) = read(&args.dir)?;
    if history.runs.is_empty() {
        let why = unread.first().map_or(String::new(), |one| format!("; {}: {}", one.path, one.reason));
        bail!("no run in {} could be read{why}; give a folder that `bench run` wrote to", args.dir.display());
    }
    for one in &unread {
        note(&format!("left out: {}: {}", plain(&one.path), plain(&one.reason)));
    }
    let rendered = reports::history::render(&history, &unread, args.out.as_deref().unwrap_or(&args.dir))?;
    if args.json.json {
        let unread = unread.iter().map(|one| json!({ "path": one.path, "reason": one.reason }));
        return print_json(&json!({
            "html": rendered.html,
            "charts": rendered.charts,
            "unread": unread.collect::<Value>(),
            "history": history,
        }));
    }
    print(&format!("{}\n", table(&history)))?;
    print(&plain(&headline(&history)))?;
    print(&format!("History: {}", rendered.html.display()))
}

/// The runs below a folder, and what could not be read of them.
fn read(dir: &Path) -> Result<(History, Vec<Unread>)> {
    let mut unread = Vec::new();
    // One after the other: only what a history needs of each stays in memory.
    let runs = runs::below(dir)?.into_iter().filter_map(|path| match runs::load(&path, dir) {
        Ok(run) => Some(run),
        Err(error) => {
            let reason = crate::output::chain(&error);
            unread.push(Unread { path: path.display().to_string(), reason });
            None
        }
    });
    let history = results::history::history(runs);
    Ok((history, unread))
}

/// What changed, and the measurements of the newest run's setting, the largest step first.
fn table(history: &History) -> Table {
    let newest = history.runs.last().map(|run| run.setting);
    let wanted = |series: &&Series| series.levels.len() > 1 || Some(series.setting) == newest;
    let mut rows: Vec<&Series> = history.series.iter().filter(wanted).collect();
    rows.retain(|series| !series.key.metric.is_part());
    rows.sort_by(|a, b| b.moved().total_cmp(&a.moved()));

    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["STEP", "INTERVAL", "SINCE", "LEVEL", "NEWEST", "RUNS", "MEASUREMENT"]);
    for series in rows {
        let right = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
        let unit = series.key.unit;
        let (step, ends, since) = match series.last_step() {
            Some((step, point)) => (
                quantity(step.ratio, Unit::Ratio),
                interval(step.low, step.high, Unit::Count),
                moment(&history.runs[point.run].started_at),
            ),
            None => Default::default(),
        };
        let level = series.levels.last().map_or(String::new(), |level| quantity(level.median, unit));
        let latest = series.latest().map_or(String::new(), |point| quantity(point.median, unit));
        let key = &series.key;
        table.add_row([
            right(step).add_attribute(Attribute::Bold),
            right(ends),
            Cell::new(since),
            right(level),
            right(latest),
            right(series.points.len().to_string()),
            Cell::new(plain(&format!(
                "{} · {} · {} · {}",
                key.experiment, key.workload, key.backend, key.metric
            ))),
        ]);
    }
    table
}
