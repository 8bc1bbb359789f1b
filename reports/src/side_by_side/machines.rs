//! Which runs on which machines: a column a run, and marked what the others do not have in common with the first.

use std::collections::BTreeSet;

use results::ladder::is_rung;
use results::{BackendStatus, Run, RunState, Unit};

use super::lineup::{Entry, Lineup};
use crate::format::{moment, quantity};

/// A line of the table.
pub(super) struct Row {
    pub label: String,
    /// What each run says, and whether that differs from the first.
    pub cells: Vec<(String, bool)>,
}

/// More fields than this are of files made up.
const MOST_FURTHER: usize = 40;

/// A field that is always shown: its label, its name if [`results::compare::differences`] has it, and how it reads.
type Field = (&'static str, Option<&'static str>, fn(&Run) -> String);

/// Always shown, in this order.
const FIELDS: [Field; 14] = [
    ("CPU", Some("host.cpu_model"), |run| run.host.cpu_model.clone()),
    ("logical CPUs", Some("host.cpus"), |run| run.host.cpus.to_string()),
    ("memory", Some("host.memory_bytes"), |run| quantity(run.host.memory_bytes as f64, Unit::Bytes)),
    ("kernel", Some("host.kernel"), |run| run.host.kernel.clone()),
    ("distribution", None, |run| told(&run.host.os)),
    ("below this machine", Some("host.hypervisor"), |run| {
        run.host.hypervisor.clone().unwrap_or_else(|| "no hypervisor found".to_owned())
    }),
    ("KVM", Some("host.kvm"), |run| told(&run.host.kvm)),
    ("cgroups", Some("host.cgroups"), |run| run.host.cgroups.clone()),
    ("ran as root", Some("host.root"), |run| if run.host.root { "yes" } else { "no" }.to_owned()),
    ("preset", Some("config.preset"), |run| run.config.preset.clone()),
    ("agent SHA-256", Some("tool.agent_sha256"), |run| short(&run.tool.agent_sha256)),
    ("bench", None, |run| {
        format!("{} {}", run.tool.version, run.tool.git.as_deref().unwrap_or("(commit unknown)"))
    }),
    ("state", None, |run| match run.state {
        RunState::Complete => "complete".to_owned(),
        RunState::Interrupted => "interrupted".to_owned(),
    }),
    ("backends that ran", None, |run| {
        let ran = run.backends.iter().filter(|of| of.status == BackendStatus::Ok && !is_rung(&of.name));
        ran.map(|backend| &*backend.name).collect::<Vec<_>>().join(", ")
    }),
];

/// The table.
pub(super) fn table(lineup: &Lineup<'_>) -> Vec<Row> {
    let each = |show: &dyn Fn(&Entry<'_>) -> (String, bool)| lineup.entries.iter().map(show).collect();
    let mut rows = vec![
        Row { label: "run".to_owned(), cells: each(&|entry| (entry.run().run_id.clone(), false)) },
        Row { label: "when".to_owned(), cells: each(&|entry| (moment(&entry.run().started_at), false)) },
    ];
    for (label, name, show) in FIELDS {
        let first = lineup.entries.first().map(|entry| show(entry.run()));
        let cell = |entry: &Entry<'_>| {
            let text = show(entry.run());
            let differs = match name {
                Some(name) => entry.differences.iter().any(|one| one.field == name),
                None => Some(&text) != first.as_ref(),
            };
            (text, differs)
        };
        rows.push(Row { label: label.to_owned(), cells: each(&cell) });
    }
    rows.extend(further(lineup));
    rows
}

/// What else the runs do not agree on.
fn further(lineup: &Lineup<'_>) -> Vec<Row> {
    let shown: BTreeSet<&str> = FIELDS.iter().filter_map(|field| field.1).collect();
    let all = lineup.entries.iter().flat_map(|entry| &entry.differences);
    let fields: BTreeSet<&str> = all.map(|one| &*one.field).filter(|field| !shown.contains(field)).collect();
    let row = |field: &str| {
        let of = |entry: &Entry<'_>| entry.differences.iter().position(|one| one.field == field);
        let base = lineup.entries.iter().find_map(|entry| Some(entry.differences[of(entry)?].base.clone()));
        let cell = |entry: &Entry<'_>| match of(entry) {
            Some(place) => (entry.differences[place].new.clone(), true),
            None => (base.clone().unwrap_or_default(), false),
        };
        Row { label: field.to_owned(), cells: lineup.entries.iter().map(cell).collect() }
    };
    fields.into_iter().take(MOST_FURTHER).map(row).collect()
}

fn told(value: &Option<String>) -> String {
    value.clone().unwrap_or_else(|| "not told by the host".to_owned())
}

/// As much of a sum as tells it from another.
fn short(sum: &str) -> String {
    if sum.chars().count() > 12 { sum.chars().take(12).chain(['…']).collect() } else { sum.to_owned() }
}
