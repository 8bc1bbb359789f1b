//! The ladder on the page: a waterfall whose steps may go down, figures a rung, and rungs nowhere else.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails; clippy sees only #[test] functions as tests"
)]

mod climbed;
mod support;

use reports::{charts, html, side_by_side};
use results::{BackendStatus, Experiment, Metric, Run};

fn run() -> Run {
    climbed::with_ladder(support::run(24))
}

fn chart(run: &Run, name: &str) -> Option<String> {
    charts(run).unwrap().into_iter().find(|chart| chart.name == name).map(|chart| chart.svg)
}

/// A section of the page, from its heading to the next.
fn section(page: &str, id: &str) -> String {
    let (_, rest) = page.split_once(&format!("<h2 id=\"{id}\">")).unwrap();
    rest.split("<h2 id=").next().unwrap().to_owned()
}

#[test]
fn every_measured_rung_has_a_bar_with_a_signed_figure_and_a_row_with_all_that_was_measured() {
    let run = run();
    let picture = chart(&run, "ladder-startup").unwrap();
    for name in
        ["bare process", "chroot", "mount namespace", "user namespace", "its steps, added up", "microvm"]
    {
        assert!(picture.contains(name), "{name}");
    }
    assert_eq!(picture.matches("\n+").count(), 9, "steps that take time");
    assert_eq!(picture.matches("\n−").count(), 1, "the one that saves some");
    assert!(picture.contains("× the scale above"), "a Linux guest would dwarf the steps");
    let ladder = section(&html(&run).unwrap(), "ladder");
    for words in
        ["a network stack of its own", "getpid", "openat-close", "one more idle", "data-v=\"-2.9", "1979"]
    {
        assert!(ladder.contains(words), "{words}");
    }
    assert!(chart(&run, "ladder-costs").unwrap().contains("one more idle instance"));
}

#[test]
fn a_rung_that_could_not_be_climbed_says_why_in_the_section_of_the_ladder_and_only_there() {
    let page = html(&run()).unwrap();
    let ladder = section(&page, "ladder");
    assert!(ladder.contains("<th scope=\"row\">rung-ipc</th>") && ladder.contains("CONFIG_IPC_NS"));
    assert_eq!(page.matches("CONFIG_IPC_NS").count(), 1);
}

#[test]
fn rungs_are_not_compared_with_backends_elsewhere() {
    let mut run = run();
    run.evidence.push(results::Evidence {
        backend: "rung-pid".to_owned(),
        key: "only-of-a-rung".to_owned(),
        value: "1".to_owned(),
    });
    let page = html(&run).unwrap();
    for id in ["startup", "memory-use", "system-calls", "computation", "evidence", "history"] {
        let section = section(&page, id);
        assert!(!section.contains("rung-") && !section.contains("only-of-a-rung"), "{id}");
    }
    let (top, _) = page.split_once("<h2 id=\"claims\">").unwrap();
    assert!(!top.contains("rung-"), "cards and first line");
    assert_eq!(top.matches("measured on the ladder only").count(), 1, "chroot");
    assert!(section(&page, "evidence").contains("chroot"), "which is a backend of its own");
    let page = side_by_side::html(&[run.clone(), run]).unwrap();
    assert!(!page.contains("rung-"));
}

#[test]
fn the_page_says_whether_the_steps_make_a_container() {
    let mut run = run();
    let verdict = |run: &Run| section(&html(run).unwrap(), "ladder");
    assert!(verdict(&run).contains(": they agree."));
    let is_it = |m: &&mut results::Measurement| {
        m.experiment == Experiment::Ladder && m.backend == "container" && m.metric == Metric::StartupTime
    };
    let whole = run.measurements.iter_mut().find(is_it).unwrap();
    whole.samples.iter_mut().for_each(|sample| *sample *= 0.8);
    assert!(verdict(&run).contains("they do not agree: in one go it takes less"));
    for m in run.measurements.iter_mut().filter(|m| m.experiment == Experiment::Ladder) {
        (m.samples, m.blocks) = (m.samples[..3].to_vec(), m.blocks[..3].to_vec());
    }
    assert!(verdict(&run).contains("3 blocks are too few"));
    run.measurements.retain(|m| m.backend != "rung-seccomp");
    assert!(verdict(&run).contains("cannot be told: rung-seccomp: not measured."));
}

