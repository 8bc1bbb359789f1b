//! Charts and tables of many instances, without and with data that others published.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails; clippy sees only #[test] functions as tests"
)]

mod dense;
mod support;

use std::fs;

use reports::{Published, Theme, charts, html, render, render_in};
use results::{Experiment, Run};

fn run() -> Run {
    dense::with_density(support::run(4))
}

fn names(run: &Run) -> Vec<String> {
    charts(run)
        .unwrap()
        .into_iter()
        .map(|chart| chart.name)
        .filter(|name| name.starts_with("density"))
        .collect()
}

#[test]
fn a_run_of_many_instances_has_its_charts_and_one_without_has_none() {
    assert_eq!(names(&run()), ["density-start", "density-memory", "density-size"]);
    assert_eq!(names(&support::run(4)), [] as [String; 0]);
}

#[test]
fn the_page_gives_latencies_with_their_tails_and_rates() {
    let page = html(&run()).unwrap();
    assert!(page.contains("median, then 95th to 99th percentile"));
    assert!(page.contains("36 starts"), "every start of every round counts");
    assert!(page.contains("Instances ready per second with 8 starts at a time"));
    assert!(page.contains("parallel-8, instances started per second"));
    assert!(!page.contains("serial, memory in use"), "the curve is in the chart, its slope in the table");
}

#[test]
fn the_legend_gives_what_one_more_costs() {
    let chart = charts(&run()).unwrap().into_iter().find(|chart| chart.name == "density-memory").unwrap();
    // The median of the three rounds, 2 * 900,000 bytes.
    assert!(chart.svg.contains("1.72\u{a0}MiB each"), "{}", chart.svg);
}

#[test]
fn published_data_stands_in_panels_of_its_own_that_say_whose_it_is() {
    let (data, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let curve = "150000 0.000000\n160000 0.500000\n190000 1.000000\n\n\n110 0.0\n110 1.0\n";
    fs::write(data.path().join("boot-serial-fc-api-cdf.dat"), curve).unwrap();
    fs::write(data.path().join("boot-parallel-50-fc-api-cdf.dat"), curve).unwrap();
    fs::write(data.path().join("mem-fc.dat"), "131072 1 1 1 1 1 1 133632\n262144 1 1 1 1 1 1 264704\n")
        .unwrap();
    let published = Published::read(data.path()).unwrap();

    let rendered = render_in(&run(), Some(&published), out.path(), Theme::Light).unwrap();
    let page = fs::read_to_string(rendered.html).unwrap();
    for words in [
        "Firecracker (published)",
        "Published, NSDI ’20: one after another",
        "Published, NSDI ’20: 50 at a time",
        "once the guest’s init runs",
        "Firecracker 160\u{a0}ms (p99 190\u{a0}ms)",
        "Firecracker (published, NSDI ’20)",
    ] {
        assert!(page.contains(words), "{words}");
    }
    let without = fs::read_to_string(render(&run(), out.path()).unwrap().html).unwrap();
    assert!(!without.contains("NSDI ’20:"));
}

#[test]
fn hostile_numbers_and_names_draw_something_or_nothing() {
    let mut run = run();
    for m in run.measurements.iter_mut().filter(|m| m.experiment == Experiment::Density) {
        m.samples = m.samples.iter().map(|sample| sample * -1e300).collect();
        if m.workload == "serial" {
            m.workload = "size-99999999999999999999m".to_owned();
        }
    }
    charts(&run).unwrap();
    html(&run).unwrap();
}
