//! Comparisons of runs whose truth is known.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails; clippy sees only #[test] functions as tests"
)]

mod simulate;

use std::time::Instant;

use results::compare::{CompareError, Comparison, Options, Verdict, compare, differences};
use results::stats::Rng;
use results::{Experiment, Key, Metric, Run, Status, load, write_run};
use simulate::{BACKENDS, Machine, NOISY, QUIET, empty, measurement, run, slow_down};

/// What the default preset reaches for system calls and computation on the development machines.
const BLOCKS: u32 = 35;

fn judged(base: &Run, new: &Run) -> Comparison {
    compare(std::slice::from_ref(base), new, &Options::default()).unwrap()
}

/// Share of measurements called regressed (or improved) in so many comparisons of unchanged runs.
fn false_alarms(machine: Machine, blocks: u32, pairs: u32, bases: u32, paired: bool) -> (f64, usize) {
    let mut rng = Rng::new(u64::from(blocks) + 1);
    let (mut alarms, mut all, mut runs_with_alarm) = (0, 0, 0);
    for _ in 0..pairs {
        let base: Vec<Run> = (0..bases).map(|_| run(machine, blocks, &mut rng)).collect();
        let new = run(machine, blocks, &mut rng);
        let options = Options { paired, ..Options::default() };
        let comparison = compare(&base, &new, &options).unwrap();
        alarms += comparison.changes.iter().filter(|c| c.verdict == Verdict::Regressed).count();
        all += comparison.changes.len();
        runs_with_alarm += usize::from(comparison.has_regressed());
    }
    (alarms as f64 / all as f64, runs_with_alarm)
}

#[test]
fn of_200_unchanged_pairs_at_most_1_in_100_measurements_is_called_regressed() {
    for (name, machine) in [("quiet", QUIET), ("noisy", NOISY)] {
        for blocks in [8, BLOCKS, 100] {
            let (share, runs) = false_alarms(machine, blocks, 200, 1, false);
            println!("{name}, {blocks} blocks: {:.3} % of measurements, {runs} of 200 runs", 100.0 * share);
            assert!(share <= 0.01, "{name}, {blocks} blocks: {share}");
            // What matters to a CI: how many builds fail for nothing.
            assert!(runs <= 6, "{name}, {blocks} blocks: {runs} of 200 runs");
        }
    }
}

#[test]
fn several_base_runs_call_no_more_false_alarms() {
    let (share, runs) = false_alarms(NOISY, BLOCKS, 60, 5, false);
    println!("5 base runs: {:.3} % of measurements, {runs} of 60 runs", 100.0 * share);
    assert!(share <= 0.01, "{share}");
}

#[test]
fn paired_blocks_of_unchanged_builds_call_no_more_false_alarms() {
    let still = Machine { runs: 0.0, measurements: 0.0, ..NOISY };
    let (share, runs) = false_alarms(still, BLOCKS, 200, 1, true);
    println!("paired: {:.3} % of measurements, {runs} of 200 runs", 100.0 * share);
    assert!(share <= 0.01, "{share}");
}

#[test]
fn a_backend_slower_by_5_per_cent_is_found_in_95_of_100_runs() {
    for (name, machine, blocks) in [("quiet", QUIET, 8), ("quiet", QUIET, BLOCKS), ("noisy", NOISY, BLOCKS)] {
        let mut rng = Rng::new(7);
        let (mut found, mut others, mut each) = (0, 0, 0);
        for _ in 0..100 {
            let base = run(machine, blocks, &mut rng);
            // The machine's drift is part of the new run: the slowdown has to be seen beside it.
            let mut new = run(Machine { runs: 0.0, ..machine }, blocks, &mut rng);
            slow_down(&mut new, "container", 1.05);
            let comparison = judged(&base, &new);
            let slow =
                comparison.decided(Verdict::Regressed).filter(|change| change.backend == "container").count();
            found += usize::from(slow > 0);
            each += slow;
            others += comparison.decided(Verdict::Regressed).count() - slow;
        }
        println!(
            "{name}, {blocks} blocks: found in {found} of 100, {each} of 2100 measurements, {others} others"
        );
        if machine.runs == 0.0 {
            assert!(found >= 95, "{name}, {blocks} blocks: {found}");
        }
    }
}

