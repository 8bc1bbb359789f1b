//! `bench exec` by the real binary, with programs that nobody here wrote: what they do is the same everywhere, what differs is
//! said, and nothing of them stays.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use results::evidence::{EXIT_STATUS, OUTPUT_DIFFERS, STDOUT_BYTES, STDOUT_SHA256};
use results::{BackendStatus, Experiment, Metric, Run, RunState, Status};
use sha2::{Digest, Sha256};

use crate::common::{Bench, can_run_everything, cgroups_of, processes_with};

const ALL: [&str; 3] = ["process", "container", "microvm"];
const NATIVE: &str = "--backends=process,container";

pub fn busybox() -> bool {
    let there = Path::new("/bin/busybox").exists();
    assert!(there || std::env::var_os("BENCH_NO_SKIP").is_none(), "apt-get install busybox-static");
    there && can_run_everything()
}

/// `bench exec` without guests that boot.
pub fn exec(bench: &Bench, args: &[&str]) -> Command {
    let mut command = bench.command(&["exec", "--out"]);
    command.arg(&bench.out).args(["--seed", "7"]);
    if !args.iter().any(|arg| arg.starts_with("--backends")) {
        command.arg(format!("--backends={}", ALL.join(",")));
    }
    command.args(args);
    command
}

/// A run to its end, what it printed, and what it left on the machine, which is nothing.
fn measured(bench: &Bench, args: &[&str]) -> (Run, String) {
    ended(bench, args, 0)
}

/// As above, where no backend has a result.
fn failed(bench: &Bench, args: &[&str]) -> (Run, String) {
    ended(bench, args, 3)
}

fn ended(bench: &Bench, args: &[&str], code: i32) -> (Run, String) {
    let child = exec(bench, args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = child.id();
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    assert_eq!(status.code(), Some(code), "{}", String::from_utf8_lossy(&stderr));
    assert_eq!(bench.scratch_folders(), [] as [PathBuf; 0]);
    assert_eq!(cgroups_of(pid), [] as [PathBuf; 0]);
    let run = results::load(&bench.latest()).unwrap();
    assert_eq!((run.state, &run.config.experiments[..]), (RunState::Complete, &[Experiment::Exec][..]));
    (run, String::from_utf8(stdout).unwrap())
}

pub fn fact<'r>(run: &'r Run, backend: &str, key: &str) -> Option<&'r str> {
    let fact = run.evidence.iter().find(|fact| fact.backend == backend && fact.key == key)?;
    Some(&fact.value)
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// All backends ran it `count` times, and it ended so everywhere.
fn assert_same(run: &Run, name: &str, count: usize, status: i32, output: &[u8]) {
    for backend in ALL {
        let of = |metric| {
            let found = run.measurement(Experiment::Exec, name, backend, &metric);
            found.unwrap_or_else(|| panic!("{backend} {metric}: {:#?}", run.measurements))
        };
        let samples = |metric| of(metric).samples.clone();
        assert_eq!(of(Metric::WallTime).status, Status::Ok, "{backend}");
        for metric in [Metric::WallTime, Metric::CpuTime, Metric::PeakMemory] {
            let samples = samples(metric.clone());
            assert!(
                samples.len() == count && samples.iter().all(|&v| v > 0.0),
                "{backend} {metric}: {samples:?}"
            );
        }
        assert_eq!(fact(run, backend, EXIT_STATUS), Some(&*status.to_string()), "{backend}");
        assert_eq!(fact(run, backend, STDOUT_BYTES), Some(&*output.len().to_string()), "{backend}");
        assert_eq!(fact(run, backend, STDOUT_SHA256), Some(&*hex(output)), "{backend}");
        assert_eq!(fact(run, backend, OUTPUT_DIFFERS), None);
        // What it was given is there, and nothing else.
        assert_eq!(fact(run, backend, "kernel-release"), None, "the agent was not asked");
    }
}

