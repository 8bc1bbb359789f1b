//! What keeps the runs from being compared without a second thought.

use results::RunState;
use results::compare::Difference;

use super::lineup::Lineup;

/// More terms than this are not read.
const MOST_TERMS: usize = 12;

/// Sentences, the gravest first; an emulated machine is said elsewhere, on top.
pub(super) fn cautions(lineup: &Lineup<'_>) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(labels) = lineup.labels(|entry| entry.run().state == RunState::Interrupted) {
        found.push(format!("Interrupted: {labels}. Of later experiments there are fewer samples or none."));
    }
    for entry in &lineup.entries {
        let terms: Vec<String> =
            entry.differences.iter().filter(|one| is_term(one)).map(ToString::to_string).collect();
        if terms.is_empty() {
            continue;
        }
        let more = terms.len().saturating_sub(MOST_TERMS);
        let mut text = format!("Not measured alike: A and {} differ in ", entry.label);
        text.push_str(&terms[..terms.len() - more].join("; "));
        if more > 0 {
            text.push_str(&format!("; and {more} more"));
        }
        text.push('.');
        found.push(text);
    }
    for (place, entry) in lineup.entries.iter().enumerate() {
        let id = &entry.run().run_id;
        if let Some(twin) = lineup.entries[..place].iter().find(|other| other.run().run_id == *id) {
            found.push(format!(
                "{} and {} have one run id, {id}, but not one content.",
                twin.label, entry.label
            ));
        }
    }
    if lineup.machines() == 1 {
        found.push(
            "All runs are of one machine, as far as one can tell. Whether something changed between them, bench \
             compare and bench history say better than a look at this page."
                .to_owned(),
        );
    }
    found
}

/// Whether it is a difference in how was measured. That machines differ is what the page is for, and so are a backend's
/// remarks on its machine and the CPU that instances were pinned to.
fn is_term(difference: &Difference) -> bool {
    let field = &*difference.field;
    let of_machine = field.starts_with("host.")
        || [".kvm", ".cgroups", ".kernel_file"].iter().any(|end| field.ends_with(end));
    let pinned = |value: &str| value.parse::<u32>().is_ok();
    let both_pinned = field == "config.pinned_cpu" && pinned(&difference.base) && pinned(&difference.new);
    !of_machine && !both_pinned
}
