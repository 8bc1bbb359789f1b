//! What the page of many runs promises, whatever the runs are.

mod many;
mod support;

use std::fs;

use reports::history::{Unread, charts, headline, html, render};
use results::history::{History, history};
use results::{Host, Run};

const EVIL: &str = "\"><script>alert(1)</script>'&amp;\u{0}\u{1b}\u{202e}";

#[test]
fn a_page_and_its_charts_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let rendered = render(&history(many::runs(18)), &[], folder.path()).unwrap();
    assert_eq!(rendered.html, folder.path().join("history.html"));
    assert!(fs::read_to_string(&rendered.html).unwrap().trim_end().ends_with("</html>"));
    for extension in ["svg", "png"] {
        let file = folder.path().join("history").join(format!("startup-noop-startup_time.{extension}"));
        assert!(rendered.charts.contains(&file) && file.exists(), "{}", file.display());
    }
}

#[test]
fn the_page_says_what_changed_and_marks_it() {
    let history = history(many::runs(18));
    let page = html(&history, &[]).unwrap();
    let sentence = headline(&history);
    assert!(page.contains(&sentence), "{sentence}");
    assert!(
        sentence.contains("on container") && sentence.contains("since 2026-11-24 12:00 UTC"),
        "{sentence}"
    );
    assert!(page.contains("worse"));
}

#[test]
fn few_runs_and_no_change_are_said_to_be_that() {
    let sentence = headline(&history(many::runs(2)));
    assert!(sentence.starts_with("0 of ") && sentence.contains("a dozen are needed"), "{sentence}");
}

#[test]
fn no_line_joins_runs_of_different_machines() {
    let mut runs = many::runs(6);
    runs.iter_mut().skip(3).for_each(|run| run.host = Host { kernel: "7.0".to_owned(), ..run.host.clone() });
    let lines = |runs: Vec<Run>| {
        let charts = charts(&history(runs)).unwrap();
        charts[0].svg.matches("<polyline").count()
    };
    // Beside the grid, a line for each setting and backend instead of one for each backend.
    assert!(lines(runs) > lines(many::runs(6)));
}

#[test]
fn every_string_of_hostile_runs_is_escaped() {
    let mut runs = many::runs(14);
    for run in &mut runs {
        run.tool.version.push_str(EVIL);
        run.tool.git = Some(EVIL.to_owned());
        run.host.cpu_model.push_str(EVIL);
        run.backends.iter_mut().for_each(|backend| backend.name.push_str(EVIL));
        for measurement in &mut run.measurements {
            measurement.backend.push_str(EVIL);
            measurement.workload.push_str(EVIL);
        }
    }
    runs[3].host.kernel.push_str(EVIL);
    let unread = Unread { path: EVIL.to_owned(), reason: EVIL.to_owned() };
    let history = history(runs);
    let page = html(&history, &[unread]).unwrap();
    assert!(!page.contains("<script"), "{}", page.matches("<script").count());
    for chart in charts(&history).unwrap() {
        let tree = resvg::usvg::Tree::from_str(&chart.svg, &resvg::usvg::Options::default());
        assert!(tree.is_ok(), "{}", chart.name);
        assert!(
            chart.name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)),
            "{}",
            chart.name
        );
    }
}

#[test]
fn no_value_however_odd_breaks_a_page() {
    for value in [0.0, -1.0, f64::MIN_POSITIVE, 5e-324, f64::MAX, f64::MIN] {
        let mut runs = many::runs(13);
        for run in runs.iter_mut().skip(7) {
            run.measurements.iter_mut().flat_map(|m| &mut m.samples).for_each(|sample| *sample = value);
        }
        let page = html(&history(runs), &[]).unwrap();
        assert!(!page.contains("NaN") && !page.contains("inf"), "{value}");
    }
    html(&History::default(), &[]).unwrap();
    html(&history([]), &[]).unwrap();
}

#[test]
fn a_page_of_very_many_backends_and_runs_stays_of_a_size_that_a_browser_shows() {
    let runs = (0..300_u32).map(|number| {
        let mut run = support::run(1);
        run.run_id = format!("run-{number:03}");
        let more: Vec<_> = (0..20)
            .flat_map(|copy| {
                let copies = run.measurements.iter().take(8).cloned();
                copies.map(move |mut m| {
                    m.backend = format!("{}-{copy}", m.backend);
                    m
                })
            })
            .collect();
        run.measurements.extend(more);
        run
    });
    let page = html(&history(runs), &[]).unwrap();
    assert!(page.len() < 4 << 20, "{}", page.len());
}
