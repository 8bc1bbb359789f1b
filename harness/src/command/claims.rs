//! `bench claims`: what a run says to the article's claims.

use anyhow::Result;
use comfy_table::presets::{NOTHING, UTF8_FULL_CONDENSED};
use comfy_table::{Attribute, Cell, ContentArrangement, Table};
use reports::format::{quantity, ratio};
use results::Unit;
use results::claims::{HOW_PARTS_COMBINE, Judgement, PartJudgement, Role, Verdict, judge};
use serde_json::json;

use crate::cli::claims::ClaimsArgs;
use crate::output::{plain, print, print_json};
use crate::{runs, table};

/// Reads, judges and prints: first every rule with its reason, then the verdicts, where the eye is at the end.
pub fn claims(args: &ClaimsArgs) -> Result<()> {
    let run = runs::load(&args.run, &args.results)?;
    let judgements = judge(&run);
    if args.json.json {
        let document =
            json!({ "run_id": run.run_id, "how_parts_combine": HOW_PARTS_COMBINE, "claims": judgements });
        return print_json(&document);
    }
    print(&format!("{}\n\n{}\n", rules(&judgements), verdicts(&judgements)))?;
    print(&format!("{} of {}.", summary(&judgements), plain(&run.run_id)))
}

/// How many of each verdict.
fn summary(judgements: &[Judgement]) -> String {
    let count = |verdict| judgements.iter().filter(|judgement| judgement.verdict == verdict).count();
    Verdict::ALL.map(|verdict| format!("{} {verdict}", count(verdict))).join(", ")
}

/// A row a claim: what stands in the report at first sight.
fn verdicts(judgements: &[Judgement]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED.with_rounded_corners());
    fit(&mut table);
    table.set_header(["", "verdict", "claim", "× (95 % interval), blocks"]);
    for judgement in judgements {
        table.add_row([
            Cell::new(judgement.id).add_attribute(Attribute::Bold),
            verdict(judgement.verdict),
            Cell::new(judgement.says),
            Cell::new(figures(judgement)),
        ]);
    }
    table
}

fn verdict(verdict: Verdict) -> Cell {
    let cell = Cell::new(verdict);
    match verdict {
        Verdict::Supported | Verdict::Refuted => cell.add_attribute(Attribute::Bold),
        Verdict::Inconclusive | Verdict::NotMeasured => cell,
    }
}

/// The ratios of a claim, a line a part, an aside told apart; or what was found without numbers.
fn figures(judgement: &Judgement) -> String {
    let figure = |part: &PartJudgement| Some(format!("{}: {}", titled(part), ratio(part.ratio.as_ref()?)));
    let figures: Vec<String> = judgement.parts.iter().filter_map(figure).collect();
    if figures.is_empty() && judgement.verdict != Verdict::NotMeasured {
        return plain(&judgement.reason);
    }
    figures.join("\n")
}

fn titled(part: &PartJudgement) -> String {
    format!("{}{}", part.name, if part.role == Role::Aside { " (aside)" } else { "" })
}

/// Everything else: hypothesis, reasons, rules and what was found, a label each.
fn rules(judgements: &[Judgement]) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING);
    fit(&mut table);
    for judgement in judgements {
        let mut row = |id: &str, label: &str, text: &str| {
            let id = Cell::new(id).add_attribute(Attribute::Bold);
            table.add_row([id, Cell::new(label), Cell::new(plain(text))]);
        };
        row(judgement.id, "claim", judgement.says);
        row("", "hypothesis", judgement.hypothesis);
        row("", "verdict", &format!("{}: {}", judgement.verdict, judgement.reason));
        for caveat in &judgement.caveats {
            row("", "but", caveat);
        }
        for part in &judgement.parts {
            row("", "part", &format!("{}: {}", titled(part), part.verdict));
            row("", "rule", &part.rule);
            for (label, text) in found(part) {
                row("", label, &text);
            }
            // Why nothing was measured is often long, and the whole claim's reason.
            if part.reason != judgement.reason {
                row("", "reason", &part.reason);
            }
        }
        row("", "", "");
    }
    table
}

/// What a part found, label and text.
fn found(part: &PartJudgement) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    if let Some(figure) = &part.ratio {
        found.push(("ratio", format!("{} ÷ {}: {}", figure.of, figure.to, ratio(figure))));
        if let Some(spread) = &figure.workloads {
            let one =
                |(workload, times): &(String, f64)| format!("{workload} {}", quantity(*times, Unit::Ratio));
            let (least, most) = (one(&spread.least), one(&spread.most));
            found.push(("", format!("{} workloads, from {least} to {most}", spread.count)));
            found.extend(spread.left_out.iter().map(|workload| ("", format!("without {workload}"))));
        }
    }
    for facts in part.facts.chunk_by(|a, b| a.key == b.key) {
        let seen = facts.iter().map(|fact| format!("{} in {}", fact.value, fact.seen_in));
        let seen: Vec<String> = seen.collect();
        found.extend(facts.first().map(|fact| ("seen", format!("{}: {}", fact.key, seen.join(", ")))));
    }
    found
}

/// Wraps at the terminal's width.
fn fit(table: &mut Table) {
    table.set_content_arrangement(ContentArrangement::Dynamic);
    if table.width().is_none() {
        table.set_width(table::WIDTH);
    }
}
