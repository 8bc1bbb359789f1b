//! Whether anything of a run is left: processes, cgroups, mounts, files, and what the tools themselves list.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::common::{Bench, cgroups_of, processes_with};

/// The calls by which `backend`'s tool lists containers and images: where it looks by itself, and where the run `token` keeps
/// them. Of bwrap and nspawn without systemd's machined there is no list.
fn lists(bench: &Bench, token: &str, backend: &str) -> Vec<Vec<String>> {
    let scratch = bench.scratch_folders().into_iter().find(|path| path.display().to_string().contains(token));
    let own = scratch.map(|path| path.join(backend).display().to_string());
    let (program, options, lists) = match backend {
        "runc" | "crun" | "youki" => (backend, "--root DIR/state", &["list"][..]),
        "gvisor" => ("runsc", "--root DIR/state", &["list"][..]),
        "lxc" => ("lxc-ls", "-P DIR/containers", &["-1"][..]),
        "podman" => {
            let options = "--root DIR/storage --runroot DIR/run --storage-driver vfs";
            ("podman", options, &["ps --all", "images"][..])
        }
        "docker" => ("docker", "", &["ps --all", "images"][..]),
        _ => return Vec::new(),
    };
    let places = own.map(|dir| options.replace("DIR", &dir)).into_iter().chain([String::new()]);
    let line = |place: &String, list: &&str| format!("{program} {place} {list}");
    let words = |line: String| line.split_whitespace().map(str::to_owned).collect();
    places.flat_map(|place| lists.iter().map(move |list| words(line(&place, list)))).collect()
}

/// What the tool lists of the run: lines with its token.
pub fn listed(bench: &Bench, token: &str, backend: &str, docker_host: Option<&str>) -> Vec<String> {
    let mut found = Vec::new();
    for line in lists(bench, token, backend) {
        let host = docker_host.map(|host| ("DOCKER_HOST", host));
        let output = Command::new(&line[0]).args(&line[1..]).envs(host).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        // While a run goes on, a list may meet a container that is going away.
        let is_over = bench.scratch_folders().is_empty();
        assert!(output.status.success() || !is_over, "{line:?}: {}", String::from_utf8_lossy(&output.stderr));
        found.extend(said.lines().filter(|row| row.contains(token)).map(str::to_owned));
    }
    found
}

/// Waits until the tool lists an instance of the run `pid`, which goes on: only then an empty list means something.
pub fn assert_is_listed(bench: &Bench, pid: u32, backend: &str, docker_host: Option<&str>) {
    let token = format!("bench-{pid}-");
    if lists(bench, &token, backend).is_empty() {
        return;
    }
    let deadline = Instant::now() + Duration::from_secs(60);
    while listed(bench, &token, backend, docker_host).is_empty() {
        assert!(Instant::now() < deadline, "{backend} never lists what runs in it");
    }
}

/// Fails if anything of the run `pid` is left.
pub fn assert_nothing_is_left(bench: &Bench, pid: u32, backend: &str, docker_host: Option<&str>) {
    let token = format!("bench-{pid}-");
    let deadline = Instant::now() + Duration::from_secs(10);
    // The kernel takes a moment to end what it was told to.
    while !processes_with(&token).is_empty() && Instant::now() < deadline {
        sleep(Duration::from_millis(20));
    }
    assert_eq!(processes_with(&token), [] as [String; 0], "{backend}");
    assert_eq!(cgroups_of(pid), [] as [PathBuf; 0], "{backend}");
    assert_eq!(bench.scratch_folders(), [] as [PathBuf; 0], "{backend}");
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(&token), "{backend}: {mounts}");
    let below = Path::new("/run/lxc/lock").join(bench.temp.path().strip_prefix("/").unwrap());
    assert!(!below.exists(), "{backend}: {}", below.display());
    for folder in
        ["/run/systemd/nspawn/propagate", "/run/systemd/nspawn/unix-export", "/run/runc", "/run/crun"]
    {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let ours: Vec<_> = entries.filter(|e| e.file_name().to_string_lossy().starts_with(&token)).collect();
        assert!(ours.is_empty(), "{backend}: {ours:?}");
    }
    assert_eq!(listed(bench, &token, backend, docker_host), [] as [String; 0], "{backend}");
}
