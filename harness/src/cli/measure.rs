//! Arguments of everything that measures.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;

/// How to measure.
#[derive(Debug, Args)]
pub struct MeasureArgs {
    /// Fewer samples: all experiments take about a minute, with wider intervals.
    #[arg(long, conflicts_with = "thorough")]
    pub quick: bool,

    /// More samples: about 15 minutes, with narrower intervals.
    #[arg(long)]
    pub thorough: bool,

    /// Only these backends, separated by commas: names (see `bench list`), or `builtin`, `installed` (runtimes of others that
    /// are on this host), `oci`, `vm` [default: builtin,installed].
    #[arg(long, value_delimiter = ',', value_name = "BACKEND")]
    pub backends: Vec<String>,

    /// Take exactly this many samples of everything, whatever the time budget.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub samples: Option<u32>,

    /// Stop sampling after this long, e.g. `90s` or `5m`; a minimum of samples is always taken.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub time_budget: Option<Duration>,

    /// Seed of the order of trials and of the bootstrap; random if not given, and recorded.
    #[arg(long)]
    pub seed: Option<u64>,

    /// Try this backend even if the probe says that it cannot run here; may be given more than once.
    #[arg(long, value_delimiter = ',', value_name = "BACKEND")]
    pub force_backend: Vec<String>,

    /// Run instances on this CPU, or `none` to let the kernel choose [default: the last CPU].
    #[arg(long, value_name = "CPU")]
    pub pin: Option<PinChoice>,

    /// Folder for the results; the run gets a folder of its own inside.
    #[arg(long, value_name = "DIR", default_value = "bench-results")]
    pub out: PathBuf,

    /// Print the results as JSON (the content of run.json) instead of a table.
    #[arg(long)]
    pub json: bool,

    /// Fail with status 3 if this backend cannot run here; may be given more than once.
    #[arg(long, value_delimiter = ',', value_name = "BACKEND")]
    pub require: Vec<String>,
}

/// Where instances run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinChoice {
    /// On this CPU.
    Cpu(usize),
    /// Wherever the kernel puts them.
    None,
}

impl FromStr for PinChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "none" => Ok(Self::None),
            cpu => cpu.parse().map(Self::Cpu).map_err(|_| "expected a CPU number or `none`".to_owned()),
        }
    }
}

/// A time with a unit; a bare number means seconds.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    const WANTED: &str = "expected a time such as `90s`, `5m` or `1h30m`";
    let duration = match text.parse::<u32>() {
        Ok(seconds) => Duration::from_secs(seconds.into()),
        Err(_) => text
            .parse::<jiff::SignedDuration>()
            .ok()
            .and_then(|signed| Duration::try_from(signed).ok())
            .ok_or(WANTED)?,
    };
    // Longer than a week is a typing error, and far from every overflow.
    let week = Duration::from_secs(7 * 24 * 3600);
    match duration {
        Duration::ZERO => Err("no time is too little".to_owned()),
        long if long > week => Err("over a week is too much".to_owned()),
        fine => Ok(fine),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_take_units_and_bare_seconds() {
        assert_eq!(parse_duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("1h30m"), Ok(Duration::from_secs(5400)));
        for bad in ["", "0", "0s", "-5s", "soon", "9999999h", "99999999999999999999"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }
}
