//! Comma-separated values (RFC 4180): a line per sample.

use csv::{Error, IntoInnerError, Writer};

use crate::{Better, Measurement, Run, Status};

const HEADER: [&str; 17] = [
    "run_id",
    "started_at",
    "state",
    "version",
    "git",
    "kernel",
    "cpu_model",
    "experiment",
    "workload",
    "backend",
    "metric",
    "unit",
    "better",
    "status",
    "reason",
    "block",
    "value",
];

/// Every sample of the runs, in their unit; a measurement without samples is one line with its status and reason. A last
/// column, `flags`, names what disturbed the sample, separated by spaces.
///
/// Texts stand as they are in the run: this is data for programs. A spreadsheet may take a name from a foreign file that
/// begins with `=` for a formula.
///
/// # Errors
/// None is expected: it writes to memory, and every line has as many fields as the header.
pub fn csv(runs: &[Run]) -> Result<String, Error> {
    let mut writer = Writer::from_writer(Vec::new());
    writer.write_record(HEADER.iter().copied().chain(["flags"]))?;
    for run in runs {
        for measurement in &run.measurements {
            lines(&mut writer, run, measurement)?;
        }
    }
    let bytes = writer.into_inner().map_err(IntoInnerError::into_error)?;
    // All that was written is text.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn lines(writer: &mut Writer<Vec<u8>>, run: &Run, m: &Measurement) -> Result<(), Error> {
    let state = match run.state {
        crate::RunState::Complete => "complete",
        crate::RunState::Interrupted => "interrupted",
    };
    let better = match m.better {
        Better::Lower => "lower",
        Better::Higher => "higher",
    };
    let status = match m.status {
        Status::Ok => "ok",
        Status::NotApplicable => "n/a",
        Status::Unavailable => "unavailable",
        Status::Failed => "failed",
    };
    let (experiment, metric, unit) = (m.experiment.to_string(), m.metric.to_string(), m.unit.to_string());
    let common = [
        &run.run_id,
        &run.started_at,
        state,
        &run.tool.version,
        run.tool.git.as_deref().unwrap_or_default(),
        &run.host.kernel,
        &run.host.cpu_model,
        &experiment,
        &m.workload,
        &m.backend,
        &metric,
        &unit,
        better,
        status,
        m.reason.as_deref().unwrap_or_default(),
    ];
    if m.samples.is_empty() {
        return writer.write_record(common.into_iter().chain(["", "", ""]));
    }
    for (index, (block, value)) in m.blocks.iter().zip(&m.samples).enumerate() {
        let flags = m
            .flags
            .as_ref()
            .and_then(|flags| flags.get(index))
            .map_or(String::new(), |flags| flags.join(" "));
        let (block, value) = (block.to_string(), value.to_string());
        writer.write_record(common.into_iter().chain([&*block, &*value, &*flags]))?;
    }
    Ok(())
}
