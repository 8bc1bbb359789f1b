//! The experiment `isolation` by the real binary: hogs are let loose, and only they come to harm.
//!
//! More trials, with all figures printed (half a minute):
//! `cargo test -p harness --test cli isolation -- --ignored --nocapture`

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use results::evidence::{
    HELD, LIMIT_CPU, LIMIT_HOST, LIMIT_MEMORY, LIMIT_NEIGHBOUR, LIMIT_PIDS, NOT_APPLICABLE,
};
use results::{BackendStatus, Experiment, Metric, Run, RunState, Status};

use crate::common::{Bench, can_run_everything, cgroups_of, processes_with};

const BACKENDS: [&str; 3] = ["process", "container", "microvm"];

fn evidence<'r>(run: &'r Run, backend: &str, key: &str) -> &'r str {
    let found: Vec<&str> = run
        .evidence
        .iter()
        .filter(|fact| fact.backend == backend && fact.key == key)
        .map(|fact| &*fact.value)
        .collect();
    let [value] = found[..] else { panic!("{backend}: {key} is there {} times", found.len()) };
    value
}

fn samples<'r>(run: &'r Run, workload: &str, backend: &str, metric: &Metric) -> &'r [f64] {
    let found = run.measurement(Experiment::Isolation, workload, backend, metric);
    &found.unwrap_or_else(|| panic!("{backend} {workload} {metric}")).samples
}

