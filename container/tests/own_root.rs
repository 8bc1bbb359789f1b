//! A directory of the caller's as the root: used as it is, and left as it was. Streams, names and groups of programs that
//! nobody wrote for this.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up should stop right there")]

#[expect(dead_code, reason = "every test binary uses a part of it")]
mod common;

use std::fs;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{busybox, is_root, run};
use container::{Rootfs, RootfsError, Spec, Stdio};

/// A directory with busybox in bin, and what a container mounts on.
fn own_root() -> Option<tempfile::TempDir> {
    let program = busybox()?;
    let dir = tempfile::tempdir().unwrap();
    for sub in ["bin", "proc", "dev", "tmp"] {
        fs::create_dir(dir.path().join(sub)).unwrap();
    }
    let path = dir.path().join("bin/busybox");
    fs::write(&path, program).unwrap();
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    Some(dir)
}

fn sh(root: &Path, script: &str) -> Spec {
    let rootfs = Rootfs::of_dir(root, Path::new("/bin/busybox")).unwrap();
    Spec::container(&rootfs).args(["sh", "-c", script])
}

#[test]
fn its_dev_holds_nodes_that_work_and_the_directory_stays_empty() {
    let (true, Some(root)) = (is_root(), own_root()) else { return };
    let script =
        "echo $(busybox ls /dev); busybox head -c 3 /dev/zero | busybox wc -c; echo x > /dev/null && echo ok";
    let output = run(sh(root.path(), script).env(["PATH=/bin"]));
    assert_eq!(output.text, "fd full null random stderr stdin stdout tty urandom zero\n3\nok\n");
    for sub in ["proc", "dev", "tmp"] {
        assert_eq!(fs::read_dir(root.path().join(sub)).unwrap().count(), 0, "{sub}");
    }
}

#[test]
fn only_its_tmp_can_be_written_to() {
    let (true, Some(root)) = (is_root(), own_root()) else { return };
    let output = run(sh(root.path(), "echo x > /bin/x; echo x > /tmp/x && echo ok"));
    assert!(output.text.contains("Read-only file system") && output.text.contains("ok\n"), "{}", output.text);
    assert!(!root.path().join("bin/x").exists() && !root.path().join("tmp/x").exists());
}

#[test]
fn a_directory_without_mount_points_is_refused_with_the_command_that_makes_them() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("proc")).unwrap();
    // A link could lead out of it.
    std::os::unix::fs::symlink("/dev", dir.path().join("dev")).unwrap();
    let error = Rootfs::of_dir(dir.path(), Path::new("/x")).unwrap_err();
    assert!(matches!(error, RootfsError::NoMountPoint { missing: "dev", .. }), "{error}");
    let wanted = format!("mkdir {}", dir.path().canonicalize().unwrap().join("dev").display());
    assert!(error.to_string().ends_with(&wanted), "{error}");
    let error = Rootfs::of_dir(&dir.path().join("none"), Path::new("/x")).unwrap_err();
    assert!(error.to_string().contains("none"), "{error}");
}

#[test]
fn a_file_can_be_its_standard_input_and_its_name_another_one() {
    let Some(_) = busybox() else { return };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("input");
    fs::write(&path, "one\ntwo\n").unwrap();
    let spec = Spec {
        arg0: Some("wc".into()),
        stdin: Stdio::File(Arc::new(fs::File::open(&path).unwrap().into())),
        ..Spec::process("/bin/busybox").args(["-l"])
    };
    assert_eq!(run(spec).text.trim(), "2");
}

#[test]
fn what_it_leaves_in_its_group_dies_with_it() {
    let Some(_) = busybox() else { return };
    let spec = Spec { new_session: true, ..Spec::process("/bin/busybox") };
    let mut instance = container::start(&spec.args(["sh", "-c", "sleep 1000 & echo $!"])).unwrap();
    let began = Instant::now();
    assert!(instance.wait_timeout(Duration::from_secs(60)).unwrap().unwrap().status.success());
    // The sleeper held the pipe: its end is the sleeper's.
    let mut text = String::new();
    instance.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert!(text.trim().parse::<i32>().is_ok() && began.elapsed() < Duration::from_secs(500), "{text}");
}
