//! A container of a user without privileges, in a cgroup that was delegated to them, as systemd does it.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up should stop right there")]

#[expect(dead_code, reason = "every test binary uses a part of it")]
mod common;

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{Box, cgroup_dirs, run, unique};
use container::cgroup::{self, Cgroup, Limits};
use container::{Namespaces, Spec};

const NOBODY: u32 = 65534;
/// What the user gets, test program included, and what their container gets of it.
const DELEGATED: Limits = Limits { memory: Some(512 << 20), cpu: Some(1.0), pids: Some(256) };
const LIMITS: Limits = Limits { memory: Some(32 << 20), cpu: Some(0.5), pids: Some(16) };

/// Gives a cgroup to [`NOBODY`]: the folder, to make others in it, and the files that say who is where
/// (cgroup-v2.rst, "Model of Delegation"; v1 has some of them).
fn delegate(dir: &Path) {
    chown(dir, Some(NOBODY), Some(NOBODY)).unwrap();
    for file in ["cgroup.procs", "cgroup.threads", "cgroup.subtree_control", "tasks"] {
        let file = dir.join(file);
        if file.exists() {
            chown(file, Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }
}

fn writable(path: PathBuf) -> File {
    File::options().write(true).open(path).unwrap()
}

#[test]
fn limits_hold_without_root_where_a_cgroup_is_delegated() {
    let Some(_) = common::busybox().filter(|_| common::is_root()) else { return };
    let delegated = match Cgroup::create(&unique("delegated"), &DELEGATED) {
        Ok(cgroup) => cgroup,
        Err(error) => return common::skipped(&error.to_string()),
    };
    // The user's processes sit one level below, so that on v2 the level above can have further children.
    let sessions: Vec<PathBuf> =
        delegated.join_files().iter().map(|file| file.parent().unwrap().join("session")).collect();
    for session in &sessions {
        fs::create_dir(session).unwrap();
        delegate(session.parent().unwrap());
        delegate(session);
    }
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o777)).unwrap();
    let helper = dir.path().join("helper");
    fs::copy(std::env::current_exe().unwrap(), &helper).unwrap();

    let procs: Vec<File> =
        sessions.iter().map(|session| session.join("cgroup.procs")).map(writable).collect();
    let mut command = Command::new(&helper);
    // The helper joins and only then is nobody: the way in is not theirs.
    let become_nobody = move || {
        for mut file in &procs {
            file.write_all(b"0")?;
        }
        nix::unistd::setgroups(&[])?;
        nix::unistd::setgid(NOBODY.into())?;
        Ok(nix::unistd::setuid(NOBODY.into())?)
    };
    // SAFETY: between fork and exec it makes system calls only and allocates nothing.
    unsafe { command.pre_exec(become_nobody) };
    command.args(["--ignored", "--exact", "--nocapture", "helper_keeps_limits_as_nobody"]);
    command.env("TMPDIR", dir.path()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let helper = command.spawn().unwrap();
    let name = format!("container-test-mine-{}", helper.id());
    let output = helper.wait_with_output().unwrap();

    // First tidy up, also after a helper that failed.
    let left = cgroup::sweep(&name, |_| true).unwrap();
    for session in &sessions {
        fs::remove_dir(session).unwrap();
    }
    delegated.remove().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    if let Some(reason) = text.lines().find_map(|line| line.split("SKIPPED: ").nth(1)) {
        common::skipped(reason);
    }
    assert_eq!(left, Vec::<PathBuf>::new(), "it has removed its cgroup");
    assert_eq!(cgroup_dirs(&unique("delegated")), Vec::<PathBuf>::new());
}

#[test]
#[ignore = "a part of limits_hold_without_root_where_a_cgroup_is_delegated"]
fn helper_keeps_limits_as_nobody() {
    assert_eq!(nix::unistd::geteuid().as_raw(), NOBODY);
    if let Err(reason) = container::user_namespaces_available() {
        eprintln!("SKIPPED: {reason}");
        return;
    }
    let inside = Box::new().unwrap();
    let cgroup = Cgroup::create(&unique("mine"), &LIMITS).unwrap();
    let rootless = Namespaces::ALL_BUT_USER | Namespaces::USER;
    let spec = Spec { namespaces: rootless, ..Spec::container(&inside.rootfs) };

    let hog = ["dd", "if=/dev/zero", "of=/dev/null", "bs=64M", "count=1"];
    assert!(run(spec.clone().args(hog)).status.success(), "without a limit it works");
    let killed = run(spec.clone().cgroup(&cgroup).args(hog));
    assert_eq!(killed.status.signal(), Some(libc::SIGKILL), "{}", killed.text);
    let used = cgroup.memory().unwrap();
    assert!(used.current <= 32 << 20, "{used:?}");

    let storm = "for i in $(seq 40); do sleep 9 & done";
    let refused = run(spec.cgroup(&cgroup).args(["sh", "-c", storm]));
    assert!(refused.text.contains("can't fork"), "{}", refused.text);
    assert!(cgroup.cpu_usage().unwrap().is_none_or(|used| used > Duration::ZERO));
    cgroup.remove().unwrap();
}
