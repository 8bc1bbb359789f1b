//! The command line.

pub mod ab;
pub mod anchors;
pub mod baseline;
pub mod claims;
pub mod exec;
pub mod export;
pub mod history;
pub mod judge;
pub mod measure;
pub mod report;
pub mod tools;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use results::Experiment;

use ab::AbArgs;
use anchors::AnchorsArgs;
use baseline::BaselineCommand;
use claims::ClaimsArgs;
use exec::ExecArgs;
use export::ExportArgs;
use history::HistoryArgs;
use judge::{JudgeArgs, OutputArgs};
use measure::MeasureArgs;
use report::ReportArgs;
use tools::{ListArgs, ToolArgs};

/// What does isolation cost on this machine?
///
/// Runs the same static program as a bare process, in a container built from Linux primitives and in
/// a KVM microVM; measures startup time, memory and system calls; writes a report with charts.
#[derive(Debug, Parser)]
#[command(name = "bench", version, about, long_about, arg_required_else_help = true)]
#[command(after_help = "Exit status: 0 fine, 1 regression found, 2 wrong usage or bad input, \
                        3 a required backend could not run, 130 interrupted.")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// Say more on stderr; twice for even more.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run every experiment on every backend this host can run, then write the report.
    All(RunArgs),
    /// Run some experiments, then write the report.
    Run {
        /// Which ones.
        #[arg(required = true, value_name = "EXPERIMENT")]
        experiments: Vec<ExperimentName>,
        /// How.
        #[command(flatten)]
        args: RunArgs,
    },
    /// Run a program of yours, from its start to its exit, in every backend.
    ///
    /// Measures wall time, CPU time and peak memory, interleaved like everything else, and checks that exit status and
    /// output are the same in all backends and all trials. A static program runs everywhere; the unikernel has few system
    /// calls, and one that needs others is `n/a` there with their names. With --rootfs any program runs as a process and in
    /// a container. Without it, containers and machines hold no other file: give it its input with --stdin. Its standard
    /// error is thrown away, its environment is what --env says.
    #[command(after_help = exec::EXAMPLES)]
    Exec(ExecArgs),
    /// List backends, experiments and workloads: what is available here and, if not, why.
    List(ListArgs),
    /// Say what this host can measure, what will distort the numbers, and the command that mends it.
    Doctor(ListArgs),
    /// Render the report again from saved results, or one of its charts alone.
    Report(ReportArgs),
    /// Say what a run has to say to common claims about containers and virtual machines, each with the rule that judged it.
    ///
    /// A verdict is supported, refuted, inconclusive or not measured here; docs/method.md has the rules that hold for all.
    Claims(ClaimsArgs),
    /// Set a run beside what others have published: which figures it reproduces, which it contradicts, and which cannot be
    /// compared, and why.
    ///
    /// Each figure stands with its source, machine, conditions and stopping point; docs/method.md has the rules.
    Anchors(AnchorsArgs),
    /// Judge a run against one or more others: what regressed, what improved, what cannot be told.
    ///
    /// Exit status 1 if something regressed by what may be the threshold or more, 2 if the runs cannot be compared.
    /// Several base runs (`bench baseline save` keeps them) tell how much whole runs differ without a change, which
    /// one run cannot; where runs differ much, interleave two builds with `bench ab`.
    Compare(CompareArgs),
    /// Measure two builds of `bench` in turns, block by block, and judge the second against the first.
    ///
    /// What moves the whole machine moves both, so that smaller changes show on a noisy one. Output and exit status are
    /// those of `bench compare`.
    Ab(AbArgs),
    /// Keep runs under a name, to compare later ones with.
    #[command(subcommand)]
    Baseline(BaselineCommand),
    /// Show how measurements developed over many runs, and where they changed.
    ///
    /// Reads all runs below a folder and writes a page with trends. A run counts as one value, its median; a change is
    /// told from about a dozen runs of the same host, agent and configuration.
    History(HistoryArgs),
    /// Write a run in the format of another tool: CSV, Bencher, github-action-benchmark, OpenMetrics.
    Export(ExportArgs),
    /// Kernels for `microvm-linux`: list them, fetch one, unpack one.
    ///
    /// Without `--kernel`, a Linux guest boots the host's own kernel, /boot/vmlinuz-$(uname -r), so that
    /// containers and VMs run the same one, else the newest that `fetch` has put into the cache
    /// ($XDG_CACHE_HOME/bench/kernels, or ~/.cache/bench/kernels). A compressed kernel (bzImage) is unpacked
    /// into the cache once, because an uncompressed one starts sooner.
    #[command(subcommand)]
    Kernel(KernelCommand),
    /// Remove what a killed run left behind: processes, cgroups, temporary folders.
    Clean(JsonArg),
}

