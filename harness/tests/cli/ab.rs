//! `bench ab`: two builds (here: the same one, or one with a delay) in turns.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use results::{Experiment, Metric, Run, RunState};
use serde_json::Value;

use crate::common::{Bench, can_run_everything, processes_with};

const BENCH: &str = env!("CARGO_BIN_EXE_bench");

/// A rough judgement, so that a noisy machine is no regression but a start of several times the length is.
const ROUGH: [&str; 4] = ["--threshold", "60%", "--alpha", "0.001"];

fn ab(bench: &Bench, a: &str, b: &str) -> Command {
    let mut command = bench.command(&["ab", a, b]);
    command.args(ROUGH).arg("--out").arg(&bench.out);
    command
}

/// A program that does what the lines of shell say.
fn script(bench: &Bench, name: &str, lines: &str) -> String {
    let path = bench.temp.path().join(name);
    fs::write(&path, format!("#!/bin/sh\n{lines}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

fn runs(bench: &Bench) -> [Run; 2] {
    ["ab-A", "ab-B"].map(|side| results::load(&bench.out.join(side).join("latest")).unwrap())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn assert_nothing_is_left(bench: &Bench) {
    let ours = bench.temp.path().to_str().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while !processes_with(ours).is_empty() {
        assert!(Instant::now() < deadline, "left: {:?}", processes_with(ours));
        sleep(Duration::from_millis(50));
    }
    assert_eq!(bench.scratch_folders(), [] as [PathBuf; 0]);
}

#[test]
fn a_build_against_itself_does_the_same_blocks_in_turns_and_is_no_regression() {
    if !can_run_everything() {
        return;
    }
    let bench = Bench::new();
    let measure =
        ["--", "startup", "syscalls", "--workloads", "noop,getpid", "--samples", "9", "--seed", "5"];
    let output = ab(&bench, BENCH, BENCH).arg("--json").args(measure).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["paired"], true);
    assert!(json["changes"].as_array().unwrap().len() > 9);

    let [a, b] = runs(&bench);
    assert_ne!(a.run_id, b.run_id);
    assert_eq!((a.config.seed, b.config.seed), (5, 5));
    for of_a in &a.measurements {
        let of_b = b.measurement(of_a.experiment, &of_a.workload, &of_a.backend, &of_a.metric).unwrap();
        assert_eq!(of_a.blocks, of_b.blocks, "{} {} {}", of_a.workload, of_a.backend, of_a.metric);
    }
    assert_nothing_is_left(&bench);
}

#[test]
fn a_build_with_a_delay_is_found_out_and_its_samples_say_so() {
    if !can_run_everything() {
        return;
    }
    let bench = Bench::new();
    let slow = script(&bench, "slow", &format!("BENCH_TEST_DELAY=process:5000000 exec {BENCH} \"$@\""));
    let measure = ["--", "startup", "--backends", "process,container", "--samples", "15"];
    let junit = bench.temp.path().join("ab.xml");
    let output = ab(&bench, BENCH, &slow).arg("--junit").arg(&junit).args(measure).output().unwrap();
    let table = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{table}\n{}", text(&output.stderr));
    assert!(table.contains("regressed: startup · noop · process · startup_time"), "{table}");
    assert!(!table.contains("regressed: startup · noop · container"), "{table}");
    assert!(fs::read_to_string(junit).unwrap().contains("<failure"));
    assert!(text(&output.stderr).contains("these are no results"), "{}", text(&output.stderr));

    let [a, b] = runs(&bench);
    let flags = |run: &Run, backend| {
        let startup = run.measurement(Experiment::Startup, "noop", backend, &Metric::StartupTime).unwrap();
        let flags = startup.flags.iter().flatten();
        flags.filter(|flags| flags.iter().any(|flag| flag == "test-delay")).count()
    };
    assert_eq!(flags(&b, "process"), 15, "every delayed sample says so");
    assert_eq!((flags(&a, "process"), flags(&b, "container")), (0, 0));
    // The other way round it got better.
    let output = ab(&bench, &slow, BENCH).args(measure).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
}

#[test]
fn what_is_no_bench_is_refused_before_anything_is_measured() {
    let bench = Bench::new();
    let plain = bench.temp.path().join("plain");
    fs::write(&plain, "no program").unwrap();
    let other = script(&bench, "other", &format!("exec {BENCH} list"));
    let talks = script(&bench, "talks", "yes nonsense >&0");
    let cases = [
        ("/nowhere/bench", "cannot start B"),
        (plain.to_str().unwrap(), "cannot start B"),
        ("/bin/true", "B (/bin/true) is no `bench`"),
        ("/bin/false", "B (/bin/false) is no `bench`"),
        (other.as_str(), "is no `bench`"),
        (talks.as_str(), "does not keep to the protocol"),
    ];
    for (b, reason) in cases {
        let output = ab(&bench, BENCH, b).args(["--", "startup", "--samples", "3"]).output().unwrap();
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{b}: {error}");
        assert!(error.contains(reason), "{b}: {error}");
        assert!(output.stdout.is_empty(), "no verdict: {b}");
    }
    assert_nothing_is_left(&bench);
    for args in [&["--", "startup", "--samples", "0"][..], &["--", "strtup"], &["--", "--out", "x"]] {
        let output = ab(&bench, BENCH, BENCH).args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn a_backend_that_is_required_and_missing_in_one_build_ends_with_3() {
    if !can_run_everything() {
        return;
    }
    let bench = Bench::new();
    // In a mount namespace, where a plain file hides it.
    let hide = "mount --bind /dev/null /dev/kvm && exec";
    let without_kvm =
        script(&bench, "without", &format!("exec unshare -m sh -c '{hide} \"$@\"' sh {BENCH} \"$@\""));
    let measure = ["--", "startup", "--samples", "3", "--require", "microvm"];
    let output = ab(&bench, BENCH, &without_kvm).args(measure).output().unwrap();
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{error}");
    assert!(error.contains("B (") && error.contains("/dev/kvm"), "{error}");
    assert_nothing_is_left(&bench);
    // Without the demand it is left out, and the others are compared.
    let output = ab(&bench, BENCH, &without_kvm).args(["--", "startup", "--samples", "9"]).output().unwrap();
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{error}");
    assert!(error.contains("of the backends, only A has microvm"), "{error}");
}

/// A comparison that goes on for long, with both builds measuring, and the processes of these.
fn long_ab(bench: &Bench) -> (Child, [Pid; 2]) {
    let log = bench.temp.path().join("stderr");
    let measure = ["--", "startup", "--backends", "process,container", "--samples", "100000"];
    let mut command = ab(bench, BENCH, BENCH);
    let child =
        command.args(measure).stdout(Stdio::null()).stderr(File::create(&log).unwrap()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let journals = ["ab-A", "ab-B"].map(|side| journal_of(&bench.out.join(side)));
        if journals.iter().all(|lines| *lines > 150) {
            break;
        }
        assert!(Instant::now() < deadline, "{}", fs::read_to_string(&log).unwrap());
        sleep(Duration::from_millis(20));
    }
    let sides = children_of(child.id());
    (child, sides.try_into().unwrap())
}

/// Lines of the journal of the only run in a folder.
fn journal_of(results: &Path) -> usize {
    let runs = fs::read_dir(results).into_iter().flatten().flatten();
    let journals = runs.filter_map(|run| fs::read(run.path().join("journal.jsonl")).ok());
    journals.map(|journal| journal.iter().filter(|byte| **byte == b'\n').count()).max().unwrap_or(0)
}

fn children_of(pid: u32) -> Vec<Pid> {
    let mut list = String::new();
    File::open(format!("/proc/{pid}/task/{pid}/children")).unwrap().read_to_string(&mut list).unwrap();
    list.split_whitespace().map(|child| Pid::from_raw(child.parse().unwrap())).collect()
}

#[test]
fn interrupted_it_keeps_what_both_have_measured() {
    if !can_run_everything() {
        return;
    }
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let bench = Bench::new();
        let (mut child, _) = long_ab(&bench);
        kill(Pid::from_raw(child.id() as i32), signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130));
        for run in runs(&bench) {
            assert_eq!(run.state, RunState::Interrupted);
            assert!(!run.measurements.is_empty());
        }
        assert_nothing_is_left(&bench);
    }
}

#[test]
fn killed_it_takes_both_with_it() {
    if !can_run_everything() {
        return;
    }
    let bench = Bench::new();
    let (mut child, _) = long_ab(&bench);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_nothing_is_left(&bench);
    assert!(runs(&bench).iter().all(|run| run.state == RunState::Interrupted));
}

#[test]
fn a_side_that_dies_is_told_and_ends_the_other() {
    if !can_run_everything() {
        return;
    }
    let bench = Bench::new();
    let (mut child, [_, b]) = long_ab(&bench);
    killpg(b, Signal::SIGKILL).unwrap();
    let status = child.wait().unwrap();
    let error = fs::read_to_string(bench.temp.path().join("stderr")).unwrap();
    assert_eq!(status.code(), Some(2), "{error}");
    assert!(error.contains("ended with signal: 9"), "{error}");
    // What the killed one had lies about until the next run or `bench clean`.
    assert!(bench.command(&["clean"]).stdout(Stdio::null()).status().unwrap().success());
    assert_nothing_is_left(&bench);
}
