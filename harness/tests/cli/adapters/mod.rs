//! Runtimes of others as backends: those that are installed here start, say READY and leave nothing, whatever way a run ends.

mod daemon;
mod fakes;
mod left;
mod together;
mod vm;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use results::evidence::{
    CPU_LIMIT, HELD, LIMIT_CPU, LIMIT_MEMORY, LIMIT_PIDS, MEMORY_LIMIT, MEMORY_OWNERS, PIDS_LIMIT,
    ROOT_ACCESS,
};
use results::{BackendStatus, Experiment, Metric, Run};

use crate::common::{Bench, can_run_everything, processes_with, skip};
use daemon::Dockerd;
use left::assert_nothing_is_left;

/// Backends and the programs that they need.
const HERE: [(&str, &str); 6] = [
    ("bwrap", "bwrap"),
    ("lxc", "lxc-execute"),
    ("nspawn", "systemd-nspawn"),
    ("runc", "runc"),
    ("gvisor", "runsc"),
    ("podman", "podman"),
];

/// One that no package of Debian's provides: taken where it is, and not missed.
const YOUKI: &str = "youki";

/// Those that are here, with their programs.
fn here() -> Vec<(&'static str, PathBuf)> {
    let packaged = HERE.iter().filter_map(|(backend, program)| Some((*backend, installed(program)?)));
    packaged.chain(on_path(YOUKI).map(|program| (YOUKI, program))).collect()
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap();
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Where `program` is; says so if it is not here, and fails where nothing may be skipped.
fn installed(program: &str) -> Option<PathBuf> {
    let found = on_path(program);
    if found.is_none() {
        skip(&format!("needs {program}"));
    }
    found
}

/// A run of one adapter beside the baseline.
fn run_of(bench: &Bench, backend: &str, args: &[&str]) -> Command {
    let mut command = bench.command(&["run"]);
    command.args(args).arg("--out").arg(&bench.out);
    command.args(["--backends", &format!("process,{backend}")]);
    command
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn reason(run: &Run, backend: &str) -> (BackendStatus, String) {
    let record = run.backend(backend).unwrap();
    (record.status, record.reason.clone().unwrap_or_default())
}

/// Some way into the trials of a run that would take minutes.
fn long_run(bench: &Bench, backend: &str, docker_host: Option<&str>) -> Child {
    let mut command = run_of(bench, backend, &["startup", "--samples", "100000"]);
    command.envs(docker_host.map(|host| ("DOCKER_HOST", host)));
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(90);
    let samples = || {
        let folders = fs::read_dir(&bench.out).into_iter().flatten().flatten();
        let journals =
            folders.filter_map(|entry| fs::read_to_string(entry.path().join("journal.jsonl")).ok());
        let own = format!("\"{backend}\"");
        journals
            .flat_map(|text| text.lines().map(String::from).collect::<Vec<_>>())
            .filter(|l| l.contains(&own))
            .count()
    };
    while samples() < 25 {
        assert!(Instant::now() < deadline, "{backend}: the run does not get going");
        sleep(Duration::from_millis(20));
    }
    child
}

/// Ends runs in every way; the tool's own list shows an instance before, and none after.
fn interrupted_and_killed(backend: &str, docker_host: Option<&str>) {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let bench = Bench::new();
        let mut child = long_run(&bench, backend, docker_host);
        kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130), "{backend}: {signal}");
        assert_nothing_is_left(&bench, child.id(), backend, docker_host);
    }
    // What a killed one leaves goes with `clean`, or else with the next run.
    for next in
        [&["clean"][..], &["run", "startup", "--samples", "1", "--backends", "process", "--out", "next"]]
    {
        let bench = Bench::new();
        let mut child = long_run(&bench, backend, docker_host);
        left::assert_is_listed(&bench, child.id(), backend, docker_host);
        child.kill().unwrap();
        child.wait().unwrap();
        let mut next = bench.command(next);
        next.envs(docker_host.map(|host| ("DOCKER_HOST", host)));
        let ended = next.output().unwrap();
        assert!(ended.status.success(), "{backend}: {}", stderr(&ended));
        assert_nothing_is_left(&bench, child.id(), backend, docker_host);
    }
}

/// An instance that dies of its memory limit is held, and leaves as little as one that ends well.
fn stopped_by_its_limits(backend: &str, docker_host: Option<&str>) {
    let bench = Bench::new();
    let mut command = run_of(&bench, backend, &["isolation", "--samples", "1", "--quick"]);
    command.args(["--require", backend]).envs(docker_host.map(|host| ("DOCKER_HOST", host)));
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = child.id();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{backend}: {}", stderr(&output));
    let run = results::load(&bench.latest()).unwrap();
    for limit in [LIMIT_MEMORY, LIMIT_PIDS, LIMIT_CPU] {
        let found = run.evidence.iter().find(|of| of.backend == backend && of.key == limit);
        assert!(found.is_some_and(|of| of.value.starts_with(HELD)), "{backend}: {found:?}");
    }
    assert_nothing_is_left(&bench, pid, backend, docker_host);
}

