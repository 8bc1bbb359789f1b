//! Pictures and page against committed ones in `tests/golden`; look at a change in a browser before accepting it.
//!
//! To regenerate: `UPDATE_GOLDEN=1 cargo test -p reports --test golden`.

#[expect(dead_code, reason = "what is climbed serves several tests")]
mod climbed;
mod hosts;
mod many;
mod support;

use std::fs;
use std::path::Path;

use reports::{Picture, Size, Theme, chart, charts, history, html, side_by_side};
use results::{Experiment, Metric, RunState};

fn matches_golden(name: &str, made: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap_or(&path)).expect("the folder of golden files can be made");
        fs::write(&path, made).expect("a golden file can be written");
    }
    let golden = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        golden == made,
        "{} differs; look at it, then UPDATE_GOLDEN=1 cargo test -p reports --test golden",
        path.display()
    );
}

#[test]
fn charts_look_as_they_did() {
    for chart in charts(&support::run(24)).unwrap() {
        matches_golden(&format!("{}.svg", chart.name), &chart.svg);
    }
}

#[test]
fn the_page_reads_as_it_did() {
    matches_golden("report.html", &html(&support::run(24)).unwrap());
}

#[test]
fn the_page_of_a_ladder_and_a_program_reads_as_it_did() {
    let mut run = climbed::with_program(climbed::with_ladder(support::run(24)));
    // The others are in the page above.
    run.measurements.retain(|m| m.experiment >= Experiment::Ladder);
    run.config.experiments = vec![Experiment::Ladder, Experiment::Exec];
    matches_golden("ladder.html", &html(&run).unwrap());
    for chart in charts(&run).unwrap() {
        matches_golden(&format!("{}.svg", chart.name), &chart.svg);
    }
}

#[test]
fn the_page_of_many_runs_reads_as_it_did() {
    let mut runs = many::runs(15);
    for run in &mut runs {
        // Enough for every kind of row.
        run.measurements
            .retain(|m| m.metric == Metric::StartupTime || ["getpid", "triad"].contains(&&*m.workload));
    }
    runs[4].host.kernel = "6.19.0".to_owned();
    runs[9].state = RunState::Interrupted;
    let unread = history::Unread { path: "runs/x/run.json".to_owned(), reason: "not JSON".to_owned() };
    let runs = results::history::history(runs);
    matches_golden("history.html", &history::html(&runs, &[unread]).unwrap());
    let charts = history::charts(&runs).unwrap();
    let chart = charts.iter().find(|chart| chart.name == "startup-noop-startup_time").unwrap();
    matches_golden("history-startup.svg", &chart.svg);
}

#[test]
fn charts_for_an_article_look_as_they_did() {
    for (name, width, height, theme) in [
        ("startup-ecdf", 480, 400, Theme::Dark),
        ("cpu", 640, 720, Theme::Light),
        ("memory", 360, 900, Theme::Dark),
    ] {
        let style = Picture { size: Some(Size { width, height }), theme };
        let picture = chart(&support::run(24), name, style).unwrap();
        matches_golden(&format!("{name}-{width}x{height}.svg"), &picture.svg);
    }
}

#[test]
fn the_page_of_several_machines_reads_as_it_did() {
    let mut runs = hosts::runs(8);
    for run in &mut runs {
        // Enough for every kind of row.
        run.measurements.retain(|m| {
            m.experiment == Experiment::Startup
                || m.metric == Metric::VmmOverhead
                || ["getpid", "fork-exit", "triad"].contains(&&*m.workload)
        });
    }
    matches_golden("side-by-side.html", &side_by_side::html(&runs).unwrap());
    let charts = side_by_side::charts(&runs, Theme::Light).unwrap();
    for name in ["startup", "syscalls"] {
        let chart = charts.iter().find(|chart| chart.name == name).unwrap();
        matches_golden(&format!("side-by-side-{name}.svg"), &chart.svg);
    }
}