#[test]
fn the_history_takes_the_price_of_a_mechanism_from_the_ladder() {
    let history = section(&html(&run()).unwrap(), "history");
    for system in ["OverlayFS", "process containers (cgroups)"] {
        let (_, row) = history.split_once(&format!("<th scope=\"row\">{system}</th>")).unwrap();
        let row = row.split_once("</tr>").unwrap().0;
        assert!(row.contains(" to a start") && row.contains("adds "), "{row}");
    }
}

#[test]
fn a_run_of_nothing_but_the_ladder_has_cards_and_a_headline() {
    let mut run = run();
    run.measurements.retain(|m| m.experiment == Experiment::Ladder);
    run.config.experiments = vec![Experiment::Ladder];
    let page = html(&run).unwrap();
    let (top, _) = page.split_once("<h2 id=\"claims\">").unwrap();
    assert!(top.contains("a getpid call") && top.contains("the dearest step is"));
    assert!(!top.contains("not measured") && !top.contains("on the ladder only"), "{top}");
}

#[test]
fn absurd_ladders_are_survived() {
    for absurd in [0.0, -1.0, 1e308, f64::NAN, f64::INFINITY] {
        let mut run = run();
        for m in run.measurements.iter_mut().filter(|m| m.experiment == Experiment::Ladder) {
            m.samples.iter_mut().step_by(2).for_each(|sample| *sample *= absurd);
        }
        html(&run).unwrap();
        run.measurements.retain(|m| m.backend != "process" && m.backend != "container");
        html(&run).unwrap();
        charts(&run).unwrap();
    }
    let mut run = run();
    run.backends.iter_mut().for_each(|backend| backend.status = BackendStatus::Failed);
    html(&run).unwrap();
}

#[test]
fn a_program_is_compared_and_shown_with_its_command() {
    let page = html(&climbed::program_alone(support::run(12))).unwrap();
    let program = section(&page, "own-program");
    assert!(program.contains("./busybox sh -c &#39;seq 1 100000 | sort -R | md5sum&#39;"), "{program}");
    for words in ["start to exit", "× process", "memory at most", "needs fork, futex", "1.03\u{a0}×"] {
        assert!(program.contains(words), "{words}");
    }
    let (top, _) = page.split_once("<h2 id=\"own-program\">").unwrap();
    assert!(top.contains("From start to exit of busybox, ") && top.contains("n/a: needs fork, futex"));
    assert!(!top.contains("<h2 id=\"claims\">"), "a run of nothing else leads with it");
}

#[test]
fn a_program_stands_last_where_there_is_more_and_says_why_backends_did_not_run_it() {
    let mut run = climbed::with_program(support::run(12));
    let picture = chart(&run, "program-time").unwrap();
    assert!(picture.contains("n/a: needs fork, futex") && picture.contains("failed: ended with status 127"));
    run.measurements.retain(|m| m.experiment != Experiment::Exec || m.backend != "microvm");
    let idle = run.backends.iter_mut().find(|backend| backend.name == "microvm").unwrap();
    (idle.status, idle.reason) = (BackendStatus::Unavailable, Some("no /dev/kvm".to_owned()));
    let page = html(&run).unwrap();
    let places = ["claims", "isolation", "own-program", "evidence"]
        .map(|id| page.find(&format!("<h2 id=\"{id}\">")).unwrap());
    assert!(places.is_sorted(), "{places:?}");
    assert!(section(&page, "own-program").contains("no /dev/kvm"));
}
