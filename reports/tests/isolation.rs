//! What the page says of limits: in the words of the evidence, with the figures of the neighbours.

mod support;
mod tried;

use reports::{charts, html};
use results::Run;
use tried::KILLED;

fn run() -> Run {
    tried::with_limits(support::run(6))
}

#[test]
fn limits_stand_in_a_table_of_their_own_and_not_among_what_is_seen_from_inside() {
    let page = html(&run()).unwrap();
    assert!(page.contains("Limits, enforced"));
    let (_, seen_from_inside) = page.split_once("id=\"evidence\"").unwrap();
    assert!(seen_from_inside.contains("kernel-release") && !seen_from_inside.contains("limit memory"));
    assert!(page.contains(&format!("<td class=\"value\">held <span class=\"aside\">{KILLED}</span>")));
    assert!(page.contains("<td class=\"value\">n/a <span class=\"aside\">needs fork</span>"));
}

#[test]
fn a_limit_that_did_not_hold_stands_out() {
    let page = html(&run()).unwrap();
    assert!(
        page.contains(
            "<td class=\"value differs\">not held <span class=\"aside\">0.560 of 0.500 CPUs</span>"
        )
    );
}

#[test]
fn a_neighbour_is_marked_only_where_its_interval_excludes_one() {
    let page = html(&run()).unwrap();
    let (_, rows) = page.split_once("neighbour beside hog").unwrap();
    let row = rows.split_once("</tr>").unwrap().0;
    assert_eq!(row.matches("value differs").count(), 3, "{row}");
    let (_, rows) = page.split_once("neighbour beside spin").unwrap();
    let row = rows.split_once("</tr>").unwrap().0;
    assert!(row.contains("<td class=\"value\">0.995"), "{row}");
}

#[test]
fn neighbours_are_drawn_with_a_gap_where_there_is_none() {
    let drawn = charts(&run()).unwrap();
    let chart = drawn.iter().find(|chart| chart.name == "neighbour").unwrap();
    for part in ["hog", "fork-storm", "spin", "times its time alone", "microvm: n/a, needs fork"] {
        assert!(chart.svg.contains(part), "{part}");
    }
    let without = charts(&support::run(3)).unwrap();
    assert!(without.iter().all(|chart| chart.name != "neighbour"));
}

#[test]
fn a_run_that_was_killed_before_its_evidence_shows_the_figures() {
    let mut run = run();
    run.evidence.retain(|fact| !fact.key.starts_with("limit "));
    let page = html(&run).unwrap();
    let (_, rows) = page.split_once("<th scope=\"row\">memory hog").unwrap();
    let row = rows.split_once("</tr>").unwrap().0;
    assert!(row.contains("32.0\u{a0}MiB") && row.contains("26.0\u{a0}MiB"), "{row}");
}
