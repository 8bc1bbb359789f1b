//! `bench kernel fetch` with an apt of our own making, and a real package around a small kernel.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::common::Bench;
use crate::sample::{PACKERS, RELEASE, bzimage, elf, packed};

/// A folder with `apt-get` and `apt-cache` scripts, and the path to find them first.
struct Apt {
    bench: Bench,
    bin: PathBuf,
}

impl Apt {
    /// `download` is the script of `apt-get`.
    fn new(download: &str) -> Self {
        let bench = Bench::new();
        let bin = bench.temp.path().join("bin");
        fs::create_dir(&bin).unwrap();
        let apt = Self { bench, bin };
        apt.script("apt-get", download);
        apt.script(
            "apt-cache",
            "case $3 in
             linux-image-virtual) echo 'Depends: linux-firmware, linux-image-6.1.0-test (= 1) | linux-image-x' ;;
             linux-image-6.1.0-test) echo 'Depends: kmod, linux-base (>= 4.3~)' ;;
             *) echo 'E: No packages found' >&2; exit 100 ;;
             esac",
        );
        apt
    }

    fn script(&self, name: &str, body: &str) {
        let path = self.bin.join(name);
        fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn fetch(&self, package: &str) -> Output {
        let path = format!("{}:{}", self.bin.display(), std::env::var("PATH").unwrap());
        self.command(package, Path::new(&path)).output().unwrap()
    }

    fn command(&self, package: &str, path: &Path) -> Command {
        let mut command = self.bench.command(&["kernel", "fetch", "--json", "--package", package]);
        command.env("XDG_CACHE_HOME", self.bench.temp.path().join("xdg")).env("PATH", path);
        command
    }

    /// What is in the cache.
    fn kernels(&self) -> Vec<String> {
        let dir = self.bench.temp.path().join("xdg/bench/kernels");
        let entries = fs::read_dir(dir).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| name != ".lock").collect()
    }
}

fn message(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(2));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A package with this file in it, as a script that "downloads" it.
fn download(inside: &str, content: &[u8]) -> Option<(tempfile::TempDir, String)> {
    let temp = tempfile::tempdir().unwrap();
    let root = temp.path().join("root");
    let control = "Package: linux-image-6.1.0-test\nVersion: 1\nArchitecture: amd64\n\
                   Maintainer: nobody <nobody@localhost>\nDescription: a test\n";
    for (path, content) in [("DEBIAN/control", control.as_bytes()), (inside, content)] {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        // As on Ubuntu, where only root may read kernels.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let package = temp.path().join("package");
    let built = Command::new("dpkg-deb").arg("--build").arg(&root).arg(&package).output();
    if built.is_err() {
        println!("SKIPPED: needs dpkg-deb");
        assert!(std::env::var_os("BENCH_NO_SKIP").is_none_or(|v| v.is_empty()), "nothing may skip: dpkg-deb");
        return None;
    }
    assert!(built.unwrap().status.success());
    let script = format!("[ $3 = linux-image-6.1.0-test ] && cp {} ./kernel_1_amd64.deb", package.display());
    Some((temp, script))
}

#[test]
fn the_kernel_that_a_package_depends_on_lands_in_the_cache_readable_and_listed() {
    let Some(payload) = packed(PACKERS[0], &elf(30_000)) else { return };
    let Some((_package, script)) = download("boot/vmlinuz-6.1.0-test", &bzimage(&payload)) else { return };
    let apt = Apt::new(&script);
    // Twice: the second one replaces the first.
    for _ in 0..2 {
        let output = apt.fetch("linux-image-virtual");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let kernel: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&kernel["release"], &kernel["source"]), (&RELEASE.into(), &"cache".into()));
        let mode = fs::metadata(kernel["path"].as_str().unwrap()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o644);
        assert_eq!(apt.kernels(), [RELEASE]);
    }
    let mut list = apt.bench.command(&["kernel", "list"]);
    let output = list.env("XDG_CACHE_HOME", apt.bench.temp.path().join("xdg")).output().unwrap();
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(table.contains(RELEASE) && table.contains("bzImage"), "{table}");
}

#[test]
fn a_fetch_that_fails_says_why_and_leaves_nothing() {
    let broken = Apt::new("echo 'E: Failed to fetch: no route' >&2; touch half.deb; exit 100");
    let text = message(&broken.fetch("linux-image-virtual"));
    assert!(text.contains("no route") && text.contains("apt-get update"), "{text}");
    assert_eq!(broken.kernels(), [] as [&str; 0]);

    let text = message(&broken.fetch("linux-image-unheard-of"));
    assert!(text.contains("linux-image-unheard-of") && text.contains("apt-get update"), "{text}");
    for bad in ["-o=x", "A", "x;y", ""] {
        let text = message(&broken.fetch(&format!("={bad}")));
        assert!(text.contains("no name of a package"), "{text}");
    }
    let mut without = broken.command("linux-image-virtual", Path::new("/nonexistent"));
    let text = message(&without.output().unwrap());
    assert!(text.contains("--kernel PATH"), "{text}");

    for (inside, wanted) in [("boot/vmlinuz-1", "neither a bzImage"), ("boot/other", "no file /boot/vmlinuz")]
    {
        let Some((_package, script)) = download(inside, b"not a kernel") else { return };
        let apt = Apt::new(&script);
        let text = message(&apt.fetch("linux-image-virtual"));
        assert!(text.contains(wanted), "{text}");
        assert_eq!(apt.kernels(), [] as [&str; 0]);
    }
}

#[test]
fn a_fetch_that_is_interrupted_or_killed_leaves_nothing() {
    // It says that it has begun, and takes its time.
    let apt = Apt::new("echo begun > \"$TMPDIR/begun\"; sleep 60");
    let path = format!("{}:{}", apt.bin.display(), std::env::var("PATH").unwrap());
    for (signal, status) in [(Signal::SIGINT, Some(130)), (Signal::SIGKILL, None)] {
        let begun = apt.bench.temp.path().join("begun");
        let _ = fs::remove_file(&begun);
        let mut command = apt.command("linux-image-6.1.0-test", Path::new(&path));
        let mut child = command.process_group(0).stderr(Stdio::null()).spawn().unwrap();
        while !begun.exists() {
            assert_eq!(child.try_wait().unwrap(), None);
            sleep(Duration::from_millis(10));
        }
        // As a terminal does it: to the whole group.
        killpg(Pid::from_raw(child.id() as i32), signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), status);
        assert_eq!(apt.kernels().is_empty(), status.is_some(), "{:?}", apt.kernels());
    }
    let mut clean = apt.bench.command(&["clean"]);
    let output = clean.env("XDG_CACHE_HOME", apt.bench.temp.path().join("xdg")).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains(".partial-"));
    assert_eq!(apt.kernels(), [] as [&str; 0]);
}
