//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

/// Run tests or `bench` in an emulated machine with a standard KVM, cgroup v2 and root.
///
/// QEMU emulates an AMD processor with SVM and nested paging; a Debian kernel and its kvm-amd module run on it.
/// The first use downloads that kernel with apt-get into ~/.cache/bench/lab. Nothing measured in there is a result.
#[derive(Debug, Parser)]
#[command(name = "lab", version, about, long_about, arg_required_else_help = true)]
#[command(
    after_help = "Exit status: that of what ran inside; 125 if the lab itself failed, 130 interrupted."
)]
pub struct Cli {
    /// What to run inside.
    #[command(subcommand)]
    pub command: Command,

    /// The machine.
    #[command(flatten)]
    pub machine: MachineArgs,
}

/// What the machine is like.
#[derive(Clone, Debug, Args)]
pub struct MachineArgs {
    /// Its memory in MiB.
    #[arg(long, global = true, value_name = "MIB", default_value_t = 4096)]
    #[arg(value_parser = clap::value_parser!(u32).range(512..=1_048_576))]
    pub memory: u32,

    /// Its processors. With more than one, QEMU 7.2 has been seen to hang when two guests compute at once.
    #[arg(long, global = true, value_name = "N", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=64))]
    pub cpus: u32,

    /// Give up after this many minutes.
    #[arg(long, global = true, value_name = "MINUTES", default_value = "60", value_parser = parse_minutes)]
    pub timeout: Duration,

    /// Show what its kernel prints, on standard error.
    #[arg(long, global = true)]
    pub console: bool,

    /// Put this file into its /kernels, for `bench ... --kernel /kernels/NAME`.
    #[arg(long, global = true, value_name = "FILE")]
    pub guest_kernel: Option<PathBuf>,

    /// Put this of the host at the same place: a program with its libraries, for `bench ... --tool NAME=PROGRAM`, or a file or
    /// folder that it reads; may be given more than once.
    #[arg(long, global = true, value_name = "PATH")]
    pub with: Vec<PathBuf>,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the test binaries of microvm, container and harness.
    Test {
        /// Only the tests of this package; may be given more than once.
        #[arg(short, long = "package", value_name = "NAME", default_values = crate::session::TESTED)]
        #[arg(value_parser = clap::builder::PossibleValuesParser::new(crate::session::TESTED))]
        packages: Vec<String>,
        /// Arguments for each test binary, e.g. part of a test's name.
        #[arg(last = true, value_name = "TEST-ARG")]
        args: Vec<String>,
    },
    /// Run `bench` and bring its results back.
    Bench(Inside),
    /// Run a command of busybox, e.g. `lab exec sh -c 'dmesg | grep SVM'`.
    Exec(Inside),
}

/// A command for the inside.
#[derive(Debug, Args)]
pub struct Inside {
    /// Where to put the files that it writes into its working directory.
    #[arg(long, value_name = "DIR", default_value = "lab-results")]
    pub bring_to: PathBuf,

    /// Its arguments.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true, value_name = "ARG")]
    pub args: Vec<OsString>,
}

fn parse_minutes(text: &str) -> Result<Duration, String> {
    match text.parse::<u32>() {
        Ok(minutes @ 1..=1440) => Ok(Duration::from_secs(60 * u64::from(minutes))),
        _ => Err("expected minutes, from 1 to 1440".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn options_before_the_command_are_the_labs_and_after_it_the_commands() {
        let cli = Cli::parse_from(["lab", "--memory", "1024", "bench", "all", "--quick", "--memory", "7"]);
        assert_eq!(cli.machine.memory, 1024);
        let Command::Bench(inside) = cli.command else { panic!("{:?}", cli.command) };
        assert_eq!(inside.args, ["all", "--quick", "--memory", "7"]);
    }

    #[test]
    fn arguments_for_the_tests_come_after_two_dashes() {
        let cli = Cli::parse_from(["lab", "test", "-p", "container", "--", "--nocapture", "limit"]);
        let Command::Test { packages, args } = cli.command else { panic!("{:?}", cli.command) };
        assert_eq!((packages, args), (vec!["container".into()], vec!["--nocapture".into(), "limit".into()]));
    }

    #[test]
    fn without_a_choice_all_packages_are_tested() {
        let Command::Test { packages, .. } = Cli::parse_from(["lab", "test"]).command else { panic!() };
        assert_eq!(packages, crate::session::TESTED);
    }

    #[test]
    fn senseless_machines_are_refused() {
        for args in [["--memory", "1"], ["--cpus", "0"], ["--timeout", "0"], ["--timeout", "soon"]] {
            assert!(Cli::try_parse_from(["lab", args[0], args[1], "test"]).is_err(), "{args:?}");
        }
        assert!(Cli::try_parse_from(["lab", "test", "-p", "reports"]).is_err());
        assert!(Cli::try_parse_from(["lab", "bench"]).is_err());
    }
}
