//! What published figures are said to be worth beside runs whose truth is known.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails; clippy sees only the #[test] functions as tests"
)]

#[expect(dead_code, reason = "most of it is for the tests of comparisons")]
mod simulate;

use results::anchors::{About, Judgement, Lean, Verdict, anchors, judge, left_out, summary};
use results::stats::Rng;
use results::{Backend, BackendStatus, Experiment, Key, Metric, Run, Unit};

use Verdict::{Contradicted, NotComparable, Reproduced};

/// A run of these backends, each with the time from start to READY in ms, and half of that to its end.
fn started(times: &[(&str, f64)]) -> Run {
    let mut run = simulate::empty();
    run.backends.clear();
    let mut rng = Rng::new(5);
    for (name, ms) in times {
        add(&mut run, name);
        for (metric, share) in [(Metric::StartupTime, 1.0), (Metric::TeardownTime, 0.5)] {
            let key = Key::new(Experiment::Startup, "noop", *name, metric);
            run.measurements.push(around(key, ms * 1e6 * share, &mut rng));
        }
    }
    run
}

fn add(run: &mut Run, name: &str) {
    let details = std::collections::BTreeMap::new();
    run.backends.push(Backend { name: name.into(), status: BackendStatus::Ok, reason: None, details });
}

/// Twelve samples, off by up to 2 %.
fn around(key: Key, centre: f64, rng: &mut Rng) -> results::Measurement {
    let mut off = || 0.04 * (rng.next_u64() as f64 / u64::MAX as f64 - 0.5);
    simulate::measurement(key, (0..12).map(|_| centre * (1.0 + off())).collect())
}

fn set(run: &mut Run, backend: &str, key: &str, value: &str) {
    let found = run.backends.iter_mut().find(|of| of.name == backend).unwrap();
    found.details.insert(key.into(), value.into());
}

fn of(run: &Run, id: &str) -> Judgement {
    judge(run).into_iter().find(|judgement| judgement.id == id).unwrap()
}

fn verdict(run: &Run, id: &str) -> (Verdict, Option<About>) {
    let judgement = of(run, id);
    (judgement.verdict, judgement.about)
}

#[test]
fn every_figure_gets_a_verdict_of_any_run_with_a_reason_and_its_conditions() {
    for run in [simulate::empty(), started(&[("process", 0.2), ("runc", 30.0), ("crun", 6.0)])] {
        let judgements = judge(&run);
        assert_eq!(judgements.len(), anchors().count());
        for judgement in &judgements {
            let Judgement { id, verdict, about, reason, measured, rule, .. } = judgement;
            assert!(!reason.is_empty(), "{id}");
            assert_eq!(about.is_some(), *verdict == NotComparable, "{id}");
            assert!(measured.is_none() || rule.is_some(), "{id}");
        }
        let left_out: usize = left_out(&judgements).iter().map(|group| group.figures.len()).sum();
        let compared = judgements.iter().filter(|judgement| judgement.measured.is_some()).count();
        assert_eq!(left_out + compared, judgements.len());
        assert!(summary(&judgements).ends_with("not comparable"));
    }
}

#[test]
fn a_multiple_is_of_two_systems_of_the_run_over_their_whole_life() {
    // Published: 47 ms of crun against 225 of runc, 0.21 times.
    let run = started(&[("runc", 30.0), ("crun", 6.0)]);
    let judgement = of(&run, "youki-crun");
    assert_eq!(judgement.verdict, Reproduced, "{judgement:?}");
    let (published, here) = (judgement.multiple.unwrap(), judgement.measured.unwrap());
    assert!((published.times - 47.0 / 225.0).abs() < 1e-9 && published.of == "runc");
    assert_eq!((here.of, here.to, here.unit, here.blocks), ("crun", Some("runc"), Unit::Ratio, 12));
    assert!((here.median - 0.2).abs() < 0.01, "{here:?}");
    assert!(judgement.looks_at.unwrap().contains("startup_time + teardown_time of noop"));
    assert_eq!(judgement.differs[0].about, About::Conditions);
    // The sum of both, not their ratio alone: a runtime that is slow to end is slow.
    let mut slow = run.clone();
    let end = |m: &&mut results::Measurement| m.backend == "crun" && m.metric == Metric::TeardownTime;
    slow.measurements.iter_mut().find(end).unwrap().samples.iter_mut().for_each(|sample| *sample *= 6.0);
    assert!((of(&slow, "youki-crun").measured.unwrap().median - 0.53).abs() < 0.03);
}

