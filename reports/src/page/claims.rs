//! The article's claims, each with this run's verdict.
//!
//! A verdict is a word and a sign, never a colour alone. Invariant: every text goes through the template's escaping.

use results::Unit;
use results::claims::{HOW_PARTS_COMBINE, Judgement, PartJudgement, Ratio, Role, Verdict, judge};

use crate::analysis::Analysis;
use crate::format::{quantity, ratio};

/// All claims, and how to read them.
pub(super) struct Claims {
    /// How many of each verdict.
    pub summary: String,
    pub how_parts_combine: &'static str,
    pub claims: Vec<ClaimRow>,
}

/// One claim at first sight, and what stands behind it.
pub(super) struct ClaimRow {
    pub of: Judgement,
    /// The style's name for the verdict.
    pub class: &'static str,
    pub sign: &'static str,
    pub figures: Vec<FigureRow>,
    /// Whether the reason is shown at first sight: where figures do not speak for themselves.
    pub brief: bool,
    pub parts: Vec<PartRow>,
}

/// A ratio of a claim.
pub(super) struct FigureRow {
    pub name: &'static str,
    pub ratio: String,
    pub aside: bool,
}

/// A part with its texts.
pub(super) struct PartRow {
    pub of: PartJudgement,
    pub class: &'static str,
    pub sign: &'static str,
    pub aside: bool,
    pub ratio: Option<String>,
    /// Of a family, how its workloads spread, and which are missing.
    pub workloads: Vec<String>,
    /// What was seen, a fact a line.
    pub seen: Vec<String>,
}

/// Judges the run.
pub(super) fn claims(analysis: &Analysis<'_>) -> Claims {
    let judgements = judge(analysis.run);
    let count = |verdict| judgements.iter().filter(|judgement| judgement.verdict == verdict).count();
    let summary = Verdict::ALL.map(|verdict| format!("{} {verdict}", count(verdict))).join(", ");
    let claims = judgements.into_iter().map(ClaimRow::from).collect();
    Claims { summary, how_parts_combine: HOW_PARTS_COMBINE, claims }
}

/// The style's name and the sign of a verdict.
fn look(verdict: Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::Supported => ("supported", "✓"),
        Verdict::Refuted => ("refuted", "✗"),
        Verdict::Inconclusive => ("inconclusive", "?"),
        Verdict::NotMeasured => ("not-measured", "–"),
    }
}

impl From<Judgement> for ClaimRow {
    fn from(mut of: Judgement) -> Self {
        let (class, sign) = look(of.verdict);
        let parts: Vec<PartRow> = std::mem::take(&mut of.parts).into_iter().map(PartRow::from).collect();
        let figure = |part: &PartRow| {
            Some(FigureRow { name: part.of.name, ratio: part.ratio.clone()?, aside: part.aside })
        };
        let figures: Vec<FigureRow> = parts.iter().filter_map(figure).collect();
        let open = matches!(of.verdict, Verdict::Inconclusive | Verdict::NotMeasured);
        let brief = open || figures.iter().all(|figure| figure.aside);
        ClaimRow { of, class, sign, figures, brief, parts }
    }
}

impl From<PartJudgement> for PartRow {
    fn from(of: PartJudgement) -> Self {
        let (class, sign) = look(of.verdict);
        let seen = of.facts.chunk_by(|a, b| a.key == b.key).filter_map(|facts| {
            let each: Vec<String> =
                facts.iter().map(|fact| format!("{} in {}", fact.value, fact.seen_in)).collect();
            Some(format!("{}: {}", facts.first()?.key, each.join(", ")))
        });
        PartRow {
            class,
            sign,
            aside: of.role == Role::Aside,
            ratio: of.ratio.as_ref().map(ratio),
            workloads: of.ratio.as_ref().map(workloads).unwrap_or_default(),
            seen: seen.collect(),
            of,
        }
    }
}

fn workloads(ratio: &Ratio) -> Vec<String> {
    let Some(spread) = &ratio.workloads else { return Vec::new() };
    let one = |(workload, times): &(String, f64)| format!("{workload} {}", quantity(*times, Unit::Ratio));
    let (least, most) = (one(&spread.least), one(&spread.most));
    let range = format!("{} workloads, from {least} to {most}", spread.count);
    [range].into_iter().chain(spread.left_out.iter().map(|workload| format!("without {workload}"))).collect()
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
