//! The ladder in words and figures: every rung with all that was measured of it, and whether they make a container.
//!
//! Invariant: the sum of the steps is never shown without what the container was measured to take.

use results::ladder::{Added, CONTAINER, RUNGS, Rung, Step};
use results::{BackendStatus, Experiment, Metric, Unit};

use super::headline::Span;
use super::sheet::{Entry, Line, Sheet};
use super::tables::{Gap, differs_from, key, mark_of};
use crate::Error;
use crate::analysis::{Analysis, Ladder};
use crate::format::{FEWEST, interval, quantity, signed, told};

/// System calls that have a column; more are of files made up.
const MOST_CALLS: usize = 6;

const CAPTION: &str = "Every rung from the ground up, in medians; what it adds to a start with its 95 % interval (coloured \
                       where that excludes 0)";

/// `None` if the run did not climb.
pub(super) fn sheet(analysis: &Analysis<'_>) -> Result<Option<Sheet>, Error> {
    let Some(ladder) = &analysis.ladder else { return Ok(None) };
    let calls = calls(analysis);
    let columns = [("mechanism", false), ("startup", true), ("added", true)];
    let columns = columns.into_iter().chain([("teardown", true), ("one more idle", true)]);
    let mut heads: Vec<_> = columns.map(|(head, number)| (head.to_owned(), number)).collect();
    heads.extend(calls.iter().map(|call| ((*call).to_owned(), true)));
    let others = analysis.backends().filter(|(_, of)| RUNGS.iter().all(|rung| rung.backend != of.name));
    let rungs = ladder.steps.iter().map(|step| {
        let since = step.rung.since.replace("Linux ", "Linux\u{a0}");
        let adds = format!("{} ({since})", step.rung.adds);
        (step.rung.backend, step.rung.name, adds, added(step))
    });
    let others = others.map(|(_, of)| {
        let is = if of.name == CONTAINER { "all that it has, in one go" } else { "no step, for comparison" };
        (&*of.name, &*of.name, is.to_owned(), None)
    });
    let mut rows = Vec::new();
    for (backend, name, adds, added) in rungs.chain(others) {
        let figure = |metric| Entry::median(analysis.first(Experiment::Ladder, backend, &metric));
        let mut entries = vec![figure(Metric::StartupTime), Entry::default(), figure(Metric::TeardownTime)];
        entries.push(figure(Metric::MarginalMemory));
        entries.extend(
            calls.iter().map(|call| {
                Entry::median(analysis.cell(Experiment::Ladder, call, backend, &Metric::TimePerOp))
            }),
        );
        if entries.iter().all(|entry| entry.main.is_empty()) {
            continue;
        }
        if let Some(added) = added {
            entries[1] = cost(&added);
        }
        rows.push(Line { mark: mark_of(analysis, backend)?, name: name.to_owned(), below: adds, entries });
    }
    Ok(Some(Sheet {
        words: dearest(ladder)
            .map(|(rung, added)| in_words(rung, &added))
            .into_iter()
            .chain([verdict(ladder)])
            .collect(),
        command: None,
        caption: CAPTION.to_owned(),
        heads,
        rows,
    }))
}

/// The system calls that were timed on the ladder.
fn calls<'r>(analysis: &Analysis<'r>) -> Vec<&'r str> {
    let timed = |call: &&str| {
        let mut cells = analysis.cells(Experiment::Ladder).filter(|cell| cell.of.workload == **call);
        cells.any(|cell| cell.of.metric == Metric::TimePerOp && cell.estimate.is_some())
    };
    analysis.workloads(Experiment::Ladder).into_iter().filter(timed).take(MOST_CALLS).collect()
}

fn added(step: &Step) -> Option<Added> {
    step.found.as_ref().ok()?.added
}

/// What a step costs a start.
fn cost(added: &Added) -> Entry {
    let of = added.cost;
    let aside = if of.n == 1 { String::new() } else { interval(of.low, of.high, Unit::Nanoseconds) };
    let main = signed(of.median, Unit::Nanoseconds);
    Entry { main, key: key(of.median), aside, differs: differs_from(&of, 0.0), ..Entry::default() }
}

