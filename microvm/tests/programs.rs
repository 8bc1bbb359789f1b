//! Programs in the embedded guest: some that nobody here wrote, some that look closely at their kernel.
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

mod common;

use std::io::{Read, Write};
use std::sync::Arc;

use common::{CALLS, CALLS_PIE, CLOCK, PATIENCE, PROGRAMS, REGISTERS, RUST, existing, has_kvm, run_program};
use microvm::{Config, Launcher, Outcome};

const BUSYBOX: &str = "/bin/busybox";

#[track_caller]
fn assert_busybox(args: &[&str], output: &str, status: i32) {
    if let (true, Some(busybox)) = (has_kvm(), existing(BUSYBOX)) {
        let finished = run_program(busybox, args);
        assert_eq!(
            (finished.output.as_str(), finished.exit.outcome),
            (output, Outcome::Exited(status)),
            "{}",
            finished.errors
        );
    }
}

#[test]
fn every_program_compiles() {
    let folder = tempfile::tempdir().unwrap();
    for program in PROGRAMS {
        assert!(program.compiled(folder.path()).is_none_or(|file| file.exists()), "{}", program.name);
    }
}

#[test]
fn busybox_echoes() {
    assert_busybox(&["echo", "hello", "world"], "hello world\n", 0);
}

#[test]
fn busybox_calculates() {
    assert_busybox(&["expr", "6", "*", "7"], "42\n", 0);
    assert_busybox(&["expr", "1", "=", "2"], "0\n", 1);
}

#[test]
fn busybox_counts() {
    let numbers: String = (1..=3000).map(|i| format!("{i}\n")).collect();
    assert_busybox(&["seq", "3000"], &numbers, 0);
}

#[test]
fn busybox_reads_its_input() {
    let (true, Some(busybox)) = (has_kvm(), existing(BUSYBOX)) else { return };
    let config =
        Config { args: vec!["sort".into(), "-n".into()], deadline: Some(PATIENCE), ..Config::new(busybox) };
    let mut instance = Launcher::new().unwrap().start(&config).unwrap();
    let mut stdin = instance.stdin.take().unwrap();
    let numbers: String = (0..5000).rev().map(|i| format!("{i}\n")).collect();
    stdin.write_all(numbers.as_bytes()).unwrap();
    drop(stdin);
    let mut output = String::new();
    instance.stdout.read_to_string(&mut output).unwrap();
    assert_eq!(output, (0..5000).map(|i| format!("{i}\n")).collect::<String>());
    assert_eq!(instance.wait().unwrap().outcome, Outcome::Exited(0));
}

#[test]
fn a_program_can_have_another_name_and_a_file_for_input() {
    let (true, Some(busybox)) = (has_kvm(), existing(BUSYBOX)) else { return };
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("input");
    std::fs::write(&input, "one\ntwo\n").unwrap();
    let config = Config {
        arg0: Some("wc".into()),
        args: vec!["-l".into()],
        stdin: Some(Arc::new(std::fs::File::open(&input).unwrap().into())),
        deadline: Some(PATIENCE),
        ..Config::new(busybox)
    };
    let mut instance = Launcher::new().unwrap().start(&config).unwrap();
    assert!(instance.stdin.is_none());
    let mut output = String::new();
    instance.stdout.read_to_string(&mut output).unwrap();
    assert_eq!((output.trim(), instance.wait().unwrap().outcome), ("2", Outcome::Exited(0)));
}

#[test]
fn the_system_calls_do_what_linux_does() {
    let folder = tempfile::tempdir().unwrap();
    if let (true, Some(program)) = (has_kvm(), CALLS.compiled(folder.path())) {
        let finished = run_program(&program, &[]);
        assert_eq!(finished.output, "writev\n0 wrong\n");
        assert_eq!(finished.exit.outcome, Outcome::Exited(0));
        let unknown = finished.exit.unknown_syscalls;
        for (number, name) in
            [(57, "fork"), (56, "clone"), (59, "execve"), (62, "kill"), (234, "tgkill"), (511, "the rest")]
        {
            assert_eq!(unknown.get(&number), Some(&1), "{name} in {unknown:?}");
        }
    }
}

#[test]
fn a_system_call_changes_no_register_it_must_not() {
    let folder = tempfile::tempdir().unwrap();
    if let (true, Some(program)) = (has_kvm(), REGISTERS.compiled(folder.path())) {
        let finished = run_program(&program, &[]);
        assert!(finished.output.ends_with("right\n"), "{finished:?}");
        assert_eq!(finished.exit.outcome, Outcome::Exited(0));
    }
}

#[test]
fn a_static_pie_runs() {
    let folder = tempfile::tempdir().unwrap();
    if let (true, Some(program)) = (has_kvm(), CALLS_PIE.compiled(folder.path())) {
        assert_eq!(run_program(&program, &[]).exit.outcome, Outcome::Exited(0));
    }
}

#[test]
fn a_static_rust_program_runs() {
    let folder = tempfile::tempdir().unwrap();
    let Some(program) = RUST.compiled(folder.path()) else { return };
    if has_kvm() {
        let finished = run_program(&program, &["a", "b"]);
        assert_eq!(finished.output, "200000 1000 1.414214 [\"a\", \"b\"] \"\"\n", "{finished:?}");
        assert_eq!(finished.exit.outcome, Outcome::Exited(42));
    }
}

#[test]
fn the_guests_clock_is_the_hosts() {
    let (true, Some(busybox)) = (has_kvm(), existing(BUSYBOX)) else { return };
    let host = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let before = host();
    // Seconds of CLOCK_REALTIME; `the_guests_monotonic_clock_is_the_hosts` looks closer.
    let finished = run_program(busybox, &["date", "+%s"]);
    let guest: u64 = finished.output.trim().parse().unwrap_or_else(|_| panic!("{finished:?}"));
    assert!((before..=host()).contains(&guest), "{before} {guest}");
}

#[test]
fn the_guests_monotonic_clock_is_the_hosts() {
    let folder = tempfile::tempdir().unwrap();
    let (true, Some(program)) = (has_kvm(), CLOCK.compiled(folder.path())) else {
        return;
    };
    let config = Config { deadline: Some(PATIENCE), ..Config::new(program) };
    let mut instance = Launcher::new().unwrap().start(&config).unwrap();
    let mut line = [0; 20];
    for _ in 0..20 {
        // The guest looks at its clock after it is asked and before it answers.
        let before = monotonic_ns();
        instance.stdin.as_mut().unwrap().write_all(b"?").unwrap();
        instance.stdout.read_exact(&mut line).unwrap();
        let after = monotonic_ns();
        let guest: u64 = std::str::from_utf8(&line).unwrap().trim().parse().unwrap();
        // The clocks were read one after the other when the machine was set up; the VMM may have been held up
        // meanwhile.
        let slack = 5_000_000;
        assert!((before - slack..after + slack).contains(&guest), "{before} {guest} {after}");
    }
}

fn monotonic_ns() -> u64 {
    let time = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC).unwrap();
    std::time::Duration::from(time).as_nanos() as u64
}