#[test]
fn a_disagreement_that_known_differences_may_explain_contradicts_nothing() {
    // The source empties the page cache: more than twice the published multiple may come of that.
    let run = started(&[("runc", 30.0), ("crun", 25.0)]);
    assert_eq!(verdict(&run, "youki-crun"), (NotComparable, Some(About::Conditions)));
    assert!(of(&run, "youki-crun").reason.contains("the same of the two is the larger"));
    // Nothing of the kind is known of crun alone, warm.
    assert_eq!(verdict(&started(&[("crun", 4.0)]), "crun-run"), (Reproduced, None));
    assert_eq!(verdict(&started(&[("crun", 30.0)]), "crun-run"), (NotComparable, Some(About::Host)));
    assert_eq!(verdict(&started(&[("crun", 90.0)]), "crun-run"), (Contradicted, None));
}

#[test]
fn another_version_is_said_and_excuses() {
    let mut run = started(&[("runc", 30.0), ("crun", 6.0)]);
    let versions = |run: &Run| {
        let judgement = of(run, "youki-crun");
        let versions = judgement.differs.into_iter().filter(|other| other.about == About::Version);
        versions.map(|other| other.how).collect::<Vec<_>>()
    };
    assert!(versions(&run).is_empty(), "a version that is not known is no other one");
    set(&mut run, "runc", "version", "1.1.5+ds1");
    set(&mut run, "crun", "version", "1.8.1");
    assert_eq!(versions(&run), ["crun is version 1.15 in the source and 1.8.1 here"]);
}

#[test]
fn a_promise_is_kept_in_a_longer_time_too_but_broken_only_in_the_promised_one() {
    assert_eq!(verdict(&started(&[("firecracker", 80.0)]), "firecracker-boot"), (Reproduced, None));
    let slow = started(&[("firecracker", 180.0)]);
    assert_eq!(verdict(&slow, "firecracker-boot"), (NotComparable, Some(About::StoppingPoint)));
    // Of memory the run sees a part: more than promised contradicts, less says nothing.
    let memory = |mebibytes: f64| {
        let mut run = started(&[("firecracker", 80.0)]);
        let key = Key::new(Experiment::Memory, "noop", "firecracker", Metric::VmmOverhead);
        run.measurements.push(around(key, mebibytes * 1_048_576.0, &mut Rng::new(1)));
        verdict(&run, "firecracker-memory")
    };
    assert_eq!(memory(8.0), (Contradicted, None));
    assert_eq!(memory(3.0), (NotComparable, Some(About::Quantity)));
}

#[test]
fn computation_in_a_guest_is_judged_as_a_share_of_bare_metal() {
    let run = |share: f64| {
        let (mut run, mut rng) = (started(&[("process", 0.2), ("firecracker", 80.0)]), Rng::new(2));
        for workload in ["sha256", "sort", "matmul"] {
            for (backend, time) in [("process", 1e6), ("firecracker", 1e6 / share)] {
                let key = Key::new(Experiment::Cpu, workload, backend, Metric::TimePerOp);
                run.measurements.push(around(key, time, &mut rng));
            }
        }
        run
    };
    assert_eq!(verdict(&run(0.99), "firecracker-cpu"), (Reproduced, None));
    assert_eq!(verdict(&run(0.80), "firecracker-cpu"), (Contradicted, None));
    // In a virtual machine that hosts another one, exits are dearer.
    let mut nested = run(0.80);
    nested.host.hypervisor = Some("KVM".into());
    assert_eq!(verdict(&nested, "firecracker-cpu"), (NotComparable, Some(About::Host)));
    let told = of(&nested, "firecracker-cpu").differs;
    assert!(told[0].how.contains("virtual machine") && told[0].lean == Lean::Either);
    // Containers do not notice.
    assert!(of(&nested, "wasp-process").differs.iter().all(|other| other.about != About::Host));
}

