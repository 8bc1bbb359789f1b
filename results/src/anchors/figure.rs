//! A published figure as its source has it, and what it is in the units of a run.

use std::fmt;

use crate::Unit;

/// A number with its unit, as published.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure {
    /// The number.
    pub amount: Amount,
    /// What it counts.
    pub scale: Scale,
}

/// A number, in the figure's unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Amount {
    /// One number: a median, a mean, a count.
    About(f64),
    /// What was seen in several places or sizes.
    Range(f64, f64),
    /// A promise: no more than this.
    AtMost(f64),
    /// A promise: no less than this.
    AtLeast(f64),
}

/// Units that sources use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Thousandths of a second.
    Milliseconds,
    /// Millionths.
    Microseconds,
    /// Billionths.
    Nanoseconds,
    /// CPU time in thousandths of a second.
    CpuMilliseconds,
    /// 2^20 bytes.
    Mebibytes,
    /// 10^6 bytes.
    Megabytes,
    /// Turns of a processor's clock, however fast it was.
    Cycles,
    /// Requests served in a second.
    RequestsPerSecond,
    /// Virtual machines started in a second, by each core.
    StartsPerSecondAndCore,
    /// Hundredths of what the same takes on the bare machine.
    PercentOfBareMetal,
}

impl Scale {
    /// How much one is in a run's unit, and which that is; `None` where a run has nothing of the kind.
    pub fn in_run(self) -> Option<(f64, Unit)> {
        match self {
            Scale::Milliseconds | Scale::CpuMilliseconds => Some((1e6, Unit::Nanoseconds)),
            Scale::Microseconds => Some((1e3, Unit::Nanoseconds)),
            Scale::Nanoseconds => Some((1.0, Unit::Nanoseconds)),
            Scale::Mebibytes => Some((1_048_576.0, Unit::Bytes)),
            Scale::Megabytes => Some((1e6, Unit::Bytes)),
            Scale::PercentOfBareMetal => Some((0.01, Unit::Ratio)),
            Scale::Cycles | Scale::RequestsPerSecond | Scale::StartsPerSecondAndCore => None,
        }
    }

    fn suffix(self) -> &'static str {
        match self {
            Scale::Milliseconds => "ms",
            Scale::Microseconds => "µs",
            Scale::Nanoseconds => "ns",
            Scale::CpuMilliseconds => "ms of CPU time",
            Scale::Mebibytes => "MiB",
            Scale::Megabytes => "MB",
            Scale::Cycles => "cycles",
            Scale::RequestsPerSecond => "requests/s",
            Scale::StartsPerSecondAndCore => "starts/s and core",
            Scale::PercentOfBareMetal => "% of bare metal",
        }
    }
}

impl Amount {
    /// The same times a factor.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        match self {
            Amount::About(value) => Amount::About(value * factor),
            Amount::Range(low, high) => Amount::Range(low * factor, high * factor),
            Amount::AtMost(value) => Amount::AtMost(value * factor),
            Amount::AtLeast(value) => Amount::AtLeast(value * factor),
        }
    }

    /// Its numbers, smallest first.
    pub fn ends(self) -> (f64, f64) {
        match self {
            Amount::Range(low, high) => (low, high),
            Amount::About(value) | Amount::AtMost(value) | Amount::AtLeast(value) => (value, value),
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.amount {
            Amount::About(value) => f.write_str(&grouped(value))?,
            Amount::Range(low, high) => write!(f, "{} to {}", grouped(low), grouped(high))?,
            Amount::AtMost(value) => write!(f, "≤ {}", grouped(value))?,
            Amount::AtLeast(value) => write!(f, "≥ {}", grouped(value))?,
        }
        write!(f, "\u{a0}{}", self.scale.suffix())
    }
}

/// With the digits that the source gave, thousands apart.
fn grouped(value: f64) -> String {
    let text = value.to_string();
    let whole = text.split('.').next().map_or(0, str::len);
    let digit = |(place, digit): (usize, char)| {
        let apart = place > 0 && place < whole && (whole - place).is_multiple_of(3);
        [apart.then_some(','), Some(digit)].into_iter().flatten()
    };
    text.chars().enumerate().flat_map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_reads_as_published() {
        let shown = |amount, scale| Figure { amount, scale }.to_string();
        assert_eq!(shown(Amount::AtMost(125.0), Scale::Milliseconds), "≤ 125\u{a0}ms");
        assert_eq!(shown(Amount::Range(1.9, 8.8), Scale::Milliseconds), "1.9 to 8.8\u{a0}ms");
        assert_eq!(shown(Amount::About(113_420.0), Scale::RequestsPerSecond), "113,420\u{a0}requests/s");
        assert_eq!(shown(Amount::About(6_249.0), Scale::Nanoseconds), "6,249\u{a0}ns");
        assert_eq!(shown(Amount::AtLeast(95.0), Scale::PercentOfBareMetal), "≥ 95\u{a0}% of bare metal");
    }
}