/// Runs it well, and looks at what the run says of it.
fn measured(backend: &str, program: &Path, docker_host: Option<&str>) {
    let bench = Bench::new();
    let experiments = ["startup", "memory", "syscalls", "cpu", "density"];
    let mut command = run_of(&bench, backend, &experiments);
    command.args(["--workloads", "noop,getpid,sha256", "--samples", "1", "--quick", "--instances", "2"]);
    command.args(["--require", backend, "--tool", &format!("{backend}={}", program.display())]);
    command.envs(docker_host.map(|host| ("DOCKER_HOST", host)));
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = child.id();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{backend}: {}", stderr(&output));
    let run = results::load(&bench.latest()).unwrap();
    for (experiment, workload, metric) in [
        (Experiment::Startup, "noop", Metric::StartupTime),
        (Experiment::Startup, "noop", Metric::TeardownTime),
        (Experiment::Startup, "noop", Metric::CpuTime),
        (Experiment::Memory, "noop", Metric::Uss),
        (Experiment::Memory, "noop", Metric::MemoryCurrent),
        (Experiment::Memory, "noop", Metric::MarginalMemory),
        (Experiment::Syscalls, "getpid", Metric::TimePerOp),
        (Experiment::Cpu, "sha256", Metric::TimePerOp),
        (Experiment::Density, "serial", Metric::MarginalMemory),
        (Experiment::Density, "parallel-2", Metric::StartRate),
    ] {
        let found = run.measurement(experiment, workload, backend, &metric);
        assert_eq!(found.map(|m| m.samples.len()), Some(1), "{backend}: {metric}");
    }
    let daemons = run.measurement(Experiment::Startup, "noop", backend, &Metric::DaemonCpuTime);
    assert_eq!(daemons.is_some_and(|of| of.samples[0] > 0.0), backend == "docker", "{backend}: {daemons:?}");
    let details = &run.backend(backend).unwrap().details;
    assert_eq!(details["tool"], program.display().to_string());
    assert_eq!(details["sha256"].len(), 64);
    // The agent's arguments stand on the command line or in the configuration.
    let line = format!("{} {}", details["command"], details.get("configuration").map_or("", String::as_str));
    assert!(line.contains("SCRATCH") && line.contains("WORKLOAD"), "{backend}: {line}");
    assert!(details["version"].contains(|c: char| c.is_ascii_digit()), "{}", details["version"]);
    let fact = |key: &str| {
        let found = run.evidence.iter().find(|of| of.backend == backend && of.key == key);
        found.map_or("", |of| of.value.as_str()).to_owned()
    };
    // Equal terms, as the agent sees them.
    assert_eq!((fact("uid").as_str(), fact("capabilities").as_str()), ("0", "0000000000000000"), "{backend}");
    assert_eq!(
        (fact("network-interfaces").as_str(), fact("hostname").as_str()),
        ("lo", "container"),
        "{backend}"
    );
    let filtered = if backend == "gvisor" { "0" } else { "2" };
    assert_eq!(fact("seccomp-mode"), filtered, "{backend}");
    assert!(!fact(MEMORY_OWNERS).is_empty(), "{backend}");
    assert_eq!((fact(ROOT_ACCESS).as_str(), fact(CPU_LIMIT).as_str()), ("read-only", "1"), "{backend}");
    // With what the runtime needs for itself.
    let limit = |key| fact(key).parse::<u64>().unwrap_or_else(|_| panic!("{backend}: {}", fact(key)));
    assert!(limit(MEMORY_LIMIT) >= 32 << 20 && limit(PIDS_LIMIT) >= 64, "{backend}");
    if backend == "docker" {
        for (experiment, metric) in
            [(Experiment::Startup, Metric::DaemonCpuTime), (Experiment::Memory, Metric::DaemonMemory)]
        {
            let found = run.measurement(experiment, "noop", backend, &metric);
            assert!(found.is_some_and(|m| m.samples[0] > 0.0), "{metric}");
        }
    }
    assert_nothing_is_left(&bench, pid, backend, docker_host);
}

#[test]
fn runtimes_of_others_run_the_same_agent_and_leave_nothing() {
    if !can_run_everything() {
        return;
    }
    for (backend, program) in here() {
        measured(backend, &program, None);
    }
}

#[test]
fn runtimes_of_others_leave_nothing_after_an_interrupt_or_a_kill() {
    if !can_run_everything() {
        return;
    }
    for (backend, _) in here() {
        interrupted_and_killed(backend, None);
    }
}

#[test]
fn runtimes_of_others_hold_their_limits_and_leave_nothing_of_what_died_of_them() {
    if !can_run_everything() {
        return;
    }
    for (backend, _) in here() {
        stopped_by_its_limits(backend, None);
    }
}

#[test]
fn docker_runs_the_same_agent_and_its_daemon_keeps_nothing_of_ours() {
    if !can_run_everything() {
        return;
    }
    let (Some(program), Some(_)) = (installed("docker"), installed("dockerd")) else { return };
    let daemon = Dockerd::start();
    let host = daemon.host();
    measured("docker", &program, Some(&host));
    interrupted_and_killed("docker", Some(&host));
    stopped_by_its_limits("docker", Some(&host));
    assert_eq!(daemon.ask(&["ps", "--all", "--quiet"]), "");
    assert_eq!(daemon.ask(&["images", "--quiet"]), "");
    let folder = host.trim_start_matches("unix://").trim_end_matches("socket");
    let shims = processes_with("containerd-shim").into_iter().filter(|line| line.contains(folder));
    assert_eq!(shims.count(), 0);
}

#[test]
fn crun_says_why_it_does_not_run_on_hybrid_cgroups() {
    if !can_run_everything() || installed("crun").is_none() {
        return;
    }
    let output = Bench::new().command(&["list", "--json"]).output().unwrap();
    let list: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let crun = list["backends"].as_array().unwrap().iter().find(|of| of["name"] == "crun").unwrap();
    let is_hybrid = Path::new("/sys/fs/cgroup/unified").is_dir();
    assert_eq!(crun["status"], if is_hybrid { "unavailable" } else { "ok" }, "{crun}");
    assert!(!is_hybrid || crun["reason"].as_str().unwrap().contains("hybrid"), "{crun}");
}
