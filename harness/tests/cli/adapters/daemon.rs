//! Docker's daemon, started by hand in a folder of its own and ended with the test.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// A running daemon.
pub struct Dockerd {
    child: Child,
    dir: TempDir,
}

impl Dockerd {
    /// Starts one that touches neither the network nor anything of the host's own daemon, and waits until it answers.
    pub fn start() -> Self {
        let dir = tempfile::Builder::new().prefix("dockerd").tempdir().unwrap();
        let at = |name: &str| dir.path().join(name).display().to_string();
        let mut command = Command::new("dockerd");
        command.args(["--iptables=false", "--bridge=none", "--storage-driver=vfs"]);
        command.args(["--data-root", &at("data"), "--exec-root", &at("exec"), "--pidfile", &at("pid")]);
        command.args(["--host", &format!("unix://{}", at("socket"))]);
        let output = fs::File::create(at("log")).unwrap();
        command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
        let log = at("log");
        let daemon = Self { child: command.spawn().unwrap(), dir };
        let deadline = Instant::now() + Duration::from_secs(60);
        while daemon.ask(&["version", "--format", "{{.Server.Version}}"]).is_empty() {
            assert!(Instant::now() < deadline, "{}", fs::read_to_string(&log).unwrap());
            sleep(Duration::from_millis(100));
        }
        daemon
    }

    /// For DOCKER_HOST.
    pub fn host(&self) -> String {
        format!("unix://{}", self.dir.path().join("socket").display())
    }

    /// What the client says.
    pub fn ask(&self, args: &[&str]) -> String {
        let output = Command::new("docker").env("DOCKER_HOST", self.host()).args(args).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

impl Drop for Dockerd {
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGTERM);
        let _ = self.child.wait();
        // Where its folder is on a file system that shares mounts, it binds the folder to itself.
        for mount in fs::read_to_string("/proc/self/mountinfo").unwrap_or_default().lines() {
            let point = mount.split(' ').nth(4).unwrap_or_default();
            if Path::new(point).starts_with(self.dir.path()) {
                let _ = Command::new("umount").arg("--lazy").arg(point).status();
            }
        }
        // Its cgroup stays, empty, in every hierarchy.
        for hierarchy in fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten() {
            let _ = fs::remove_dir(hierarchy.path().join("docker"));
        }
    }
}
