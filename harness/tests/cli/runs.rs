//! Runs of the real binary: what they write, and that nothing outlives them.

use std::fs;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::common::{Bench, can_run_everything, cgroups_of, processes_with};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use results::{BackendStatus, Experiment, Metric, RunState, Status};

#[test]
fn a_short_run_measures_all_backends_and_writes_results_report_and_charts() {
    if !can_run_everything() {
        return;
    }
    let bench = Bench::new();
    let args = ["startup", "memory", "syscalls", "cpu", "--workloads", "noop,getpid,fork-exit,sha256"];
    let mut child =
        bench.run(&args).args(["--samples", "3", "--seed", "7"]).stdout(Stdio::piped()).spawn().unwrap();
    let pid = child.id();
    let mut table = String::new();
    child.stdout.take().unwrap().read_to_string(&mut table).unwrap();
    assert!(child.wait().unwrap().success());

    let run = results::load(&bench.latest()).unwrap();
    assert_eq!((run.state, run.config.seed), (RunState::Complete, 7));
    assert_eq!(run.tool.agent_sha256, workloads::agent_sha256());
    for backend in ["process", "container", "microvm"] {
        assert_eq!(run.backend(backend).unwrap().status, BackendStatus::Ok, "{backend}");
        for (experiment, workload, metric) in [
            (Experiment::Startup, "noop", Metric::StartupTime),
            (Experiment::Startup, "noop", Metric::TeardownTime),
            (Experiment::Memory, "noop", Metric::MarginalMemory),
            (Experiment::Memory, "noop", Metric::Pss),
            (Experiment::Syscalls, "getpid", Metric::TimePerOp),
            (Experiment::Cpu, "sha256", Metric::TimePerOp),
        ] {
            let found = run.measurement(experiment, workload, backend, &metric).unwrap();
            assert_eq!(found.blocks, [0, 1, 2], "{backend} {workload} {metric}");
        }
        assert!(table.contains(backend), "{table}");
    }
    let fork = run.measurement(Experiment::Syscalls, "fork-exit", "microvm", &Metric::TimePerOp).unwrap();
    assert_eq!((fork.status, fork.reason.as_deref()), (Status::NotApplicable, Some("needs fork")));
    assert!(bench.latest().join("report.html").is_file());
    assert!(bench.latest().join("charts/startup-ecdf.png").is_file());
    assert_eq!(bench.scratch_folders(), [] as [std::path::PathBuf; 0]);
    assert_eq!(cgroups_of(pid), [] as [std::path::PathBuf; 0]);
}

#[test]
fn the_phases_of_a_start_add_up_to_its_time() {
    if !can_run_everything() {
        return;
    }
    let bench = Bench::new();
    assert!(bench.run(&["startup", "--samples", "3"]).stdout(Stdio::null()).status().unwrap().success());
    let run = results::load(&bench.latest()).unwrap();
    for backend in ["process", "container", "microvm"] {
        let own = || run.measurements.iter().filter(|m| m.backend == backend);
        for trial in 0..3 {
            let whole = own().find(|m| m.metric == Metric::StartupTime).unwrap().samples[trial];
            let parts: f64 =
                own().filter(|m| matches!(m.metric, Metric::Phase(_))).map(|m| m.samples[trial]).sum();
            assert!((whole - parts).abs() < 1.0, "{backend}: {whole} is not {parts}");
        }
    }
}

#[test]
fn a_backend_that_cannot_run_is_listed_with_its_reason_and_fails_only_if_required() {
    if !can_run_everything() {
        return;
    }
    let bench = Bench::new();
    // Without /dev/kvm: in a mount namespace, where a plain file hides it.
    let without_kvm = |args: &[&str]| {
        let inner = bench.run(args);
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c", "mount --bind /dev/null /dev/kvm && exec \"$@\"", "sh"]);
        command.arg(inner.get_program()).args(inner.get_args());
        command.env("TMPDIR", bench.temp.path()).output().unwrap()
    };
    let required = without_kvm(&["startup", "--samples", "1", "--require", "microvm"]);
    assert_eq!(required.status.code(), Some(3));
    let message = String::from_utf8_lossy(&required.stderr);
    assert!(message.contains("microvm") && message.contains("/dev/kvm"), "{message}");
    assert!(!bench.out.exists(), "nothing is written when a required backend is missing");

    let optional = without_kvm(&["startup", "--samples", "1"]);
    assert_eq!(optional.status.code(), Some(0), "{}", String::from_utf8_lossy(&optional.stderr));
    let run = results::load(&bench.latest()).unwrap();
    let microvm = run.backend("microvm").unwrap();
    assert_eq!(microvm.status, BackendStatus::Unavailable);
    assert!(microvm.reason.as_deref().unwrap().contains("/dev/kvm"), "{microvm:?}");
}

