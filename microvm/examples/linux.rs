//! Boots a Linux kernel with a static program as its `/init`: the console on standard error, what the program
//! writes to `/dev/ttyS1` on standard output.
//!
//! `cargo run -p microvm --example linux -- KERNEL PROGRAM [ARGS...]`; the machine can be shaped by the environment variables
//! `MEMORY` (MiB), `VCPUS`, `CMDLINE` (added to the kernel's), `DEADLINE` (seconds) and `HIDE_CX16` (if set).

use std::error::Error;
use std::ffi::OsString;
use std::time::Duration;

use microvm::linux::{Initramfs, LinuxConfig};
use microvm::{Launcher, Stderr};

fn number<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok()?.parse().ok()
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args_os().skip(1);
    let (Some(kernel), Some(program)) = (words.next(), words.next()) else {
        return Err("usage: linux KERNEL PROGRAM [ARGS...]".into());
    };
    let initramfs = Initramfs::of_agent(&std::fs::read(program)?)?;
    let config = LinuxConfig {
        args: words.collect::<Vec<OsString>>(),
        memory_bytes: number("MEMORY").unwrap_or(128) << 20,
        vcpus: number("VCPUS").unwrap_or(1),
        extra_cmdline: std::env::var("CMDLINE").unwrap_or_default(),
        deadline: number("DEADLINE").map(Duration::from_secs),
        hide_cx16: std::env::var_os("HIDE_CX16").is_some(),
        console: Stderr::Inherit,
        ..LinuxConfig::new(kernel, initramfs)
    };
    let mut instance = Launcher::new()?.start_linux(&config)?;
    drop(instance.stdin.take());
    std::io::copy(&mut instance.stdout, &mut std::io::stdout())?;
    let exit = instance.wait()?;
    if let Some(report) = instance.report()? {
        let mut from = instance.started_ns;
        for phase in report.phases {
            eprintln!("{:>12} {:9.3} ms", phase.name, phase.end_ns.saturating_sub(from) as f64 / 1e6);
            from = phase.end_ns;
        }
    }
    eprintln!("{:?}, {:?}", exit.outcome, exit.usage);
    for line in exit.console {
        eprintln!("  | {line}");
    }
    Ok(())
}
