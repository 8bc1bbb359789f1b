//! Where startup time goes: the median of each phase, in the order of the phases.

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
              named below the bar. All bars share one scale. Medians do not add up exactly: the sum of the parts may \
              differ a little from the median of the whole, which stands beside the name. What the phases leave of it \
              is shown as “rest, to READY”.",
    draw,
};

/// Below this share of the whole, a rest is rounding between medians rather than time that passed.
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
        let rest = whole.unwrap_or(0.0) - parts.iter().map(|part| part.1).sum::<f64>();
        if rest > REST_FROM * whole.unwrap_or(0.0) {
            parts.push(("rest, to READY".to_owned(), rest));
        }
        Some(Bar { backend, name: shorten(&of.name, LONGEST_NAME), total, parts, rule: None })
    });
    let bars: Vec<Bar> = bars.take(MOST_BACKENDS).collect();
    stack(frame, &bars, Unit::Nanoseconds, "time since the start call")
}