#[test]
fn a_kvm_that_cannot_run_a_linux_guest_is_the_reason_why_there_is_none() {
    if !can_run_everything() {
        return;
    }
    let output = Bench::new().command(&["list", "--json"]).output().unwrap();
    let list: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let backends = list["backends"].as_array().unwrap();
    let guest = backends.iter().find(|backend| backend["name"] == "microvm-linux").unwrap();
    if guest["status"] == "ok" {
        assert!(microvm::probe().unwrap().runs_stock_kernels());
        assert!(guest["details"]["kernel"].as_str().is_some_and(|release| !release.is_empty()), "{guest}");
        return;
    }
    let reason = guest["reason"].as_str().unwrap();
    let wanted: &[&str] = match microvm::probe().unwrap().runs_stock_kernels() {
        // Then it is the kernel that is missing.
        true => &["bench kernel fetch"],
        false => &["ring 0 is emulated", "--force-backend microvm-linux"],
    };
    for part in wanted {
        assert!(reason.contains(part), "{part:?} is not in {reason:?}");
    }
}

/// A run that would take minutes, some way into its trials.
fn long_run(bench: &Bench) -> Child {
    let child = bench
        .run(&["startup", "syscalls", "--samples", "100000"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while journal_size(bench) < 20_000 {
        assert!(Instant::now() < deadline, "the run does not get going");
        sleep(Duration::from_millis(20));
    }
    child
}

fn journal_size(bench: &Bench) -> u64 {
    let folders = fs::read_dir(&bench.out).into_iter().flatten().flatten();
    folders.filter_map(|entry| fs::metadata(entry.path().join("journal.jsonl")).ok()).map(|m| m.len()).sum()
}

#[test]
fn an_interrupted_run_keeps_and_renders_what_it_measured() {
    if !can_run_everything() {
        return;
    }
    let bench = Bench::new();
    let mut child = long_run(&bench);
    let pid = child.id();
    kill(Pid::from_raw(pid as i32), Signal::SIGINT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let run = results::load(&bench.latest().join("run.json")).unwrap();
    assert_eq!(run.state, RunState::Interrupted);
    assert!(run.measurements.iter().all(|m| m.status != Status::Failed), "the signal is nobody's failure");
    assert!(bench.latest().join("report.html").is_file());
    assert_eq!(bench.scratch_folders().len(), 0);
    assert_eq!(cgroups_of(pid).len(), 0);
}

#[test]
fn a_killed_run_leaves_nothing_that_clean_does_not_remove_and_its_journal_renders() {
    if !can_run_everything() {
        return;
    }
    let bench = Bench::new();
    let mut child = long_run(&bench);
    let pid = child.id();
    child.kill().unwrap();
    child.wait().unwrap();

    // The instances die with it, by the kernel's doing.
    let scratch = bench.scratch_folders().pop().unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while !processes_with(&scratch.display().to_string()).is_empty() {
        assert!(Instant::now() < deadline, "an instance outlived the run");
        sleep(Duration::from_millis(20));
    }
    assert!(bench.command(&["clean"]).stdout(Stdio::null()).status().unwrap().success());
    assert_eq!(bench.scratch_folders().len(), 0);
    assert_eq!(cgroups_of(pid).len(), 0);
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(&scratch.display().to_string()), "{mounts}");

    let folder = fs::read_dir(&bench.out).unwrap().flatten().next().unwrap().path();
    assert!(!folder.join("run.json").exists());
    assert!(bench.command(&["report"]).arg(&folder).stdout(Stdio::null()).status().unwrap().success());
    assert!(folder.join("report.html").is_file());

    // Elsewhere, the page has beside it what it links to.
    let elsewhere = bench.out.join("elsewhere");
    let mut again = bench.command(&["report"]);
    assert!(
        again.arg(&folder).arg("--out").arg(&elsewhere).stdout(Stdio::null()).status().unwrap().success()
    );
    assert!(elsewhere.join("report.html").is_file() && elsewhere.join("run.json").is_file());
}
