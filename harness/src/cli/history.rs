//! Arguments of `bench history`.

use std::path::PathBuf;

use clap::Args;

use super::JsonArg;

/// Which runs to look at.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// Folder with runs, at any depth: a results folder, a baseline, a folder of CI artifacts.
    #[arg(value_name = "DIR", default_value = crate::runs::RESULTS)]
    pub dir: PathBuf,

    /// Folder for `history.html` and the charts in `history/` [default: DIR].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// Output.
    #[command(flatten)]
    pub json: JsonArg,
}
