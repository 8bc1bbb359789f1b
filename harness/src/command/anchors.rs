//! `bench anchors`: what others have published, and what a run says to it.

use anyhow::Result;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Attribute, Cell, ContentArrangement, Table};
use reports::format::{measured, moment, multiple};
use results::Run;
use results::anchors::{COLLECTED, HOW_DIFFERENCES_COUNT, Judgement, Verdict, judge, left_out, summary};
use serde_json::json;

use crate::cli::anchors::AnchorsArgs;
use crate::output::{plain, print, print_json};
use crate::{runs, table};

/// Reads, judges and prints: first what was compared with nothing, then what was compared, where the eye is at the end.
pub fn anchors(args: &AnchorsArgs) -> Result<()> {
    let runs: Vec<Run> = args.runs.iter().map(|run| runs::load(run, &args.results)).collect::<Result<_>>()?;
    let judged: Vec<(&Run, Vec<Judgement>)> = runs.iter().map(|run| (run, judge(run))).collect();
    if args.json.json {
        let each = judged.iter().map(|(run, anchors)| {
            json!({ "run_id": run.run_id, "started_at": run.started_at, "host": run.host, "anchors": anchors })
        });
        let runs: Vec<_> = each.collect();
        let how = HOW_DIFFERENCES_COUNT;
        return print_json(&json!({ "collected": COLLECTED, "how_differences_count": how, "runs": runs }));
    }
    for (run, judgements) in &judged {
        print(&format!("{}\n", not_compared(judgements)))?;
        if judgements.iter().any(|judgement| judgement.measured.is_some()) {
            print(&format!("{}\n\n{HOW_DIFFERENCES_COUNT}\n", compared(judgements)))?;
        }
        print(&format!("{} of {}.", summary(judgements), plain(&about(run))))?;
    }
    Ok(())
}

/// The run and its machine, without which its numbers say nothing beside those of others.
fn about(run: &Run) -> String {
    let host = &run.host;
    let below = host.hypervisor.as_deref().map(|below| format!(" below {below}")).unwrap_or_default();
    format!(
        "{} ({}, {} CPUs{below}, Linux {}, {})",
        run.run_id,
        host.cpu_model,
        host.cpus,
        host.kernel,
        moment(&run.started_at)
    )
}

/// A row a figure that stands beside one of the run.
fn compared(judgements: &[Judgement]) -> Table {
    let mut table = framed(["verdict", "published", "this run", "why"]);
    for judgement in judgements {
        let Some(here) = &judgement.measured else { continue };
        let backends = here.to.map_or(here.of.to_owned(), |to| format!("{} ÷ {to}", here.of));
        let found =
            [format!("{backends}: {}", measured(here)), judgement.looks_at.clone().unwrap_or_default()];
        let differs = judgement.differs.iter().map(|other| format!("but {}: {}", other.about, other.how));
        let why: Vec<String> = [judgement.reason.clone()].into_iter().chain(differs).collect();
        table.add_row([
            verdict(judgement.verdict),
            Cell::new(published(judgement).join("\n")),
            Cell::new(found.join("\n")),
            Cell::new(plain_lines(&why)),
        ]);
    }
    table
}

/// The figure, what it is of, and what its source says of how it was taken.
fn published(of: &Judgement) -> [String; 4] {
    let times = of.multiple.as_ref().map(|times| format!(", {}", multiple(times))).unwrap_or_default();
    [
        format!("{}: {}", of.system, of.what),
        format!("{}{times}", of.figure),
        format!("{}; {}; {}", of.stops, of.machine, of.conditions),
        format!("{}, {}, {}", of.source, of.place, of.date),
    ]
}

/// A row a reason.
fn not_compared(judgements: &[Judgement]) -> Table {
    let mut table = framed(["not comparable for", "why", "published"]);
    for group in left_out(judgements) {
        let figure =
            |of: &&Judgement| format!("{}: {}, {} ({})", of.system, of.what, of.figure, of.source_short);
        let figures: Vec<String> = group.figures.iter().map(figure).collect();
        table.add_row([
            Cell::new(group.about),
            Cell::new(plain(group.reason)),
            Cell::new(figures.join("\n")),
        ]);
    }
    table
}

fn framed<const N: usize>(heads: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED.with_rounded_corners());
    table.set_content_arrangement(ContentArrangement::Dynamic);
    if table.width().is_none() {
        table.set_width(table::WIDTH);
    }
    table.set_header(heads);
    table
}

fn verdict(verdict: Verdict) -> Cell {
    let cell = Cell::new(verdict);
    match verdict {
        Verdict::Reproduced | Verdict::Contradicted => cell.add_attribute(Attribute::Bold),
        Verdict::NotComparable => cell,
    }
}

/// A line a text, each without what a terminal would obey.
fn plain_lines(texts: &[String]) -> String {
    texts.iter().map(|text| plain(text)).collect::<Vec<_>>().join("\n")
}
