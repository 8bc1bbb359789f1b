//! `bench exec` by the real binary, ended early: nothing of the program stays, and what was measured does.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use results::evidence::EXIT_STATUS;
use results::{Experiment, Metric, RunState};

use crate::common::{Bench, cgroups_of, processes_with};
use crate::exec::{busybox, exec, fact};

/// Waits until a trial is under way.
fn under_way(text: &str) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while processes_with(text).is_empty() {
        assert!(Instant::now() < deadline, "no trial comes");
        sleep(Duration::from_millis(2));
    }
}

#[test]
fn nothing_outlives_a_run_that_is_killed() {
    if !busybox() {
        return;
    }
    let bench = Bench::new();
    // In turns the process, the container and the VMM are the ones under way.
    for round in 0..6 {
        let text = format!("kill-{round}");
        let args = ["--samples", "1000", "--", "/bin/busybox", "yes", &text];
        let mut child = exec(&bench, &args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        under_way(&format!("yes {text}"));
        sleep(Duration::from_millis(7 * round));
        kill(Pid::from_raw(child.id() as i32), Signal::SIGKILL).unwrap();
        child.wait().unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while !processes_with(&text).is_empty() {
            assert!(Instant::now() < deadline, "it outlived its run: {:?}", processes_with(&text));
            sleep(Duration::from_millis(20));
        }
        assert!(bench.command(&["clean"]).stdout(Stdio::null()).status().unwrap().success());
        assert_eq!(cgroups_of(child.id()), [] as [PathBuf; 0]);
    }
    assert_eq!(bench.scratch_folders(), [] as [PathBuf; 0]);
}

#[test]
fn an_interrupted_run_keeps_what_was_measured() {
    if !busybox() {
        return;
    }
    let bench = Bench::new();
    let args = ["--backends=process", "--samples", "100000", "--", "/bin/busybox", "echo", "hello"];
    let mut child = exec(&bench, &args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let journal = || {
        let folder = fs::read_dir(&bench.out).ok()?.flatten().next()?.path();
        fs::read_to_string(folder.join("journal.jsonl")).ok()
    };
    let deadline = Instant::now() + Duration::from_secs(60);
    while journal().is_none_or(|text| text.matches("wall_time").count() < 3) {
        assert!(Instant::now() < deadline, "no trial is recorded");
        sleep(Duration::from_millis(5));
    }
    kill(Pid::from_raw(child.id() as i32), Signal::SIGINT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let run = results::load(&bench.latest()).unwrap();
    assert_eq!(run.state, RunState::Interrupted);
    let wall = run.measurement(Experiment::Exec, "busybox", "process", &Metric::WallTime).unwrap();
    assert!(wall.samples.len() >= 3 && fact(&run, "process", EXIT_STATUS) == Some("0"));
    assert!(bench.latest().join("report.html").is_file() && bench.scratch_folders().is_empty());
}
