//! Arguments of `bench ab`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use super::judge::{JudgeArgs, OutputArgs};

/// Which builds to compare, and how.
#[derive(Debug, Args)]
pub struct AbArgs {
    /// The `bench` to compare with; without a slash it is looked up in $PATH.
    #[arg(value_name = "BENCH_A")]
    pub a: PathBuf,

    /// The `bench` that may have regressed.
    #[arg(value_name = "BENCH_B")]
    pub b: PathBuf,

    /// What counts.
    #[command(flatten)]
    pub judge: JudgeArgs,

    /// How to say it.
    #[command(flatten)]
    pub output: OutputArgs,

    /// Folder for the results; the runs of A go to `ab-A` inside, those of B to `ab-B`.
    #[arg(long, value_name = "DIR", default_value = "bench-results")]
    pub out: PathBuf,

    /// What both do, as after `bench run` or `bench all`: `-- startup --quick` [default: `all`].
    #[arg(last = true, value_name = "ARGS")]
    pub args: Vec<OsString>,
}
