//! Kernels: found, fetched, unpacked, refused.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use harness::kernel::{Cache, Format, Kernel, KernelError, Places};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::common::Bench;
use crate::kernels::real_kernel;
use crate::sample::{PACKERS, RELEASE, bzimage, elf, packed, piped};

/// Places in a temporary folder, as of a host that runs `running`.
fn places(temp: &TempDir, running: &str) -> Places {
    let at = |name: &str| temp.path().join(name);
    Places {
        boot: at("boot"),
        modules: at("modules"),
        cache: Cache::at(at("cache")),
        running: running.to_owned(),
    }
}

fn write(path: &Path, content: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// Unpacks `file` and returns what comes out.
fn unpacked(temp: &TempDir, file: &[u8]) -> Result<Vec<u8>, KernelError> {
    let path = temp.path().join("vmlinuz");
    write(&path, file);
    let places = places(temp, RELEASE);
    let kernel = places.choose(Some(&path))?;
    places.cache.uncompressed(&kernel).map(|path| fs::read(path).unwrap())
}

/// Files below the cache, without its lock.
fn cached(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(cached(&entry.path())),
            false if entry.file_name() == ".lock" => {}
            false => found.push(entry.path()),
        }
    }
    found
}

/// `bench kernel ...` with a cache of its own.
fn bench_kernel(bench: &Bench, args: &[&str]) -> Command {
    let mut command = bench.command(&["kernel"]);
    command.args(args).env("XDG_CACHE_HOME", bench.temp.path().join("xdg"));
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn refused(output: &Output, wanted: &[&str]) {
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{message}");
    for text in wanted {
        assert!(message.contains(text), "`{text}` is not in: {message}");
    }
    assert!(!message.contains("panicked"), "{message}");
}

#[test]
fn a_kernel_comes_out_as_it_went_in_whatever_the_system_packed_it_with() {
    // One of several LZ4 blocks (of 8 MiB each), and one that fits into one.
    for size in [70_000, (20 << 20) + 12_345] {
        let kernel = elf(size);
        for packer in PACKERS.into_iter().filter(|(tool, ..)| size < 1 << 20 || *tool == "lz4") {
            let Some(payload) = packed(packer, &kernel) else { continue };
            let temp = tempfile::tempdir().unwrap();
            let got = unpacked(&temp, &bzimage(&payload)).unwrap();
            assert!(got == kernel, "{}", packer.0);
        }
    }
}

#[test]
fn the_kernel_of_the_distribution_unpacks_as_the_systems_tools_do_it() {
    let Some(kernel) = real_kernel() else { return };
    if kernel.format == Format::Elf {
        return;
    }
    let bench = Bench::new();
    let output = bench_kernel(&bench, &["extract"]).arg(&kernel.path).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let ours = fs::read(text(&output.stdout).trim()).unwrap();
    // As scripts/extract-vmlinux does it: from wherever a magic number stands, until an ELF comes out.
    let file = fs::read(&kernel.path).unwrap();
    let tools: [(&[u8], &str, &[&str]); 6] = [
        (&[0x02, 0x21, 0x4c, 0x18], "lz4", &["-d", "-c"]),
        (&[0x28, 0xb5, 0x2f, 0xfd], "zstd", &["-d", "-c", "--long=27"]),
        (b"\xfd7zXZ\0", "xz", &["-d", "-c"]),
        (&[0x1f, 0x8b, 0x08], "gzip", &["-d", "-c"]),
        (b"BZh", "bzip2", &["-d", "-c"]),
        (&[0x5d, 0, 0, 0], "lzma", &["-d", "-c"]),
    ];
    let theirs = tools.iter().find_map(|(magic, tool, args)| {
        memchr::memmem::find_iter(&file, magic)
            .map(|at| piped(tool, args, &file[at..]).unwrap())
            .find(|output| output.starts_with(b"\x7fELF"))
    });
    assert!(theirs.is_some_and(|theirs| theirs == ours), "not the same");
}

#[test]
fn a_kernel_is_unpacked_once_and_again_only_if_the_copy_is_damaged() {
    let kernel = elf(50_000);
    let Some(payload) = packed(PACKERS[0], &kernel) else { return };
    let bench = Bench::new();
    let file = bench.temp.path().join("kernel");
    write(&file, &bzimage(&payload));
    let extract = || {
        let output = bench_kernel(&bench, &["extract", "--json"]).arg(&file).output().unwrap();
        let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&shown["release"], &shown["format"]), (&RELEASE.into(), &"bzimage".into()));
        PathBuf::from(shown["uncompressed"].as_str().unwrap())
    };
    let path = extract();
    assert!(fs::read(&path).unwrap() == kernel);
    let written = fs::metadata(&path).unwrap().modified().unwrap();
    assert_eq!(extract(), path);
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), written, "it was written again");

    write(&path, &kernel[..kernel.len() - 1]);
    assert_eq!(extract(), path);
    assert!(fs::read(&path).unwrap() == kernel);
    assert_eq!(cached(&bench.temp.path().join("xdg")), [path]);
}

