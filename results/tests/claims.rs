//! What the claims make of runs whose truth is known.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails; clippy sees only the #[test] functions as tests"
)]

#[expect(dead_code, reason = "most of it is for the tests of comparisons")]
mod simulate;

use proptest::prelude::{ProptestConfig, prop};
use proptest::sample::select;
use proptest::{prop_assert, prop_assert_eq, proptest};
use results::claims::{Judgement, PartJudgement, Verdict, judge};
use results::stats::Rng;
use results::{Backend, BackendStatus, Evidence, Experiment, Key, Metric, Run, RunState, Status};

use Verdict::{Inconclusive, NotMeasured, Refuted, Supported};

const BACKENDS: [&str; 5] = ["process", "container", "container-noseccomp", "microvm", "microvm-linux"];
const CPU: [&str; 4] = ["sha256", "sort", "matmul", "first-touch"];
const SYSCALLS: [&str; 4] = ["getpid", "read-zero-1", "openat-close", "fork-exit"];

/// A part of C6.
const UNFILTERED: &str = "system calls, container without filter against process";

/// What the hypotheses say of a backend: startup, CPU time, memory, system calls, computation, page faults, times a process.
const AS_SAID: [[f64; 6]; 5] = [
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0],
    [8.0, 3.0, 4.0, 1.3, 1.01, 1.0],
    [8.0, 3.0, 4.0, 1.02, 1.0, 1.0],
    [10.0, 6.0, 14.0, 9.0, 0.99, 1.0],
    [200.0, 300.0, 90.0, 1.1, 1.02, 1.4],
];

/// A run in which each sample is off by up to `noise`.
fn made(truth: &[[f64; 6]; 5], blocks: u32, noise: f64) -> Run {
    let (mut run, mut rng) = (simulate::empty(), Rng::new(3));
    run.config.experiments =
        vec![Experiment::Startup, Experiment::Memory, Experiment::Syscalls, Experiment::Cpu];
    run.backends.push(Backend { name: BACKENDS[4].into(), ..run.backends[0].clone() });
    for (backend, [startup, cpu_time, memory, call, compute, fault]) in BACKENDS.into_iter().zip(*truth) {
        let noop = |experiment, metric| Key::new(experiment, "noop", backend, metric);
        let mut all = vec![
            (noop(Experiment::Startup, Metric::StartupTime), startup),
            (noop(Experiment::Startup, Metric::CpuTime), cpu_time),
            (noop(Experiment::Memory, Metric::MarginalMemory), memory),
        ];
        let timed = |experiment, name: &str| Key::new(experiment, name, backend, Metric::TimePerOp);
        all.extend(SYSCALLS.map(|name| (timed(Experiment::Syscalls, name), call)));
        all.extend(
            CPU.map(|name| {
                (timed(Experiment::Cpu, name), if name == "first-touch" { fault } else { compute })
            }),
        );
        all.push((Key::new(Experiment::Cpu, "triad", backend, Metric::Bandwidth), 1.0 / compute));
        for (key, centre) in all {
            let off = |rng: &mut Rng| noise * (2.0 * rng.next_u64() as f64 / u64::MAX as f64 - 1.0);
            let samples = (0..blocks).map(|_| 1e6 * centre * off(&mut rng).exp()).collect();
            run.measurements.push(simulate::measurement(key, samples));
        }
    }
    for (backend, [boot, release, uptime, pid, memory]) in BACKENDS.into_iter().zip([
        ["b0", "6.18.0", "9000", "411", "8000"],
        ["b0", "6.18.0", "9010", "1", "8000"],
        ["b0", "6.18.0", "9020", "1", "8000"],
        ["n/a: needs /proc", "unikernel", "9030", "1", "n/a: needs sysinfo"],
        ["n/a: needs /proc", "6.18.0", "12", "1", "120"],
    ]) {
        let facts = [
            ("boot-id", boot),
            ("kernel-release", release),
            ("uptime-ms", uptime),
            ("pid", pid),
            ("memory-bytes", memory),
        ];
        run.evidence.extend(facts.map(|(key, value)| Evidence {
            backend: backend.into(),
            key: key.into(),
            value: value.into(),
        }));
    }
    run.check().unwrap();
    run
}

