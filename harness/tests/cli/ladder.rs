//! The experiment `ladder` by the real binary: every rung is there, or says why not, and leaves nothing behind.
//!
//! Whether the steps add up to the container, with all figures printed (two minutes, and the machine for itself):
//! `cargo test --release -p harness --test cli ladder -- --ignored --nocapture`

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use results::claims::{Verdict, judge};
use results::stats::{bootstrap_median, median};
use results::{BackendStatus, Experiment, Metric, Run};

use crate::common::{Bench, can_run_everything, cgroups_of, processes_with};

const RUNGS: [&str; 12] = [
    "process",
    "chroot",
    "rung-mount",
    "rung-pid",
    "rung-uts",
    "rung-ipc",
    "rung-net",
    "rung-cgroup",
    "rung-overlay",
    "rung-capabilities",
    "rung-seccomp",
    "rung-user",
];
/// What the container does not have.
const NOT_IN_CONTAINER: [&str; 2] = ["rung-overlay", "rung-user"];
const CALLS: [&str; 3] = ["getpid", "openat-close", "mmap-touch-munmap"];

/// `bench run ladder` on all rungs and the container.
fn ladder(args: &[&str]) -> (Bench, Run) {
    let bench = Bench::new();
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let backends = [&RUNGS[..], &["container"]].concat().join(",");
    let mut command = bench.command(&["run", "ladder", "--backends", &backends, "--out"]);
    let mut child = command.arg(&bench.out).args(args).stdout(Stdio::null()).spawn().unwrap();
    let pid = child.id();
    assert!(child.wait().unwrap().success());
    assert_eq!(bench.scratch_folders(), [] as [PathBuf; 0]);
    assert_eq!(cgroups_of(pid), [] as [PathBuf; 0]);
    assert_eq!(processes_with(&bench.temp.path().display().to_string()), [""; 0]);
    let folder = bench.temp.path().display().to_string();
    let of_bench = |text: &str| text.lines().filter(|line| line.contains(&folder)).count();
    assert_eq!(of_bench(&fs::read_to_string("/proc/self/mounts").unwrap()), of_bench(&mounts));
    let run = results::load(&bench.latest()).unwrap();
    (bench, run)
}

/// Startup times by block.
fn startup(run: &Run, backend: &str) -> BTreeMap<u32, f64> {
    let found = run.measurement(Experiment::Ladder, "noop", backend, &Metric::StartupTime);
    let found = found.unwrap_or_else(|| panic!("{backend} was not started"));
    found.blocks.iter().copied().zip(found.samples.iter().copied()).collect()
}

#[test]
fn every_rung_is_measured_and_leaves_nothing_behind() {
    if !can_run_everything() {
        return;
    }
    let (_bench, run) = ladder(&["--samples", "1", "--seed", "7"]);
    let names: Vec<&str> = run.backends.iter().map(|backend| backend.name.as_str()).collect();
    assert_eq!(names, [&RUNGS[..], &["container"]].concat());
    for backend in &run.backends {
        let name = backend.name.as_str();
        assert_eq!(backend.status, BackendStatus::Ok, "{name}: {:?}", backend.reason);
        for metric in [Metric::StartupTime, Metric::TeardownTime, Metric::MarginalMemory] {
            let found = run.measurement(Experiment::Ladder, "noop", name, &metric);
            assert_eq!(found.map(|m| m.samples.len()), Some(1), "{name} {metric}");
        }
        for call in CALLS {
            let found = run.measurement(Experiment::Ladder, call, name, &Metric::TimePerOp);
            assert_eq!(found.map(|m| m.samples.len()), Some(1), "{name} {call}");
        }
    }
    each_rung_has_the_phases_of_its_mechanisms(&run);
    each_rung_sees_what_it_should(&run);
}

fn each_rung_has_the_phases_of_its_mechanisms(run: &Run) {
    for (phase, since) in [
        ("cgroup_create", "rung-cgroup"),
        ("cgroup", "rung-cgroup"),
        ("user_map", "rung-user"),
        ("network", "rung-uts"),
        ("overlay", "rung-overlay"),
        ("mounts", "rung-mount"),
        ("pivot", "chroot"),
        ("security", "rung-capabilities"),
    ] {
        let metric = Metric::Phase(phase.to_owned());
        let has = |rung: &&&str| run.measurement(Experiment::Ladder, "noop", rung, &metric).is_some();
        let (since, found) = (RUNGS.iter().skip_while(|rung| **rung != since), RUNGS.iter().filter(has));
        assert!(since.eq(found), "{phase}");
    }
}

