//! Bad input: each gets a message that names what to do, status 2, and nothing half-written.

use std::fs;
use std::io::Read;
use std::process::{Command, Stdio};

use crate::common::Bench;

fn refused(mut command: Command, wanted: &[&str]) {
    let output = command.output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{message}");
    for text in wanted {
        assert!(message.contains(text), "`{text}` is not in: {message}");
    }
    assert!(!message.contains("panicked"), "{message}");
}

#[test]
fn an_unknown_backend_gets_the_nearest_one_suggested() {
    let bench = Bench::new();
    refused(bench.run(&["startup", "--backends", "contaner"]), &["contaner", "did you mean `container`"]);
    refused(bench.run(&["startup", "--require", "micro-vm"]), &["did you mean `microvm`"]);
    assert!(!bench.out.exists());
}

#[test]
fn an_unknown_workload_gets_the_nearest_one_suggested() {
    let bench = Bench::new();
    refused(bench.run(&["syscalls", "--workloads", "getpit"]), &["getpit", "did you mean `getpid`"]);
    refused(bench.run(&["startup", "--workloads", "getpid"]), &["getpid", "bench list"]);
    assert!(!bench.out.exists());
}

#[test]
fn no_samples_and_senseless_budgets_are_refused() {
    let bench = Bench::new();
    refused(bench.run(&["startup", "--samples", "0"]), &["--samples", "1.."]);
    refused(bench.run(&["startup", "--time-budget", "0"]), &["--time-budget"]);
    refused(bench.run(&["startup", "--time-budget", "soon"]), &["90s"]);
    refused(bench.run(&["startup", "--pin", "100000"]), &["100000"]);
    refused(bench.run(&["startup", "--quick", "--thorough"]), &["--thorough"]);
    refused(
        bench.run(&["startup", "--kernel", "/etc/passwd"]),
        &["/etc/passwd", "neither a bzImage nor an ELF"],
    );
    refused(bench.run(&["startup", "--force-backend", "microvm-linus"]), &["did you mean `microvm-linux`"]);
    assert!(!bench.out.exists());
}

#[test]
fn an_output_folder_that_cannot_be_written_is_named() {
    let bench = Bench::new();
    let file = bench.temp.path().join("file");
    fs::write(&file, "").unwrap();
    let mut command = bench.command(&["run", "startup", "--samples", "1", "--out"]);
    command.arg(file.join("below"));
    refused(command, &["file/below", "--out"]);
    assert_eq!(bench.scratch_folders().len(), 0);
}

#[test]
fn a_run_that_is_missing_truncated_or_foreign_is_named_and_nothing_is_written() {
    let bench = Bench::new();
    let good = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../results/tests/data/run.json")).unwrap();
    for (name, content, wanted) in [
        ("truncated", &good[..good.len() / 2], "cut off"),
        ("foreign", br#"{"name": "left-pad"}"#.as_slice(), "not a run of"),
        ("newer", br#"{"schema_version": 99}"#.as_slice(), "99"),
        ("binary", &[0xff, 0, 0x1b][..], "expected value"),
        ("empty", b"", "cut off"),
    ] {
        let folder = bench.temp.path().join(name);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("run.json"), content).unwrap();
        let mut command = bench.command(&["report"]);
        command.arg(folder.join("run.json"));
        refused(command, &["run.json", name, wanted]);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "{name}");
    }
    refused(bench.command(&["report", "no-such-run"]), &["no-such-run"]);
}

#[test]
fn lists_and_findings_are_also_json() {
    let bench = Bench::new();
    for command in ["list", "doctor", "clean"] {
        let output = bench.command(&[command, "--json"]).output().unwrap();
        assert!(output.status.success(), "{command}");
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap();
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let bench = Bench::new();
    let mut child = bench.command(&["list"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut message = String::new();
    child.stderr.take().unwrap().read_to_string(&mut message).unwrap();
    assert!(child.wait().unwrap().success() && message.is_empty(), "{message}");
}