fn as_said() -> Run {
    made(&AS_SAID, 12, 0.01)
}

fn claim(run: &Run, id: &str) -> Judgement {
    judge(run).into_iter().find(|judgement| judgement.id == id).unwrap()
}

fn part(run: &Run, id: &str, name: &str) -> PartJudgement {
    claim(run, id).parts.into_iter().find(|part| part.name == name).unwrap()
}

fn verdicts(run: &Run) -> Vec<(&'static str, Verdict)> {
    judge(run).iter().map(|judgement| (judgement.id, judgement.verdict)).collect()
}

fn set_fact(run: &mut Run, backend: &str, key: &str, value: &str) {
    let fact = run.evidence.iter_mut().find(|fact| fact.backend == backend && fact.key == key).unwrap();
    fact.value = value.to_owned();
}

fn unavailable(run: &mut Run, name: &str) {
    let backend = run.backends.iter_mut().find(|backend| backend.name == name).unwrap();
    (backend.status, backend.reason) = (BackendStatus::Unavailable, Some("no VMX, no SVM".into()));
    run.measurements.retain(|m| m.backend != name);
    run.evidence.retain(|fact| fact.backend != name);
}

#[test]
fn a_run_as_the_hypotheses_say_supports_what_it_measures_and_nothing_else() {
    let expected = [
        ("C1", Supported),
        ("C2", Supported),
        ("C3", Supported),
        ("C4", Inconclusive),
        ("C5", Inconclusive),
        ("C6", Supported),
        ("C7", Supported),
        ("C8", NotMeasured),
        ("C9", NotMeasured),
        ("C10", NotMeasured),
    ];
    assert_eq!(verdicts(&as_said()), expected);
    for judgement in judge(&as_said()) {
        assert!(judgement.parts.iter().all(|part| !part.reason.is_empty() && !part.rule.is_empty()));
        assert!(!judgement.reason.is_empty());
    }
}

#[test]
fn a_number_comes_with_its_interval_and_blocks_and_says_what_it_compares() {
    let ratio = part(&as_said(), "C1", "Linux VM against container").ratio.unwrap();
    let (low, high) = ratio.interval.unwrap();
    assert!(low <= ratio.median && ratio.median <= high && (ratio.median / 25.0 - 1.0).abs() < 0.02);
    assert_eq!((ratio.of, ratio.to, ratio.blocks), ("microvm-linux", "container", 12));
    let spread =
        part(&as_said(), "C6", "computation, container against process").ratio.unwrap().workloads.unwrap();
    assert_eq!((spread.count, spread.left_out.len()), (5, 0));
}

#[test]
fn turned_numbers_turn_the_verdict() {
    // Backend, which of its costs, another value, and whose verdict it turns.
    for (backend, cost, value, id) in [
        (4, 0, 4.0, "C1"),
        (4, 1, 2.0, "C2"),
        (4, 2, 2.0, "C2"),
        (2, 3, 1.2, "C6"),
        (1, 4, 0.8, "C6"),
        (4, 3, 12.0, "C7"),
        (4, 4, 1.2, "C7"),
        (4, 5, 0.9, "C7"),
    ] {
        let mut truth = AS_SAID;
        truth[backend][cost] = value;
        let found = claim(&made(&truth, 12, 0.01), id);
        assert_eq!(found.verdict, Refuted, "{id}, cost {cost} of {}", BACKENDS[backend]);
    }
}

#[test]
fn a_unikernel_that_starts_sooner_shows_as_an_aside_and_does_not_decide() {
    let mut truth = AS_SAID;
    truth[3][0] = 4.0;
    let run = made(&truth, 12, 0.01);
    assert_eq!(claim(&run, "C1").verdict, Supported);
    assert_eq!(part(&run, "C1", "unikernel VM against container").verdict, Refuted);
}

