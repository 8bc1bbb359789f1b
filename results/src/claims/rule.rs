//! When a part of a claim is supported and when refuted.
//!
//! Invariant: a rule judges as its [`Display`](fmt::Display) says; both read the same fields.

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
                    Measure::One { .. } | Measure::Sum { .. } => Ok(()),
                    Measure::Family { .. } => write!(
                        f,
                        " of the geometric mean over all workloads, at least {LEAST_WORKLOADS}, that both ran"
                    ),
                }
            }
            Rule::Kernel { of, host, wanted } => facts::kernel_rule(f, of, host, *wanted),
            Rule::Fact { of, key, wanted } => write!(f, "{key} in {of}: {wanted}"),
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
            let so_many = if blocks == 1 { "1 block is".to_owned() } else { format!("{blocks} blocks are") };
            let takes = format!("it takes {LEAST_BLOCKS} (--samples {LEAST_BLOCKS})");
            return (Verdict::Inconclusive, format!("{so_many} too few for a 95 % interval; {takes}"));
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

#[cfg(test)]
mod tests {
    use proptest::prelude::Strategy;
    use proptest::{prop_assert, prop_assert_eq, proptest};

    use super::*;

    fn verdict(wanted: RatioWanted, low: f64, high: f64) -> Verdict {
        wanted.verdict(Some((low, high)), LEAST_BLOCKS).0
    }

    #[test]
    fn the_whole_interval_has_to_lie_on_one_side() {
        use Verdict::{Inconclusive, Refuted, Supported};
        let cases = [
            (RatioWanted::Above(1.0), 1.01, 9.0, Supported),
            (RatioWanted::Above(1.0), 0.99, 9.0, Inconclusive),
            (RatioWanted::Above(1.0), 0.90, 1.0, Refuted),
            (RatioWanted::Below(3.0), 0.90, 2.9, Supported),
            (RatioWanted::Below(3.0), 2.90, 3.1, Inconclusive),
            (RatioWanted::Below(3.0), 3.00, 9.0, Refuted),
            (RatioWanted::Within(5), 0.96, 1.04, Supported),
            (RatioWanted::Within(5), 0.96, 1.06, Inconclusive),
            (RatioWanted::Within(5), 0.90, 1.20, Inconclusive),
            (RatioWanted::Within(5), 1.06, 1.20, Refuted),
            (RatioWanted::Within(5), 0.80, 0.95, Refuted),
        ];
        for (wanted, low, high, expected) in cases {
            assert_eq!(verdict(wanted, low, high), expected, "{wanted:?} {low} {high}");
        }
    }

    #[test]
    fn without_an_interval_nothing_is_decided_and_the_reason_says_what_it_takes() {
        let (verdict, reason) = RatioWanted::Above(1.0).verdict(None, 1);
        assert_eq!(verdict, Verdict::Inconclusive);
        assert!(reason.contains("1 block is too few") && reason.contains("--samples 6"), "{reason}");
    }

    #[test]
    fn words_have_the_limits_that_decide() {
        for (wanted, place) in [
            (RatioWanted::Above(1.0), "lies above 1,"),
            (RatioWanted::Below(3.0), "lies below 3,"),
            (RatioWanted::Within(5), "lies within 5 % of 1 (0.952 to 1.050),"),
        ] {
            assert!(wanted.to_string().contains(place), "{wanted}");
        }
    }

    fn interval() -> impl Strategy<Value = (f64, f64)> {
        (0.2_f64..5.0, 1.0_f64..3.0).prop_map(|(low, times)| (low, low * times))
    }

    proptest! {
        #[test]
        fn above_and_below_are_opposites_off_the_limit((low, high) in interval(), limit in 0.3_f64..4.0) {
            let turned = match verdict(RatioWanted::Above(limit), low, high) {
                Verdict::Supported => Verdict::Refuted,
                Verdict::Refuted => Verdict::Supported,
                other => other,
            };
            prop_assert_eq!(verdict(RatioWanted::Below(limit), low, high), turned);
        }

        #[test]
        fn which_side_is_the_divisor_does_not_matter_to_within((low, high) in interval(), percent in 1_u8..60) {
            let wanted = RatioWanted::Within(percent);
            prop_assert_eq!(verdict(wanted, low, high), verdict(wanted, 1.0 / high, 1.0 / low));
        }

        #[test]
        fn a_wider_interval_never_decides_what_a_narrower_one_left_open(
            (low, high) in interval(),
            wider in 1.0_f64..2.0,
            limit in 0.3_f64..4.0,
        ) {
            for wanted in [RatioWanted::Above(limit), RatioWanted::Below(limit), RatioWanted::Within(5)] {
                let (narrow, wide) = (verdict(wanted, low, high), verdict(wanted, low / wider, high * wider));
                prop_assert!(wide == narrow || wide == Verdict::Inconclusive, "{:?}", wanted);
            }
        }
    }
}
