//! Arguments of `bench baseline`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::JsonArg;

/// What to do about baselines.
#[derive(Debug, Subcommand)]
pub enum BaselineCommand {
    /// Keep runs under a name; `bench compare @NAME NEW` compares with all of them.
    Save(SaveArgs),
    /// Show the baselines and their runs.
    List(ListArgs),
}

/// What to keep.
#[derive(Debug, Args)]
pub struct SaveArgs {
    /// The name: letters, digits, `-`, `_` and `.`.
    pub name: String,

    /// Runs to add: folders, `run.json` files, or names below the results folder.
    #[arg(value_name = "RUN", default_value = results::LATEST_LINK)]
    pub runs: Vec<PathBuf>,

    /// Keep this many runs, the newest.
    #[arg(long, value_name = "N", default_value = "10", value_parser = clap::value_parser!(u16).range(1..))]
    pub keep: u16,

    /// Begin anew: forget the runs that were kept under this name.
    #[arg(long)]
    pub replace: bool,

    /// Also keep runs that were interrupted.
    #[arg(long)]
    pub allow_interrupted: bool,

    /// Where baselines are.
    #[command(flatten)]
    pub list: ListArgs,
}

/// Where baselines are, and how to show them.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Folder of the results; baselines are kept in `baselines` inside.
    #[arg(long, value_name = "DIR", default_value = crate::runs::RESULTS)]
    pub results: PathBuf,

    /// Output.
    #[command(flatten)]
    pub json: JsonArg,
}