#[test]
fn turned_facts_turn_the_verdict() {
    for (backend, key, value, id, expected) in [
        ("container", "boot-id", "b1", "C3", Refuted),
        ("microvm", "boot-id", "b0", "C3", Refuted),
        ("microvm-linux", "kernel-release", "6.1.0", "C3", Supported),
        // Neither boot id nor name nor clock tells two boots of one kernel apart.
        ("microvm-linux", "uptime-ms", "9040", "C3", Inconclusive),
        ("container", "pid", "400", "C4", Refuted),
        ("microvm-linux", "memory-bytes", "8000", "C5", Refuted),
        ("microvm-linux", "memory-bytes", "much", "C5", Inconclusive),
        ("microvm-linux", "memory-bytes", "n/a: needs sysinfo", "C5", NotMeasured),
    ] {
        let mut run = as_said();
        set_fact(&mut run, backend, key, value);
        assert_eq!(claim(&run, id).verdict, expected, "{key} of {backend} is {value}");
    }
}

#[test]
fn a_chroot_that_changes_more_than_the_files_or_not_even_these_refutes() {
    let mut run = as_said();
    run.backends.push(Backend { name: "chroot".into(), ..run.backends[0].clone() });
    for (backend, root) in [("process", "254:2"), ("chroot", "254:77")] {
        for (key, value) in [
            ("root-directory", root),
            ("kernel-version", "#1 SMP"),
            ("hostname", "here"),
            ("uid", "0"),
            ("capabilities", "000001ffffffffff"),
            ("seccomp-mode", "0"),
        ] {
            run.evidence.push(Evidence { backend: backend.into(), key: key.into(), value: value.into() });
        }
    }
    assert_eq!(claim(&run, "C8").verdict, Supported);
    for (key, value, expected) in [
        ("root-directory", "254:2", Refuted),
        ("root-directory", "n/a: needs a root directory", Inconclusive),
        ("hostname", "inside", Refuted),
        ("capabilities", "0000000000000000", Refuted),
    ] {
        let mut run = run.clone();
        set_fact(&mut run, "chroot", key, value);
        assert_eq!(claim(&run, "C8").verdict, expected, "{key} is {value}");
    }
}

#[test]
fn layers_that_add_more_than_a_quarter_refute() {
    for (times, expected) in [(1.1, Supported), (1.25, Inconclusive), (1.5, Refuted)] {
        let mut run = as_said();
        run.config.experiments.push(Experiment::Ladder);
        for (backend, cost) in [("rung-cgroup", 1e6), ("rung-overlay", 1e6 * times)] {
            run.backends.push(Backend { name: backend.into(), ..run.backends[0].clone() });
            let key = Key::new(Experiment::Ladder, "noop", backend, Metric::StartupTime);
            let samples = (0..12).map(|block| cost * (1.0 + 0.01 * f64::from(block % 3))).collect();
            run.measurements.push(simulate::measurement(key, samples));
        }
        // The scatter of one is not that of the other.
        run.measurements.last_mut().unwrap().samples.rotate_left(1);
        run.check().unwrap();
        assert_eq!(claim(&run, "C9").verdict, expected, "{times}");
    }
}

#[test]
fn limits_that_held_support_and_one_that_did_not_refutes() {
    let mut run = as_said();
    let mut say = |backend: &str, key: &str, value: &str| {
        run.evidence.push(Evidence { backend: backend.into(), key: key.into(), value: value.into() });
    };
    say("container", "processes", "1");
    for key in ["limit memory", "limit pids", "limit cpu"] {
        say("container", key, "held: stopped where it should be");
        say("microvm-linux", key, "held: stopped where it should be");
    }
    assert_eq!((claim(&run, "C4").verdict, claim(&run, "C5").verdict), (Supported, Supported));
    set_fact(&mut run, "container", "limit pids", "not held: 90 processes of 64");
    set_fact(&mut run, "microvm-linux", "limit cpu", "n/a: no cgroup");
    assert_eq!((claim(&run, "C4").verdict, claim(&run, "C5").verdict), (Refuted, Inconclusive));
}

