//! What the tests of the real binary share.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// The binary under test, with a temporary folder of its own, so that tests do not see each other's leftovers.
pub struct Bench {
    pub temp: TempDir,
    pub out: PathBuf,
}

impl Bench {
    pub fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let out = temp.path().join("results");
        Self { temp, out }
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bench"));
        command.args(args).env("TMPDIR", self.temp.path()).current_dir(self.temp.path());
        command
    }

    /// A short run into `out`, without guests that boot: where there is a kernel for them and a KVM that runs it, they
    /// would take most of the time.
    pub fn run(&self, args: &[&str]) -> Command {
        let mut command = self.command(&["run"]);
        command.args(args).arg("--out").arg(&self.out);
        command.args(["--backends", "process,container,microvm"]);
        command
    }

    pub fn latest(&self) -> PathBuf {
        self.out.join("latest")
    }

    /// Folders that a run keeps while it lasts.
    pub fn scratch_folders(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.temp.path()).unwrap().flatten().map(|entry| entry.path());
        entries.filter(|path| name(path).starts_with("bench-")).collect()
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

/// All cgroups whose name begins with the token of process `pid`.
pub fn cgroups_of(pid: u32) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut todo = vec![PathBuf::from("/sys/fs/cgroup")];
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            // Not through symbolic links: v1 has `cpu -> cpu,cpuacct`.
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                if name(&entry.path()).starts_with(&format!("bench-{pid}-")) {
                    found.push(entry.path());
                }
                todo.push(entry.path());
            }
        }
    }
    found
}

/// Processes whose command line contains `text`.
pub fn processes_with(text: &str) -> Vec<String> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter(|entry| entry.file_name().to_string_lossy().bytes().all(|b| b.is_ascii_digit()))
        .filter_map(|entry| fs::read(entry.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(text))
        .collect()
}

/// Whether this machine can run all backends; says so if not, and fails where nothing may be skipped.
pub fn can_run_everything() -> bool {
    let kvm = fs::OpenOptions::new().read(true).write(true).open("/dev/kvm").is_ok();
    let root = nix::unistd::geteuid().is_root();
    let reason = match (root, kvm) {
        (true, true) => return true,
        (false, _) => "needs root",
        (_, false) => "needs /dev/kvm",
    };
    skip(reason);
    false
}

/// Says why a test does not run here, and fails where nothing may be skipped.
pub fn skip(reason: &str) {
    println!("SKIPPED: {reason}");
    assert!(std::env::var_os("BENCH_NO_SKIP").is_none_or(|v| v.is_empty()), "nothing may skip: {reason}");
}
