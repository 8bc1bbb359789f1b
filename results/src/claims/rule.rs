//! When a part of a claim is supported and when refuted.
//!
//! Invariant: [`Rule::judge`] does what the rule's [`Display`](fmt::Display) says; both read the same fields.

use std::fmt;

use super::Verdict;
use super::facts::{self, Fact, FactWanted, KernelWanted};
use super::measure::Measure;
use super::ratio::{Gap, Ratio, ratio};
use crate::Run;

/// Fewer blocks have no 95 % interval: the extremes of n samples enclose the median with probability 1 - 2^(1-n), which is
/// 93.8 % of five and 96.9 % of six.
pub const LEAST_BLOCKS: usize = 6;

/// A mean over fewer workloads is not one over a family.
pub const LEAST_WORKLOADS: usize = 3;

/// How a part is judged.
#[derive(Debug)]
pub enum Rule {
    /// By a ratio of costs.
    Ratio {
        /// Which cost.
        what: Measure,
        /// The backend above the line.
        of: &'static str,
        /// The backend below the line.
        to: &'static str,
        /// Where the ratio has to lie.
        wanted: RatioWanted,
    },
    /// By what two backends say of their kernel.
    Kernel {
        /// The backend looked at.
        of: &'static str,
        /// The one with the host's kernel.
        host: &'static str,
        /// Whose kernel it has to be.
        wanted: KernelWanted,
    },
    /// By a fact seen from inside.
    Fact {
        /// The backend looked at.
        of: &'static str,
        /// The fact.
        key: &'static str,
        /// What it has to be.
        wanted: FactWanted,
    },
    /// Not yet at all.
    Beyond {
        /// What it takes to judge it.
        takes: &'static str,
    },
    /// Not by one run; but what lies below the host is shown.
    Layer {
        /// What it takes to judge it.
        takes: &'static str,
    },
}

/// Where a ratio has to lie.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RatioWanted {
    /// Above this.
    Above(f64),
    /// Below this.
    Below(f64),
    /// No further from 1 than this per cent, up or down.
    Within(u8),
}

/// What a rule found.
#[derive(Debug)]
pub(super) struct Finding {
    pub verdict: Verdict,
    pub reason: String,
    pub ratio: Option<Ratio>,
    pub facts: Vec<Fact>,
}

impl Finding {
    pub fn new(verdict: Verdict, reason: impl Into<String>, facts: Vec<Fact>) -> Self {
        Finding { verdict, reason: reason.into(), ratio: None, facts }
    }
}

impl Rule {
    /// Which measurements or facts it looks at.
    pub fn looks_at(&self) -> String {
        match self {
            Rule::Ratio { what, .. } => what.looks_at(),
            Rule::Kernel { .. } => format!("{} (evidence)", facts::KERNEL_KEYS.join(", ")),
            Rule::Fact { key, .. } => format!("{key} (evidence)"),
            Rule::Beyond { .. } => "nothing in this version".to_owned(),
            Rule::Layer { .. } => "hypervisor (host)".to_owned(),
        }
    }

    pub(super) fn judge(&self, run: &Run) -> Finding {
        match self {
            Rule::Ratio { what, of, to, wanted } => match ratio(run, what, of, to) {
                Ok(ratio) => {
                    let (verdict, reason) = wanted.verdict(ratio.interval, ratio.blocks);
                    Finding { ratio: Some(ratio), ..Finding::new(verdict, reason, Vec::new()) }
                }
                Err(Gap::Missing(why)) => Finding::new(Verdict::NotMeasured, why, Vec::new()),
                Err(Gap::Unusable(why)) => Finding::new(Verdict::Inconclusive, why, Vec::new()),
            },
            Rule::Kernel { of, host, wanted } => facts::kernel(run, of, host, *wanted),
            Rule::Fact { of, key, wanted } => facts::fact(run, of, key, wanted),
            Rule::Beyond { takes } => {
                Finding::new(Verdict::NotMeasured, format!("it takes {takes}"), Vec::new())
            }
            Rule::Layer { takes } => {
                Finding::new(Verdict::NotMeasured, format!("it takes {takes}"), vec![facts::layer(run)])
            }
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rule::Ratio { what, of, to, wanted } => {
                write!(
                    f,
                    "{what}, {of} ÷ {to}: {wanted}; the ratio is the median over at least {LEAST_BLOCKS} blocks"
                )?;
                match what {
                    Measure::One { .. } => Ok(()),
                    Measure::Family { .. } => write!(
                        f,
                        " of the geometric mean over all workloads, at least {LEAST_WORKLOADS}, that both ran"
                    ),
                }
            }
            Rule::Kernel { of, host, wanted } => facts::kernel_rule(f, of, host, *wanted),
            Rule::Fact { of, key, wanted } => write!(f, "{key} in {of}: {wanted}"),
            Rule::Beyond { .. } => f.write_str("none in this version"),
            Rule::Layer { .. } => f.write_str(
                "none for a single run, which shows only what the processor calls the layer below the host",
            ),
        }
    }
}

impl RatioWanted {
    /// The least and the largest ratio that are within.
    fn ends(percent: u8) -> (f64, f64) {
        let most = 1.0 + f64::from(percent) / 100.0;
        (1.0 / most, most)
    }

    /// Where the ratio has to lie, in words.
    fn place(self) -> String {
        match self {
            RatioWanted::Above(limit) => format!("above {limit}"),
            RatioWanted::Below(limit) => format!("below {limit}"),
            RatioWanted::Within(percent) => {
                let (least, most) = Self::ends(percent);
                format!("within {percent} % of 1 ({least:.3} to {most:.3})")
            }
        }
    }

    /// What follows from an interval.
    fn verdict(self, interval: Option<(f64, f64)>, blocks: usize) -> (Verdict, String) {
        let Some((low, high)) = interval else {
            let more = format!("`--samples {LEAST_BLOCKS}` or more takes them");
            let few = format!("blocks are too few for a 95 % interval, which takes {LEAST_BLOCKS}; {more}");
            return (Verdict::Inconclusive, format!("{blocks} {few}"));
        };
        let (holds, fails) = match self {
            RatioWanted::Above(limit) => (low > limit, high <= limit),
            RatioWanted::Below(limit) => (high < limit, low >= limit),
            RatioWanted::Within(percent) => {
                let (least, most) = Self::ends(percent);
                (low >= least && high <= most, high < least || low > most)
            }
        };
        let place = self.place();
        match (holds, fails) {
            (true, _) => (Verdict::Supported, format!("the whole interval lies {place}")),
            (_, true) => (Verdict::Refuted, format!("no part of the interval lies {place}")),
            _ => (
                Verdict::Inconclusive,
                format!("only part of the interval lies {place}; more samples would narrow it"),
            ),
        }
    }
}

impl fmt::Display for RatioWanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.place();
        write!(
            f,
            "supported if the whole 95 % interval of the ratio lies {place}, refuted if no part of it does, else inconclusive"
        )
    }
}
