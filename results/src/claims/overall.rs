//! From the parts of a claim to its verdict.
//!
//! Invariant: an aside never decides, and a claim is not supported while something it stands on is open.

use super::{PartJudgement, Role, Verdict};

/// How [`combine`] works, in words.
pub const HOW_PARTS_COMBINE: &str = "A claim is refuted if one of its deciding parts is. It is supported if all of them are \
     (of alternatives, all that were measured, and at least one). It is not measured here if none of them was measured, and \
     inconclusive in all other cases. Asides decide nothing.";

/// The verdict of a claim, and why.
pub(super) fn combine(parts: &[PartJudgement]) -> (Verdict, String) {
    let decisive: Vec<&PartJudgement> = parts.iter().filter(|part| part.role != Role::Aside).collect();
    let with = |verdict| decisive.iter().copied().filter(move |part| part.verdict == verdict);

    let refuted: Vec<_> = with(Verdict::Refuted).collect();
    if !refuted.is_empty() {
        return (Verdict::Refuted, list(&refuted));
    }
    if with(Verdict::NotMeasured).count() == decisive.len() {
        return (Verdict::NotMeasured, list(&decisive));
    }
    let measured = |part: &PartJudgement| part.verdict != Verdict::NotMeasured;
    let an_alternative = decisive.iter().any(|part| part.role == Role::Alternative && measured(part));
    // A missing alternative leaves nothing open where another one was measured.
    let open: Vec<_> = decisive
        .iter()
        .copied()
        .filter(|part| part.verdict != Verdict::Supported)
        .filter(|part| part.role == Role::Deciding || measured(part) || !an_alternative)
        .collect();
    let supported: Vec<_> = with(Verdict::Supported).collect();
    if open.is_empty() {
        return (Verdict::Supported, list(&supported));
    }
    let so_far = match supported.len() {
        0 => String::new(),
        count => format!("supported so far: {count} of {} parts. Open: ", count + open.len()),
    };
    (Verdict::Inconclusive, format!("{so_far}{}", list(&open)))
}

/// The parts with their reasons; parts of one reason share it, and a single part needs no name.
fn list(parts: &[&PartJudgement]) -> String {
    let mut groups: Vec<(Vec<&str>, &str)> = Vec::new();
    for part in parts {
        match groups.iter_mut().find(|(_, reason)| *reason == part.reason) {
            Some((names, _)) => names.push(part.name),
            None => groups.push((vec![part.name], &part.reason)),
        }
    }
    if let [(_, reason)] = groups.as_slice() {
        return (*reason).to_owned();
    }
    let each: Vec<String> =
        groups.iter().map(|(names, reason)| format!("{}: {reason}", names.join(", "))).collect();
    each.join("; ")
}
