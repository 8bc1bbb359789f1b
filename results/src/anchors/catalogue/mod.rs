//! The figures, as collected from papers, their published data and projects' own pages.
//!
//! Invariant: ids are stable and unique; a figure stands as its source has it, in its source's unit.

mod calls;
mod containers;
mod machines;
mod memory;
mod unikernels;

use super::compare::{About, Compare, Comparison, Divisor, HostNeed, Known, Lean, Side};
use super::figure::{Amount, Figure, Scale};
use super::{Anchor, Source};
use crate::claims::Measure;
use crate::{Experiment, Metric};

/// Every figure: startup first, then memory, system calls and CPU, and limits.
pub fn anchors() -> impl Iterator<Item = &'static Anchor> {
    [machines::ANCHORS, unikernels::ANCHORS, containers::ANCHORS, memory::ANCHORS, calls::ANCHORS]
        .into_iter()
        .flatten()
}

const STARTUP: Measure = Measure::One {
    name: "from the start call to READY",
    experiment: Experiment::Startup,
    workload: "noop",
    metric: Metric::StartupTime,
};

/// What the life of an instance takes that has nothing to do. Between start and end stands the stop request, a fraction of
/// a millisecond.
const LIFE: Measure = Measure::Sum {
    name: "from the start call to READY and from the stop request to the last resource reaped",
    experiment: Experiment::Startup,
    workload: "noop",
    metrics: [Metric::StartupTime, Metric::TeardownTime],
};

const NO_ADAPTER: &str = "bench has no adapter for it";
const NO_SNAPSHOTS: &str = "bench starts every instance afresh: snapshots are not measured";

const fn about(value: f64, scale: Scale) -> Figure {
    Figure { amount: Amount::About(value), scale }
}

const fn range(low: f64, high: f64, scale: Scale) -> Figure {
    Figure { amount: Amount::Range(low, high), scale }
}

const fn at_most(value: f64, scale: Scale) -> Figure {
    Figure { amount: Amount::AtMost(value), scale }
}

const fn at_least(value: f64, scale: Scale) -> Figure {
    Figure { amount: Amount::AtLeast(value), scale }
}

/// Compares a figure with a measurement.
const fn itself(what: Measure, of: Side, differs: &'static [Known]) -> Compare {
    Compare::With(Comparison { what, of, to: None, host: None, differs })
}

/// Compares a figure as a multiple of another one.
const fn multiple(
    what: Measure,
    of: Side,
    (side, figure): (Side, &'static str),
    differs: &'static [Known],
) -> Compare {
    Compare::With(Comparison {
        what,
        of,
        to: Some(Divisor { side, figure: Some(figure) }),
        host: None,
        differs,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_figure_has_a_name_of_its_own_and_what_a_reader_needs_to_judge_it() {
        let mut ids = BTreeSet::new();
        for anchor in anchors() {
            let Anchor { id, system, what, stops, conditions, source, .. } = anchor;
            assert!(ids.insert(*id), "{id} is there twice");
            let Source { name, short, place, date, machine } = source;
            for text in [system, what, stops, conditions, name, short, place, date, machine] {
                assert!(!text.trim().is_empty(), "{id}");
            }
            assert!(id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'), "{id}");
        }
        assert!(ids.len() > 50, "{}", ids.len());
    }

    #[test]
    fn a_divisor_is_there_and_of_the_same_source_and_unit() {
        for anchor in anchors() {
            let Compare::With(Comparison { to: Some(Divisor { figure: Some(to), .. }), .. }) =
                &anchor.compare
            else {
                continue;
            };
            let base = anchors().find(|other| other.id == *to).unwrap();
            assert!(std::ptr::eq(base.source, anchor.source), "{}", anchor.id);
            assert_eq!(base.figure.scale, anchor.figure.scale, "{}", anchor.id);
            for figure in [base.figure, anchor.figure] {
                assert!(matches!(figure.amount, Amount::About(value) if value > 0.0), "{}", anchor.id);
            }
        }
    }

    #[test]
    fn what_is_compared_has_a_unit_of_bench_and_a_ratio_without_a_divisors_figure_is_one() {
        for anchor in anchors() {
            let Compare::With(Comparison { to, what, .. }) = &anchor.compare else { continue };
            let (_, unit) = anchor.figure.scale.in_run().unwrap();
            match (to, what) {
                (Some(Divisor { figure: None, .. }), _) => {
                    assert_eq!(unit, crate::Unit::Ratio, "{}", anchor.id)
                }
                (Some(_), _) => {}
                (None, Measure::One { metric, .. } | Measure::Sum { metrics: [metric, _], .. }) => {
                    assert_eq!(unit, metric.unit(), "{}", anchor.id);
                }
                (None, Measure::Family { .. }) => panic!("{}: a family has no size", anchor.id),
            }
        }
    }
}
