//! The life of a machine as its launcher sees it.
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use common::{PATIENCE, existing, has_kvm, run, run_program, skip, write_elf};
use microvm::{Config, Launcher, Outcome, check_program};

const BUSYBOX: &str = "/bin/busybox";

/// write(1, CODE, 1), then read(0, ..) until the end of input, then exit(7).
const IDLE: &[u8] = &[
    0xb8, 1, 0, 0, 0, 0xbf, 1, 0, 0, 0, 0xbe, 0x78, 0, 0x40, 0, 0xba, 1, 0, 0, 0, 0x0f, 0x05, // write
    0x31, 0xc0, 0x31, 0xff, 0xbe, 0, 0, 0x60, 0, 0xba, 16, 0, 0, 0, 0x0f, 0x05, // read
    0x85, 0xc0, 0x75, 0xec, // test eax, eax; jnz to the read
    0xb8, 60, 0, 0, 0, 0xbf, 7, 0, 0, 0, 0x0f, 0x05, // exit
];

/// An idle machine whose first output has arrived.
fn idle(config: impl FnOnce(&mut Config)) -> microvm::Instance {
    let folder = tempfile::tempdir().unwrap();
    let mut idle = Config::new(write_elf(folder.path(), IDLE));
    config(&mut idle);
    let mut instance = Launcher::new().unwrap().start(&idle).unwrap();
    instance.stdout.read_exact(&mut [0]).unwrap();
    instance
}

/// Whether a process has ended, reaped or not.
fn is_gone(pid: i32) -> bool {
    let state = fs::read_to_string(format!("/proc/{pid}/stat"))
        .ok()
        .and_then(|stat| stat.rsplit_once(") ").map(|(_, rest)| rest.starts_with('Z')));
    state.unwrap_or(true)
}

#[test]
fn closing_standard_input_ends_an_idle_guest() {
    if !has_kvm() {
        return;
    }
    let mut instance = idle(|_| ());
    assert_eq!(instance.wait_timeout(Duration::from_millis(20)).unwrap(), None);
    instance.stdin.as_mut().unwrap().write_all(b"not yet").unwrap();
    assert_eq!(instance.wait_timeout(Duration::from_millis(20)).unwrap(), None);
    drop(instance.stdin.take());
    let exit = instance.wait_timeout(PATIENCE).unwrap().expect("it ends");
    assert_eq!(exit.outcome, Outcome::Exited(7));
    assert_eq!(exit.doorbells, 4, "write, two reads, exit");
    assert_eq!(instance.wait().unwrap(), exit, "waiting again says the same");
}

#[test]
fn the_report_comes_while_the_guest_runs() {
    if !has_kvm() {
        return;
    }
    let mut instance = idle(|_| ());
    let until = Instant::now() + PATIENCE;
    let report = loop {
        match instance.report().unwrap() {
            Some(report) => break report,
            None => assert!(Instant::now() < until, "no report"),
        }
        sleep(Duration::from_millis(1));
    };
    let names: Vec<&str> = report.phases.iter().map(|phase| phase.name.as_str()).collect();
    assert_eq!(names, ["vmm_exec", "memory", "load", "kvm_objects", "first_entry"]);
    let ends: Vec<u64> =
        [instance.started_ns].into_iter().chain(report.phases.iter().map(|phase| phase.end_ns)).collect();
    assert!(ends.is_sorted(), "{ends:?}");
    assert_eq!(report.guest_ram.1, 32 << 20);
    assert!(report.tsc_khz > 100_000);
    assert!(matches!(report.kernel_ring, 0 | 3));
}

#[test]
fn a_killed_guest_says_by_which_signal() {
    if !has_kvm() {
        return;
    }
    let mut instance = idle(|_| ());
    instance.kill().unwrap();
    assert_eq!(instance.wait().unwrap().outcome, Outcome::Killed(9));
    instance.kill().expect("killing again is no error");
}

