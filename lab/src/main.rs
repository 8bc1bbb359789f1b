//! `lab`: a machine with a standard KVM, cgroup v2 and root, on a host that has none of them.
//!
//! It boots a Debian kernel in QEMU's software emulation of an AMD processor with SVM, and runs there the test
//! binaries of this workspace, or `bench` with any arguments. Everything is emulated: what passes there is
//! right, what is measured there is no result.
//!
//! Invariant: whatever happens, no QEMU and no temporary file outlives this process.

mod archive;
mod artifacts;
mod cli;
mod error;
mod image;
mod job;
mod kernel;
mod libraries;
mod machine;
mod session;
mod tools;

use std::process::ExitCode;

use clap::Parser;

/// The exit status of a failure of the lab itself, far from those of `bench` and of test binaries.
const LAB_FAILED: u8 = 125;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match session::run(&cli) {
        Ok(status) => ExitCode::from(status),
        Err(error::Error::Interrupted) => ExitCode::from(130),
        Err(error) => {
            eprintln!("lab: {error}");
            ExitCode::from(LAB_FAILED)
        }
    }
}