#[test]
fn scatter_makes_a_wide_interval_and_no_verdict() {
    let mut truth = AS_SAID;
    truth[4][0] = 8.2;
    let run = made(&truth, 12, 0.8);
    let found = claim(&run, "C1");
    assert_eq!(found.verdict, Inconclusive);
    assert!(found.reason.contains("more samples"), "{}", found.reason);
}

#[test]
fn too_few_blocks_give_a_number_without_interval_and_no_verdict() {
    for blocks in [1, 5] {
        let run = made(&AS_SAID, blocks, 0.01);
        let found = part(&run, "C1", "Linux VM against container");
        let ratio = found.ratio.unwrap();
        assert_eq!((found.verdict, ratio.interval, ratio.blocks), (Inconclusive, None, blocks as usize));
        assert!(found.reason.contains("too few"), "{}", found.reason);
        assert!(judge(&run).iter().all(|claim| claim.id == "C3" || claim.verdict != Supported));
    }
    assert_eq!(claim(&made(&AS_SAID, 6, 0.01), "C1").verdict, Supported);
}

#[test]
fn a_backend_that_could_not_run_gives_its_own_reason() {
    let mut run = as_said();
    unavailable(&mut run, "microvm-linux");
    for id in ["C1", "C2", "C7"] {
        let found = claim(&run, id);
        assert_eq!(found.verdict, NotMeasured, "{id}");
        assert_eq!(found.reason, "microvm-linux is unavailable: no VMX, no SVM");
    }
    // Another virtual machine shows the same.
    assert_eq!(claim(&run, "C3").verdict, Supported);
    unavailable(&mut run, "microvm");
    assert_eq!(claim(&run, "C3").verdict, Inconclusive);
    run.backends.retain(|backend| backend.name != "microvm-linux");
    assert!(claim(&run, "C1").reason.contains("microvm-linux is not part of this run"));
}

#[test]
fn an_experiment_that_was_not_run_is_named_with_its_command() {
    let mut run = as_said();
    run.measurements.retain(|m| m.experiment != Experiment::Startup);
    let found = claim(&run, "C1");
    assert_eq!(found.verdict, NotMeasured);
    assert!(found.reason.contains("bench run startup"), "{}", found.reason);
}

#[test]
fn numbers_of_an_emulator_decide_nothing_and_are_not_shown_but_facts_are() {
    let mut run = as_said();
    run.host.hypervisor = Some("QEMU (TCG) (emulator)".into());
    for judgement in judge(&run) {
        assert!(judgement.parts.iter().all(|part| part.ratio.is_none()));
        if ["C1", "C2", "C6", "C7"].contains(&judgement.id) {
            assert_eq!(judgement.verdict, NotMeasured);
            assert!(judgement.reason.contains("emulated"), "{}", judgement.reason);
        }
    }
    assert_eq!(claim(&run, "C3").verdict, Supported);
}

#[test]
fn a_backend_that_a_test_delayed_decides_nothing() {
    let mut run = as_said();
    for m in run.measurements.iter_mut().filter(|m| m.backend == "container") {
        m.flags = Some(vec![vec![results::TEST_DELAY_FLAG.to_owned()]; m.samples.len()]);
    }
    assert_eq!(claim(&run, "C1").verdict, NotMeasured);
    assert_eq!(part(&run, "C6", "computation, container against process").verdict, NotMeasured);
}

#[test]
fn what_a_backend_lacks_or_breaks_on_is_left_out_of_the_mean_by_name() {
    let mut run = as_said();
    let failed =
        |m: &&mut results::Measurement| m.workload == "fork-exit" && m.backend == "container-noseccomp";
    let m = run.measurements.iter_mut().find(failed).unwrap();
    (m.status, m.reason) = (Status::Failed, Some("no event for 10 s".into()));
    m.samples.truncate(1);
    m.blocks.truncate(1);
    let found = part(&run, "C6", UNFILTERED);
    let spread = found.ratio.unwrap().workloads.unwrap();
    assert_eq!((found.verdict, spread.count), (Supported, 3));
    assert_eq!(spread.left_out, ["fork-exit (broke on container-noseccomp: no event for 10 s)"]);
    // Two are no family.
    run.measurements.retain(|m| m.workload != "openat-close");
    assert_eq!(part(&run, "C6", UNFILTERED).verdict, Inconclusive);
}

