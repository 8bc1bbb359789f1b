//! Arguments of `bench export`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// What to write, and where.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// A run: its folder, its `run.json`, or a name below the results folder; for CSV also several, or `@NAME` for all of
    /// a baseline.
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<PathBuf>,

    /// The format.
    #[arg(long, value_enum)]
    pub format: ExportFormat,

    /// For github-action-benchmark, whose files hold one direction only: the measurements of which less or more is better.
    #[arg(long, value_enum, default_value_t = Direction::Lower)]
    pub better: Direction,

    /// Write to this file instead of the standard output.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,

    /// Folder in which runs are looked for by name, and baselines.
    #[arg(long, value_name = "DIR", default_value = crate::runs::RESULTS)]
    pub results: PathBuf,
}

/// A format of another tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// Every sample, one a line, for spreadsheets and data frames.
    Csv,
    /// Bencher Metric Format: medians with intervals as JSON.
    Bencher,
    /// JSON for the tools customSmallerIsBetter and, with `--better higher`, customBiggerIsBetter.
    GithubActionBenchmark,
    /// OpenMetrics text, which Prometheus and node_exporter's textfile collector read.
    Openmetrics,
}

/// Which direction is an improvement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Direction {
    /// Times and sizes.
    Lower,
    /// Bandwidths.
    Higher,
}
