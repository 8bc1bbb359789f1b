//! When a run reproduces a published figure and when it contradicts it.
//!
//! Invariant: a rule places an interval as its [`Display`](fmt::Display) says; both read the same fields.

use std::fmt;

use super::Verdict;
use super::compare::{About, Difference, Lean};
use super::figure::Amount;
use crate::claims::LEAST_BLOCKS;

/// A multiple that one machine measured of two systems is the same on another if it is off by no more than this factor: what
/// makes a machine fast makes both sides fast, but seldom by the same.
pub const SAME_RATIO: f64 = 2.0;

/// A time or size of another machine is confirmed within this factor, about half of an order of magnitude: between a laptop
/// and a server of the same years lies less.
pub const SAME_SIZE: f64 = 3.0;

/// Beyond this factor, an order of magnitude, no machine of these years explains a difference.
pub const OTHER_SIZE: f64 = 10.0;

/// What a difference between source and run does to a verdict, in words; it is what the rules do.
pub const HOW_DIFFERENCES_COUNT: &str = "What is known to be otherwise in a run (stopping point, version, conditions, a virtual \
                                         machine as host of virtual machines) stands beside the verdict. A run that disagrees \
                                         contradicts only if none of it explains that; a promise that is kept is not reproduced \
                                         if some of it makes it easier to keep.";

/// What is compared with what.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Rule {
    /// A promise holds anywhere.
    Promise(Amount),
    /// A multiple of one system's figure by another's.
    Ratio(f64),
    /// A time or size from another machine, which are two numbers if it was seen in several places.
    Size(f64, f64),
}

/// Where an interval lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// All of it where the figure says.
    Agrees,
    /// All of it below.
    Below,
    /// All of it above.
    Above,
    /// Off, but by no more than machines differ.
    AsMachinesDo,
    /// On both sides of a limit.
    Open,
}

/// Ends of a range, both within.
type Ends = (f64, f64);

impl Rule {
    /// Of a time or size in a run's unit.
    pub fn of(amount: Amount) -> Self {
        match amount {
            Amount::AtMost(_) | Amount::AtLeast(_) => Rule::Promise(amount),
            Amount::About(_) | Amount::Range(..) => {
                let (low, high) = amount.ends();
                Rule::Size(low, high)
            }
        }
    }

    /// Where an interval agrees, and beyond what it contradicts.
    fn limits(self) -> (Ends, Ends) {
        let wider = |(low, high): Ends, factor: f64| (low / factor, high * factor);
        let promised = match self {
            Rule::Promise(Amount::AtLeast(value)) => (value, f64::INFINITY),
            Rule::Promise(amount) => (f64::NEG_INFINITY, amount.ends().1),
            Rule::Ratio(value) => wider((value, value), SAME_RATIO),
            Rule::Size(low, high) => return (wider((low, high), SAME_SIZE), wider((low, high), OTHER_SIZE)),
        };
        (promised, promised)
    }

    /// Where a 95 % interval lies.
    fn place(self, (low, high): Ends) -> Place {
        let (agrees, may) = self.limits();
        if low >= agrees.0 && high <= agrees.1 {
            Place::Agrees
        } else if high < may.0 {
            Place::Below
        } else if low > may.1 {
            Place::Above
        } else if (high < agrees.0 && low >= may.0) || (low > agrees.1 && high <= may.1) {
            Place::AsMachinesDo
        } else {
            Place::Open
        }
    }

