//! Machine monitors of others. What needs a KVM that boots Linux runs in the lab; here a QEMU that emulates shows that the guest is
//! started, spoken with and stopped.

use std::fs;
use std::process::Stdio;

use results::{BackendStatus, Metric};

use super::{assert_nothing_is_left, installed, reason, stderr};
use crate::common::{Bench, skip};

/// Whether there is a kernel for guests; says so if not, and fails where nothing may be skipped.
fn has_kernel(bench: &Bench) -> bool {
    let listed = bench.command(&["kernel", "list", "--json"]).output().unwrap();
    let kernels: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    let any = kernels["kernels"].as_array().is_some_and(|found| !found.is_empty());
    if !any {
        skip("needs a kernel for guests: bench kernel fetch");
    }
    any
}

#[test]
fn an_emulated_qemu_boots_the_guest_of_microvm_linux_and_every_sample_is_marked() {
    let bench = Bench::new();
    if installed("qemu-system-x86_64").is_none() || !has_kernel(&bench) {
        return;
    }
    let mut command = bench.command(&["run", "startup", "--samples", "1"]);
    command.args(["--backends", "process,qemu-q35", "--qemu-accel", "tcg", "--require", "qemu-q35", "--out"]);
    let child = command.arg(&bench.out).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = child.id();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let run = results::load(&bench.latest()).unwrap();
    assert_eq!(reason(&run, "qemu-q35"), (BackendStatus::Ok, String::new()));
    let details = &run.backend("qemu-q35").unwrap().details;
    for key in ["version", "sha256", "command", "kernel", "not_equal"] {
        assert!(details.contains_key(key), "{key}: {details:?}");
    }
    let command = &details["command"];
    assert!(command.contains("-append") && command.contains("-accel tcg"), "{command}");
    let of = |metric: Metric| {
        run.measurements.iter().find(|found| found.backend == "qemu-q35" && found.metric == metric).unwrap()
    };
    let start = of(Metric::StartupTime);
    let setup = of(Metric::Phase("vmm_setup".to_owned()));
    assert!(0.0 < setup.samples[0] && setup.samples[0] < start.samples[0], "{setup:?} {start:?}");
    assert!(start.flags.iter().flatten().flatten().any(|flag| flag == "software-emulation"), "{start:?}");
    assert_nothing_is_left(&bench, pid, "qemu-q35", None);
}

#[test]
fn a_monitor_that_says_nothing_fails_alone_and_in_its_own_words() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    if !has_kernel(&bench) {
        return;
    }
    let fake = bench.temp.path().join("qemu");
    let script = "#!/bin/sh\n[ \"$1\" = --version ] && echo 'QEMU emulator version 8.0.0' && exit\necho 'no such machine' >&2\n\
                  exit 1\n";
    fs::write(&fake, script).unwrap();
    fs::set_permissions(&fake, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = bench.command(&["run", "startup", "--samples", "1", "--qemu-accel", "tcg", "--tool"]);
    command.arg(format!("qemu-q35={}", fake.display())).args(["--backends", "process,qemu-q35", "--out"]);
    let output = command.arg(&bench.out).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let run = results::load(&bench.latest()).unwrap();
    let (status, why) = reason(&run, "qemu-q35");
    assert_eq!(status, BackendStatus::Failed);
    assert!(why.contains("did not get to READY") && why.contains("no such machine"), "{why}");
    assert_eq!(reason(&run, "process").0, BackendStatus::Ok);
}
