//! How much to measure: `--quick`, the default, `--thorough`, or exactly what the user says.

use std::time::Duration;

use crate::cli::RunArgs;
use crate::schedule::Stopping;

/// How much a run measures.
#[derive(Clone, Debug, PartialEq)]
pub struct Preset {
    /// Its name in the results.
    pub name: &'static str,
    /// Time for sampling, over all experiments.
    pub budget: Duration,
    /// When an experiment has samples enough.
    pub stopping: Stopping,
}

impl Preset {
    /// What the command line asks for.
    pub fn of(args: &RunArgs) -> Self {
        let (name, seconds, min_blocks, max_blocks, relative_width) = match (args.quick, args.thorough) {
            (true, _) => ("quick", 20, 3, 60, 0.02),
            (_, true) => ("thorough", 900, 20, 1000, 0.003),
            _ => ("default", 140, 8, 250, 0.008),
        };
        let stopping = match args.samples {
            Some(blocks) => Stopping::exactly(blocks),
            None => Stopping { min_blocks, max_blocks, relative_width },
        };
        let budget = args.time_budget.unwrap_or(Duration::from_secs(seconds));
        Self { name, budget, stopping }
    }
}
