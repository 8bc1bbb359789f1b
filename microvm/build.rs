//! Builds the two executables that the library embeds: the guest kernel and the VMM.
//!
//! - The guest kernel has no dependencies, so the compiler is run directly on `guest/main.rs`.
//! - The VMM is this very package's binary `microvm-vmm`, static and optimised, built by a nested cargo. In
//!   that build, recognised by [`NESTED`], only the guest kernel is made.
//!
//! Both go to OUT_DIR. What a user sets for the outer build (RUSTFLAGS, wrappers, target directory) is kept
//! away from the inner ones: a wrapper such as clippy's would make no executable, a shared target directory
//! would dead-lock.

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Set in the environment of the nested build.
const NESTED: &str = "MICROVM_NESTED_BUILD";
/// The only target there is; naming it keeps the flags below away from procedural macros, which cannot be static.
const TARGET: &str = "x86_64-unknown-linux-gnu";

fn main() -> ExitCode {
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<(), Box<dyn Error>> {
    for path in ["build.rs", "guest", "src", "Cargo.toml"] {
        println!("cargo::rerun-if-changed={path}");
    }
    println!("cargo::rerun-if-env-changed={NESTED}");
    let here = variable("CARGO_MANIFEST_DIR")?;
    let out = variable("OUT_DIR")?;
    // The versions that the nested build uses. A packaged crate has its own lock file, which never changes.
    let lock = here.join("../Cargo.lock");
    if lock.exists() {
        println!("cargo::rerun-if-changed={}", lock.display());
    }

    build_kernel(&here, &out)?;
    let vmm = out.join("microvm-vmm");
    if env::var_os(NESTED).is_some() {
        fs::write(vmm, [])?;
        return Ok(());
    }
    fs::copy(build_vmm(&here, &out)?, vmm)?;
    Ok(())
}

fn variable(name: &str) -> Result<PathBuf, Box<dyn Error>> {
    Ok(env::var_os(name).ok_or_else(|| format!("cargo did not set {name}"))?.into())
}

/// Compiles the guest kernel with rustc itself.
fn build_kernel(here: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    let mut script = OsString::from("link-arg=-T");
    script.push(here.join("guest/kernel.ld"));
    let mut rustc = Command::new(variable("RUSTC")?);
    rustc
        .args(["--edition=2024", "--crate-name=kernel", "--crate-type=bin", "--target", TARGET])
        .args(["-Copt-level=3", "-Cpanic=abort", "-Cstrip=symbols", "-Cforce-unwind-tables=no"])
        // Absolute addresses below 2 GiB; no interrupt handler, but a fault must not spoil what it reports.
        .args(["-Crelocation-model=static", "-Ccode-model=small", "-Cno-redzone=yes"])
        .args(["-nostartfiles", "-nostdlib", "-static", "-no-pie"].map(|arg| format!("-Clink-arg={arg}")))
        .args(["--build-id=none", "-z,max-page-size=4096"].map(|arg| format!("-Clink-arg=-Wl,{arg}")))
        .arg("-C")
        .arg(script)
        .arg("-o")
        .arg(out.join("kernel.elf"))
        .arg(here.join("guest/main.rs"));
    run(&mut rustc)
}

/// Builds the VMM with a nested cargo and returns where it is.
fn build_vmm(here: &Path, out: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let target_dir = out.join("nested");
    let nested = |offline: bool| -> Result<(), Box<dyn Error>> {
        let mut cargo = Command::new(variable("CARGO")?);
        for (name, _) in env::vars_os() {
            if is_foreign(&name.to_string_lossy()) {
                cargo.env_remove(name);
            }
        }
        cargo
            .args(["build", "--release", "--bin", "microvm-vmm", "--target", TARGET, "--locked"])
            .args(offline.then_some("--offline"))
            .arg("--manifest-path")
            .arg(here.join("Cargo.toml"))
            .arg("--target-dir")
            .arg(&target_dir)
            .args(env::var("NUM_JOBS").ok().map(|jobs| format!("-j{jobs}")))
            .env(NESTED, "1")
            .env("CARGO_BUILD_BUILD_DIR", &target_dir)
            .env("CARGO_ENCODED_RUSTFLAGS", "-Ctarget-feature=+crt-static")
            // Whatever the workspace's profile says: small, and without unwinding tables.
            .env("CARGO_PROFILE_RELEASE_LTO", "fat")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1")
            .env("CARGO_PROFILE_RELEASE_PANIC", "abort")
            .env("CARGO_PROFILE_RELEASE_DEBUG", "false")
            .env("CARGO_PROFILE_RELEASE_STRIP", "symbols");
        run(&mut cargo)
    };
    // The outer build has fetched every crate that the inner one needs, unless it resolved other versions.
    match nested(true) {
        Err(error) if error.to_string().contains("--offline was specified") => nested(false)?,
        result => result?,
    }
    Ok(target_dir.join(TARGET).join("release/microvm-vmm"))
}

/// Whether a variable steers the outer build and must not steer the inner one. What says where crates come from
/// stays.
fn is_foreign(name: &str) -> bool {
    let kept =
        ["CARGO_HOME", "CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTRIES_", "CARGO_REGISTRY_", "CARGO_SOURCE_"];
    let cargo =
        name == "CARGO" || name.starts_with("CARGO_") && !kept.iter().any(|kept| name.starts_with(kept));
    let rustc = ["RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "RUSTFLAGS", "RUSTC_LINKER", "RUSTDOC"];
    let script = ["TARGET", "HOST", "OUT_DIR", "PROFILE", "OPT_LEVEL", "DEBUG", "NUM_JOBS"];
    cargo || rustc.contains(&name) || script.contains(&name) || name.starts_with("CLIPPY_")
}

fn run(command: &mut Command) -> Result<(), Box<dyn Error>> {
    let output = command.output().map_err(|error| format!("cannot run {command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?} failed ({}):\n{}", output.status, String::from_utf8_lossy(&output.stderr))
        .into())
}