/// The step of a container that adds most.
fn dearest(ladder: &Ladder) -> Option<(&'static Rung, Added)> {
    let steps = ladder.steps.iter().filter(|step| step.rung.in_container);
    let costs = steps.filter_map(|step| Some((step.rung, added(step)?)));
    costs.max_by(|a, b| a.1.cost.median.total_cmp(&b.1.cost.median)).filter(|(_, of)| of.cost.median > 0.0)
}

fn in_words(rung: &Rung, added: &Added) -> String {
    let of = told(&added.cost, Unit::Nanoseconds);
    format!("The dearest step to a container is “{}” ({}): it adds {of}.", rung.name, rung.adds)
}

/// A sentence for the top of the page.
pub(super) fn sentence(analysis: &Analysis<'_>) -> Option<Vec<Span>> {
    let (rung, added) = dearest(analysis.ladder.as_ref()?)?;
    let cost = quantity(added.cost.median, Unit::Nanoseconds);
    Some(vec![
        Span::Plain(format!("On the ladder to a container the dearest step is “{}”, which adds ", rung.name)),
        Span::Number(cost),
        Span::Plain(" to a start.".to_owned()),
    ])
}

/// Whether the steps make a container.
fn verdict(ladder: &Ladder) -> String {
    let found = match &ladder.agreement {
        Ok(found) => found,
        Err(why) => return format!("Whether the steps add up to a full container cannot be told: {why}."),
    };
    let time = |of| quantity(of, Unit::Nanoseconds);
    let range = |low, high| interval(low, high, Unit::Nanoseconds);
    let (sum, whole, apart) = (found.sum, found.container, found.difference);
    let verdict = if apart.n < FEWEST {
        format!("{} blocks are too few to tell whether they agree", apart.n)
    } else if found.agrees {
        "they agree".to_owned()
    } else if apart.median > 0.0 {
        "they do not agree: in one go it takes less".to_owned()
    } else {
        "they do not agree: in one go it takes more".to_owned()
    };
    format!(
        "The bare process and every step that a container has add up to {} ({}); the container, set up in \
         one go, starts in {} ({}): {verdict}. The sum differs by {} ({}).",
        time(sum.median),
        range(sum.low, sum.high),
        time(whole.median),
        range(whole.low, whole.high),
        signed(apart.median, Unit::Nanoseconds),
        range(apart.low, apart.high),
    )
}

/// What a rung adds to a start, for whoever asks for a mechanism: `adds 88.0 µs (83.6–92.4 µs) to a start`.
pub(super) fn adds(analysis: &Analysis<'_>, backend: &str) -> Option<String> {
    let steps = &analysis.ladder.as_ref()?.steps;
    let of = added(steps.iter().find(|step| step.rung.backend == backend)?)?.cost;
    let range = interval(of.low, of.high, Unit::Nanoseconds);
    Some(format!("adds {} ({range}) to a start", quantity(of.median, Unit::Nanoseconds)))
}

/// Rungs of which nothing at all was measured.
pub(super) fn gaps(analysis: &Analysis<'_>) -> Vec<Gap> {
    let ladder = analysis.ladder.iter().flat_map(|ladder| &ladder.steps);
    let unseen =
        |step: &&Step| analysis.cells(Experiment::Ladder).all(|cell| cell.of.backend != step.rung.backend);
    let gap = |step: &Step| {
        let status = analysis.run.backend(step.rung.backend).map(|backend| backend.status);
        let (status, word) = match status {
            Some(BackendStatus::Unavailable) => ("unavailable", "unavailable: "),
            Some(BackendStatus::Failed) => ("failed", "failed: "),
            Some(BackendStatus::Ok) | None => ("not measured", ""),
        };
        let why = step.found.as_ref().err()?;
        Some(Gap {
            backend: step.rung.backend.to_owned(),
            what: step.rung.name.to_owned(),
            status,
            reason: why.strip_prefix(word).unwrap_or(why).to_owned(),
        })
    };
    ladder.filter(unseen).filter_map(gap).collect()
}