#[test]
fn what_regressed_and_what_improved_follow_the_better_direction() {
    let mut rng = Rng::new(3);
    let base = run(QUIET, BLOCKS, &mut rng);
    let mut new = base.clone();
    slow_down(&mut new, "microvm", 1.3);
    let (worse, better) = (judged(&base, &new), judged(&new, &base));
    for (comparison, verdict) in [(&worse, Verdict::Regressed), (&better, Verdict::Improved)] {
        for change in &comparison.changes {
            let expected = if change.backend == "microvm" { verdict } else { Verdict::Unchanged };
            assert_eq!(change.verdict, expected, "{change:?}");
        }
    }
    assert!(worse.has_regressed() && !better.has_regressed());
}

#[test]
fn a_change_below_the_threshold_is_no_change() {
    let mut rng = Rng::new(4);
    let base = run(Machine { trials: 0.005, ..QUIET }, BLOCKS, &mut rng);
    let mut new = base.clone();
    slow_down(&mut new, "container", 1.03);
    assert!(judged(&base, &new).changes.iter().all(|change| change.verdict == Verdict::Unchanged));
    let strict = Options { threshold: 0.02, ..Options::default() };
    assert!(compare(&[base], &new, &strict).unwrap().has_regressed());
}

#[test]
fn changes_are_sorted_by_size() {
    let mut rng = Rng::new(5);
    let (base, mut new) = (run(NOISY, 12, &mut rng), run(NOISY, 12, &mut rng));
    slow_down(&mut new, "microvm", 0.5);
    let sizes: Vec<f64> = judged(&base, &new).changes.iter().map(|change| change.ratio.ln().abs()).collect();
    assert!(sizes.windows(2).all(|pair| pair[0] >= pair[1] - 1e-12), "{sizes:?}");
}

#[test]
fn a_machine_that_slowed_down_as_a_whole_is_no_regression() {
    let mut rng = Rng::new(6);
    let base = run(QUIET, BLOCKS, &mut rng);
    let mut new = run(QUIET, BLOCKS, &mut rng);
    for backend in BACKENDS {
        slow_down(&mut new, backend, 1.2);
    }
    let comparison = judged(&base, &new);
    assert!(!comparison.has_regressed());
    assert!(comparison.changes.iter().all(|change| change.verdict == Verdict::Inconclusive));
    assert!(comparison.changes[0].reason.contains("bench ab"), "{}", comparison.changes[0].reason);
}

#[test]
fn runs_of_other_hosts_agents_or_settings_are_refused_with_the_fields() {
    let mut rng = Rng::new(8);
    let base = run(QUIET, 8, &mut rng);
    let mut new = base.clone();
    new.host.cpu_model = "Another processor".into();
    new.tool.agent_sha256 = "cd".repeat(32);
    new.config.pinned_cpu = Some(1);
    new.backends[1].details.insert("seccomp".into(), "none".into());
    new.host.load_1m = 3.0;
    new.config.seed = 9;
    let fields: Vec<String> =
        differences(&base, &new).into_iter().map(|difference| difference.field).collect();
    let expected = ["backends.container.seccomp", "config.pinned_cpu", "host.cpu_model", "tool.agent_sha256"];
    assert_eq!(fields, expected);
    let error = compare(std::slice::from_ref(&base), &new, &Options::default()).unwrap_err().to_string();
    assert!(
        expected.iter().all(|field| error.contains(field)) && error.contains("--allow-different"),
        "{error}"
    );
    let allowed = Options { allow_different: true, ..Options::default() };
    assert_eq!(compare(&[base], &new, &allowed).unwrap().differences.len(), 4);
}

