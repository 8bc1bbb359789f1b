//! Builds the agent, the static ELF that [`AGENT`](src/lib.rs) embeds.
//!
//! It runs `$RUSTC` on `src/agent.rs` directly rather than making the agent a Cargo target: a `no_std`
//! program has a panic handler of its own and wants `panic=abort`, which `cargo test --workspace` cannot give
//! a single target; and a nested Cargo would contend for the build lock. It also means that the user's
//! `RUSTFLAGS`, `RUSTC_WRAPPER`, profile and `CARGO_TARGET_DIR` have no say: the agent is the same bytes for
//! the same source and compiler.

use std::{env, ffi::OsString, path::PathBuf, process::Command};

/// How the agent is compiled: fully optimised whatever the profile of the crate, since it is a measuring
/// instrument.
const CODEGEN: &[&str] = &[
    "panic=abort",
    "opt-level=3",
    "codegen-units=1",
    "lto=fat",
    "debuginfo=0",
    "strip=symbols",
    "force-unwind-tables=no",
    "relocation-model=static",
    "relro-level=off",
];

/// How it is linked: no C library, no dynamic linker, ordinary `PT_LOAD` segments at the linker's default
/// address, so that Linux and the unikernel guest load it alike. No build id: it would hash the path of the
/// output.
const LINK: &[&str] =
    &["-nostartfiles", "-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none", "-Wl,-z,noexecstack"];

fn main() -> Result<(), String> {
    println!("cargo::rerun-if-changed=src");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=RUSTC_LINKER");

    let target = variable("TARGET")?;
    if !(target.starts_with("x86_64-") && target.contains("linux")) {
        return Err(format!(
            "the agent speaks the x86-64 Linux system-call ABI; it cannot be built for {target}"
        ));
    }
    let output = PathBuf::from(variable("OUT_DIR")?).join("workload");

    let mut rustc = Command::new(variable("RUSTC")?);
    // A relative source path keeps the checkout's location out of the panic messages, hence out of the
    // agent's hash.
    rustc.current_dir(variable("CARGO_MANIFEST_DIR")?);
    rustc.args(["src/agent.rs", "--crate-name", "workload", "--crate-type", "bin", "--edition", "2024"]);
    rustc.args(["--target", &target]).arg("-o").arg(&output);
    for option in CODEGEN {
        rustc.args(["-C", option]);
    }
    for argument in LINK {
        rustc.args(["-C", &format!("link-arg={argument}")]);
    }
    // The one setting of the user that may be needed to link at all, on a machine whose C compiler is not
    // called `cc`.
    if let Some(linker) = env::var_os("RUSTC_LINKER") {
        let mut option = OsString::from("linker=");
        option.push(linker);
        rustc.arg("-C").arg(option);
    }

    let status = rustc.status().map_err(|error| format!("cannot run {rustc:?}: {error}"))?;
    if !status.success() {
        return Err(format!("building the agent failed ({status}); the compiler's messages are above"));
    }
    Ok(())
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|error| format!("{name}: {error}; run this build script through cargo"))
}