#[test]
fn a_guest_that_waits_for_input_ends_at_its_deadline() {
    if !has_kvm() {
        return;
    }
    let mut instance = idle(|config| config.deadline = Some(Duration::from_secs(1)));
    assert_eq!(instance.wait_timeout(PATIENCE).unwrap().unwrap().outcome, Outcome::Deadline);
}

#[test]
fn a_dropped_instance_leaves_no_process() {
    if !has_kvm() {
        return;
    }
    let instance = idle(|_| ());
    let pid = instance.pid();
    assert!(!is_gone(pid));
    drop(instance);
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
}

/// Not a test of its own: what `a_machine_dies_with_its_launcher` runs in another process, to be killed there.
#[test]
fn hold_a_machine() {
    if std::env::var_os("MICROVM_TEST_HOLD").is_some() {
        let instance = idle(|_| ());
        println!("\nheld {}", instance.pid());
        sleep(PATIENCE);
    }
}

#[test]
fn a_machine_dies_with_its_launcher() {
    if !has_kvm() {
        return;
    }
    let mut launcher = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "hold_a_machine", "--nocapture", "--test-threads=1"])
        .env("MICROVM_TEST_HOLD", "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(launcher.stdout.take().unwrap()).lines().map_while(Result::ok);
    let pid = lines.into_iter().find_map(|line| line.strip_prefix("held ")?.parse::<i32>().ok());
    launcher.kill().unwrap();
    launcher.wait().unwrap();
    let pid = pid.expect("the other process says which machine it holds");
    let until = Instant::now() + PATIENCE;
    while !is_gone(pid) {
        assert!(Instant::now() < until, "the machine's process {pid} has outlived its launcher");
        sleep(Duration::from_millis(5));
    }
}

/// Sums a field of /proc/PID/smaps in bytes, for mappings inside (`true`) or outside guest memory.
fn smaps(pid: i32, guest: (u64, u64), inside: bool, fields: &[&str]) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps")).unwrap();
    let (mut counts, mut sum) = (false, 0);
    for line in text.lines() {
        let first = line.split_whitespace().next().unwrap_or_default();
        if let Some((start, _)) = first.split_once('-') {
            let start = u64::from_str_radix(start, 16).unwrap();
            counts = (guest.0..guest.0 + guest.1).contains(&start) == inside;
        } else if counts && fields.contains(&first.trim_end_matches(':')) {
            sum += 1024 * line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap();
        }
    }
    sum
}

#[test]
fn an_idle_machine_takes_less_than_2_mib_in_guest_and_vmm_each() {
    if !has_kvm() {
        return;
    }
    let huge = fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled").unwrap_or_default();
    if huge.contains("[always]") {
        return skip("transparent huge pages are always on and round guest memory up");
    }
    let mut instance = idle(|_| ());
    let report = loop {
        if let Some(report) = instance.report().unwrap() {
            break report;
        }
        sleep(Duration::from_millis(1));
    };
    let touched = smaps(instance.pid(), report.guest_ram, true, &["Rss"]);
    let unique = smaps(instance.pid(), report.guest_ram, false, &["Private_Clean", "Private_Dirty"]);
    println!("guest memory touched {} KiB, VMM unique {} KiB", touched >> 10, unique >> 10);
    assert!(touched > 0 && touched <= 2 << 20, "{touched}");
    assert!(unique > 0 && unique <= 2 << 20, "{unique}");
}

fn vmm_error(program: &Path) -> String {
    match run_program(program, &[]).exit.outcome {
        Outcome::VmmError(text) => text,
        other => panic!("expected an error of the VMM, not {other:?}"),
    }
}

