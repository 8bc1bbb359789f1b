//! What the integration tests share: a rootfs with busybox, running to the end, and skipping aloud.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up should stop right there")]

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use container::{Rootfs, Spec, Stdio};

/// Says why a test cannot run here, or fails if the environment forbids skipping.
pub fn skipped(reason: &str) {
    let forbidden = std::env::var_os("BENCH_NO_SKIP").is_some_and(|value| !value.is_empty());
    assert!(!forbidden, "BENCH_NO_SKIP is set, but: {reason}");
    eprintln!("SKIPPED: {reason}");
}

/// A static program with many faces, which nobody here wrote.
pub fn busybox() -> Option<Vec<u8>> {
    let program = std::fs::read("/bin/busybox").ok();
    if program.is_none() {
        skipped("needs busybox-static (apt-get install busybox-static)");
    }
    program
}

pub fn is_root() -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        skipped("needs root");
    }
    root
}

/// A rootfs with busybox in a directory that lives as long as this does.
pub struct Box {
    pub rootfs: Rootfs,
    pub dir: tempfile::TempDir,
}

impl Box {
    pub fn new() -> Option<Self> {
        let program = busybox()?;
        let dir = tempfile::tempdir().unwrap();
        let rootfs = Rootfs::prepare(&dir.path().join("rootfs"), "busybox", &program).unwrap();
        Some(Self { rootfs, dir })
    }

    /// The full container, and root to build it, or a skip.
    pub fn as_root() -> Option<Self> {
        is_root().then(Self::new).flatten()
    }
}

pub struct Output {
    pub status: ExitStatus,
    /// Standard output and error, as they came.
    pub text: String,
}

/// Runs to the end with standard output and error in one string.
pub fn run(spec: Spec) -> Output {
    let mut instance = container::start(&Spec { stderr: Stdio::Pipe, ..spec }).unwrap();
    drop(instance.stdin.take());
    let mut text = String::new();
    // Outputs here are far smaller than a pipe, so one after the other cannot block.
    for mut stream in [instance.stdout.take(), instance.stderr.take()].into_iter().flatten() {
        stream.read_to_string(&mut text).unwrap();
    }
    Output { status: instance.wait().unwrap().status, text }
}

/// `sh -c SCRIPT` in a full container.
pub fn sh(rootfs: &Rootfs, script: &str) -> Output {
    run(Spec::container(rootfs).args(["sh", "-c", script]))
}

/// Mounts of the host that mention `path`.
pub fn mounts_of(path: &Path) -> Vec<String> {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let path = path.to_str().unwrap();
    mounts.lines().filter(|line| line.contains(path)).map(String::from).collect()
}

/// A cgroup name that no other test and no other run of this one uses.
pub fn unique(name: &str) -> String {
    format!("container-test-{name}-{}", std::process::id())
}

/// Every directory of that name in the cgroup file systems.
pub fn cgroup_dirs(name: &str) -> Vec<PathBuf> {
    fn walk(dir: &Path, name: &str, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                if entry.file_name() == name {
                    found.push(entry.path());
                }
                walk(&entry.path(), name, found);
            }
        }
    }
    let mut found = Vec::new();
    walk("/sys/fs/cgroup".as_ref(), name, &mut found);
    found
}
