//! What the page says of limits: in the words of the evidence, with the figures of the neighbours.

mod support;

use reports::{charts, html};
use results::evidence::{LIMIT_CPU, LIMIT_HOST, LIMIT_MEMORY, LIMIT_NEIGHBOUR, LIMIT_PIDS};
use results::{Evidence, Experiment, Measurement, Metric, Run, Status};

const MIB: f64 = 1_048_576.0;
const KILLED: &str =
    "stopped by the kernel, charged 32.0 MiB of 32.0 MiB (signal: 9 (SIGKILL), oom_kill 1); in 4 of 4 trials";

fn measured(workload: &str, backend: &str, metric: Metric, samples: &[f64]) -> Measurement {
    Measurement {
        experiment: Experiment::Isolation,
        workload: workload.to_owned(),
        backend: backend.to_owned(),
        unit: metric.unit(),
        better: metric.better(),
        metric,
        status: Status::Ok,
        reason: None,
        samples: samples.to_vec(),
        blocks: (0..samples.len() as u32).collect(),
        flags: None,
    }
}

/// The usual run, with limits tried on three backends.
fn run() -> Run {
    let mut run = support::run(6);
    run.config.experiments.push(Experiment::Isolation);
    for (place, backend) in ["process", "container", "microvm"].into_iter().enumerate() {
        let shift = place as f64 * 0.05;
        let slowed = |by: f64| [by + shift, by + 0.02 + shift, by - 0.01 + shift, by + 0.01 + shift];
        let peak = [32.0, 32.0, 26.0][place] * MIB;
        run.measurements.extend([
            measured("hog", backend, Metric::PeakMemory, &[peak; 4]),
            measured("hog", backend, Metric::NeighbourSlowdown, &slowed(1.12)),
            measured("spin", backend, Metric::CpuShare, &[0.5, 0.501, 0.499, 0.502]),
            measured("spin", backend, Metric::NeighbourSlowdown, &slowed(0.99)),
        ]);
        let mut storm = measured("fork-storm", backend, Metric::PeakProcesses, &[64.0; 4]);
        if backend == "microvm" {
            (storm.samples, storm.blocks) = (Vec::new(), Vec::new());
            (storm.status, storm.reason) = (Status::NotApplicable, Some("needs fork".to_owned()));
        } else {
            run.measurements.push(measured("fork-storm", backend, Metric::NeighbourSlowdown, &slowed(1.3)));
        }
        run.measurements.push(storm);
        let pids = if backend == "microvm" { "n/a: needs fork" } else { "held: 64 processes of 64" };
        let cpu = if backend == "container" {
            "not held: 0.560 of 0.500 CPUs"
        } else {
            "held: 0.502 of 0.500 CPUs"
        };
        for (key, value) in [
            (LIMIT_MEMORY, format!("held: {KILLED}").as_str()),
            (LIMIT_PIDS, pids),
            (LIMIT_CPU, cpu),
            (LIMIT_NEIGHBOUR, "on CPU 0; what tried the limits on CPU 1"),
            (LIMIT_HOST, "not disturbed"),
        ] {
            run.evidence.push(Evidence {
                backend: backend.to_owned(),
                key: key.to_owned(),
                value: value.to_owned(),
            });
        }
    }
    run
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