#[test]
fn only_blocks_with_every_workload_count() {
    let mut run = as_said();
    let m = run.measurements.iter_mut().find(|m| m.workload == "sort" && m.backend == "process").unwrap();
    m.samples.truncate(7);
    m.blocks.truncate(7);
    assert_eq!(part(&run, "C6", "computation, container against process").ratio.unwrap().blocks, 7);
}

#[test]
fn what_may_have_bent_the_numbers_is_said_beside_them() {
    let mut run = as_said();
    assert!(claim(&run, "C7").caveats.is_empty());
    run.state = RunState::Interrupted;
    run.host.hypervisor = Some("KVM".into());
    run.backends[4].details =
        [("kvm", "VMX"), ("kernel_is_hosts", "false")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    let caveats = claim(&run, "C7").caveats.join("\n");
    for word in ["interrupted", "itself a virtual machine", "another kernel"] {
        assert!(caveats.contains(word), "{caveats}");
    }
    assert_eq!(claim(&run, "C6").caveats.len(), 1, "no guest is compared there");
    assert!(claim(&run, "C8").caveats.is_empty());
}

#[test]
fn an_empty_run_has_a_reason_for_each_claim() {
    let mut run = simulate::empty();
    run.backends.clear();
    assert!(judge(&run).iter().all(|claim| claim.verdict == NotMeasured && !claim.reason.is_empty()));
}

#[test]
fn the_json_has_the_words_of_the_rules() {
    let json = serde_json::to_value(judge(&as_said())).unwrap();
    assert_eq!(json[0]["verdict"], "supported");
    assert_eq!(json[7]["verdict"], "not measured here");
    assert!(json[0]["parts"][0]["rule"].as_str().unwrap().contains("lies above 1"));
    assert!(json[0]["parts"][0]["ratio"]["interval"][0].as_f64().unwrap() > 1.0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_verdict_follows_the_numbers(times in 0.3_f64..3.0) {
        let mut truth = AS_SAID;
        truth[4][0] = truth[1][0] * times;
        let verdict = claim(&made(&truth, 10, 0.005), "C1").verdict;
        // Two samples of a pair are off by up to 1 % together.
        if times > 1.011 {
            prop_assert_eq!(verdict, Supported);
        } else if times < 0.989 {
            prop_assert_eq!(verdict, Refuted);
        }
    }

    #[test]
    fn any_run_is_judged(
        odd in prop::collection::vec(
            (0..80_usize, select(vec![0.0, -1.0, 5e-324, 1e308, f64::NAN, f64::INFINITY])), 0..40),
        drop in prop::collection::vec(0..80_usize, 0..60),
        cut in 0..12_usize,
        statuses in prop::collection::vec(select(vec![Status::Ok, Status::Failed, Status::NotApplicable]), 80),
    ) {
        let mut run = as_said();
        for (m, status) in run.measurements.iter_mut().zip(statuses) {
            m.status = status;
        }
        for (place, value) in odd {
            if let Some(m) = run.measurements.get_mut(place) {
                m.samples[0] = value;
                // Damage of another kind: lengths that do not match.
                m.blocks.truncate(cut);
            }
        }
        for place in drop {
            if place < run.measurements.len() {
                run.measurements.swap_remove(place);
                run.evidence.truncate(place);
            }
        }
        let judged = judge(&run);
        prop_assert_eq!(judged.len(), 10);
        for part in judged.iter().flat_map(|claim| &claim.parts) {
            prop_assert!(!part.reason.is_empty());
            let finite = part.ratio.as_ref().is_none_or(|ratio| ratio.median.is_finite());
            prop_assert!(finite, "{:?}", part);
        }
    }
}
