//! Where startup time goes: the median of each phase, in the order of the phases.

use std::collections::BTreeMap;

use results::stats::median;
use results::{Experiment, Metric, Unit};

use super::stack::{Bar, draw as stack};
use super::{Frame, LONGEST_NAME, MOST_BACKENDS, Plot};
use crate::Error;
use crate::analysis::Analysis;
use crate::canvas::shorten;
use crate::format::quantity;

pub(super) const PLOT: Plot = Plot {
    name: "startup-phases",
    title: "Where startup time goes",
    experiment: Experiment::Startup,
    caption: "Each bar is a start laid out from left to right; its parts are the medians of the phases, numbered and \
              named below the bar. Bars over one axis share its scale; a bar that would dwarf the others stands below \
              them over an axis of its own. In a guest with a Linux, “kernel” ends with that kernel’s first program, \
              “init” is that program making its connections, and “ready” is the way of its READY out. Of others’ \
              runtimes, “tool_…” is their program being started, and “ready” all that it does from there. Medians do not add up exactly: the sum of the parts may \
              differ a little from the median of the whole, which stands beside the name. Time that no phase of a start \
              accounts for is shown as “rest, to READY”.",
    draw,
    other: None,
};

/// Below this share of the whole, a rest is not worth a part of the bar.
const REST_FROM: f64 = 0.02;

/// No backend has more; a file that claims so is not drawn out.
const MOST_PHASES: usize = 24;

fn draw(analysis: &Analysis<'_>, frame: &Frame<'_>) -> Result<Option<String>, Error> {
    let bars = analysis.backends().filter_map(|(backend, of)| {
        let mut whole = None;
        let mut parts = Vec::new();
        for cell in analysis.cells(Experiment::Startup).filter(|cell| cell.of.backend == of.name) {
            let Some(median) = cell.estimate.map(|estimate| estimate.median) else { continue };
            match &cell.of.metric {
                Metric::StartupTime => whole = whole.or(Some(median)),
                Metric::Phase(name) if parts.len() < MOST_PHASES => {
                    parts.push((shorten(name, LONGEST_NAME), median.max(0.0)));
                }
                _ => {}
            }
        }
        if parts.is_empty() {
            return None;
        }
        let total = whole.map(|whole| quantity(whole, Unit::Nanoseconds)).unwrap_or_default();
        let rest = rest(analysis, &of.name).unwrap_or(0.0);
        if rest > REST_FROM * whole.unwrap_or(0.0) {
            parts.push(("rest, to READY".to_owned(), rest));
        }
        Some(Bar { backend, name: shorten(&of.name, LONGEST_NAME), total, parts, rule: None })
    });
    let bars: Vec<Bar> = bars.take(MOST_BACKENDS).collect();
    stack(frame, &bars, Unit::Nanoseconds, "time since the start call")
}

/// What the phases of a start leave of it: the median over the starts, for medians do not add up.
fn rest(analysis: &Analysis<'_>, backend: &str) -> Option<f64> {
    let own = || analysis.cells(Experiment::Startup).map(|cell| cell.of).filter(|of| of.backend == backend);
    let whole = own().find(|of| of.metric == Metric::StartupTime)?;
    let mut left: BTreeMap<u32, f64> =
        whole.blocks.iter().copied().zip(whole.samples.iter().copied()).collect();
    for phase in own().filter(|of| matches!(of.metric, Metric::Phase(_))) {
        for (block, spent) in phase.blocks.iter().zip(&phase.samples) {
            left.entry(*block).and_modify(|left| *left -= spent);
        }
    }
    median(&left.into_values().collect::<Vec<_>>())
}