/// Why a backend has no wall time, and how that is called.
fn missing<'r>(run: &'r Run, name: &str, backend: &str) -> (Status, &'r str) {
    let found = run.measurement(Experiment::Exec, name, backend, &Metric::WallTime).unwrap();
    (found.status, found.reason.as_deref().unwrap_or_default())
}

#[test]
fn a_program_that_nobody_here_wrote_does_the_same_everywhere() {
    if !busybox() {
        return;
    }
    let bench = Bench::new();
    let (run, text) = measured(&bench, &["--samples", "2", "--", "/bin/busybox", "seq", "1", "20000"]);
    let output: String = (1..=20000).map(|i| format!("{i}\n")).collect();
    assert_same(&run, "busybox", 2, 0, output.as_bytes());
    assert_eq!(run.config.memory_limit_bytes[&Experiment::Exec], 256 << 20);
    for wanted in ["wall_time", "peak_memory", "the same in every trial of process, container, microvm"] {
        assert!(text.contains(wanted), "{wanted} is not in {text}");
    }
    let page = fs::read_to_string(bench.latest().join("report.html")).unwrap();
    assert!(page.contains("busybox"));
}

#[test]
fn a_file_is_its_standard_input_and_the_json_is_the_run() {
    if !busybox() {
        return;
    }
    let bench = Bench::new();
    let input: Vec<u8> = (0..300_000u32).map(|i| (i.wrapping_mul(i) >> 7) as u8).collect();
    fs::write(bench.temp.path().join("input"), &input).unwrap();
    let args = ["--samples", "1", "--json", "--stdin", "input", "--memory", "64M"];
    // Without a slash it is looked up in $PATH.
    let (run, text) = measured(&bench, &[&args[..], &["--", "busybox", "sha256sum"]].concat());
    assert_same(&run, "busybox", 1, 0, format!("{}  -\n", hex(&input)).as_bytes());
    assert_eq!(serde_json::from_str::<Run>(&text).unwrap(), run);
}

#[test]
fn an_exit_status_that_is_the_same_everywhere_is_no_failure_and_is_said() {
    if !busybox() {
        return;
    }
    let bench = Bench::new();
    let args =
        ["--samples", "1", "--env", "A=b c", "--", "/bin/busybox", "sh", "-c", "echo \"$A\" $#; exit 7"];
    let (run, text) = measured(&bench, &args);
    assert_same(&run, "busybox", 1, 7, b"b c 0\n");
    assert!(text.contains("exit status 7: the same"), "{text}");
}

#[test]
fn a_static_c_program_runs_everywhere_under_the_name_that_was_typed() {
    if !can_run_everything() {
        return;
    }
    let bench = Bench::new();
    let dir = bench.temp.path();
    let source = r#"
        #include <stdio.h>
        #include <stdlib.h>
        #include <math.h>
        int main(int argc, char **argv) {
            double sum = 0;
            double *field = malloc(1 << 20);
            for (int i = 0; i < 1 << 17; i++) sum += field[i] = sqrt(i);
            printf("%s %d %.3f\n", argv[0], argc, sum);
            free(field);
            return 0;
        }"#;
    fs::write(dir.join("main.c"), source).unwrap();
    let gcc = Command::new("gcc")
        .current_dir(dir)
        .args(["-static", "-O1", "-o", "My_Program", "main.c", "-lm"])
        .status();
    assert!(gcc.unwrap().success());
    let (run, _) = measured(&bench, &["--samples", "1", "--", "./My_Program", "x"]);
    let sum: f64 = (0..1 << 17).map(|i| f64::from(i).sqrt()).sum();
    assert_same(&run, "my-program", 1, 0, format!("./My_Program 2 {sum:.3}\n").as_bytes());
}

#[test]
fn what_the_unikernel_lacks_is_named() {
    if !busybox() {
        return;
    }
    let bench = Bench::new();
    let script = "echo a | busybox cat; busybox true";
    let (run, text) =
        measured(&bench, &["--samples", "1", "--env", "PATH=/", "--", "/bin/busybox", "sh", "-c", script]);
    let (status, why) = missing(&run, "busybox", "microvm");
    assert_eq!(status, Status::NotApplicable);
    assert!(why.starts_with("needs ") && why.contains("pipe2"), "{why}");
    assert!(text.contains("n/a: needs "), "{text}");
    assert_eq!(run.backend("microvm").unwrap().status, BackendStatus::Ok);
}

