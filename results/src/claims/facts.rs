//! Judging by what instances see of the place they are in.
//!
//! Invariant: a fact that is not to be had (`n/a: …`) is never taken for one that differs.

use std::fmt;

use serde::Serialize;

use super::Verdict;
use super::ratio::ran;
use super::rule::Finding;
use crate::evidence::HELD;
use crate::{Evidence, Run};

/// Random at every boot, so that it decides by itself.
const BOOT_ID: &str = "boot-id";
const UPTIME: &str = "uptime-ms";
/// Which kernel it is.
const NAMES: [&str; 2] = ["kernel-release", "kernel-version"];

/// What is looked at to tell kernels apart.
pub(super) const KERNEL_KEYS: [&str; 4] = [BOOT_ID, NAMES[0], NAMES[1], UPTIME];

/// Something that was observed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// The backend in which it was seen, or `host`.
    pub seen_in: String,
    /// What was looked at.
    pub key: String,
    /// What was seen.
    pub value: String,
}

/// Whose kernel is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KernelWanted {
    /// The host's, the very one that runs.
    Same,
    /// Another, or another boot of the same.
    Other,
}

/// What a fact has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactWanted {
    /// Just this.
    Is(&'static str),
    /// A number below that of this backend.
    LessThanIn(&'static str),
    /// As in this backend.
    SameAs(&'static str),
    /// Not as in this backend.
    OtherThan(&'static str),
    /// That a limit held whenever it was tried, as the experiment `isolation` says it ([`HELD`]).
    Held,
}

impl fmt::Display for FactWanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FactWanted::Is(value) => write!(f, "supported if it is {value}, refuted if it is anything else"),
            FactWanted::LessThanIn(backend) => {
                write!(f, "supported if it is less than in {backend}, refuted if it is not")
            }
            FactWanted::SameAs(backend) => {
                write!(f, "supported if it is as in {backend}, refuted if it is not")
            }
            FactWanted::OtherThan(backend) => {
                write!(f, "supported if it is not as in {backend}, refuted if it is")
            }
            FactWanted::Held => {
                f.write_str("supported if it held in every trial, refuted if it did not in one")
            }
        }
    }
}

/// The rule about kernels in words.
pub(super) fn kernel_rule(
    f: &mut fmt::Formatter<'_>,
    of: &str,
    host: &str,
    wanted: KernelWanted,
) -> fmt::Result {
    let (same, other) = match wanted {
        KernelWanted::Same => ("supported", "refuted"),
        KernelWanted::Other => ("refuted", "supported"),
    };
    write!(
        f,
        "kernel of {of} and of {host}: {same} if both have one {BOOT_ID}, {other} if the two differ; where one of them is \
         not to be had, {other} if {} differ or if the one asked later has been running for less time, else inconclusive",
        NAMES.join(" or ")
    )
}

/// A fact with its place in the order of asking; `None` if it was not reported or is not to be had.
fn find<'r>(run: &'r Run, backend: &str, key: &str) -> Option<(usize, &'r str)> {
    let is_it = |evidence: &Evidence| evidence.backend == backend && evidence.key == key;
    let place = run.evidence.iter().position(is_it)?;
    let value = run.evidence[place].value.as_str();
    (!value.starts_with("n/a")).then_some((place, value))
}

/// What was reported of these, also what is not to be had.
fn reported(run: &Run, backends: &[&str], keys: &[&str]) -> Vec<Fact> {
    let of_backend = |backend: &str, key: &str| {
        let found =
            run.evidence.iter().find(|evidence| evidence.backend == backend && evidence.key == key)?;
        Some(Fact { seen_in: backend.to_owned(), key: key.to_owned(), value: found.value.clone() })
    };
    keys.iter().flat_map(|key| backends.iter().filter_map(move |backend| of_backend(backend, key))).collect()
}

/// Judges whose kernel a backend has.
pub(super) fn kernel(run: &Run, of: &str, host: &str, wanted: KernelWanted) -> Finding {
    if let Err(why) = ran(run, of).and_then(|()| ran(run, host)) {
        return Finding::new(Verdict::NotMeasured, why, Vec::new());
    }
    let facts = reported(run, &[of, host], &KERNEL_KEYS);
    match whose(run, of, host) {
        Ok((whose, why)) if whose == wanted => Finding::new(Verdict::Supported, why, facts),
        Ok((_, why)) => Finding::new(Verdict::Refuted, why, facts),
        Err((verdict, why)) => Finding::new(verdict, why, facts),
    }
}