#[test]
fn what_cannot_be_compared_gets_no_verdict() {
    let key = |workload: &str| Key::new(Experiment::Syscalls, workload, "process", Metric::TimePerOp);
    let with = |workload: &str, samples: &[f64]| {
        let mut run = empty();
        run.measurements.push(measurement(key(workload), samples.to_vec()));
        run
    };
    let options = Options::default();
    let error = |base: Run, new: &Run| compare(&[base], new, &options).unwrap_err();
    let good = with("getpid", &[1.0, 2.0, 3.0]);
    assert!(matches!(error(good.clone(), &with("other", &[1.0, 2.0])), CompareError::Disjoint));
    assert!(matches!(error(empty(), &good), CompareError::Disjoint));
    let single = error(good.clone(), &with("getpid", &[1.0]));
    assert!(single.to_string().contains("3 and 1 samples: it takes at least 2"), "{single}");
    for samples in [&[][..], &[f64::NAN, 1.0], &[1.0, f64::INFINITY]] {
        let error = error(good.clone(), &with("getpid", samples));
        assert!(matches!(error, CompareError::Invalid { .. }), "{error}");
    }
    let mut lost = with("getpid", &[1.0]);
    lost.measurements[0].samples.clear();
    lost.measurements[0].blocks.clear();
    lost.measurements[0].status = Status::Failed;
    lost.measurements[0].reason = Some("it broke".into());
    assert!(matches!(error(good.clone(), &lost), CompareError::Disjoint));
    let future = Run { schema_version: 2, ..good.clone() };
    assert!(matches!(error(future, &good), CompareError::Invalid { .. }));
    assert!(matches!(compare(&[], &good, &options).unwrap_err(), CompareError::NoBase));
    for bad in [f64::NAN, -0.1, f64::INFINITY] {
        let options = Options { threshold: bad, ..options };
        assert!(matches!(
            compare(std::slice::from_ref(&good), &good, &options),
            Err(CompareError::Option { .. })
        ));
    }
    for bad in [f64::NAN, 0.0, 1.0] {
        let options = Options { alpha: bad, ..options };
        assert!(matches!(
            compare(std::slice::from_ref(&good), &good, &options),
            Err(CompareError::Option { .. })
        ));
    }
}

#[test]
fn few_samples_are_inconclusive_and_extreme_ones_do_no_harm() {
    let key = |workload: &str| Key::new(Experiment::Syscalls, workload, "process", Metric::TimePerOp);
    let samples: [(&str, &[f64], &[f64]); 7] = [
        ("few", &[1.0, 1.1, 1.2], &[9.0, 9.1, 9.2]),
        ("huge", &[1e308; 9], &[1e-308; 9]),
        ("huge-again", &[f64::MAX; 9], &[5e-324; 9]),
        ("zero", &[0.0; 9], &[0.0; 9]),
        ("from-zero", &[0.0; 9], &[1.0; 9]),
        ("negative", &[-1.0, -2.0, -1.5, -1.0, -1.2], &[1.0, 2.0, 0.0, 1.0, 1.2]),
        ("opposite", &[-1e308; 9], &[1e308; 9]),
    ];
    let (mut base, mut new) = (empty(), empty());
    for (workload, old, changed) in samples {
        base.measurements.push(measurement(key(workload), old.to_vec()));
        new.measurements.push(measurement(key(workload), changed.to_vec()));
    }
    let comparison = judged(&base, &new);
    let few = comparison.changes.iter().find(|change| change.workload == "few").unwrap();
    assert_eq!(few.verdict, Verdict::Inconclusive);
    assert!(few.reason.contains("3 and 3 samples are too few"), "{}", few.reason);
    for change in &comparison.changes {
        assert!([change.ratio, change.low, change.high].iter().all(|value| value.is_finite()), "{change:?}");
    }
    assert_eq!(comparison.skipped[0].key.workload, "from-zero");
}

#[test]
fn ten_thousand_measurements_are_read_and_compared_within_a_second_of_a_release_build() {
    let mut rng = Rng::new(11);
    let mut base = empty();
    for number in 0..10_000 {
        let key = Key::new(Experiment::Syscalls, format!("call-{number}"), "process", Metric::TimePerOp);
        let samples = (0..25).map(|_| 1e6 * (0.05 * simulate::normal(&mut rng)).exp()).collect();
        base.measurements.push(measurement(key, samples));
    }
    let folder = tempfile::tempdir().unwrap();
    write_run(folder.path(), &base).unwrap();
    let started = Instant::now();
    let (base, new) = (load(folder.path()).unwrap(), load(folder.path()).unwrap());
    let read = started.elapsed();
    let comparison = judged(&base, &new);
    println!("10,000 measurements: read in {read:?}, read and compared in {:?}", started.elapsed());
    assert_eq!(comparison.changes.len(), 10_000);
    // Times are not asserted on a machine that others use; reading is the peer: comparing may not take far longer.
    let compared = started.elapsed() - read;
    assert!(compared < 10 * read, "read in {read:?}, compared in {compared:?}");
}