/// What to compare.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// One or more runs of the base, then the new run: folders, `run.json` files, names below the results folder, or
    /// `@NAME` for a saved baseline.
    #[arg(required = true, num_args = 2.., value_names = ["BASE", "NEW"])]
    pub runs: Vec<PathBuf>,

    /// What counts as a change.
    #[command(flatten)]
    pub judge: JudgeArgs,

    /// Compare runs of different hosts, agents or configurations all the same.
    #[arg(long)]
    pub allow_different: bool,

    /// Folder in which runs are looked for by name, and baselines.
    #[arg(long, value_name = "DIR", default_value = crate::runs::RESULTS)]
    pub results: PathBuf,

    /// Output.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// What to do about kernels.
#[derive(Debug, Subcommand)]
pub enum KernelCommand {
    /// Show the kernels of this host and of the cache, and which one a guest boots by default.
    List(JsonArg),
    /// Get the distribution's kernel for virtual machines into the cache, without installing it.
    ///
    /// On Debian and Ubuntu by apt-get and dpkg-deb; needs no root.
    Fetch {
        /// This package instead, or the kernel that it depends on [default: linux-image-cloud-amd64 on
        /// Debian, linux-image-virtual on Ubuntu].
        #[arg(long, value_name = "NAME")]
        package: Option<String>,
        /// Output.
        #[command(flatten)]
        json: JsonArg,
    },
    /// Unpack a bzImage into the cache and print the path of the ELF file; an ELF file is left as it is.
    Extract {
        /// A bzImage, compressed by gzip, bzip2, lzma, xz, lz4 or zstd, or an ELF vmlinux.
        path: PathBuf,
        /// Output.
        #[command(flatten)]
        json: JsonArg,
    },
}

/// Output for machines.
#[derive(Clone, Copy, Debug, Args)]
pub struct JsonArg {
    /// Print JSON instead of a table.
    #[arg(long)]
    pub json: bool,
}

/// How to run experiments.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// How to measure.
    #[command(flatten)]
    pub measure: MeasureArgs,

    /// Runtimes of others.
    #[command(flatten)]
    pub tools: ToolArgs,

    /// Only these workloads, separated by commas (see `bench list`).
    #[arg(long, value_delimiter = ',', value_name = "WORKLOAD")]
    pub workloads: Vec<String>,

    /// Instances at a time in `density`, at most; half of the free memory always stays free [default: 16, 32 or 128 with
    /// --quick, without, and with --thorough].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..i64::from(results::series::ROUND)))]
    pub instances: Option<u32>,

    /// Boot this kernel in `microvm-linux`, a bzImage or an ELF vmlinux [default: the host's own, else the
    /// newest in the cache; see `bench kernel list`].
    #[arg(long, value_name = "PATH")]
    pub kernel: Option<PathBuf>,

    /// Take turns with another run, led over standard input by this version of the protocol of `bench ab`.
    #[arg(long, value_name = "VERSION", hide = true)]
    pub turns: Option<u32>,
}

/// An experiment, as typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExperimentName {
    /// Time from the start call to READY, by phase; time to tear down.
    Startup,
    /// Memory of an idle instance.
    Memory,
    /// Time per system call.
    Syscalls,
    /// Computation and the memory system.
    Cpu,
    /// Many idle instances: start latency, memory, several starts at once.
    Density,
    /// Limits tried by a memory hog, a fork storm and a spinner, beside a measured neighbour.
    Isolation,
    /// What each mechanism of a container adds to a bare process, one after another.
    Ladder,
}

impl From<ExperimentName> for Experiment {
    fn from(name: ExperimentName) -> Self {
        match name {
            ExperimentName::Startup => Experiment::Startup,
            ExperimentName::Memory => Experiment::Memory,
            ExperimentName::Syscalls => Experiment::Syscalls,
            ExperimentName::Cpu => Experiment::Cpu,
            ExperimentName::Density => Experiment::Density,
            ExperimentName::Isolation => Experiment::Isolation,
            ExperimentName::Ladder => Experiment::Ladder,
        }
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
    fn every_experiment_has_a_name_on_the_command_line() {
        let names: Vec<Experiment> =
            ExperimentName::value_variants().iter().map(|&name| name.into()).collect();
        assert_eq!(names, crate::experiment::ALL);
    }
}