/// Whose kernel it is, by the most telling fact that both have.
fn whose(run: &Run, of: &str, host: &str) -> Result<(KernelWanted, &'static str), (Verdict, String)> {
    let both = |key: &str| Some((find(run, of, key)?, find(run, host, key)?));
    let differ = |key: &str| both(key).is_some_and(|((_, inside), (_, outside))| inside != outside);
    if both(BOOT_ID).is_some() {
        return Ok(match differ(BOOT_ID) {
            false => (KernelWanted::Same, "one boot-id in both: one running kernel"),
            true => (KernelWanted::Other, "boot-id differs: another running kernel"),
        });
    }
    if NAMES.into_iter().any(differ) {
        Ok((KernelWanted::Other, "release or version differs: another kernel"))
    } else if both(UPTIME).is_some_and(|(inside, outside)| is_younger(inside, outside)) {
        Ok((KernelWanted::Other, "another boot: asked later, it has been running for less time"))
    } else if KERNEL_KEYS.iter().any(|key| both(key).is_some()) {
        let alike = "look alike, which two boots of one kernel do too; there is no boot-id to tell";
        Err((Verdict::Inconclusive, format!("{of} and {host} {alike}")))
    } else {
        Err((Verdict::NotMeasured, format!("{of} and {host} did not both say who they are")))
    }
}

/// Whether two times since boot cannot be of one boot: the clock does not run backwards between two questions.
fn is_younger(a: (usize, &str), b: (usize, &str)) -> bool {
    let uptime = |(place, text): (usize, &str)| Some((place, text.parse::<u64>().ok()?));
    let mut asked = [uptime(a), uptime(b)];
    asked.sort();
    matches!(asked, [Some((_, earlier)), Some((_, later))] if later < earlier)
}

/// Judges by one fact.
pub(super) fn fact(run: &Run, of: &str, key: &str, wanted: &FactWanted) -> Finding {
    let asked: &[&str] = match wanted {
        FactWanted::Is(_) | FactWanted::Held => &[of],
        FactWanted::LessThanIn(other) | FactWanted::SameAs(other) | FactWanted::OtherThan(other) => {
            &[of, other]
        }
    };
    if let Some(why) = asked.iter().find_map(|backend| ran(run, backend).err()) {
        return Finding::new(Verdict::NotMeasured, why, Vec::new());
    }
    let facts = reported(run, asked, &[key]);
    let said = |backend: &&str| match find(run, backend, key) {
        Some((_, value)) => Ok(value),
        None => {
            let fact = facts.iter().find(|fact| fact.seen_in == **backend);
            Err(format!("{key} in {backend}: {}", fact.map_or("it did not say", |fact| &fact.value)))
        }
    };
    let values: Vec<&str> = match asked.iter().map(said).collect() {
        Ok(values) => values,
        Err(why) => return Finding::new(Verdict::NotMeasured, why, facts),
    };
    let holds = match wanted {
        FactWanted::Is(expected) => values == [*expected],
        FactWanted::Held => values.iter().all(|value| value.starts_with(HELD)),
        FactWanted::SameAs(_) => values.iter().all(|value| *value == values[0]),
        FactWanted::OtherThan(_) => values.iter().skip(1).all(|value| *value != values[0]),
        FactWanted::LessThanIn(_) => {
            let numbers: Result<Vec<u64>, _> = values.iter().map(|value| value.parse()).collect();
            let Ok(numbers) = numbers else {
                return Finding::new(Verdict::Inconclusive, format!("{key} is not a number"), facts);
            };
            numbers.is_sorted_by(|inside, outside| inside < outside)
        }
    };
    let verdict = if holds { Verdict::Supported } else { Verdict::Refuted };
    let each: Vec<String> =
        asked.iter().zip(values).map(|(backend, value)| format!("in {backend} {value}")).collect();
    Finding::new(verdict, format!("{key} is {}", each.join(", ")), facts)
}

/// What the processor says of the layer below the host.
pub(super) fn layer(run: &Run) -> Fact {
    let value =
        run.host.hypervisor.clone().unwrap_or_else(|| "none named: bare metal, as far as one can see".into());
    Fact { seen_in: "host".into(), key: "hypervisor".into(), value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_ran_on_is_of_one_boot_and_one_that_fell_back_is_not() {
        assert!(!is_younger((1, "990"), (0, "980")));
        assert!(!is_younger((1, "980"), (0, "980")));
        assert!(is_younger((1, "20"), (0, "980")));
        assert!(is_younger((0, "980"), (1, "20")));
        // Asked first and younger: the other may just have been asked later.
        assert!(!is_younger((0, "20"), (1, "980")));
        assert!(!is_younger((1, "soon"), (0, "980")));
    }
}
