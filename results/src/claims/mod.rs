//! What an article on containers and virtual machines says, claim by claim, and what a run has to say to that.
//!
//! A [`Claim`] is data: the statement in our words, the hypothesis that it makes, and parts with a [`Rule`] each. A rule is
//! one value that judges and that says in words how it does, so that the two cannot differ; all were written down before
//! there were numbers. Ratios are plain factors: above 1 means that the first backend costs more.
//!
//! Invariant: any run can be judged. What a run does not hold is `not measured here` with its reason, never a guess; a
//! number decides only where its whole 95 % interval lies on one side of the limit.

mod catalogue;
mod caveats;
mod facts;
mod measure;
mod overall;
mod ratio;
mod rule;

use std::fmt;

use serde::Serialize;

use crate::Run;

pub use catalogue::CLAIMS;
pub use facts::{Fact, FactWanted, KernelWanted};
pub use measure::{Family, Measure};
pub use overall::HOW_PARTS_COMBINE;
pub(crate) use ratio::{Gap, cost, ratio};
pub use ratio::{Ratio, Spread};
pub use rule::{LEAST_BLOCKS, LEAST_WORKLOADS, RatioWanted, Rule};

/// A statement of the article.
#[derive(Debug)]
pub struct Claim {
    /// Stable name: `C1` and so on.
    pub id: &'static str,
    /// What the article says, in our words.
    pub says: &'static str,
    /// What that predicts.
    pub hypothesis: &'static str,
    /// What is looked at.
    pub parts: &'static [Part],
}

/// One thing to look at.
#[derive(Debug)]
pub struct Part {
    /// What it is about, in a few words.
    pub name: &'static str,
    /// What it has to say in the claim's verdict.
    pub role: Role,
    /// When it is supported and when refuted.
    pub rule: Rule,
}

/// What a part has to say in the claim's verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The claim stands or falls with it.
    Deciding,
    /// As deciding, but of all such parts of a claim it is enough that one was measured.
    Alternative,
    /// Shown beside the others; decides nothing.
    Aside,
}

/// What follows from a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum Verdict {
    /// The run bears it out.
    #[serde(rename = "supported")]
    Supported,
    /// The run contradicts it.
    #[serde(rename = "refuted")]
    Refuted,
    /// The run does not tell.
    #[serde(rename = "inconclusive")]
    Inconclusive,
    /// The run has nothing to say to it.
    #[serde(rename = "not measured here")]
    NotMeasured,
}

impl Verdict {
    /// All of them, in the order in which they are counted.
    pub const ALL: [Self; 4] = [Self::Supported, Self::Refuted, Self::Inconclusive, Self::NotMeasured];
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Supported => "supported",
            Verdict::Refuted => "refuted",
            Verdict::Inconclusive => "inconclusive",
            Verdict::NotMeasured => "not measured here",
        })
    }
}

/// A claim with its verdict.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Judgement {
    /// As [`Claim::id`].
    pub id: &'static str,
    /// As [`Claim::says`].
    pub says: &'static str,
    /// As [`Claim::hypothesis`].
    pub hypothesis: &'static str,
    /// What follows from the parts, by [`HOW_PARTS_COMBINE`].
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
    /// What about this host or run may have bent the numbers.
    pub caveats: Vec<String>,
    /// What was looked at.
    pub parts: Vec<PartJudgement>,
}

/// A part with its verdict.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PartJudgement {
    /// As [`Part::name`].
    pub name: &'static str,
    /// As [`Part::role`].
    pub role: Role,
    /// The rule in words.
    pub rule: String,
    /// Which measurements or facts it looks at.
    pub looks_at: String,
    /// What follows.
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
    /// The number, where it is about one.
    pub ratio: Option<Ratio>,
    /// What was observed, where it is about facts.
    pub facts: Vec<Fact>,
}

/// Judges every claim, in the order of the article.
pub fn judge(run: &Run) -> Vec<Judgement> {
    CLAIMS.iter().map(|claim| claim.judge(run)).collect()
}

impl Claim {
    /// What a run says to it.
    pub fn judge(&self, run: &Run) -> Judgement {
        let parts: Vec<PartJudgement> = self.parts.iter().map(|part| part.judge(run)).collect();
        let (verdict, reason) = overall::combine(&parts);
        let caveats = caveats::caveats(run, &parts);
        Judgement {
            id: self.id,
            says: self.says,
            hypothesis: self.hypothesis,
            verdict,
            reason,
            caveats,
            parts,
        }
    }
}

impl Part {
    fn judge(&self, run: &Run) -> PartJudgement {
        let rule::Finding { verdict, reason, ratio, facts } = self.rule.judge(run);
        PartJudgement {
            name: self.name,
            role: self.role,
            rule: self.rule.to_string(),
            looks_at: self.rule.looks_at(),
            verdict,
            reason,
            ratio,
            facts,
        }
    }
}
