//! The start of a container built up from a bare process: a waterfall, one bar a mechanism.
//!
//! Times are nanoseconds. Invariant: a step's bar is as long as what it adds, to the right where it takes time and to the
//! left, outlined only, where it saves some; wholes begin at zero, whatever axis they stand on.

use results::ladder::{CONTAINER, RUNGS};
use results::stats::Estimate;
use results::{Experiment, Metric, Unit};

use super::waterfall::{Bar, Body, draw as waterfall};
use super::{Frame, LONGEST_NAME, MOST_BACKENDS, Plot};
use crate::Error;
use crate::analysis::{Analysis, Ladder};
use crate::canvas::shorten;
use crate::palette::{Ink, RUNG};

pub(super) const PLOT: Plot = Plot {
    name: "ladder-startup",
    title: "A container’s start, mechanism by mechanism",
    experiment: Experiment::Ladder,
    caption: "Each bar begins where the one above it ends, and is as long as what its mechanism adds to all above it: the \
              difference of its median to that of the rung above, with its 95 % interval as a thin line and in grey. An \
              outlined bar that runs to the left saved time. Grey steps are no part of the container, whose start in one \
              go stands below, above the sum of the steps that it has. A VM is no step of the ladder but stands for \
              comparison; where it would dwarf the steps it has an axis of its own.",
    draw,
    other: None,
};

fn draw(analysis: &Analysis<'_>, frame: &Frame<'_>) -> Result<Option<String>, Error> {
    let Some(ladder) = &analysis.ladder else { return Ok(None) };
    let mut steps = steps(analysis, ladder);
    steps.extend(container(analysis, ladder));
    waterfall(frame, &steps, &others(analysis), Unit::Nanoseconds, "time from start call to READY")
}

/// The rungs that were measured, each from where the one below it ends.
fn steps(analysis: &Analysis<'_>, ladder: &Ladder) -> Vec<Bar> {
    let mut reached = 0.0;
    let bar = |step: &results::ladder::Step| {
        let found = step.found.as_ref().ok()?;
        let name = step.rung.name.to_owned();
        let Some(added) = found.added else {
            // The ground; or a rung without a difference, from which the next ones go on.
            reached = found.total.median;
            let seat = analysis.seat(step.rung.backend).unwrap_or(RUNG);
            return Some(Bar {
                name,
                mark: Some(seat),
                ink: Ink::Backend(seat),
                body: Body::Whole(found.total),
            });
        };
        let from = reached;
        reached += added.cost.median;
        let seat = if step.rung.in_container { seat_of_container(analysis) } else { RUNG };
        Some(Bar { name, mark: None, ink: Ink::Backend(seat), body: Body::Step { from, added: added.cost } })
    };
    ladder.steps.iter().filter_map(bar).collect()
}

/// The container as measured in one go, and as its steps add up.
fn container(analysis: &Analysis<'_>, ladder: &Ladder) -> Vec<Bar> {
    let seat = seat_of_container(analysis);
    let whole = |name: &str, mark, of: Estimate| Bar {
        name: name.to_owned(),
        mark,
        ink: Ink::Backend(seat),
        body: Body::Whole(of),
    };
    let measured = start(analysis, CONTAINER).map(|of| whole(CONTAINER, Some(seat), of));
    let sum = ladder.agreement.as_ref().ok().map(|found| whole("its steps, added up", None, found.sum));
    measured.into_iter().chain(sum).collect()
}

/// What is neither a rung nor the container.
fn others(analysis: &Analysis<'_>) -> Vec<Bar> {
    let others = analysis.backends().filter(|(_, backend)| {
        backend.name != CONTAINER && RUNGS.iter().all(|rung| rung.backend != backend.name)
    });
    let bar = |(seat, backend): (usize, &results::Backend)| {
        let body = Body::Whole(start(analysis, &backend.name)?);
        let name = shorten(&backend.name, LONGEST_NAME);
        Some(Bar { name, mark: Some(seat), ink: Ink::Backend(seat), body })
    };
    others.filter_map(bar).take(MOST_BACKENDS).collect()
}

fn start(analysis: &Analysis<'_>, backend: &str) -> Option<Estimate> {
    analysis.first(Experiment::Ladder, backend, &Metric::StartupTime)?.estimate
}

fn seat_of_container(analysis: &Analysis<'_>) -> usize {
    analysis.seat(CONTAINER).unwrap_or(RUNG)
}
