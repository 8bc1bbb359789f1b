//! The real agent, run as a bare process.

#![expect(clippy::unwrap_used, reason = "clippy exempts only functions marked #[test], not their helpers")]

use std::{
    fs,
    io::{Read, Write, pipe},
    os::unix::{
        fs::{MetadataExt, PermissionsExt},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{LazyLock, mpsc},
    thread,
    time::{Duration, Instant},
};

use workloads::{
    AGENT, CATALOGUE, Group,
    protocol::{Event, Parser},
};

/// The agent as a file. It is written once, before the first child is started: a child that inherits the
/// descriptor it is written through would make executing it fail with ETXTBSY.
static AGENT_FILE: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (file, new) = (folder.join("workload"), folder.join(format!("workload.{}", std::process::id())));
    fs::write(&new, AGENT).unwrap();
    fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).unwrap();
    fs::rename(&new, &file).unwrap();
    file
});

/// Far beyond what any of these runs takes: for a hang to fail rather than to hang the tests.
const DEADLINE: Duration = Duration::from_secs(120);

fn agent(arguments: &[&str]) -> Command {
    let mut command = Command::new(&*AGENT_FILE);
    command.args(arguments).env_clear();
    command
}

/// Runs a command to its end and returns its output as bytes.
fn run(command: &mut Command) -> (ExitStatus, Vec<u8>) {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let (sender, receiver) = mpsc::channel();
    let reader = thread::spawn(move || {
        let mut output = Vec::new();
        let result = stdout.read_to_end(&mut output);
        let _ = sender.send(());
        result.map(|_| output)
    });
    if receiver.recv_timeout(DEADLINE).is_err() {
        child.kill().unwrap();
        child.wait().unwrap();
        panic!("{command:?} hung");
    }
    (child.wait().unwrap(), reader.join().unwrap().unwrap())
}

fn events(command: &mut Command) -> (Option<i32>, Vec<Event>) {
    let (status, output) = run(command);
    let events = Parser::new().push(&output);
    (status.code(), events.unwrap_or_else(|error| panic!("{command:?}: {error}")))
}

fn skipped(reason: &str) {
    println!("SKIPPED: {reason}");
    assert!(
        std::env::var_os("BENCH_NO_SKIP").is_none_or(|value| value.is_empty()),
        "BENCH_NO_SKIP: {reason}"
    );
}

#[test]
fn every_workload_reports_the_batches_that_were_asked_for() {
    let measures = |group| matches!(group, Group::Syscalls | Group::Cpu);
    for workload in CATALOGUE.iter().filter(|workload| measures(workload.group)) {
        let (status, events) = events(&mut agent(&[workload.name, "--batches", "3", "--batch-ns", "20000"]));
        match events.as_slice() {
            [Event::Ready, Event::Skip { reason }] => skipped(&format!("{}: {reason}", workload.name)),
            [
                Event::Ready,
                Event::Begin { clock_ns: begin },
                samples @ ..,
                Event::End { clock_ns: end },
                Event::Done,
            ] => {
                assert_eq!(samples.len(), 3, "{}", workload.name);
                let timed = samples.iter().map(|sample| match sample {
                    Event::Sample { ns, .. } => *ns,
                    other => panic!("{}: {other:?} among the samples", workload.name),
                });
                assert!(
                    timed.sum::<u64>() <= end - begin,
                    "{}: samples lie between begin and end",
                    workload.name
                );
            }
            other => panic!("{}: {other:?}", workload.name),
        }
        assert_eq!(status, Some(0), "{}", workload.name);
    }
}

#[test]
fn identity_reports_what_this_process_can_see_too() {
    let (status, events) = events(&mut agent(&["identity"]));
    assert_eq!(status, Some(0));
    let of = |key: &str| {
        let values = events.iter().filter_map(|event| match event {
            Event::Fact { key: found, value } if found == key => Some(value.as_str()),
            _ => None,
        });
        let [value] = values.collect::<Vec<_>>()[..] else { panic!("{key} in {events:?}") };
        value
    };
    let file = |path| fs::read_to_string(path).unwrap().trim().to_owned();
    assert_eq!(of("kernel-release"), file("/proc/sys/kernel/osrelease"));
    assert_eq!(of("boot-id"), file("/proc/sys/kernel/random/boot_id"));
    for key in
        ["kernel-version", "hostname", "capabilities", "memory-bytes", "tasks", "uptime-ms", "uid", "pid"]
    {
        assert!(!of(key).starts_with("n/a"), "{key}: {}", of(key));
    }
    let root = fs::metadata("/").unwrap();
    assert_eq!(of("root-directory"), format!("{}:{}", root.dev(), root.ino()));
    assert_eq!(events.last(), Some(&Event::Done));
}

