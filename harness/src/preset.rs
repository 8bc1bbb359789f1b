//! How much to measure: `--quick`, the default, `--thorough`, or exactly what the user says.

use std::time::Duration;

use crate::cli::measure::MeasureArgs;
use crate::experiment::density::Extent;
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
    /// How many instances at a time, where there are many.
    pub extent: Extent,
}

impl Preset {
    /// What the command line asks for.
    ///
    /// `instances`: how many at a time, if the user says. `share`: of the usual time for all experiments, if it is not.
    pub fn of(args: &MeasureArgs, instances: Option<u32>, share: f64) -> Self {
        let (name, seconds, min_blocks, max_blocks, relative_width, usual_instances) =
            match (args.quick, args.thorough) {
                (true, _) => ("quick", 20, 3, 60, 0.02, 16),
                (_, true) => ("thorough", 900, 20, 1000, 0.003, 128),
                _ => ("default", 140, 8, 250, 0.008, 32),
            };
        let stopping = match args.samples {
            Some(blocks) => Stopping::exactly(blocks),
            None => Stopping { min_blocks, max_blocks, relative_width },
        };
        let budget = args.time_budget.unwrap_or(Duration::from_secs(seconds).mul_f64(share));
        let extent = match instances {
            // Whoever names a number may wait for it.
            Some(instances) => Extent { instances, time: budget / 4 },
            None => Extent { instances: at_least_four_a_cpu(usual_instances), time: budget / 40 },
        };
        Self { name, budget, stopping, extent }
    }
}

/// Four starts at once for each CPU need as many instances.
fn at_least_four_a_cpu(instances: u32) -> u32 {
    let cpus = std::thread::available_parallelism().map_or(1, |cpus| u32::try_from(cpus.get()).unwrap_or(1));
    instances.max(cpus.saturating_mul(4))
}
