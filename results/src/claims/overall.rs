//! From the parts of a claim to its verdict.
//!
//! Invariant: an aside never decides, and a claim is not supported while something it stands on is open.

use super::{PartJudgement, Role, Verdict};

/// How the verdicts of parts make that of a claim, in words.
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

#[cfg(test)]
mod tests {
    use proptest::prelude::prop;
    use proptest::sample::select;
    use proptest::{prop_assert, prop_assert_eq, proptest};

    use super::*;
    use Role::{Alternative, Aside, Deciding};
    use Verdict::{Inconclusive, NotMeasured, Refuted, Supported};

    fn part(role: Role, verdict: Verdict) -> PartJudgement {
        PartJudgement {
            name: "part",
            role,
            rule: String::new(),
            looks_at: String::new(),
            verdict,
            reason: verdict.to_string(),
            ratio: None,
            facts: Vec::new(),
        }
    }

    fn combined(parts: &[(Role, Verdict)]) -> Verdict {
        combine(&parts.iter().map(|(role, verdict)| part(*role, *verdict)).collect::<Vec<_>>()).0
    }

    #[test]
    fn a_claim_stands_only_with_all_that_it_stands_on() {
        let cases: [(&[(Role, Verdict)], Verdict); 10] = [
            (&[(Deciding, Supported), (Deciding, Supported)], Supported),
            (&[(Deciding, Supported), (Deciding, Refuted)], Refuted),
            (&[(Deciding, NotMeasured), (Deciding, Refuted)], Refuted),
            (&[(Deciding, Supported), (Deciding, Inconclusive)], Inconclusive),
            (&[(Deciding, Supported), (Deciding, NotMeasured)], Inconclusive),
            (&[(Deciding, NotMeasured), (Aside, Supported)], NotMeasured),
            (&[(Deciding, Supported), (Alternative, NotMeasured), (Alternative, Supported)], Supported),
            (&[(Deciding, Supported), (Alternative, Refuted), (Alternative, Supported)], Refuted),
            (&[(Deciding, Supported), (Alternative, NotMeasured), (Alternative, NotMeasured)], Inconclusive),
            (&[(Deciding, Supported), (Alternative, Inconclusive), (Alternative, Supported)], Inconclusive),
        ];
        for (parts, expected) in cases {
            assert_eq!(combined(parts), expected, "{parts:?}");
        }
    }

    #[test]
    fn the_reason_names_what_is_open() {
        let (_, reason) = combine(&[part(Deciding, Supported), part(Deciding, NotMeasured)]);
        assert_eq!(reason, "supported so far: 1 of 2 parts. Open: not measured here");
    }

    proptest! {
        #[test]
        fn an_aside_decides_nothing_and_order_does_not_matter(
            parts in prop::collection::vec(
                (select(vec![Deciding, Alternative]), select(Verdict::ALL.to_vec())), 1..6),
            aside in select(Verdict::ALL.to_vec()),
        ) {
            let plain = combined(&parts);
            let mut more = parts.clone();
            more.push((Aside, aside));
            more.reverse();
            prop_assert_eq!(combined(&more), plain);
            prop_assert_eq!(plain == Refuted, parts.iter().any(|(_, verdict)| *verdict == Refuted));
            prop_assert!(plain != Supported || parts.iter().any(|(_, verdict)| *verdict == Supported));
        }
    }
}