#[test]
fn a_backend_that_does_something_else_has_failed_with_both_hashes() {
    if !busybox() {
        return;
    }
    let bench = Bench::new();
    let args = ["--samples", "2", "--", "/bin/busybox", "cat", "/proc/sys/kernel/hostname"];
    let (run, text) = measured(&bench, &args);
    let (status, why) = missing(&run, "busybox", "container");
    assert_eq!(status, Status::Failed);
    let inside = hex(b"container\n");
    assert!(why.contains("differs from process") && why.contains(&inside), "{why}");
    assert_eq!(fact(&run, "container", STDOUT_SHA256), Some(&*inside));
    let expected = fact(&run, "process", STDOUT_SHA256).unwrap();
    assert!(why.contains(expected) && fact(&run, "container", OUTPUT_DIFFERS) == Some(why));
    assert_eq!(run.backend("container").unwrap().status, BackendStatus::Failed);
    assert!(
        text.contains("output: NOT the same") && text.contains(&inside) && text.contains(expected),
        "{text}"
    );
}

#[test]
fn a_program_that_contradicts_itself_is_not_compared() {
    if !busybox() {
        return;
    }
    let bench = Bench::new();
    let args = [NATIVE, "--samples", "2", "--", "/bin/busybox", "cat", "/proc/sys/kernel/random/uuid"];
    let (run, text) = failed(&bench, &args);
    for (backend, wanted) in
        [("process", "so that nothing can be compared"), ("container", "from trial to trial in process")]
    {
        let (status, why) = missing(&run, "busybox", backend);
        assert!(status == Status::Failed && why.contains(wanted), "{backend}: {why}");
    }
    assert!(text.contains("output: NOT the same"), "{text}");
}

#[test]
fn a_program_without_end_is_killed_at_its_timeout() {
    if !busybox() {
        return;
    }
    let bench = Bench::new();
    let began = Instant::now();
    let (run, _) = failed(&bench, &["--timeout", "1s", "--", "/bin/busybox", "yes", "no-end-1"]);
    for backend in ALL {
        let (status, why) = missing(&run, "busybox", backend);
        assert!(
            status == Status::Failed && why.contains("after 1s") && why.contains("--timeout"),
            "{backend}: {why}"
        );
    }
    // Once each, not once for every trial that might have been.
    assert!(began.elapsed() < Duration::from_secs(40), "{:?}", began.elapsed());
    assert_eq!(processes_with("no-end-1"), [""; 0]);
}

#[test]
fn floods_early_closing_and_deaths_are_taken_for_what_they_are() {
    if !busybox() {
        return;
    }
    let bench = Bench::new();
    let flood = ["--samples", "1", "--", "/bin/busybox", "head", "-c", "1073741824", "/dev/zero"];
    let (run, _) = measured(&bench, &[&["--backends=process"], &flood[..]].concat());
    assert_eq!(fact(&run, "process", STDOUT_BYTES), Some("1073741824"));
    assert!(fact(&run, "process", STDOUT_SHA256).unwrap().ends_with("(first 67108864 bytes)"));

    let script = "exec 0<&- 1>&-; busybox sleep 0.05";
    let args = [NATIVE, "--samples", "1", "--env=PATH=/:/bin", "--", "/bin/busybox", "sh", "-c", script];
    let (run, _) = measured(&bench, &args);
    for backend in ["process", "container"] {
        let wall = run.measurement(Experiment::Exec, "busybox", backend, &Metric::WallTime).unwrap();
        assert!(wall.samples.iter().all(|&ns| ns >= 5e7), "its end counts, not that of its output: {wall:?}");
    }

    let args = ["--backends=process", "--samples", "1", "--", "/bin/busybox", "sh", "-c", "kill -9 $$"];
    let (run, _) = failed(&bench, &args);
    let (status, why) = missing(&run, "busybox", "process");
    assert!(status == Status::Failed && why.contains("signal: 9"), "{why}");

    let args = [
        NATIVE,
        "--samples=1",
        "--memory=16M",
        "--",
        "/bin/busybox",
        "dd",
        "if=/dev/zero",
        "bs=64M",
        "count=1",
    ];
    let (run, _) = failed(&bench, &args);
    for backend in ["process", "container"] {
        let (status, why) = missing(&run, "busybox", backend);
        assert!(
            status == Status::Failed && why.contains("16 MiB") && why.contains("--memory"),
            "{backend}: {why}"
        );
    }

    // Whoever is left in its group holds its output.
    let script = "busybox sleep 1234567 & echo started";
    let args = [NATIVE, "--samples", "1", "--env=PATH=/:/bin", "--", "/bin/busybox", "sh", "-c", script];
    let (run, _) = measured(&bench, &args);
    assert_eq!(fact(&run, "container", STDOUT_BYTES), Some("8"));
    assert_eq!(processes_with("sleep 1234567"), [""; 0]);
}