#[test]
fn what_a_killed_process_left_in_the_cache_is_removed() {
    let temp = tempfile::tempdir().unwrap();
    write(&temp.path().join("cache/.partial-x/root/boot/vmlinuz"), b"half");
    let Some(payload) = packed(PACKERS[0], &elf(4096)) else { return };
    unpacked(&temp, &bzimage(&payload)).unwrap();
    assert_eq!(cached(&temp.path().join("cache")).len(), 1);
}

#[test]
fn processes_that_unpack_the_same_kernel_at_the_same_time_agree() {
    let Some(payload) = packed(PACKERS[0], &elf(400_000)) else { return };
    let bench = Bench::new();
    let file = bench.temp.path().join("kernel");
    write(&file, &bzimage(&payload));
    let children: Vec<_> = (0..4)
        .map(|_| {
            let mut command = bench_kernel(&bench, &["extract"]);
            command.arg(&file).stdout(std::process::Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let paths: Vec<String> =
        children.into_iter().map(|child| text(&child.wait_with_output().unwrap().stdout)).collect();
    assert!(Path::new(paths[0].trim()).is_file() && paths.iter().all(|path| *path == paths[0]), "{paths:?}");
}

#[test]
fn the_given_kernel_comes_before_the_hosts_own_and_that_before_the_newest_cached_one() {
    let temp = tempfile::tempdir().unwrap();
    let of = |release: &str| {
        let mut file = elf(4096);
        file[134..134 + release.len()].copy_from_slice(release.as_bytes());
        file[134 + release.len()] = b' ';
        file
    };
    let host = places(&temp, "6.1.9-hosts");
    let chosen = |given: Option<&Path>| -> Kernel { host.choose(given).unwrap() };

    let nothing = host.choose(None).unwrap_err().to_string();
    assert!(nothing.contains("6.1.9-hosts") && nothing.contains("bench kernel fetch"), "{nothing}");

    for release in ["6.9.1", "6.10.1", "5.99.1"] {
        write(&host.cache.dir().join(release).join("vmlinuz"), &of(release));
    }
    assert_eq!(chosen(None).release, "6.10.1");
    write(&host.boot.join("vmlinuz-6.12.1"), &of("6.12.1"));
    assert_eq!(chosen(None).release, "6.10.1", "another installed kernel is not asked for");
    write(&host.boot.join("vmlinuz-6.1.9-hosts"), b"not a kernel");
    assert_eq!(chosen(None).release, "6.10.1", "a broken one does not stand in the way");
    write(&host.boot.join("vmlinuz-6.1.9-hosts"), &of("6.1.9-hosts"));
    assert_eq!((chosen(None).release.as_str(), chosen(None).is_hosts), ("6.1.9-hosts", true));
    let given = chosen(Some(&host.boot.join("vmlinuz-6.12.1")));
    assert_eq!((given.release.as_str(), given.is_hosts), ("6.12.1", false));
    assert_eq!(host.list().len(), 5);
}

#[test]
fn a_file_that_is_no_kernel_is_refused_with_its_name_and_the_reason() {
    let bench = Bench::new();
    let good = bzimage(&packed(PACKERS[0], &elf(9000)).unwrap_or_else(|| vec![0x1f, 0x8b, 0, 0, 0]));
    let with = |at: usize, bytes: &[u8]| {
        let mut file = good.clone();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        file
    };
    let cases: [(&str, Vec<u8>, &str); 9] = [
        ("empty", Vec::new(), "neither a bzImage nor an ELF"),
        ("text", b"#!/bin/sh\n".repeat(400), "neither a bzImage nor an ELF"),
        ("short", good[..0x220].to_vec(), "cut off"),
        ("truncated", good[..good.len() - 64].to_vec(), "cut off"),
        ("old", with(0x206, &0x0209_u16.to_le_bytes()), "protocol 2.09"),
        ("i386", with(0x236, &[0, 0]), "64-bit entry"),
        ("nameless", with(0x600, b"../../etc/passwd \0"), "no kernel release"),
        ("unknown", with(0x500 + 0x700 + 0x100, &[0x89, 0x4c, 0x5a, 0x4f]), "extract-vmlinux"),
        ("program", workloads::AGENT.to_vec(), "no `Linux version`"),
    ];
    for (name, content, wanted) in cases {
        let file = bench.temp.path().join(name);
        write(&file, &content);
        refused(&bench_kernel(&bench, &["extract"]).arg(&file).output().unwrap(), &[name, wanted]);
    }
    refused(&bench_kernel(&bench, &["extract", "/dev/zero"]).output().unwrap(), &["not a regular file"]);
    refused(&bench_kernel(&bench, &["extract", "/"]).output().unwrap(), &["not a regular file"]);
    refused(&bench_kernel(&bench, &["extract", "gone"]).output().unwrap(), &["gone", "bench kernel list"]);
    assert_eq!(cached(&bench.temp.path().join("xdg")).len(), 0);
}

#[test]
fn a_folder_that_cannot_hold_the_cache_is_named() {
    let Some(payload) = packed(PACKERS[0], &elf(4096)) else { return };
    let bench = Bench::new();
    let file = bench.temp.path().join("kernel");
    write(&file, &bzimage(&payload));
    // A file where the folder should be stops root as well.
    let mut command = bench_kernel(&bench, &["extract"]);
    let output = command.arg(&file).env("XDG_CACHE_HOME", &file).output().unwrap();
    refused(&output, &["kernel/bench/kernels", "XDG_CACHE_HOME"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_kernel_with_any_byte_changed_or_cut_anywhere_is_refused_or_still_a_kernel(
        packer in 0..PACKERS.len(),
        header in any::<bool>(),
        place in any::<prop::sample::Index>(),
        flip in 1..=255_u8,
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        // Packed once, not per case.
        static FILES: std::sync::LazyLock<Vec<Vec<u8>>> = std::sync::LazyLock::new(|| {
            let kernel = elf(20_000);
            PACKERS.iter().filter_map(|&packer| packed(packer, &kernel)).map(|it| bzimage(&it)).collect()
        });
        let Some(file) = FILES.get(packer) else { return Ok(()) };
        let mut file = file.clone();
        let at = match header {
            true => 0x1f1 + place.index(0x264 - 0x1f1),
            false => place.index(file.len()),
        };
        file[at] ^= flip;
        if let Some(cut) = cut {
            file.truncate(cut.index(file.len()));
        }
        let temp = tempfile::tempdir().unwrap();
        if let Ok(elf) = unpacked(&temp, &file) {
            let path = temp.path().join("vmlinux");
            write(&path, &elf);
            prop_assert_eq!(places(&temp, RELEASE).choose(Some(&path)).unwrap().format, Format::Elf);
        }
        let left = fs::read_dir(temp.path().join("cache")).into_iter().flatten().flatten();
        let partial = left.filter(|entry| entry.file_name().to_string_lossy().starts_with(".partial"));
        prop_assert_eq!(partial.count(), 0);
    }

    #[test]
    fn an_elf_kernel_with_any_header_byte_changed_or_cut_anywhere_never_panics(
        at in 0..240_usize,
        flip in 1..=255_u8,
        cut in prop::option::of(0..4096_usize),
    ) {
        let mut file = elf(4096);
        file[at] ^= flip;
        file.truncate(cut.unwrap_or(file.len()));
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("vmlinux");
        write(&path, &file);
        if let Ok(kernel) = places(&temp, RELEASE).choose(Some(&path)) {
            prop_assert_eq!(kernel.format, Format::Elf);
        }
    }
}
