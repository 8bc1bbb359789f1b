//! Arguments of `bench anchors`.

use std::path::PathBuf;

use clap::Args;

use super::JsonArg;

/// Which runs to set beside what others have published.
#[derive(Debug, Args)]
pub struct AnchorsArgs {
    /// Runs: folders, `run.json` or `journal.jsonl` files, or names below the results folder.
    #[arg(value_name = "RUN", default_value = results::LATEST_LINK)]
    pub runs: Vec<PathBuf>,

    /// Folder in which runs are looked for by name.
    #[arg(long, value_name = "DIR", default_value = crate::runs::RESULTS)]
    pub results: PathBuf,

    /// Output.
    #[command(flatten)]
    pub json: JsonArg,
}
