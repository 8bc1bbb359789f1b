//! What others have published, figure by figure, and whether a run reproduces it.
//!
//! An [`Anchor`] is data: a figure as its source has it, with the machine, the conditions and the stopping point that it was
//! taken with, and what of a run it can be compared with, if anything. Most cannot be compared: a time of another machine is
//! no time of this one, so that what is compared is promises, multiples of two systems that the source and the run both
//! measured, and orders of magnitude.
//!
//! Invariant: any run can be judged, and no measured number stands in a [`Judgement`] without the source's conditions.

mod catalogue;
mod compare;
mod figure;
mod rule;

use std::fmt;

use serde::Serialize;

use crate::claims::LEAST_BLOCKS;
use crate::{Run, Unit};
use compare::Found;
use rule::Rule;

pub use catalogue::anchors;
pub use compare::{About, Compare, Comparison, Difference, Divisor, HostNeed, Known, Lean, Side};
pub use figure::{Amount, Figure, Scale};
pub use rule::{HOW_DIFFERENCES_COUNT, OTHER_SIZE, SAME_RATIO, SAME_SIZE};

/// When the figures were collected.
pub const COLLECTED: &str = "2026-11";

/// A published figure.
#[derive(Debug)]
pub struct Anchor {
    /// Stable name, lower case and dashed.
    pub id: &'static str,
    /// Whose figure it is.
    pub system: &'static str,
    /// What the figure says of it.
    pub what: &'static str,
    /// From where to where the clock ran, or what was counted.
    pub stops: &'static str,
    /// The figure.
    pub figure: Figure,
    /// What else was set, and how often it was measured.
    pub conditions: &'static str,
    /// Who published it.
    pub source: &'static Source,
    /// What it is compared with.
    pub compare: Compare,
}

/// Where figures come from.
#[derive(Debug)]
pub struct Source {
    /// Name of the paper, project or page.
    pub name: &'static str,
    /// The same in a few words, for lists.
    pub short: &'static str,
    /// Where to find it: a repository, an address, a conference.
    pub place: &'static str,
    /// When it was published, as far as is known.
    pub date: &'static str,
    /// The machine that measured.
    pub machine: &'static str,
}

/// What a run says to a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum Verdict {
    /// The same came out, as far as it can be.
    #[serde(rename = "reproduced")]
    Reproduced,
    /// Something else came out, and nothing is known that explains it.
    #[serde(rename = "contradicted")]
    Contradicted,
    /// Nothing follows.
    #[serde(rename = "not comparable")]
    NotComparable,
}

impl Verdict {
    /// All of them, in the order in which they are counted.
    pub const ALL: [Self; 3] = [Self::Reproduced, Self::Contradicted, Self::NotComparable];
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Reproduced => "reproduced",
            Verdict::Contradicted => "contradicted",
            Verdict::NotComparable => "not comparable",
        })
    }
}

/// A figure with its verdict.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Judgement {
    /// As [`Anchor::id`].
    pub id: &'static str,
    /// As [`Anchor::system`].
    pub system: &'static str,
    /// As [`Anchor::what`].
    pub what: &'static str,
    /// As published.
    pub figure: String,
    /// As [`Anchor::stops`].
    pub stops: &'static str,
    /// As [`Anchor::conditions`].
    pub conditions: &'static str,
    /// As [`Source::machine`].
    pub machine: &'static str,
    /// As [`Source::name`].
    pub source: &'static str,
    /// As [`Source::short`].
    #[serde(skip)]
    pub source_short: &'static str,
    /// As [`Source::place`].
    pub place: &'static str,
    /// As [`Source::date`].
    pub date: &'static str,
    /// As [`COLLECTED`].
    pub collected: &'static str,
    /// What follows.
    pub verdict: Verdict,
    /// What stands in the way, where nothing follows.
    pub about: Option<About>,
    /// Why.
    pub reason: String,
    /// What is known to be otherwise in this run, where the two were compared.
    pub differs: Vec<Difference>,
    /// How they are compared, if they can be.
    pub rule: Option<String>,
    /// The measurement that is compared.
    pub looks_at: Option<String>,
    /// The published multiple that is compared, if it is one of two figures.
    pub multiple: Option<Multiple>,
    /// What this run has, if it was compared.
    pub measured: Option<Measured>,
}

/// A figure as a multiple of another of the same source.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Multiple {
    /// The system of the other figure.
    pub of: &'static str,
    /// The other figure, as published.
    pub figure: String,
    /// How many times it.
    pub times: f64,
}

/// What a run has.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Measured {
    /// The backend.
    pub of: &'static str,
    /// The backend that it is a multiple of.
    pub to: Option<&'static str>,
    /// Unit of the numbers.
    pub unit: Unit,
    /// The median over blocks.
    pub median: f64,
    /// Where it lies with 95 % confidence; `None` of too few blocks.
    pub interval: Option<(f64, f64)>,
    /// Blocks that hold it.
    pub blocks: usize,
}

/// Judges every figure, in the order of the catalogue.
pub fn judge(run: &Run) -> Vec<Judgement> {
    anchors().map(|anchor| anchor.judge(run)).collect()
}