/// Starts `noop` and waits until it is ready.
fn idle() -> Child {
    let mut child = agent(&["noop"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut ready = [0; 6];
    child.stdout.as_mut().unwrap().read_exact(&mut ready).unwrap();
    assert_eq!(&ready, b"ready\n");
    child
}

#[test]
fn noop_idles_until_its_standard_input_ends() {
    let mut child = idle();
    assert!(child.try_wait().unwrap().is_none());
    child.stdin.as_mut().unwrap().write_all(b"whatever is written does not stop it").unwrap();
    assert!(child.try_wait().unwrap().is_none());
    drop(child.stdin.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let mut rest = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty(), "noop says nothing but ready");
}

#[test]
fn a_wrong_command_line_is_an_error_with_status_2_after_ready() {
    let cases: &[&[&str]] = &[
        &[],
        &["gitpid"],
        &["a\u{1b}[2Jb\n"],
        &["getpid", "--batches"],
        &["getpid", "--batches", "257"],
        &["getpid", "-x"],
    ];
    for arguments in cases {
        let (status, events) = events(&mut agent(arguments));
        assert!(
            matches!(events.as_slice(), [Event::Ready, Event::Error { .. }]),
            "{arguments:?}: {events:?}"
        );
        assert_eq!(status, Some(2), "{arguments:?}");
    }
}

#[test]
fn an_endless_argument_still_makes_a_line_of_the_protocol() {
    let (status, events) = events(&mut agent(&[&"x".repeat(100_000)]));
    assert!(matches!(events.as_slice(), [Event::Ready, Event::Error { .. }]));
    assert_eq!(status, Some(2));
}

#[test]
fn an_agent_executed_by_the_execve_workload_exits_silently() {
    let (status, output) = run(agent(&["getpid"]).arg0(""));
    assert!(status.success());
    assert!(output.is_empty());
}

#[test]
fn an_agent_without_a_listener_ends() {
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let status = agent(&["sort"]).stdin(Stdio::null()).stdout(writer).status().unwrap();
    assert!(!status.success());
}

#[test]
fn the_variable_of_a_guest_changes_nothing_for_a_process_that_is_not_the_first() {
    let (status, output) = run(agent(&["noop"]).env("BENCH_DOORBELL", "1712"));
    assert_eq!((status.code(), output.as_slice()), (Some(0), &b"ready\n"[..]));
}

#[test]
fn a_delay_for_tests_comes_before_ready() {
    let begun = Instant::now();
    let (status, events) = events(agent(&["identity"]).env(workloads::TEST_DELAY, "20000000"));
    assert!(begun.elapsed() >= Duration::from_millis(20));
    assert_eq!((status, &events[0]), (Some(0), &Event::Ready));
}

#[test]
fn a_senseless_delay_is_an_error_instead_of_ready() {
    let (status, output) = run(agent(&["noop"]).env(workloads::TEST_DELAY, "soon"));
    assert_eq!(status.code(), Some(2));
    assert!(output.starts_with(b"error BENCH_TEST_DELAY wants"), "{}", output.escape_ascii());
}

#[test]
fn noop_without_standard_input_says_what_is_wrong() {
    // The directory is open, but reading it is EISDIR.
    let folder = fs::File::open("/").unwrap();
    let output = agent(&["noop"]).stdin(folder).output().unwrap();
    assert_eq!(str::from_utf8(&output.stdout), Ok("ready\nerror read failed with errno 21\n"));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn an_empty_root_makes_workloads_skip_or_do_without() {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("empty-root");
    fs::create_dir_all(&root).unwrap();
    // A link, for a copy would be open for writing while other tests start children: ETXTBSY again.
    let _ = fs::remove_file(root.join("workload"));
    fs::hard_link(&*AGENT_FILE, root.join("workload")).unwrap();
    let missing = |name| {
        let mut chroot = Command::new("chroot");
        chroot.arg(&root).args(["/workload", name]).stderr(Stdio::null());
        events(&mut chroot)
    };
    for (name, needed) in [("openat-close", "needs /dev/null"), ("read-zero-1", "needs /dev/zero")] {
        match missing(name) {
            // What `chroot` says of itself when it may not or cannot.
            (Some(125..=127), events) if events.is_empty() => return skipped("chroot needs root"),
            (status, events) => {
                assert_eq!(events, [Event::Ready, Event::Skip { reason: needed.into() }]);
                assert_eq!(status, Some(0));
            }
        }
    }
    // Without /proc the agent finds itself by the path that it was executed by.
    let (status, events) = missing("execve");
    assert_eq!((status, events.last()), (Some(0), Some(&Event::Done)));
}

#[test]
fn the_agent_is_a_small_static_elf_that_needs_no_interpreter() {
    assert!(AGENT.len() < 100_000, "{} bytes", AGENT.len());
    assert_eq!(&AGENT[..6], b"\x7fELF\x02\x01", "ELF64, little-endian");
    let u16_at = |at: usize| u16::from_le_bytes(AGENT[at..at + 2].try_into().unwrap());
    assert_eq!((u16_at(16), u16_at(18)), (2, 62), "ET_EXEC, EM_X86_64");
    let (first, size, count) = (64, usize::from(u16_at(54)), usize::from(u16_at(56)));
    let kinds = (0..count).map(|index| u16_at(first + index * size)).collect::<Vec<_>>();
    assert!(!kinds.contains(&2) && !kinds.contains(&3), "no PT_DYNAMIC, no PT_INTERP: {kinds:?}");
    assert!(!kinds.contains(&7), "no PT_TLS: nobody sets up thread-local storage");
}

/// The facts of a workload that ended well.
fn facts(arguments: &[&str]) -> Vec<(String, String)> {
    let (status, mut events) = events(&mut agent(arguments));
    assert_eq!((status, events.pop()), (Some(0), Some(Event::Done)), "{arguments:?}: {events:?}");
    let facts = events.into_iter().filter_map(|event| match event {
        Event::Fact { key, value } => Some((key, value)),
        _ => None,
    });
    facts.collect()
}

#[test]
fn a_hog_that_nobody_stops_ends_at_its_ceiling() {
    let facts = facts(&["hog", "--most", "9"]);
    let progress = facts.iter().filter(|(key, _)| key == "touched-mib").map(|(_, value)| value.as_str());
    assert_eq!(progress.collect::<Vec<_>>(), ["4", "8"]);
    assert_eq!(facts.last(), Some(&("ceiling-mib".to_owned(), "9".to_owned())));
}

#[test]
fn a_hog_that_is_refused_memory_says_how_far_it_came() {
    let mut limited = Command::new("prlimit");
    limited.arg("--as=25165824").arg(&*AGENT_FILE).args(["hog", "--most", "64"]);
    let (status, events) = events(&mut limited);
    assert_eq!(status, Some(0), "{events:?}");
    let refused = Event::Fact { key: "refused".into(), value: "mmap failed with errno 12".into() };
    assert!(events.contains(&refused), "{events:?}");
}

#[test]
fn a_storm_stops_at_its_ceiling_and_leaves_no_child() {
    let facts = facts(&["fork-storm", "--most", "7", "--batch-ns", "1000"]);
    assert_eq!(facts, [("processes".into(), "8".into()), ("forks-refused".into(), "0".into())]);
}

#[test]
fn a_spin_lasts_as_long_as_it_is_told() {
    let (status, events) = events(&mut agent(&["spin", "--batch-ns", "3000000"]));
    assert_eq!(status, Some(0));
    let [Event::Ready, Event::Begin { .. }, Event::Sample { ops, ns }, Event::End { .. }, Event::Done] =
        events[..]
    else {
        panic!("{events:?}")
    };
    assert!(ops > 0 && ns >= 3_000_000, "{ops} {ns}");
}