/// A directory with a dynamically linked program, its interpreter and its libraries.
fn root_with(bench: &Bench, program: &str) -> PathBuf {
    let root = bench.temp.path().join("root");
    for sub in ["proc", "dev", "tmp"] {
        fs::create_dir_all(root.join(sub)).unwrap();
    }
    let ldd = Command::new("ldd").arg(program).output().unwrap();
    let ldd = String::from_utf8(ldd.stdout).unwrap();
    let needed = ldd.split_whitespace().filter(|word| word.starts_with('/'));
    for path in needed.chain([program]) {
        let to = root.join(path.trim_start_matches('/'));
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(path, to).unwrap();
    }
    root
}

#[test]
fn any_program_runs_from_a_directory_that_has_what_it_needs() {
    if !can_run_everything() {
        return;
    }
    let bench = Bench::new();
    let root = root_with(&bench, "/bin/echo");
    let root = root.to_str().unwrap();
    let (run, _) = measured(&bench, &["--samples", "1", "--rootfs", root, "--", "/bin/echo", "hello"]);
    for backend in ["process", "container"] {
        assert_eq!(fact(&run, backend, STDOUT_SHA256), Some(&*hex(b"hello\n")), "{backend}");
    }
    assert!(run.backend("process").unwrap().details["isolation"].contains("chroot"));
    let (status, why) = missing(&run, "echo", "microvm");
    assert!(status == Status::NotApplicable && why.contains("static programs"), "{why}");
    for sub in ["proc", "dev", "tmp"] {
        assert_eq!(fs::read_dir(Path::new(root).join(sub)).unwrap().count(), 0, "{sub} was written to");
    }
}

#[test]
fn what_cannot_run_is_refused_before_anything_is_written() {
    let bench = Bench::new();
    let script = bench.temp.path().join("script");
    fs::write(&script, "#!/bin/sh\necho\n").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(bench.temp.path().join("root")).unwrap();
    for (args, wanted) in [
        (&["--", "/bin/echo"][..], &["dynamically linked", "ld-linux", "gcc -static", "--rootfs"][..]),
        (&["--", "./script"], &["is a script", "/bin/sh", "--rootfs"]),
        (&["--", "./none"], &["./none", "No such file"]),
        (&["--", ""], &["PROGRAM"]),
        (&["--rootfs", "root", "--", "/bin/echo"], &["/bin/echo", "root"]),
        (&["--stdin", "none", "--", "./script"], &["none", "No such file"]),
        (&["--memory", "17M", "--", "x"], &["2 MiB"]),
        (&["--env", "A", "--", "x"], &["NAME=VALUE"]),
        (&["--timeout", "0", "--", "x"], &["--timeout"]),
        (&[], &["PROGRAM"]),
        (&["x"], &["--"]),
    ] {
        let output = exec(&bench, args).output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {message}");
        for text in wanted {
            assert!(message.contains(text), "{args:?}: `{text}` is not in: {message}");
        }
    }
    assert!(!bench.out.exists());
}