fn each_rung_sees_what_it_should(run: &Run) {
    let fact = |backend: &str, key: &str| {
        let found = run.evidence.iter().find(|fact| fact.backend == backend && fact.key == key);
        found.unwrap_or_else(|| panic!("{backend} does not say {key}")).value.as_str()
    };
    let since = |first: &str, key: &str, holds: &dyn Fn(&str) -> bool| {
        let place = RUNGS.iter().position(|rung| *rung == first).unwrap();
        for (at, rung) in RUNGS.iter().enumerate() {
            assert_eq!(holds(fact(rung, key)), at >= place, "{rung}: {key} is {}", fact(rung, key));
        }
    };
    let root = fact("process", "root-directory");
    since("chroot", "root-directory", &|value| value != root);
    since("rung-pid", "pid", &|value| value == "1");
    since("rung-uts", "hostname", &|value| value == "container");
    since("rung-capabilities", "capabilities", &|value| value == "0000000000000000");
    since("rung-seccomp", "seccomp-mode", &|value| value == "2");
    assert_eq!((fact("chroot", "mounts"), fact("chroot", "processes")), ("n/a: needs /proc", "0"));
    assert_eq!(fact("rung-net", "network-interfaces"), "lo");
    assert_ne!(fact("rung-seccomp", "uid-map"), fact("rung-user", "uid-map"));
    let chroot = judge(run).into_iter().find(|claim| claim.id == "C8").unwrap();
    assert_eq!(chroot.verdict, Verdict::Supported, "{}", chroot.reason);
}

#[test]
fn without_root_rungs_say_what_they_need() {
    if !can_run_everything() {
        return;
    }
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    let bench = Bench::new();
    fs::set_permissions(bench.temp.path(), PermissionsExt::from_mode(0o777)).unwrap();
    // Where everyone can read it.
    let copy = bench.temp.path().join("bench");
    fs::copy(env!("CARGO_BIN_EXE_bench"), &copy).unwrap();
    let mut command = Command::new(copy);
    command.args(["list", "--json"]).env("TMPDIR", bench.temp.path()).current_dir(bench.temp.path());
    let output = command.uid(65534).gid(65534).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let list: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    for rung in &RUNGS[1..] {
        let backend = list["backends"].as_array().unwrap().iter().find(|of| of["name"] == *rung).unwrap();
        assert_eq!(backend["status"], "unavailable", "{rung}");
        assert!(backend["reason"].as_str().unwrap().starts_with("needs root"), "{backend}");
    }
    assert_eq!(bench.scratch_folders(), [] as [PathBuf; 0]);
}

#[test]
fn other_experiments_do_without_the_rungs_unless_they_are_asked_for() {
    let bench = Bench::new();
    let run = |args: &[&str]| {
        let mut command =
            bench.command(&["run", "syscalls", "--workloads", "getpid", "--samples", "1", "--out"]);
        assert!(command.arg(&bench.out).args(args).stdout(Stdio::null()).status().unwrap().success());
        let run = results::load(&bench.latest()).unwrap();
        run.backends.iter().map(|backend| backend.name.clone()).collect::<Vec<_>>()
    };
    let names = run(&["--backends", "builtin"]);
    assert!(names.contains(&"process".to_owned()), "{names:?}");
    assert!(!names.iter().any(|name| name == "chroot" || name.starts_with("rung-")), "{names:?}");
    if can_run_everything() {
        assert_eq!(run(&["--backends", "process,rung-pid"]), ["process", "rung-pid"]);
    }
}

#[test]
#[ignore = "two minutes, and figures to look at"]
fn the_steps_add_up_to_the_container() {
    if !can_run_everything() {
        return;
    }
    let (_bench, run) = ladder(&["--workloads", "noop", "--samples", "60"]);
    let mut sum = median(&startup(&run, "process").into_values().collect::<Vec<_>>()).unwrap();
    println!("process {:.1} µs", sum / 1e3);
    for pair in RUNGS.windows(2) {
        let (before, after) = (startup(&run, pair[0]), startup(&run, pair[1]));
        let steps: Vec<f64> = after.iter().filter_map(|(block, ns)| Some(ns - before.get(block)?)).collect();
        let step = bootstrap_median(&steps, 1).unwrap();
        println!(
            "{:18} {:+8.1} [{:+.1}, {:+.1}] µs",
            pair[1],
            step.median / 1e3,
            step.low / 1e3,
            step.high / 1e3
        );
        if !NOT_IN_CONTAINER.contains(&pair[1]) {
            sum += step.median;
        }
    }
    let whole = bootstrap_median(&startup(&run, "container").into_values().collect::<Vec<_>>(), 1).unwrap();
    println!(
        "sum {:.1} µs; container {:.1} [{:.1}, {:.1}] µs",
        sum / 1e3,
        whole.median / 1e3,
        whole.low / 1e3,
        whole.high / 1e3
    );
    // Far wider than what is looked for: a mechanism in no rung, or in two, would cost more than scatter does.
    assert!((0.7..1.4).contains(&(sum / whole.median)), "{}", sum / whole.median);
}
