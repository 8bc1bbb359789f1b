//! One run with ours and theirs side by side, each required.
//!
//! What the container promises beside them: `cargo test --release -p harness --test cli together -- --ignored --nocapture`

use std::process::Stdio;

use results::{BackendStatus, Experiment, Metric, Run};

use super::daemon::Dockerd;
use super::left::assert_nothing_is_left;
use super::{here, installed, stderr};
use crate::common::{Bench, can_run_everything};

const OURS: [&str; 3] = ["process", "container", "microvm"];

#[test]
fn all_that_are_installed_stand_beside_ours_in_one_run() {
    if !can_run_everything() {
        return;
    }
    let mut backends: Vec<&str> = OURS.to_vec();
    backends.extend(here().into_iter().map(|(name, _)| name));
    let daemon = (installed("docker").is_some() && installed("dockerd").is_some()).then(Dockerd::start);
    backends.extend(daemon.is_some().then_some("docker"));
    let host = daemon.as_ref().map(Dockerd::host);

    let (bench, (run, pid)) = started(&backends, host.as_deref(), 2);
    for backend in &backends {
        assert_eq!(run.backend(backend).unwrap().status, BackendStatus::Ok, "{backend}");
        println!("{backend}: {:.2} ms to READY", median(&run, backend) / 1e6);
        assert_nothing_is_left(&bench, pid, backend, host.as_deref());
    }
}

#[test]
#[ignore = "a promise about time, for a quiet machine"]
fn the_container_starts_in_a_third_of_lxcs_time_and_a_sixth_of_runcs() {
    let peers = [("lxc", "lxc-execute", 1.0 / 3.0), ("runc", "runc", 1.0 / 6.0)];
    if !can_run_everything() || peers.iter().any(|(_, program, _)| installed(program).is_none()) {
        return;
    }
    let (_bench, (run, _)) = started(&["process", "container", "lxc", "runc"], None, 20);
    for (peer, _, most) in peers {
        let ratio = median(&run, "container") / median(&run, peer);
        println!("container / {peer}: {ratio:.3}");
        assert!(ratio < most, "container takes {ratio:.3} of {peer}'s time, not under {most:.3}");
    }
}

/// A run of `startup` with so many samples that requires all these backends, and its process id.
fn started(backends: &[&str], docker_host: Option<&str>, samples: usize) -> (Bench, (Run, u32)) {
    let bench = Bench::new();
    let (names, samples) = (backends.join(","), samples.to_string());
    let mut command = bench.command(&["run", "startup", "--samples", &samples, "--backends", &names]);
    command.args(["--require", &names]).arg("--out").arg(&bench.out);
    command.envs(docker_host.map(|host| ("DOCKER_HOST", host)));
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = child.id();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let run = results::load(&bench.latest()).unwrap();
    (bench, (run, pid))
}

/// Nanoseconds to READY.
fn median(run: &Run, backend: &str) -> f64 {
    let found = run.measurement(Experiment::Startup, "noop", backend, &Metric::StartupTime);
    let found = found.unwrap_or_else(|| panic!("{backend} has no startup time"));
    results::stats::median(&found.samples).unwrap()
}
