//! Limits, the end of an instance, and that nothing outlives it.

mod common;

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, Stdio as Std};
use std::time::{Duration, Instant};

use common::{Box, cgroup_dirs, mounts_of, run, unique};
use container::cgroup::{self, Cgroup, Kind, Layout, Limits};
use container::{Layers, Root, Spec, Stdio};

/// Waits until `done`, at most ten seconds.
fn eventually(what: &str, done: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !done() {
        assert!(Instant::now() < end, "never happened: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn cgroup(name: &str, limits: Limits) -> Option<Cgroup> {
    match Cgroup::create(&unique(name), &limits) {
        Ok(cgroup) => Some(cgroup),
        Err(error) => {
            common::skipped(&error.to_string());
            None
        }
    }
}

#[test]
fn a_memory_limit_stops_a_hog() {
    let Some(inside) = Box::as_root() else { return };
    let Some(cgroup) = cgroup("memory", Limits { memory: Some(16 << 20), ..Limits::default() }) else {
        return;
    };
    let hog = ["dd", "if=/dev/zero", "of=/dev/null", "bs=64M", "count=1"];
    let spec = Spec::container(&inside.rootfs).args(hog);
    assert!(run(spec.clone()).status.success(), "without a limit it works");
    assert_eq!(run(spec.cgroup(&cgroup)).status.signal(), Some(libc::SIGKILL));
    let memory = cgroup.memory().unwrap();
    assert!(memory.current <= 16 << 20, "{memory:?}");
    assert!(memory.peak.is_none_or(|peak| peak > 8 << 20), "{memory:?}");
    cgroup.remove().unwrap();
}

#[test]
fn a_cpu_limit_slows_a_busy_loop_down() {
    let Some(inside) = Box::as_root() else { return };
    let Some(cgroup) = cgroup("cpu", Limits { cpu: Some(0.2), ..Limits::default() }) else { return };
    let spec = Spec::container(&inside.rootfs).cgroup(&cgroup).args(["sh", "-c", "while :; do :; done"]);
    let started = Instant::now();
    let mut instance = container::start(&spec).unwrap();
    assert_eq!(instance.wait_timeout(Duration::from_secs(2)).unwrap(), None);
    instance.kill();
    let exit = instance.wait().unwrap();
    let (used, passed) = (exit.user_time + exit.system_time, started.elapsed());
    // The kernel hands out time in slices, so a little more than a fifth; without a limit it would be all.
    assert!(used > Duration::ZERO && used < passed / 2, "{used:?} of {passed:?}");
    cgroup.remove().unwrap();
}

#[test]
fn a_pid_limit_stops_a_fork_storm() {
    let Some(inside) = Box::as_root() else { return };
    let Some(cgroup) = cgroup("pids", Limits { pids: Some(4), ..Limits::default() }) else { return };
    let storm = "for i in 1 2 3 4 5 6 7 8; do sleep 9 & done";
    let output = run(Spec::container(&inside.rootfs).cgroup(&cgroup).args(["sh", "-c", storm]));
    assert!(output.text.contains("can't fork"), "{}", output.text);
    cgroup.remove().unwrap();
}

#[test]
fn it_sees_its_own_cgroup_as_the_root() {
    let Some(inside) = Box::as_root() else { return };
    let Some(cgroup) = cgroup("root", Limits::default()) else { return };
    let spec = Spec::container(&inside.rootfs).cgroup(&cgroup).args(["cat", "/proc/self/cgroup"]);
    let output = run(spec);
    assert!(output.text.lines().all(|line| !line.contains("container-test")), "{}", output.text);
    cgroup.remove().unwrap();
}

#[test]
fn on_v2_it_is_born_inside_its_cgroup() {
    let Some(_) = common::busybox().filter(|_| common::is_root()) else { return };
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let v2: Vec<_> = mounts.lines().filter(|line| line.contains(" - cgroup2 ")).collect();
    let own = std::fs::read_to_string("/proc/self/cgroup").unwrap();
    let own = own.lines().find(|line| line.starts_with("0::")).unwrap_or_default();
    let layout = Layout::parse(own, &v2.join("\n"));
    if layout.kind() != Kind::V2 {
        return common::skipped("needs a mounted cgroup v2 hierarchy");
    }
    let name = unique("v2");
    let cgroup = layout.create(&name, &Limits::default()).unwrap();
    let output = run(Spec::process("/bin/busybox").cgroup(&cgroup).args(["cat", "/proc/self/cgroup"]));
    assert!(
        output.text.lines().any(|line| line.starts_with("0::") && line.ends_with(&name)),
        "{}",
        output.text
    );
    assert!(cgroup.cpu_usage().unwrap().is_some());
    cgroup.remove().unwrap();
    assert_eq!(cgroup_dirs(&name), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_full_cgroup_is_emptied_before_it_is_removed() {
    let Some(_) = common::busybox().filter(|_| common::is_root()) else { return };
    let Some(killed) = cgroup("full", Limits::default()) else { return };
    let sleeping = |cgroup: &Cgroup| Spec::process("/bin/busybox").cgroup(cgroup).args(["sleep", "1000"]);
    let mut instance = container::start(&sleeping(&killed)).unwrap();
    killed.kill_all();
    assert_eq!(instance.wait().unwrap().status.signal(), Some(libc::SIGKILL));
    killed.remove().unwrap();
    // Not the same once more: kernels that count how often a cgroup was killed (since 2025) take whoever starts right inside
    // one that was for a fork that began before, and kill it (`kill_seq`, kernel/cgroup/cgroup.c).
    let Some(cgroup) = cgroup("full", Limits::default()) else { return };
    let again = container::start(&sleeping(&cgroup)).unwrap();
    drop(cgroup);
    assert_eq!(cgroup_dirs(&unique("full")), Vec::<std::path::PathBuf>::new());
    drop(again);
}

#[test]
fn a_dropped_instance_leaves_no_process_mount_or_cgroup() {
    let Some(inside) = Box::as_root() else { return };
    let Some(cgroup) = cgroup("drop", Limits::default()) else { return };
    let spec = Spec::container(&inside.rootfs).cgroup(&cgroup).args(["sh", "-c", "sleep 1000 & sleep 1000"]);
    let instance = container::start(&spec).unwrap();
    let pid = instance.pid();
    assert_eq!(mounts_of(inside.dir.path()), Vec::<String>::new(), "its mounts are not the host's");
    drop(instance);
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
    cgroup.remove().unwrap();
    assert_eq!(cgroup_dirs(&unique("drop")), Vec::<std::path::PathBuf>::new());
    std::fs::remove_dir_all(inside.rootfs.dir()).unwrap();
}

#[test]
fn end_of_input_is_the_stop_request() {
    let Some(_) = common::busybox() else { return };
    let mut instance = container::start(&Spec::process("/bin/busybox").args(["cat"])).unwrap();
    assert_eq!(instance.wait_timeout(Duration::from_millis(20)).unwrap(), None);
    drop(instance.stdin.take());
    let exit = instance.wait().unwrap();
    assert!(exit.status.success());
    assert_eq!(instance.wait_timeout(Duration::ZERO).unwrap(), Some(exit), "it stays told");
}

#[test]
fn exit_status_and_signal_are_passed_on() {
    let Some(_) = common::busybox() else { return };
    let status = |script| run(Spec::process("/bin/busybox").args(["sh", "-c", script])).status;
    assert_eq!(status("exit 7").code(), Some(7));
    assert_eq!(status("kill -TERM $$").signal(), Some(libc::SIGTERM));
}

/// Runs one ignored test of this file in a process of its own, from a place that everyone can read.
#[expect(clippy::unwrap_used, reason = "a test that cannot be set up should stop right there")]
fn helper(dir: &Path, test: &str) -> Command {
    let copy = dir.join("helper");
    std::fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    let mut command = Command::new(copy);
    command.args(["--ignored", "--exact", "--nocapture", test]);
    command.env("CONTAINER_TEST_DIR", dir).env("TMPDIR", dir).stdin(Std::null());
    command
}

#[test]
fn nothing_outlives_a_caller_that_is_killed() {
    let Some(inside) = Box::as_root() else { return };
    let mut command = helper(inside.dir.path(), "helper_starts_a_container_and_waits");
    let mut caller = command.stdout(Std::piped()).spawn().unwrap();
    let lines = BufReader::new(caller.stdout.take().unwrap()).lines();
    let line = lines.map(Result::unwrap).find(|line| line.contains("started ")).unwrap();
    let pid = line.split("started ").nth(1).unwrap().to_owned();
    let name = format!("container-test-killed-{}", caller.id());
    assert!(Path::new("/proc").join(&pid).exists());
    caller.kill().unwrap();
    caller.wait().unwrap();
    eventually("the container dies with its caller", || !Path::new("/proc").join(&pid).exists());
    assert_eq!(mounts_of(inside.dir.path()), Vec::<String>::new());
    // The cgroup the kernel cannot remove by itself; the next run does.
    let left = cgroup_dirs(&name);
    assert_eq!(cgroup::sweep(&name, |_| false).unwrap(), left[..0], "what is not stale stays");
    assert_eq!(cgroup::sweep(&name, |_| true).unwrap().len(), left.len());
    assert_eq!(cgroup_dirs(&name), left[..0]);
}

#[test]
#[ignore = "a part of nothing_outlives_a_caller_that_is_killed"]
fn helper_starts_a_container_and_waits() {
    let Some(inside) = Box::as_root() else { return };
    let cgroup = Cgroup::create(&unique("killed"), &Limits::default()).ok();
    // Of the roots there are, the one with the most mounts.
    let layers = Layers::prepare(&inside.dir.path().join("layers"), "busybox", &common::busybox().unwrap());
    let full = Spec { root: Root::Overlay(layers.unwrap()), ..Spec::container(&inside.rootfs) };
    let mut spec = full.args(["sh", "-c", "sleep 1000 & sleep 1000"]);
    spec.cgroup = cgroup.as_ref().map(Cgroup::join);
    // Not a pipe of ours: end of file there must not be what ends it.
    spec.stdin = Stdio::Null;
    let mut instance = container::start(&spec).unwrap();
    println!("started {}", instance.pid());
    instance.wait().unwrap();
}

#[test]
fn it_works_without_root() {
    let Some(_) = common::busybox().filter(|_| common::is_root()) else { return };
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o777)).unwrap();
    let mut command = helper(dir.path(), "helper_runs_a_container_as_nobody");
    let output = command.uid(65534).gid(65534).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    if let Some(reason) = text.lines().find_map(|line| line.split("SKIPPED: ").nth(1)) {
        common::skipped(reason);
    }
}

#[test]
#[ignore = "a part of it_works_without_root"]
fn helper_runs_a_container_as_nobody() {
    if let Err(reason) = container::user_namespaces_available() {
        eprintln!("SKIPPED: {reason}");
        return;
    }
    let inside = Box::new().unwrap();
    let script = "id -u; echo $(cat /proc/self/uid_map); echo /dev/*; echo x > /dev/null; touch /tmp/x; \
                  grep CapEff /proc/self/status; touch /x";
    let output = common::sh(&inside.rootfs, script);
    let lines: Vec<_> = output.text.lines().collect();
    assert_eq!(lines[..2], ["0", "0 65534 1"], "{}", output.text);
    assert!(lines[2].contains("/dev/null") && lines[2].contains("/dev/tty"), "{}", output.text);
    assert!(lines[3].ends_with("0000000000000000"), "{}", output.text);
    assert!(lines[4].contains("Read-only file system"), "{}", output.text);
    assert_eq!(lines.len(), 5, "{}", output.text);

    let layers = Layers::prepare(&inside.dir.path().join("layers"), "busybox", &common::busybox().unwrap());
    let overlaid = Spec { root: Root::Overlay(layers.unwrap()), ..Spec::container(&inside.rootfs) };
    let output = run(overlaid.args(["sh", "-c", "echo new > /x; echo x > /dev/null; cat /x"]));
    assert_eq!(output.text, "new\n");

    let refused = Spec { namespaces: container::Namespaces::ALL_BUT_USER, ..Spec::container(&inside.rootfs) };
    let error = container::start(&refused).unwrap_err();
    assert!(error.to_string().contains("run as root, or add a user namespace"), "{error}");
    if let Err(error) = Cgroup::create(&unique("nobody"), &Limits::default()) {
        assert!(error.to_string().contains("; "), "says what to do: {error}");
    }
}

#[test]
fn a_cgroup_that_somebody_else_made_is_read_and_outlives_its_reader() {
    let Some(inside) = Box::as_root() else { return };
    let Some(cgroup) = cgroup("foreign", Limits { pids: Some(64), ..Limits::default() }) else { return };
    let spec = Spec::container(&inside.rootfs).cgroup(&cgroup).args(["sleep", "1000"]);
    let mut instance = container::start(&spec).unwrap();
    let foreign = Cgroup::of_process(instance.pid()).unwrap();
    assert!(foreign.memory().unwrap().current > 0);
    foreign.remove().unwrap();
    assert!(cgroup.memory().is_ok(), "it is still there");
    instance.kill();
    instance.wait().unwrap();
    cgroup.remove().unwrap();
}

#[test]
fn where_the_caller_sits_is_nobodys_cgroup() {
    let own = Cgroup::of_process(std::process::id().cast_signed()).unwrap();
    assert!(own.memory().is_err(), "{own:?}");
    assert_eq!(own.join_files(), [] as [std::path::PathBuf; 0]);
}

#[test]
fn a_cgroup_goes_with_those_that_were_made_below_it() {
    let Some(cgroup) = cgroup("nested", Limits { pids: Some(64), ..Limits::default() }) else { return };
    let dirs: Vec<_> = cgroup.join_files().iter().map(|file| file.parent().unwrap().to_owned()).collect();
    for dir in &dirs {
        std::fs::create_dir_all(dir.join("one/two")).unwrap();
    }
    let mut sleeper = Command::new("sleep").arg("1000").spawn().unwrap();
    std::fs::write(dirs[0].join("one/two/cgroup.procs"), sleeper.id().to_string()).unwrap();
    let name = dirs[0].file_name().unwrap().to_str().unwrap().to_owned();
    assert_eq!(cgroup::sweep(&name, |found| found == name).unwrap().len(), dirs.len());
    assert_eq!(sleeper.wait().unwrap().signal(), Some(libc::SIGKILL));
    assert!(dirs.iter().all(|dir| !dir.exists()));
}

#[test]
fn a_file_that_is_handed_on_is_open_inside_and_no_other_is() {
    use std::os::fd::{AsRawFd, OwnedFd};
    let Some(inside) = Box::new() else { return };
    let (handed, kept) =
        (std::fs::File::open("/dev/zero").unwrap(), std::fs::File::open("/dev/zero").unwrap());
    let mut spec = Spec::process(inside.rootfs.dir().join("busybox"));
    spec.args = vec!["ls".into(), "/proc/self/fd".into()];
    spec.files = vec![std::sync::Arc::new(OwnedFd::from(handed.try_clone().unwrap()))];
    let number = spec.files[0].as_raw_fd();
    let output = run(spec).text;
    let open: Vec<i32> = output.split_whitespace().map(|word| word.parse().unwrap()).collect();
    assert!(open.contains(&number) && !open.contains(&kept.as_raw_fd()), "{open:?}");
}
