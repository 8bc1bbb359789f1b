//! The user's own program: the command, and what each backend took for it from start to exit.

use results::{Backend, BackendStatus, Experiment, Metric};

use super::sheet::{Entry, Line, Sheet};
use super::tables::Gap;
use super::{host, mark};
use crate::Error;
use crate::analysis::{Analysis, BASELINE};

/// What follows this in a command line is not for bench.
const REST: &str = "--";

/// `None` if no program was run.
pub(super) fn sheet(analysis: &Analysis<'_>) -> Result<Option<Sheet>, Error> {
    if analysis.cells(Experiment::Exec).next().is_none() {
        return Ok(None);
    }
    let line = |(seat, backend): (usize, &Backend)| {
        let cell = |metric| analysis.first(Experiment::Exec, &backend.name, &metric);
        let wall = cell(Metric::WallTime);
        let ratio = match wall {
            Some(cell) if cell.of.backend == BASELINE && cell.estimate.is_some() => {
                Entry { main: "1".to_owned(), key: "1".to_owned(), ..Entry::default() }
            }
            wall => Entry::ratio(wall),
        };
        let entries = vec![
            Entry::median(wall),
            ratio,
            Entry::median(cell(Metric::CpuTime)),
            Entry::median(cell(Metric::PeakMemory)),
        ];
        Ok(Line { mark: mark(seat)?, name: backend.name.clone(), below: String::new(), entries })
    };
    let mut rows = analysis.backends().map(line).collect::<Result<Vec<_>, Error>>()?;
    rows.retain(|line| line.entries.iter().any(|entry| !entry.main.is_empty()));
    let programs = analysis.workloads(Experiment::Exec).join(", ");
    let heads = [
        ("backend", false),
        ("start to exit", true),
        ("× process", true),
        ("CPU time", true),
        ("memory at most", true),
    ];
    Ok(Some(Sheet {
        words: Vec::new(),
        command: Some(command(analysis)),
        caption: format!(
            "{programs}: medians, and how many times the bare process’s time, with its 95 % interval (coloured where that \
             excludes 1)"
        ),
        heads: heads.map(|(head, number)| (head.to_owned(), number)).to_vec(),
        rows,
    }))
}

/// The program's part of the command line.
fn command(analysis: &Analysis<'_>) -> String {
    let words = &analysis.run.config.command;
    let own = words.iter().position(|word| word == REST).map_or(&words[..], |at| &words[at + 1..]);
    host::quoted(own)
}

/// Backends that had no try at the program, because they cannot run anything here.
pub(super) fn gaps(analysis: &Analysis<'_>) -> Vec<Gap> {
    let mut cells = analysis.cells(Experiment::Exec);
    let Some(any) = cells.next() else { return Vec::new() };
    let tried = |of: &Backend| analysis.cells(Experiment::Exec).any(|cell| cell.of.backend == of.name);
    let idle = analysis.asked_for().map(|(_, of)| of).filter(|of| !tried(of));
    let gap = |of: &Backend| {
        let status = match of.status {
            BackendStatus::Ok => return None,
            BackendStatus::Unavailable => "unavailable",
            BackendStatus::Failed => "failed",
        };
        let reason = of.reason.clone().unwrap_or_else(|| "no reason was recorded".to_owned());
        Some(Gap { backend: of.name.clone(), what: any.of.workload.clone(), status, reason })
    };
    idle.filter_map(gap).collect()
}
