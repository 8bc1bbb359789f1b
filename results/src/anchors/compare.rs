//! What of a run a published figure is compared with, and what stands in the way.

use std::fmt;

use serde::Serialize;

use crate::Run;
use crate::claims::{Gap, LEAST_BLOCKS, Measure, cost, ratio};

/// What a figure is compared with.
#[expect(clippy::large_enum_variant, reason = "some dozens of constants, which cannot be in a box")]
#[derive(Debug)]
pub enum Compare {
    /// With a measurement.
    With(Comparison),
    /// With nothing that bench measures.
    Not(About, &'static str),
}

/// A measurement of a run, and what is known to be otherwise there than where the figure comes from.
#[derive(Debug)]
pub struct Comparison {
    /// Which cost; its name says from where to where.
    pub what: Measure,
    /// Of which backend.
    pub of: Side,
    /// As a multiple of which other one.
    pub to: Option<Divisor>,
    /// What the host has to be for the figure to be about it.
    pub host: Option<HostNeed>,
    /// What is otherwise in every run.
    pub differs: &'static [Known],
}

/// What a ratio is a multiple of.
#[derive(Debug)]
pub struct Divisor {
    /// The backend.
    pub side: Side,
    /// Id of its figure; `None` if the figure is a ratio already.
    pub figure: Option<&'static str>,
}

/// A backend that stands for a system of the source.
#[derive(Clone, Copy, Debug)]
pub struct Side {
    /// Its name.
    pub backend: &'static str,
    /// Whether it is a virtual machine, whose exits are dearer where the host is one itself.
    pub is_machine: bool,
    /// The version that the source names.
    pub version: Option<&'static str>,
    /// gVisor's way to intercept system calls, of the source.
    pub platform: Option<&'static str>,
}

/// What a figure about a host holds for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostNeed {
    /// Kernel page-table isolation is on.
    IsolatedPageTables,
    /// It is off.
    SharedPageTables,
}

/// What stands between a figure and a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum About {
    /// The machine.
    Host,
    /// From where to where the clock runs.
    StoppingPoint,
    /// The version of a program, or how it was set.
    Version,
    /// What else was done or set.
    Conditions,
    /// What is counted, or in which unit.
    Quantity,
    /// Too few samples, or an interval on both sides of a limit.
    Samples,
    /// The run does not hold it, but one of bench could.
    NotInRun,
    /// bench has nothing of the kind.
    NotMeasured,
}

/// Something that is otherwise in every run, what it does to the number, and in words.
pub type Known = (About, Lean, &'static str);

/// What a difference does to a run's number, compared with that of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Lean {
    /// It makes it larger.
    Larger,
    /// It makes it smaller.
    Smaller,
    /// It may do either.
    Either,
}

/// Something known to be otherwise in a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What it is about.
    pub about: About,
    /// What it does to the run's number.
    pub lean: Lean,
    /// In words.
    pub how: String,
}

/// What a run has beside a figure; in the unit of the run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Found {
    pub median: f64,
    /// Where it lies with 95 % confidence; `None` of fewer than [`LEAST_BLOCKS`].
    pub interval: Option<(f64, f64)>,
    pub blocks: usize,
}

impl Side {
    /// A backend that is no virtual machine.
    pub const fn new(backend: &'static str) -> Self {
        Self { backend, is_machine: false, version: None, platform: None }
    }

    /// A virtual machine.
    pub const fn machine(backend: &'static str) -> Self {
        Self { is_machine: true, ..Self::new(backend) }
    }

    /// Of this version.
    pub const fn version(self, version: &'static str) -> Self {
        Self { version: Some(version), ..self }
    }

    /// With this platform.
    pub const fn platform(self, platform: &'static str) -> Self {
        Self { platform: Some(platform), ..self }
    }
}

impl Difference {
    fn new(about: About, lean: Lean, how: impl Into<String>) -> Self {
        Self { about, lean, how: how.into() }
    }
}

impl Comparison {
    fn sides(&self) -> impl Iterator<Item = &Side> {
        [Some(&self.of), self.to.as_ref().map(|to| &to.side)].into_iter().flatten()
    }

