//! Runtimes of others as backends: those that are installed here start, say READY and leave nothing, whatever way a run ends.

mod daemon;
mod fakes;
mod vm;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use results::evidence::{CPU_LIMIT, MEMORY_LIMIT, MEMORY_OWNERS, PIDS_LIMIT, ROOT_ACCESS};
use results::{BackendStatus, Experiment, Metric, Run};

use crate::common::{Bench, can_run_everything, cgroups_of, processes_with};
use daemon::Dockerd;

/// Backends and the programs that they need.
const HERE: [(&str, &str); 6] = [
    ("bwrap", "bwrap"),
    ("lxc", "lxc-execute"),
    ("nspawn", "systemd-nspawn"),
    ("runc", "runc"),
    ("gvisor", "runsc"),
    ("podman", "podman"),
];

/// Where `program` is; says so if it is not here, and fails where nothing may be skipped.
fn installed(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap();
    let found = std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file());
    if found.is_none() {
        println!("SKIPPED: needs {program}");
        assert!(
            std::env::var_os("BENCH_NO_SKIP").is_none_or(|v| v.is_empty()),
            "nothing may skip: {program}"
        );
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

/// Fails if anything of the run `pid` is left.
fn assert_nothing_is_left(bench: &Bench, pid: u32, backend: &str) {
    let token = format!("bench-{pid}-");
    let deadline = Instant::now() + Duration::from_secs(10);
    // The kernel takes a moment to end what it was told to.
    while !processes_with(&token).is_empty() && Instant::now() < deadline {
        sleep(Duration::from_millis(20));
    }
    assert_eq!(processes_with(&token), [] as [String; 0], "{backend}");
    assert_eq!(cgroups_of(pid), [] as [PathBuf; 0], "{backend}");
    assert_eq!(bench.scratch_folders(), [] as [PathBuf; 0], "{backend}");
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(&token), "{backend}: {mounts}");
    let below = Path::new("/run/lxc/lock").join(bench.temp.path().strip_prefix("/").unwrap());
    assert!(!below.exists(), "{backend}: {}", below.display());
    for folder in
        ["/run/systemd/nspawn/propagate", "/run/systemd/nspawn/unix-export", "/run/runc", "/run/crun"]
    {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let ours: Vec<_> = entries.filter(|e| e.file_name().to_string_lossy().starts_with(&token)).collect();
        assert!(ours.is_empty(), "{backend}: {ours:?}");
    }
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

fn interrupted_and_killed(backend: &str, docker_host: Option<&str>) {
    let bench = Bench::new();
    let mut child = long_run(&bench, backend, docker_host);
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{backend}");
    assert_nothing_is_left(&bench, child.id(), backend);

    let bench = Bench::new();
    let mut child = long_run(&bench, backend, docker_host);
    child.kill().unwrap();
    child.wait().unwrap();
    let mut clean = bench.command(&["clean"]);
    clean.envs(docker_host.map(|host| ("DOCKER_HOST", host)));
    let cleaned = clean.output().unwrap();
    assert!(cleaned.status.success(), "{backend}: {}", stderr(&cleaned));
    assert_nothing_is_left(&bench, child.id(), backend);
}

/// Runs it well, and looks at what the run says of it.
fn measured(backend: &str, program: &Path, docker_host: Option<&str>) {
    let bench = Bench::new();
    let args = ["startup", "memory", "syscalls", "--workloads", "noop,getpid", "--samples", "1", "--quick"];
    let mut command = run_of(&bench, backend, &args);
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
    ] {
        let found = run.measurement(experiment, workload, backend, &metric);
        assert_eq!(found.map(|m| m.samples.len()), Some(1), "{backend}: {metric}");
    }
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
    assert_nothing_is_left(&bench, pid, backend);
}

#[test]
fn runtimes_of_others_run_the_same_agent_and_leave_nothing() {
    if !can_run_everything() {
        return;
    }
    for (backend, program) in HERE {
        if let Some(program) = installed(program) {
            measured(backend, &program, None);
        }
    }
}

#[test]
fn runtimes_of_others_leave_nothing_after_an_interrupt_or_a_kill() {
    if !can_run_everything() {
        return;
    }
    for (backend, program) in HERE {
        if installed(program).is_some() {
            interrupted_and_killed(backend, None);
        }
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
    assert_eq!(daemon.ask(&["ps", "--all", "--quiet"]), "");
    assert_eq!(daemon.ask(&["images", "--quiet"]), "");
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
