//! Arguments of `bench claims`.

use std::path::PathBuf;

use clap::Args;

use super::JsonArg;

/// Which run to ask.
#[derive(Debug, Args)]
pub struct ClaimsArgs {
    /// A run: its folder, its `run.json` or `journal.jsonl`, or a name below the results folder.
    #[arg(value_name = "RUN")]
    pub run: PathBuf,

    /// Folder in which runs are looked for by name.
    #[arg(long, value_name = "DIR", default_value = crate::runs::RESULTS)]
    pub results: PathBuf,

    /// Output.
    #[command(flatten)]
    pub json: JsonArg,
}