    /// What follows from a 95 % interval, given what is known to be otherwise: the verdict, what stands in the way where nothing
    /// follows, and why.
    pub fn verdict(self, interval: Ends, differs: &[Difference]) -> (Verdict, Option<About>, String) {
        let place = self.place(interval);
        // What may have brought this about instead of what the figure is about.
        let may_be_why = |difference: &&Difference| match (place, self) {
            (Place::Agrees, Rule::Promise(Amount::AtLeast(_))) => difference.lean == Lean::Larger,
            (Place::Agrees, Rule::Promise(_)) => difference.lean == Lean::Smaller,
            (Place::Below, _) => difference.lean != Lean::Larger,
            (Place::Above, _) => difference.lean != Lean::Smaller,
            _ => false,
        };
        let order = self.order(interval);
        let not = |about, reason| (Verdict::NotComparable, Some(about), reason);
        match (place, differs.iter().find(may_be_why)) {
            (Place::Agrees, None) => (Verdict::Reproduced, None, self.agreed()),
            (Place::Agrees, Some(why)) => {
                not(why.about, "the promise is kept, but by something smaller than it is about".to_owned())
            }
            (Place::Below | Place::Above, None) => {
                (Verdict::Contradicted, None, format!("no part of the interval agrees{order}"))
            }
            (Place::Below | Place::Above, Some(why)) => {
                not(why.about, format!("no part of the interval agrees{order}; what differs may be why"))
            }
            (Place::AsMachinesDo, _) => not(
                About::Host,
                format!(
                    "it is off by more than a factor of {SAME_SIZE} and less than {OTHER_SIZE}, as machines are"
                ),
            ),
            (Place::Open, _) => not(
                About::Samples,
                format!("only part of the interval agrees{order}; more samples would narrow it"),
            ),
        }
    }

    /// How far it agrees, where it does.
    fn agreed(self) -> String {
        match self {
            Rule::Promise(_) => "the whole interval keeps the promise".to_owned(),
            Rule::Ratio(_) => {
                format!("the whole interval lies within a factor of {SAME_RATIO} of the published multiple")
            }
            Rule::Size(..) => {
                format!("the whole interval lies within a factor of {SAME_SIZE}, from another machine")
            }
        }
    }