#[test]
fn a_figure_of_another_kernel_or_platform_stands_beside_nothing() {
    let mut run = started(&[("process", 0.2), ("gvisor", 140.0)]);
    for (backend, time) in [("process", 70.0), ("gvisor", 6_000.0)] {
        let key = Key::new(Experiment::Syscalls, "getpid", backend, Metric::TimePerOp);
        run.measurements.push(around(key, time, &mut Rng::new(3)));
    }
    assert_eq!(verdict(&run, "getpid-native"), (NotComparable, Some(About::Host)), "nothing is known of it");
    run.host.mitigations.insert("meltdown".into(), "Not affected".into());
    set(&mut run, "gvisor", "platform", "ptrace");
    assert_eq!(verdict(&run, "getpid-native"), (Reproduced, None));
    assert_eq!(verdict(&run, "getpid-kpti"), (NotComparable, Some(About::Host)));
    assert_eq!(verdict(&run, "getpid-gvisor-ptrace"), (Reproduced, None));
    let kvm = of(&run, "getpid-gvisor-kvm");
    assert_eq!((kvm.verdict, kvm.about, kvm.measured), (NotComparable, Some(About::Version), None));
    assert!(kvm.reason.contains("platform kvm, this run's is ptrace"), "{}", kvm.reason);
    run.host.mitigations.insert("meltdown".into(), "Mitigation: PTI".into());
    assert_eq!(verdict(&run, "getpid-native").1, Some(About::Host));
}

#[test]
fn what_a_run_does_not_hold_says_why() {
    let mut run = started(&[("process", 0.2), ("runc", 30.0), ("crun", 6.0)]);
    let crun = run.backends.iter_mut().find(|backend| backend.name == "crun").unwrap();
    crun.status = BackendStatus::Unavailable;
    crun.reason = Some("not on PATH".into());
    run.measurements.retain(|m| m.backend != "crun");
    let judgement = of(&run, "youki-crun");
    assert_eq!(
        (judgement.about, &*judgement.reason),
        (Some(About::NotInRun), "crun is unavailable: not on PATH")
    );
    assert!(of(&run, "youki-youki").reason.contains("youki is not part of this run"));
    assert!(of(&run, "runc-idle").reason.contains("bench run memory"));
    // Five blocks have no 95 % interval; what was seen is shown all the same.
    for m in &mut run.measurements {
        m.samples.truncate(5);
        m.blocks.truncate(5);
    }
    let judgement = of(&run, "wasp-process");
    assert_eq!((judgement.verdict, judgement.about), (NotComparable, Some(About::Samples)));
    assert!(judgement.measured.unwrap().interval.is_none() && judgement.reason.contains("--samples 6"));
    // A processor that is software has no numbers, be it the guest's or the host's.
    let mut emulated = started(&[("qemu-q35", 900.0)]);
    for m in &mut emulated.measurements {
        m.flags = Some(vec![vec![results::EMULATION_FLAG.to_owned()]; m.samples.len()]);
    }
    let judgement = of(&emulated, "nsdi-qemu");
    assert!(judgement.measured.is_none() && judgement.reason.contains("was software"), "{judgement:?}");
    run.host.hypervisor = Some("QEMU (TCG) (emulator)".into());
    let judgement = of(&run, "wasp-process");
    assert_eq!((judgement.about, judgement.measured), (Some(About::Host), None));
}
