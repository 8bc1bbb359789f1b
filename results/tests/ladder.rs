//! What the ladder promises: steps are told block by block, and add up to the container where they should.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails; clippy sees only #[test] functions as tests"
)]

#[expect(dead_code, reason = "the simulation serves several tests")]
mod simulate;

use proptest::prelude::{ProptestConfig, prop};
use proptest::{prop_assert, proptest};
use results::ladder::{Agreement, CONTAINER, Found, RUNGS, Step, agreement, is_rung, steps};
use results::{Backend, BackendStatus, Experiment, Key, Metric, Run};

/// What each rung adds here, in the order of [`RUNGS`]: the third gains time.
const ADDS: [f64; 12] = [400.0, 30.0, -20.0, 25.0, 5.0, 7.0, 150.0, 60.0, 90.0, 4.0, 11.0, 70.0];

/// What a container has of these.
fn whole() -> f64 {
    RUNGS.iter().zip(ADDS).filter(|(rung, _)| rung.in_container).map(|(_, adds)| adds).sum()
}

fn add(run: &mut Run, backend: &str, samples: Vec<f64>) {
    let key = Key::new(Experiment::Ladder, "noop", backend, Metric::StartupTime);
    run.measurements.push(simulate::measurement(key, samples));
}

/// A run of every rung and the container; a block's disturbance hits all alike.
fn run(disturbances: &[f64]) -> Run {
    let mut run = simulate::empty();
    let mut total = 0.0;
    for (rung, adds) in RUNGS.iter().zip(ADDS) {
        total += adds;
        add(&mut run, rung.backend, disturbances.iter().map(|by| total + by).collect());
    }
    add(&mut run, CONTAINER, disturbances.iter().map(|by| whole() + by).collect());
    run
}

fn of(run: &Run) -> Vec<Step> {
    steps(run, "noop", &Metric::StartupTime, 1)
}

fn agree(run: &Run) -> Result<Agreement, String> {
    agreement(run, &of(run), "noop", &Metric::StartupTime, 1)
}

fn found(run: &Run, backend: &str) -> Found {
    of(run).into_iter().find(|step| step.rung.backend == backend).unwrap().found.unwrap()
}

fn without(mut run: Run, backend: &str) -> Run {
    run.measurements.retain(|m| m.backend != backend);
    run
}

#[test]
fn rungs_are_named_once_and_begin_with_the_bare_process() {
    let mut names: Vec<_> = RUNGS.iter().map(|rung| rung.backend).collect();
    assert_eq!(names[0], "process");
    assert!(names[2..].iter().all(|name| is_rung(name)) && !is_rung("chroot") && !is_rung(CONTAINER));
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), RUNGS.len());
}

#[test]
fn a_rung_that_was_not_measured_says_why_and_the_next_one_is_compared_with_the_one_below() {
    let mut run = without(run(&[0.0; 8]), "rung-net");
    run.backends.push(Backend {
        name: "rung-net".into(),
        status: BackendStatus::Unavailable,
        reason: Some("needs CAP_NET_ADMIN".into()),
        ..run.backends[0].clone()
    });
    let all = of(&run);
    assert_eq!(all[6].found, Err("unavailable: needs CAP_NET_ADMIN".to_owned()));
    let added = found(&run, "rung-cgroup").added.unwrap();
    assert_eq!((added.to.backend, added.cost.median), ("rung-ipc", 210.0));
    assert!(agree(&run).unwrap().agrees, "a sum does not depend on what lies between");
}

#[test]
fn the_lowest_rung_adds_nothing_and_a_step_may_gain_time() {
    let run = run(&[0.0; 8]);
    assert_eq!(found(&run, "process").added, None);
    assert_eq!(found(&run, "rung-mount").added.unwrap().cost.median, -20.0);
    assert_eq!(of(&simulate::empty())[1].found, Err("not part of this run".to_owned()));
}

#[test]
fn rungs_without_a_common_block_have_totals_but_no_difference() {
    let mut run = run(&[0.0; 8]);
    let pid = run.measurements.iter_mut().find(|m| m.backend == "rung-pid").unwrap();
    pid.blocks.iter_mut().for_each(|block| *block += 100);
    let pid = found(&run, "rung-pid");
    assert_eq!((pid.total.median, pid.added), (435.0, None));
    assert!(agree(&run).unwrap_err().contains("rung-pid shares no block"));
}

#[test]
fn a_container_that_costs_more_than_its_parts_does_not_agree() {
    let mut run = run(&[0.0, 3.0, 1.0, -2.0, 0.0, 2.0, -1.0, 1.0]);
    let whole = run.measurements.iter_mut().find(|m| m.backend == CONTAINER).unwrap();
    whole.samples.iter_mut().for_each(|sample| *sample += 80.0);
    let found = agree(&run).unwrap();
    assert!(!found.agrees && (found.difference.median + 80.0).abs() < 1e-9, "{found:?}");
}

#[test]
fn what_an_overlay_costs_is_not_part_of_the_sum_and_must_be_told_apart() {
    let all = run(&[0.0; 8]);
    assert!(agree(&without(all.clone(), "rung-overlay")).is_ok());
    let found = agree(&all).unwrap();
    assert!((found.sum.median - whole()).abs() < 1e-9, "{found:?}");
    let why = agree(&without(all.clone(), "rung-cgroup")).unwrap_err();
    assert!(why.contains("rung-overlay cannot be told"), "{why}");
    for needed in ["process", "rung-seccomp", CONTAINER] {
        assert!(agree(&without(all.clone(), needed)).unwrap_err().starts_with(needed), "{needed}");
    }
}

#[test]
fn absurd_samples_are_survived() {
    for absurd in [f64::NAN, f64::INFINITY, -f64::MAX, f64::MAX] {
        let mut run = run(&[0.0; 8]);
        run.measurements.iter_mut().for_each(|m| m.samples[2] = absurd);
        of(&run);
        let _ = agree(&run);
        run.measurements.iter_mut().for_each(|m| m.blocks.truncate(1));
        let _ = agree(&run);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_disturbs_whole_blocks_changes_no_step_and_no_agreement(
        disturbances in prop::collection::vec(-300.0_f64..1e6, 1..30),
    ) {
        let run = run(&disturbances);
        for (step, adds) in of(&run).iter().zip(ADDS).skip(1) {
            let cost = step.found.as_ref().unwrap().added.unwrap().cost;
            prop_assert!((cost.low - adds).abs() < 1e-6 && (cost.high - adds).abs() < 1e-6, "{:?}", step);
        }
        let found = agree(&run).unwrap();
        prop_assert!(found.agrees || found.difference.high.abs() < 1e-6, "{found:?}");
        prop_assert!(found.difference.median.abs() < 1e-6, "{found:?}");
    }
}