/// How many of each verdict, in words.
pub fn summary(judgements: &[Judgement]) -> String {
    let count = |verdict| judgements.iter().filter(|judgement| judgement.verdict == verdict).count();
    Verdict::ALL.map(|verdict| format!("{} {verdict}", count(verdict))).join(", ")
}

/// Figures that were compared with nothing, for the same reason.
#[derive(Debug)]
pub struct LeftOut<'j> {
    /// What stands in the way.
    pub about: About,
    /// Why.
    pub reason: &'j str,
    /// Which ones.
    pub figures: Vec<&'j Judgement>,
}

/// Those that were compared with nothing, by what stands in the way.
pub fn left_out(judgements: &[Judgement]) -> Vec<LeftOut<'_>> {
    let mut groups: Vec<LeftOut<'_>> = Vec::new();
    for judgement in judgements.iter().filter(|judgement| judgement.measured.is_none()) {
        let Some(about) = judgement.about else { continue };
        let same = |group: &&mut LeftOut<'_>| group.about == about && group.reason == judgement.reason;
        match groups.iter_mut().find(same) {
            Some(group) => group.figures.push(judgement),
            None => groups.push(LeftOut { about, reason: &judgement.reason, figures: vec![judgement] }),
        }
    }
    groups.sort_by_key(|group| group.about);
    groups
}

/// What a comparison came to.
struct Finding {
    verdict: Verdict,
    about: Option<About>,
    reason: String,
    differs: Vec<Difference>,
    found: Option<Found>,
}

impl Finding {
    fn barred((about, reason): (About, String)) -> Self {
        Self { verdict: Verdict::NotComparable, about: Some(about), reason, differs: Vec::new(), found: None }
    }
}

impl Anchor {
    /// What a run says to it.
    pub fn judge(&self, run: &Run) -> Judgement {
        let (finding, comparison) = match &self.compare {
            Compare::Not(about, why) => (Finding::barred((*about, (*why).to_owned())), None),
            Compare::With(comparison) => (self.finding(comparison, run), Some(comparison)),
        };
        let Finding { verdict, about, reason, differs, found } = finding;
        let unit = |comparison: &Comparison| match comparison.to {
            Some(_) => Unit::Ratio,
            None => self.figure.scale.in_run().map_or(Unit::Count, |(_, unit)| unit),
        };
        let measured = comparison.zip(found).map(|(comparison, found)| Measured {
            of: comparison.of.backend,
            to: comparison.to.as_ref().map(|to| to.side.backend),
            unit: unit(comparison),
            median: found.median,
            interval: found.interval,
            blocks: found.blocks,
        });
        Judgement {
            id: self.id,
            system: self.system,
            what: self.what,
            figure: self.figure.to_string(),
            stops: self.stops,
            conditions: self.conditions,
            machine: self.source.machine,
            source: self.source.name,
            source_short: self.source.short,
            place: self.source.place,
            date: self.source.date,
            collected: COLLECTED,
            verdict,
            about,
            reason,
            differs,
            rule: comparison.map(|comparison| self.rule(comparison).to_string()),
            looks_at: comparison.map(|comparison| {
                let (of, what) = (comparison.of.backend, &comparison.what);
                let to =
                    comparison.to.as_ref().map(|to| format!(" ÷ {}", to.side.backend)).unwrap_or_default();
                format!("{what}, {of}{to}: {}", what.looks_at())
            }),
            multiple: comparison.and_then(|comparison| self.multiple(comparison)),
            measured,
        }
    }

    /// The published multiple, if two figures make one.
    fn multiple(&self, comparison: &Comparison) -> Option<Multiple> {
        let id = comparison.to.as_ref()?.figure?;
        // A test of the catalogue holds that it is there.
        let base = anchors().find(|anchor| anchor.id == id)?;
        let times = self.figure.amount.ends().0 / base.figure.amount.ends().0;
        Some(Multiple { of: base.system, figure: base.figure.to_string(), times })
    }

    fn rule(&self, comparison: &Comparison) -> Rule {
        match self.multiple(comparison) {
            Some(multiple) => Rule::Ratio(multiple.times),
            None => {
                let factor = self.figure.scale.in_run().map_or(1.0, |(factor, _)| factor);
                Rule::of(self.figure.amount.times(factor))
            }
        }
    }

    fn finding(&self, comparison: &Comparison, run: &Run) -> Finding {
        let found = match comparison.find(run) {
            Ok(found) => found,
            Err(why) => return Finding::barred(why),
        };
        if let Some(bar) = comparison.bar(run) {
            return Finding::barred(bar);
        }
        let differs = comparison.differences(run);
        let (verdict, about, reason) = match found.interval {
            None => {
                let why = format!(
                    "a 95 % interval takes {LEAST_BLOCKS} blocks, and there are {}: --samples {LEAST_BLOCKS}",
                    found.blocks
                );
                (Verdict::NotComparable, Some(About::Samples), why)
            }
            Some(interval) => self.rule(comparison).verdict(interval, &differs),
        };
        Finding { verdict, about, reason, differs, found: Some(found) }
    }
}