#[test]
fn a_program_that_cannot_run_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("script");
    fs::write(&script, "#!/bin/sh\n").unwrap();
    let cases = [
        (folder.path().join("missing"), "No such file"),
        (script, "not an ELF file"),
        (std::env::current_exe().unwrap(), "link it with -static"),
    ];
    for (program, part) in cases {
        let checked = check_program(&program, 32 << 20).unwrap_err().to_string();
        let reported = vmm_error(&program);
        for text in [checked, reported] {
            assert!(text.contains(part) && text.contains(&*program.to_string_lossy()), "{text}");
        }
    }
}

#[test]
fn a_program_that_does_not_fit_says_so() {
    let Some(busybox) = existing(BUSYBOX) else { return };
    assert!(check_program(busybox, 32 << 20).is_ok());
    let text = check_program(busybox, 1 << 20).unwrap_err().to_string();
    assert!(text.contains("between 16 and 2048 MiB"), "{text}");
}

#[test]
fn a_cgroup_that_cannot_be_joined_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::new(write_elf(folder.path(), IDLE));
    config.cgroup_procs = vec!["/nonexistent/cgroup.procs".into()];
    match run(config).exit.outcome {
        Outcome::VmmError(text) => assert!(text.contains("/nonexistent/cgroup.procs"), "{text}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_vmm_process_joins_the_cgroups_it_is_given() {
    if !has_kvm() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let procs = folder.path().join("cgroup.procs");
    fs::write(&procs, "").unwrap();
    let config = Config { cgroup_procs: vec![procs.clone()], ..Config::new(write_elf(folder.path(), IDLE)) };
    assert_eq!(run(config).exit.outcome, Outcome::Exited(7));
    assert_eq!(fs::read_to_string(procs).unwrap(), "0", "0 means the writer itself");
}

#[test]
fn arguments_and_environment_arrive() {
    let (true, Some(busybox)) = (has_kvm(), existing(BUSYBOX)) else { return };
    let long = "x".repeat(5000);
    let finished = run_program(busybox, &["echo", "one", "", "drei vier", "ünf", &long]);
    assert_eq!(finished.output, format!("one  drei vier ünf {long}\n"));
    let mut config = Config::new(busybox);
    config.args = vec!["env".into()];
    config.env = vec![("A".into(), "1=2".into()), ("EMPTY".into(), "".into())];
    assert_eq!(run(config).output, "A=1=2\nEMPTY=\n");
}

#[test]
fn too_many_arguments_are_refused_by_size() {
    let Some(busybox) = existing(BUSYBOX) else { return };
    if !has_kvm() {
        return;
    }
    let mut config = Config::new(busybox);
    config.args = vec!["x".repeat(100_000).into(); 8];
    match run(config).exit.outcome {
        Outcome::VmmError(text) => assert!(text.contains("a quarter of the stack"), "{text}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn many_machines_run_at_once() {
    if !has_kvm() {
        return;
    }
    let mut instances: Vec<_> = (0..8).map(|_| idle(|_| ())).collect();
    for instance in &mut instances {
        drop(instance.stdin.take());
        assert_eq!(instance.wait().unwrap().outcome, Outcome::Exited(7));
    }
}

#[test]
fn the_smallest_and_the_largest_guest_run() {
    if !has_kvm() {
        return;
    }
    for memory_bytes in [16 << 20, 2 << 30] {
        let mut instance = idle(|config| config.memory_bytes = memory_bytes);
        drop(instance.stdin.take());
        assert_eq!(instance.wait().unwrap().outcome, Outcome::Exited(7), "{memory_bytes}");
    }
}

#[test]
fn the_probe_tells_what_kvm_this_is() {
    if !has_kvm() {
        return;
    }
    let facts = microvm::probe().unwrap();
    println!("{facts}");
    assert_eq!(facts.api_version, 12);
    assert!(facts.ring0_per_second > 1e4);
    let mut instance = idle(|_| ());
    let report = loop {
        if let Some(report) = instance.report().unwrap() {
            break report;
        }
        sleep(Duration::from_millis(1));
    };
    assert_eq!(report.kernel_ring, facts.syscall_ring, "a real guest sees the same");
}
