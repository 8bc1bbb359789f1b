//! Tools that do not do what they should, and runtimes that a user describes: each has its own clear reason, and the other
//! backends go on.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use results::{BackendStatus, Experiment, Metric, Run};

use super::{assert_nothing_is_left, reason, run_of, stderr};
use crate::common::{Bench, can_run_everything, processes_with};

/// An executable script in the bench's folder.
fn script(bench: &Bench, name: &str, text: &str) -> PathBuf {
    let path = bench.temp.path().join(name);
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// A run with a script in the place of runc: what became of runc, while the baseline was measured.
fn with_fake_runc(text: &str) -> (BackendStatus, String) {
    let bench = Bench::new();
    let tool = script(&bench, "fake-runc", text);
    let mut command = run_of(&bench, "runc", &["startup", "--samples", "1"]);
    command.args(["--tool", &format!("runc={}", tool.display())]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = child.id();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let run = results::load(&bench.latest()).unwrap();
    baseline_went_on(&run);
    assert_nothing_is_left(&bench, pid, "runc", None);
    assert_eq!(processes_with(&tool.display().to_string()), [] as [String; 0]);
    reason(&run, "runc")
}

fn baseline_went_on(run: &Run) {
    let found = run.measurement(Experiment::Startup, "noop", "process", &Metric::StartupTime).unwrap();
    assert_eq!(found.samples.len(), 1);
    assert_eq!(run.backend("process").unwrap().status, BackendStatus::Ok);
}

const VERSION: &str = "[ \"$1\" = --version ] && echo runc version 1.1.5 && exit\n";

#[test]
fn a_tool_that_does_not_say_its_version_is_unavailable() {
    if !can_run_everything() {
        return;
    }
    for (text, wanted) in [
        ("sleep 100", "did not end within 5 s"),
        ("echo hello world", "unknown version: it says \"hello world\""),
        ("echo runc version 0.1.1", "is version 0.1.1; bench knows 1.0 and later"),
        ("echo broken libraries >&2; exit 3", "exit status: 3, it said: broken libraries"),
    ] {
        let (status, reason) = with_fake_runc(text);
        assert_eq!(status, BackendStatus::Unavailable, "{text}: {reason}");
        assert!(reason.contains(wanted), "{text}: {reason}");
    }
}

#[test]
fn a_tool_whose_first_start_is_none_fails_alone() {
    if !can_run_everything() {
        return;
    }
    for (text, wanted) in [
        ("exit 0", "did not get to READY: it ended with exit status 0"),
        ("echo no such feature >&2; exit 7", "exit status: 7, it said: no such feature"),
        ("echo hello; exec sleep 100", "a line that is no event: \"hello\""),
        ("exec sleep 100", "its first start hangs: no READY within 15 s"),
    ] {
        let (status, reason) = with_fake_runc(&format!("{VERSION}{text}"));
        assert_eq!(status, BackendStatus::Failed, "{text}: {reason}");
        assert!(reason.contains(wanted), "{text}: {reason}");
    }
}

#[test]
fn a_docker_without_its_daemon_says_how_to_start_it() {
    if !can_run_everything() || super::installed("docker").is_none() {
        return;
    }
    let bench = Bench::new();
    let mut command = run_of(&bench, "docker", &["startup", "--samples", "1"]);
    command.env("DOCKER_HOST", format!("unix://{}/nobody", bench.temp.path().display()));
    assert!(command.output().unwrap().status.success());
    let run = results::load(&bench.latest()).unwrap();
    baseline_went_on(&run);
    let (status, reason) = reason(&run, "docker");
    assert_eq!(status, BackendStatus::Unavailable);
    assert!(reason.contains("its daemon does not answer") && reason.contains("dockerd"), "{reason}");
}

#[test]
fn a_full_disk_under_the_bundles_is_the_reason_of_those_that_need_one() {
    if !can_run_everything() || super::installed("runc").is_none() {
        return;
    }
    // Room for the agent, and not for the root file system with a second one.
    let bench = Bench::new();
    let small = bench.temp.path().join("small");
    fs::create_dir(&small).unwrap();
    let agent_kib = workloads::AGENT.len().div_ceil(1024);
    let inner = run_of(&bench, "runc", &["startup", "--samples", "1"]);
    let mut command = Command::new("unshare");
    let mount =
        format!("mount -t tmpfs -o size={}k none {} && exec \"$@\"", agent_kib * 3 / 2, small.display());
    command.args(["-m", "sh", "-c", &mount, "sh"]).arg(inner.get_program()).args(inner.get_args());
    let output = command.env("TMPDIR", &small).current_dir(bench.temp.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let run = results::load(&bench.latest()).unwrap();
    baseline_went_on(&run);
    let (status, reason) = reason(&run, "runc");
    assert_eq!(status, BackendStatus::Failed);
    assert!(reason.contains("rootfs") && reason.contains("No space left"), "{reason}");
}

#[test]
fn a_described_runtime_is_one_more_backend() {
    if !can_run_everything() {
        return;
    }
    let bench = Bench::new();
    let file = bench.temp.path().join("mine.toml");
    let text = "name = \"mine\"\nstart = [\"chroot\", \"{rootfs}\", \"{program}\", \"{args}\"]\n\
                version = [\"--version\"]\noutput = \"stdout\"\n";
    fs::write(&file, text).unwrap();
    let mut command = run_of(&bench, "mine", &["startup", "--samples", "2", "--require", "mine"]);
    let child = command.arg("--runtime").arg(&file).stdout(Stdio::null()).spawn().unwrap();
    let pid = child.id();
    assert!(child.wait_with_output().unwrap().status.success());
    let run = results::load(&bench.latest()).unwrap();
    let found = run.measurement(Experiment::Startup, "noop", "mine", &Metric::StartupTime).unwrap();
    assert_eq!(found.samples.len(), 2);
    let command = &run.backend("mine").unwrap().details["command"];
    assert!(command.ends_with("chroot SCRATCH/rootfs /workload WORKLOAD"), "{command}");
    assert_nothing_is_left(&bench, pid, "mine", None);
}

#[test]
fn a_description_that_is_wrong_is_refused_before_anything_runs() {
    let bench = Bench::new();
    let file = bench.temp.path().join("mine.toml");
    let good = "name = \"mine\"\nstart = [\"chroot\", \"{rootfs}\", \"{program}\", \"{args}\"]\noutput = \"stdout\"\n";
    for (text, wanted) in [
        (format!("{good}speed = 3\n"), ["line 4", "speed"]),
        (good.replace("\"mine\"", "\"runc\""), ["already", "runc"]),
        (good.replace("\"mine\"", "mine"), ["line 1", "mine.toml"]),
        (good.replace("{rootfs}", "{root}"), ["unknown placeholder", "{rootfs}"]),
    ] {
        fs::write(&file, &text).unwrap();
        let output = bench.command(&["run", "startup", "--runtime"]).arg(&file).output().unwrap();
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{text}: {message}");
        assert!(wanted.iter().all(|part| message.contains(part)), "{text}: {message}");
    }
    let output = bench.command(&["list", "--runtime", "/no/such.toml"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("/no/such.toml"), "{}", stderr(&output));
}

#[test]
fn presets_stand_for_several_backends() {
    let bench = Bench::new();
    let missing = bench.temp.path().join("none");
    let tools: Vec<String> = ["runc", "crun", "youki", "gvisor"]
        .iter()
        .map(|name| format!("--tool={name}={}", missing.display()))
        .collect();
    let mut command = bench.command(&["run", "startup", "--samples", "1", "--backends", "process,oci"]);
    let output = command.args(&tools).arg("--out").arg(&bench.out).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let run = results::load(&bench.latest()).unwrap();
    let names: Vec<&str> = run.backends.iter().map(|of| of.name.as_str()).collect();
    assert_eq!(names, ["process", "runc", "crun", "youki", "gvisor"]);
    let (status, why) = reason(&run, "runc");
    assert_eq!(status, BackendStatus::Unavailable);
    assert!(why.contains("not an executable file") && why.contains("apt-get install runc"), "{why}");

    let output = bench.command(&["run", "startup", "--backends", "instaled"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("did you mean `installed`"), "{}", stderr(&output));
    let output = bench.command(&["run", "startup", "--tool", "runk=/bin/true"]).output().unwrap();
    assert!(stderr(&output).contains("did you mean `runc`"), "{}", stderr(&output));
    let output = bench.command(&["run", "startup", "--tool", "runc"]).output().unwrap();
    assert!(stderr(&output).contains("NAME=PATH"), "{}", stderr(&output));
}

#[test]
fn without_a_choice_a_run_takes_what_is_installed_and_names_the_rest_in_a_line() {
    if !can_run_everything() {
        return;
    }
    let bench = Bench::new();
    let missing = bench.temp.path().join("none");
    let fake = script(&bench, "fake-runc", "echo hello world");
    let run = |more: &[&str]| {
        let mut command = bench.command(&["run", "startup", "--samples", "1", "--workloads", "noop"]);
        for name in ["bwrap", "lxc", "nspawn", "crun", "youki", "gvisor", "podman", "docker"] {
            command.arg(format!("--tool={name}={}", missing.display()));
        }
        command.arg(format!("--tool=runc={}", fake.display())).args(more);
        let output = command.arg("--out").arg(&bench.out).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        let run = results::load(&bench.latest()).unwrap();
        (run.backends.into_iter().map(|of| of.name).collect::<Vec<_>>(), stderr(&output))
    };
    let (names, said) = run(&[]);
    assert!(names.contains(&"process".to_owned()) && names.contains(&"runc".to_owned()), "{names:?}");
    assert!(!names.contains(&"docker".to_owned()), "{names:?}");
    let line = said.lines().find(|line| line.contains("not on this host")).unwrap();
    assert!(line.contains("bwrap, lxc, nspawn, crun, youki, gvisor, podman, docker"), "{line}");
    let (names, said) = run(&["--backends", "builtin"]);
    assert!(!names.contains(&"runc".to_owned()) && !said.contains("not on this host"), "{names:?} {said}");
}
