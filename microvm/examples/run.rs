//! Runs a static program in a microVM: `cargo run -p microvm --example run -- [--memory MiB] [--report] PROGRAM
//! ARGS`.
//!
//! Output and exit status are the program's. `--report` prints on standard error where the start spent its time.

use std::io::{self, Read, Write};
use std::process::ExitCode;

use microvm::{Config, Exit, Launcher, Outcome, Report};

const USAGE: &str = "usage: run [--memory MiB] [--report] PROGRAM [ARGS]";

fn main() -> ExitCode {
    match start() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("run: {error}");
            ExitCode::from(125)
        }
    }
}

fn start() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let mut words = std::env::args_os().skip(1).peekable();
    let (mut memory_mib, mut wants_report) = (32, false);
    while let Some(option) = words.next_if(|word| word.to_string_lossy().starts_with("--")) {
        match option.to_str() {
            Some("--memory") => {
                memory_mib = words.next().and_then(|word| word.to_str()?.parse().ok()).ok_or(USAGE)?;
            }
            Some("--report") => wants_report = true,
            _ => return Err(USAGE.into()),
        }
    }
    let mut config = Config::new(words.next().ok_or(USAGE)?);
    config.memory_bytes = u64::checked_mul(memory_mib, 1 << 20).ok_or(USAGE)?;
    config.args = words.collect();
    config.env = std::env::vars_os().collect();

    let mut instance = Launcher::new()?.start(&config)?;
    if let Some(mut guest_stdin) = instance.stdin.take() {
        // Ends with the guest's input or with this process.
        std::thread::spawn(move || io::copy(&mut io::stdin(), &mut guest_stdin));
    }
    let mut buffer = [0; 4096];
    loop {
        match instance.stdout.read(&mut buffer)? {
            0 => break,
            count => io::stdout().write_all(&buffer[..count])?,
        }
    }
    io::stdout().flush()?;
    let exit = instance.wait()?;
    if wants_report {
        print_report(instance.started_ns, instance.report()?.as_ref(), &exit);
    }
    Ok(match exit.outcome {
        Outcome::Exited(status) => ExitCode::from(status as u8),
        other => {
            eprintln!("run: {other}");
            ExitCode::from(125)
        }
    })
}

fn print_report(started_ns: u64, report: Option<&Report>, exit: &Exit) {
    if let Some(report) = report {
        let mut from = started_ns;
        for phase in &report.phases {
            eprintln!("{:>12} {:7.0} µs", phase.name, phase.end_ns.saturating_sub(from) as f64 / 1e3);
            from = phase.end_ns;
        }
        eprintln!("guest kernel in ring {}, {} kHz", report.kernel_ring, report.tsc_khz);
    }
    eprintln!("{} doorbells, calls outside the subset: {:?}", exit.doorbells, exit.unknown_syscalls);
    eprintln!("{:?}", exit.usage);
}