    /// What the run has; or why it has nothing.
    pub(super) fn find(&self, run: &Run) -> Result<Found, (About, String)> {
        let found = match &self.to {
            Some(to) => ratio(run, &self.what, self.of.backend, to.side.backend).map(|ratio| Found {
                median: ratio.median,
                interval: ratio.interval,
                blocks: ratio.blocks,
            }),
            None => cost(run, &self.what, self.of.backend).map(|estimate| Found {
                median: estimate.median,
                interval: (estimate.n >= LEAST_BLOCKS).then_some((estimate.low, estimate.high)),
                blocks: estimate.n,
            }),
        };
        found.map_err(|gap| match gap {
            Gap::Missing(why) => {
                let about = if run.host.emulator().is_some() { About::Host } else { About::NotInRun };
                (about, why)
            }
            Gap::Unusable(why) => (About::Samples, why),
        })
    }

    /// What makes this run one of something else than the figure is about.
    pub(super) fn bar(&self, run: &Run) -> Option<(About, String)> {
        if let Some(need) = self.host
            && let Err(how) = need.met(run)
        {
            return Some((About::Host, how));
        }
        self.sides().find_map(|side| {
            let wanted = side.platform?;
            let own = detail(run, side.backend, "platform").unwrap_or("one that the run does not name");
            let how = format!(
                "the figure is of gVisor's platform {wanted}, this run's is {own} (--gvisor-platform {wanted})"
            );
            (own != wanted).then_some((About::Version, how))
        })
    }

    /// What is known to be otherwise in this run than where the figure comes from.
    pub(super) fn differences(&self, run: &Run) -> Vec<Difference> {
        let known = self.differs.iter().map(|(about, lean, how)| Difference::new(*about, *lean, *how));
        let mut all: Vec<Difference> = known.collect();
        let has_machine = self.sides().any(|side| side.is_machine);
        if let Some(below) = run.host.hypervisor.as_deref().filter(|_| has_machine) {
            // Of a ratio it may be either side that leaves its guest more often.
            let lean = if self.to.is_some() { Lean::Either } else { Lean::Larger };
            let how = format!("this host is itself a virtual machine, below it {below}: exits are dearer");
            all.push(Difference::new(About::Host, lean, how));
        }
        all.extend(self.sides().filter_map(|side| {
            let (theirs, own) = (side.version?, detail(run, side.backend, "version")?);
            let how = format!("{} is version {theirs} in the source and {own} here", side.backend);
            let differs = release(theirs) != release(own);
            differs.then(|| Difference::new(About::Version, Lean::Either, how))
        }));
        all
    }
}

impl HostNeed {
    fn met(self, run: &Run) -> Result<(), String> {
        let Some(meltdown) = run.host.mitigations.get("meltdown") else {
            return Err("this run does not say whether the kernel isolates its page tables".to_owned());
        };
        match (self, meltdown.contains("PTI")) {
            (HostNeed::IsolatedPageTables, true) | (HostNeed::SharedPageTables, false) => Ok(()),
            (HostNeed::IsolatedPageTables, false) => {
                Err("the figure is of a kernel that isolates its page tables; this host's does not"
                    .to_owned())
            }
            (HostNeed::SharedPageTables, true) => {
                Err("the figure is of a kernel that does not isolate its page tables; this host's does"
                    .to_owned())
            }
        }
    }
}

fn detail<'r>(run: &'r Run, backend: &str, key: &str) -> Option<&'r str> {
    run.backend(backend)?.details.get(key).map(String::as_str)
}

/// The first two numbers of a version: what comes behind mends and adds nothing.
fn release(version: &str) -> Vec<&str> {
    let digits = |part: &'_ str| part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
    version.trim_start_matches('v').split('.').take(2).map(|part| &part[..digits(part)]).collect()
}

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            About::Host => "host",
            About::StoppingPoint => "stopping point",
            About::Version => "version",
            About::Conditions => "conditions",
            About::Quantity => "quantity",
            About::Samples => "samples",
            About::NotInRun => "not in this run",
            About::NotMeasured => "not measured by bench",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_two_numbers() {
        assert_eq!(release("1.1.7"), release("1.1.5+ds1"));
        assert_eq!(release("v1.15"), release("1.15"));
        assert_ne!(release("0.20.0"), release("1.7.0"));
        assert_ne!(release("1.1"), release("1.2"));
    }
}
