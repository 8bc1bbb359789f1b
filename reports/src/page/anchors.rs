//! What others have published, beside this run.
//!
//! A figure that stands beside one of the run carries its source, machine, conditions and stopping point in the same place, and
//! the run's figure its own. Invariant: every text goes through the template's escaping.

use results::anchors::{
    About, COLLECTED, HOW_DIFFERENCES_COUNT, Judgement, LeftOut, Verdict, judge, left_out, summary,
};

use crate::analysis::Analysis;
use crate::format::{measured, multiple};

/// All published figures.
pub(super) struct Anchors {
    /// How many of each verdict.
    pub summary: String,
    pub collected: &'static str,
    pub how_differences_count: &'static str,
    /// Those that stand beside a figure of the run.
    pub compared: Vec<AnchorRow>,
    /// The others, a row a reason.
    pub others: Vec<Reason>,
    /// How many those are.
    pub left_out: usize,
}

/// A published figure and this run's.
pub(super) struct AnchorRow {
    /// The style's name for the verdict, one of those of the claims.
    pub class: &'static str,
    pub sign: &'static str,
    /// The published multiple, if that is what is compared.
    pub multiple: Option<String>,
    pub measured: String,
    pub of: Judgement,
}

/// Figures that were compared with nothing, for one reason.
pub(super) struct Reason {
    pub about: About,
    pub reason: String,
    /// What they are of, as published, and who did.
    pub figures: Vec<[String; 3]>,
}

/// Sets the run beside what was published.
pub(super) fn anchors(analysis: &Analysis<'_>) -> Anchors {
    let judgements = judge(analysis.run);
    let others: Vec<Reason> = left_out(&judgements).iter().map(Reason::from).collect();
    Anchors {
        summary: summary(&judgements),
        collected: COLLECTED,
        how_differences_count: HOW_DIFFERENCES_COUNT,
        left_out: others.iter().map(|other| other.figures.len()).sum(),
        others,
        compared: judgements.into_iter().filter_map(compared).collect(),
    }
}

fn compared(of: Judgement) -> Option<AnchorRow> {
    let here = of.measured?;
    let (class, sign) = look(of.verdict);
    Some(AnchorRow {
        class,
        sign,
        multiple: of.multiple.as_ref().map(multiple),
        measured: measured(&here),
        of,
    })
}

/// The style's name and the sign of a verdict.
fn look(verdict: Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::Reproduced => ("supported", "✓"),
        Verdict::Contradicted => ("refuted", "✗"),
        Verdict::NotComparable => ("not-measured", "–"),
    }
}

impl From<&LeftOut<'_>> for Reason {
    fn from(group: &LeftOut<'_>) -> Self {
        let figure = |of: &&Judgement| {
            [format!("{}, {}", of.system, of.what), of.figure.clone(), of.source_short.to_owned()]
        };
        Reason {
            about: group.about,
            reason: group.reason.to_owned(),
            figures: group.figures.iter().map(figure).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_verdicts_look_alike_without_colour() {
        let signs: std::collections::BTreeSet<_> = Verdict::ALL.map(|verdict| look(verdict).1).into();
        assert_eq!(signs.len(), Verdict::ALL.len());
    }
}