    /// Of a ratio, whether the same side is the larger one.
    fn order(self, (low, high): Ends) -> &'static str {
        match self {
            Rule::Ratio(times) if (times > 1.0 && low > 1.0) || (times < 1.0 && high < 1.0) => {
                ", but the same of the two is the larger"
            }
            Rule::Ratio(_) if low > 1.0 || high < 1.0 => ", and the other of the two is the larger",
            _ => "",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rest = format!("the 95 % interval is of at least {LEAST_BLOCKS} blocks");
        match self {
            Rule::Promise(_) => {
                write!(
                    f,
                    "reproduced if the whole interval keeps the promise, contradicted if no part does; {rest}"
                )
            }
            Rule::Ratio(_) => write!(
                f,
                "reproduced if the whole interval lies within a factor of {SAME_RATIO} of the published multiple, contradicted \
                 if no part does; {rest}"
            ),
            Rule::Size(..) => write!(
                f,
                "from another machine: reproduced if the whole interval lies within a factor of {SAME_SIZE}, contradicted if \
                 all of it lies beyond a factor of {OTHER_SIZE}; what lies between may be the machines; {rest}"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::Strategy;
    use proptest::{prop_assert, prop_assert_eq, proptest};

    use super::*;

    #[test]
    fn the_whole_interval_decides() {
        use Place::{Above, Agrees, AsMachinesDo, Below, Open};
        let at_most = Rule::of(Amount::AtMost(125.0));
        let at_least = Rule::of(Amount::AtLeast(0.95));
        let size = Rule::of(Amount::About(60.0));
        let seen = Rule::of(Amount::Range(81.0, 280.0));
        for (rule, low, high, expected) in [
            (at_most, 3.0, 125.0, Agrees),
            (at_most, 120.0, 126.0, Open),
            (at_most, 125.1, 130.0, Above),
            (at_least, 0.95, 0.99, Agrees),
            (at_least, 0.94, 0.96, Open),
            (at_least, 0.80, 0.94, Below),
            (Rule::Ratio(4.0), 2.0, 8.0, Agrees),
            (Rule::Ratio(4.0), 1.9, 2.1, Open),
            (Rule::Ratio(4.0), 1.0, 1.9, Below),
            (Rule::Ratio(4.0), 8.1, 9.0, Above),
            (size, 20.0, 180.0, Agrees),
            (size, 190.0, 590.0, AsMachinesDo),
            (size, 6.0, 19.0, AsMachinesDo),
            (size, 170.0, 190.0, Open),
            (size, 590.0, 610.0, Open),
            (size, 5.0, 900.0, Open),
            (size, 601.0, 900.0, Above),
            (size, 1.0, 5.9, Below),
            (seen, 27.0, 840.0, Agrees),
            (seen, 2801.0, 3000.0, Above),
        ] {
            assert_eq!(rule.place((low, high)), expected, "{rule:?} {low} {high}");
        }
    }

    #[test]
    fn a_difference_excuses_what_it_can_explain_and_takes_away_what_it_made_easy() {
        use Verdict::{Contradicted, NotComparable, Reproduced};
        let at_most = Rule::of(Amount::AtMost(5.0));
        let at_least = Rule::of(Amount::AtLeast(5.0));
        let (low, high) = ((1.0, 2.0), (60.0, 70.0));
        for (rule, interval, lean, expected) in [
            (at_most, low, Lean::Larger, Reproduced),
            (at_most, low, Lean::Either, Reproduced),
            (at_most, low, Lean::Smaller, NotComparable),
            (at_most, high, Lean::Larger, NotComparable),
            (at_most, high, Lean::Either, NotComparable),
            (at_most, high, Lean::Smaller, Contradicted),
            (at_least, high, Lean::Larger, NotComparable),
            (at_least, high, Lean::Smaller, Reproduced),
            (at_least, low, Lean::Larger, Contradicted),
            (at_least, low, Lean::Smaller, NotComparable),
            (Rule::Ratio(1.5), low, Lean::Smaller, Reproduced),
            (Rule::Ratio(1.5), high, Lean::Either, NotComparable),
            (Rule::Ratio(1.5), high, Lean::Smaller, Contradicted),
        ] {
            let difference = Difference { about: About::Version, lean, how: "another".to_owned() };
            let (verdict, about, reason) = rule.verdict(interval, &[difference]);
            assert_eq!(verdict, expected, "{rule:?} {interval:?} {lean:?}: {reason}");
            assert_eq!(about.is_some(), verdict == NotComparable);
        }
        assert_eq!(at_most.verdict(high, &[]).0, Contradicted);
    }

    #[test]
    fn a_ratio_says_which_of_the_two_is_larger() {
        let reason = |times: f64, interval| Rule::Ratio(times).verdict(interval, &[]).2;
        assert!(reason(8.0, (1.5, 2.0)).contains("the same of the two"));
        assert!(reason(0.1, (0.4, 0.5)).contains("the same of the two"));
        assert!(reason(8.0, (0.4, 0.5)).contains("the other of the two"));
        assert!(!reason(8.0, (0.9, 1.1)).contains("of the two"));
    }

    #[test]
    fn words_have_the_factors_that_decide() {
        assert!(Rule::Ratio(4.0).to_string().contains("within a factor of 2 of"));
        let size = Rule::Size(1.0, 1.0).to_string();
        assert!(size.contains("factor of 3,") && size.contains("factor of 10;"), "{size}");
    }

    fn interval() -> impl Strategy<Value = Ends> {
        (0.01_f64..50.0, 1.0_f64..4.0).prop_map(|(low, times)| (low, low * times))
    }

    proptest! {
        #[test]
        fn a_wider_interval_never_decides_what_a_narrower_one_left_open(
            (low, high) in interval(),
            wider in 1.0_f64..2.0,
        ) {
            for rule in [Rule::Ratio(1.7), Rule::Size(2.0, 3.0), Rule::of(Amount::AtMost(2.0))] {
                let (narrow, wide) = (rule.place((low, high)), rule.place((low / wider, high * wider)));
                prop_assert!(wide == narrow || wide == Place::Open, "{:?} {:?} {:?}", rule, narrow, wide);
            }
        }

        #[test]
        fn which_side_is_the_divisor_does_not_matter_to_a_ratio((low, high) in interval()) {
            let turned = match Rule::Ratio(1.0 / 1.7).place((1.0 / high, 1.0 / low)) {
                Place::Below => Place::Above,
                Place::Above => Place::Below,
                other => other,
            };
            prop_assert_eq!(Rule::Ratio(1.7).place((low, high)), turned);
        }
    }
}