/// Runs all of it, and checks what must be so however fast and busy the machine is.
fn tried(count: usize) -> (Bench, Run) {
    let bench = Bench::new();
    let swapped = vmstat("pswpout");
    let mut child = bench
        .run(&["isolation", "--samples", &count.to_string(), "--seed", "7"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let pid = child.id();
    assert!(child.wait().unwrap().success());
    assert_eq!(vmstat("pswpout"), swapped, "the host swapped");
    assert_eq!(bench.scratch_folders(), [] as [PathBuf; 0]);
    assert_eq!(cgroups_of(pid), [] as [PathBuf; 0]);
    assert_eq!(processes_with(&bench.temp.path().display().to_string()), [""; 0]);

    let run = results::load(&bench.latest()).unwrap();
    assert_eq!(run.state, RunState::Complete);
    let limit = run.config.memory_limit_bytes[&Experiment::Isolation] as f64;
    for backend in BACKENDS {
        assert_eq!(run.backend(backend).unwrap().status, BackendStatus::Ok, "{backend}");
        let memory = evidence(&run, backend, LIMIT_MEMORY);
        assert!(memory.starts_with(HELD), "{backend}: {memory}");
        assert!(memory.contains(&format!("in {count} of {count} trials")), "{backend}: {memory}");
        let peaks = samples(&run, "hog", backend, &Metric::PeakMemory);
        assert_eq!(peaks.len(), count);
        // A machine with its own memory stops the hog a little below its size; the VMM around it has room.
        assert!(peaks.iter().all(|peak| (0.5..=1.5).contains(&(peak / limit))), "{backend}: {peaks:?}");
        assert!(!evidence(&run, backend, LIMIT_NEIGHBOUR).is_empty());
        let host = evidence(&run, backend, LIMIT_HOST);
        assert!(host.starts_with("not disturbed"), "{backend}: {host}");
        for workload in ["hog", "spin"] {
            let slowdown = samples(&run, workload, backend, &Metric::NeighbourSlowdown);
            assert!(slowdown.iter().all(|slowdown| *slowdown > 0.0), "{backend} {workload}: {slowdown:?}");
        }
    }
    for backend in ["process", "container"] {
        assert!(evidence(&run, backend, LIMIT_PIDS).starts_with(HELD));
        let most = samples(&run, "fork-storm", backend, &Metric::PeakProcesses);
        assert!(most.iter().all(|most| *most == 64.0), "{backend}: {most:?}");
        assert!(evidence(&run, backend, LIMIT_MEMORY).contains("oom_kill 1"));
    }
    (bench, run)
}

fn vmstat(name: &str) -> u64 {
    let text = fs::read_to_string("/proc/vmstat").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(0, |value| value.parse().unwrap())
}

#[test]
fn limits_are_tried_and_hold_and_only_the_hogs_come_to_harm() {
    if !can_run_everything() {
        return;
    }
    let (bench, run) = tried(1);
    // The unikernel: memory is refused from inside, and there is no fork to make a storm with.
    let memory = evidence(&run, "microvm", LIMIT_MEMORY);
    assert!(memory.contains("refused more from inside") && memory.contains("mmap"), "{memory}");
    assert_eq!(evidence(&run, "microvm", LIMIT_PIDS), format!("{NOT_APPLICABLE}needs fork"));
    let storm = run.measurement(Experiment::Isolation, "fork-storm", "microvm", &Metric::PeakProcesses);
    assert_eq!(storm.unwrap().status, Status::NotApplicable);
    assert!(evidence(&run, "process", LIMIT_MEMORY).contains("a bare process has none of its own"));
    // How long a program waits for its CPU is the machine's business; that a quota is not exceeded is not.
    for backend in BACKENDS {
        assert_eq!(samples(&run, "spin", backend, &Metric::CpuShare).len(), 1);
        assert!(evidence(&run, backend, LIMIT_CPU).starts_with(HELD), "{backend}");
    }
    let page = fs::read_to_string(bench.latest().join("report.html")).unwrap();
    assert!(page.contains("Limits, enforced") && page.contains("oom_kill 1"));
    assert!(bench.latest().join("charts/neighbour.svg").is_file());
}

#[test]
fn what_an_instance_sees_of_its_place_is_evidence_of_its_isolation() {
    if !can_run_everything() {
        return;
    }
    let bench = Bench::new();
    let run = bench.run(&["startup", "--samples", "1"]).stdout(Stdio::null()).status().unwrap();
    assert!(run.success());
    let run = results::load(&bench.latest()).unwrap();
    let seen = |backend, key| evidence(&run, backend, key);
    for key in ["kernel-release", "boot-id"] {
        assert_eq!(seen("process", key), seen("container", key), "{key} is the host's");
    }
    assert_ne!(seen("process", "kernel-release"), seen("microvm", "kernel-release"));
    assert_eq!(seen("container", "network-interfaces"), "lo");
    assert_eq!((seen("container", "pid"), seen("container", "processes")), ("1", "1"));
    let count = |backend, key| seen(backend, key).parse::<u64>().unwrap();
    assert!(count("process", "processes") > 1 && count("process", "mounts") > 0);
    assert!(!seen("process", "uid-map").starts_with("n/a"));
    for key in ["processes", "mounts", "network-interfaces", "uid-map"] {
        assert_eq!(seen("microvm", key), "n/a: needs /proc", "{key}");
    }
}

/// Bare processes below `folder` that are at the storm or are its children.
fn storms(folder: &Path) -> usize {
    let folder = folder.display().to_string();
    let all = processes_with("/workload fork-storm");
    all.iter().filter(|line| line.starts_with(&folder)).count()
}

#[test]
fn a_storm_dies_with_the_run_that_started_it() {
    if !can_run_everything() {
        return;
    }
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        let bench = Bench::new();
        let mut child = bench
            .run(&["isolation", "--workloads", "fork-storm", "--samples", "1000"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let pid = child.id();
        let deadline = Instant::now() + Duration::from_secs(60);
        while storms(bench.temp.path()) < 10 {
            assert!(Instant::now() < deadline, "no storm comes");
            sleep(Duration::from_millis(2));
        }
        kill(Pid::from_raw(pid as i32), signal).unwrap();
        child.wait().unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while storms(bench.temp.path()) > 0 {
            assert!(Instant::now() < deadline, "{signal}: a storm outlived its run");
            sleep(Duration::from_millis(20));
        }
        if signal == Signal::SIGKILL {
            assert!(bench.command(&["clean"]).stdout(Stdio::null()).status().unwrap().success());
        }
        assert_eq!(cgroups_of(pid).len(), 0, "{signal}");
        assert_eq!(bench.scratch_folders().len(), 0, "{signal}");
    }
}

#[test]
#[ignore = "half a minute, and figures to look at"]
fn figures_of_many_trials() {
    if !can_run_everything() {
        return;
    }
    let (_bench, run) = tried(6);
    for m in run.measurements.iter().filter(|m| !m.samples.is_empty()) {
        println!("{} {} {}: {:.3?}", m.backend, m.workload, m.metric, m.samples);
    }
    for fact in run.evidence.iter().filter(|fact| results::evidence::is_of_limits(&fact.key)) {
        println!("{} {}: {}", fact.backend, fact.key, fact.value);
    }
}
