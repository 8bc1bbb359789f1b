//! Comma-separated values (RFC 4180): a line per sample.

use csv::{Error, IntoInnerError, Writer};
use serde::Serialize;

use crate::{Better, Experiment, Metric, Run, RunState, Status, Unit};

/// A line; its fields are the columns.
#[derive(Serialize)]
struct Line<'r> {
    run_id: &'r str,
    started_at: &'r str,
    state: RunState,
    version: &'r str,
    git: Option<&'r str>,
    kernel: &'r str,
    cpu_model: &'r str,
    experiment: Experiment,
    workload: &'r str,
    backend: &'r str,
    metric: &'r Metric,
    unit: Unit,
    better: Better,
    status: Status,
    reason: Option<&'r str>,
    block: Option<u32>,
    value: Option<f64>,
    /// What disturbed the sample, separated by spaces.
    flags: String,
}

/// Every sample of the runs, in their unit; a measurement without samples is one line with its status and reason.
///
/// Texts stand as they are in the run: this is data for programs. A spreadsheet may take a name from a foreign file that
/// begins with `=` for a formula.
///
/// # Errors
/// None is expected: it writes to memory, and every line has the same fields.
pub fn csv(runs: &[Run]) -> Result<String, Error> {
    let mut writer = Writer::from_writer(Vec::new());
    for line in runs.iter().flat_map(lines) {
        writer.serialize(line)?;
    }
    let bytes = writer.into_inner().map_err(IntoInnerError::into_error)?;
    // All that was written is text.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn lines(run: &Run) -> impl Iterator<Item = Line<'_>> {
    run.measurements.iter().flat_map(move |m| {
        (0..m.samples.len().max(1)).map(move |index| Line {
            run_id: &run.run_id,
            started_at: &run.started_at,
            state: run.state,
            version: &run.tool.version,
            git: run.tool.git.as_deref(),
            kernel: &run.host.kernel,
            cpu_model: &run.host.cpu_model,
            experiment: m.experiment,
            workload: &m.workload,
            backend: &m.backend,
            metric: &m.metric,
            unit: m.unit,
            better: m.better,
            status: m.status,
            reason: m.reason.as_deref(),
            block: m.blocks.get(index).copied(),
            value: m.samples.get(index).copied(),
            flags: m.flags.iter().flatten().nth(index).map_or(String::new(), |flags| flags.join(" ")),
        })
    })
}
