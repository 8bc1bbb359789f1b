//! The ladder: isolation built up from a bare process, one mechanism a rung, and what each of them adds.
//!
//! A rung has all that the rungs below it have. What it adds is the median of its differences to the rung below, block by
//! block, so that what disturbs a block cancels; it may be negative. Values are in the unit of the metric. Invariant: a
//! rung has figures or a reason, and a sum is only ever compared with what holds the same mechanisms.

use std::collections::BTreeMap;

use crate::stats::{Estimate, Sign, bootstrap_median, combined_medians};
use crate::{BackendStatus, Experiment, Measurement, Metric, Run, Status};

/// What the names of backends begin with that are nothing but a rung.
pub const RUNG_PREFIX: &str = "rung-";

/// The backend that has every mechanism whose rung is [`Rung::in_container`], set up in one go.
pub const CONTAINER: &str = "container";

/// Whether a backend is nothing but a rung, of no interest outside of the ladder.
pub fn is_rung(backend: &str) -> bool {
    backend.starts_with(RUNG_PREFIX)
}

/// A mechanism.
#[derive(Debug, PartialEq, Eq)]
pub struct Rung {
    /// The backend that has it and all below it.
    pub backend: &'static str,
    /// In a word or two.
    pub name: &'static str,
    /// What it adds.
    pub adds: &'static str,
    /// When it came.
    pub since: &'static str,
    /// Whether [`CONTAINER`] has it too.
    pub in_container: bool,
}

const fn rung(
    backend: &'static str,
    name: &'static str,
    adds: &'static str,
    since: &'static str,
    in_container: bool,
) -> Rung {
    Rung { backend, name, adds, since, in_container }
}

/// From the ground up.
///
/// Years: namespaces from Kerrisk, "Namespaces in operation, part 1" (LWN, 2013), and cgroup_namespaces(7); the others from
/// chroot(2), cgroups(7), capabilities(7), seccomp(2), prctl(2) and the release notes of Linux 3.18 (overlayfs).
pub const RUNGS: [Rung; 12] = [
    rung("process", "bare process", "nothing: fork and exec", "Unix, 1971", true),
    rung("chroot", "chroot", "another root directory", "Unix, 1979", true),
    rung(
        "rung-mount",
        "mount namespace",
        "mounts of its own, pivot_root, /proc and a minimal /dev",
        "Linux 2.4.19, 2002",
        true,
    ),
    rung("rung-pid", "PID namespace", "process ids of its own, from 1", "Linux 2.6.24, 2008", true),
    rung("rung-uts", "UTS namespace", "a host name of its own", "Linux 2.6.19, 2006", true),
    rung(
        "rung-ipc",
        "IPC namespace",
        "System V IPC and message queues of its own",
        "Linux 2.6.19, 2006",
        true,
    ),
    rung("rung-net", "network namespace", "a network stack of its own", "Linux 2.6.24, 2008", true),
    rung(
        "rung-cgroup",
        "cgroup, limits",
        "limits of memory, processes and CPU time, and a cgroup namespace",
        "Linux 2.6.24, 2008",
        true,
    ),
    rung(
        "rung-overlay",
        "overlay root",
        "a writable layer over the root, in place of a bind mount",
        "Linux 3.18, 2014",
        false,
    ),
    rung(
        "rung-capabilities",
        "no capabilities",
        "root’s privileges dropped, none to be gained (no_new_privs)",
        "Linux 2.2, 1999; 3.5, 2012",
        true,
    ),
    rung("rung-seccomp", "seccomp filter", "a filter before every system call", "Linux 3.5, 2012", true),
    rung(
        "rung-user",
        "user namespace",
        "user ids of its own: its root is nobody outside",
        "Linux 3.8, 2013",
        false,
    ),
];

/// A rung, and what was found of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The mechanism.
    pub rung: &'static Rung,
    /// Its figures, or why there are none.
    pub found: Result<Found, String>,
}

/// The figures of a rung.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// With all that is below it.
    pub total: Estimate,
    /// By itself; `None` of the lowest rung that was measured, and of one that shares no block with the one below.
    pub added: Option<Added>,
}

/// What a rung adds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Added {
    /// To which one: the next below that was measured.
    pub to: &'static Rung,
    /// How much higher the median is than that of [`Self::to`], over the blocks that have both.
    pub cost: Estimate,
}

/// Whether the steps add up to the full container.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Agreement {
    /// The bare process and every step that the container has too, added up.
    pub sum: Estimate,
    /// What the container was measured to take.
    pub container: Estimate,
    /// The sum less the container.
    pub difference: Estimate,
    /// Whether the sum lies in the container's interval, or the difference's interval holds 0.
    pub agrees: bool,
}

/// Every rung, from the ground up.
pub fn steps(run: &Run, workload: &str, metric: &Metric, seed: u64) -> Vec<Step> {
    let mut below: Option<(&'static Rung, &Measurement)> = None;
    let step = |rung: &'static Rung| {
        let found = measured(run, workload, rung.backend, metric).and_then(|own| {
            let total = estimate(&own.samples, rung.backend, seed)?;
            let added = below.and_then(|(to, lower)| {
                let cost = together(&[(Sign::Plus, own), (Sign::Minus, lower)], seed)?;
                Some(Added { to, cost })
            });
            below = Some((rung, own));
            Ok(Found { total, added })
        });
        Step { rung, found }
    };
    RUNGS.iter().map(step).collect()
}

/// Whether `steps`, which are of the same run, add up to the container.
///
/// # Errors
/// In words, if one side cannot be had.
pub fn agreement(
    run: &Run,
    steps: &[Step],
    workload: &str,
    metric: &Metric,
    seed: u64,
) -> Result<Agreement, String> {
    let shared = steps.iter().rposition(|step| step.rung.in_container).map_or(0, |last| last + 1);
    let steps = &steps[..shared];
    let (Some(ground), Some(top)) = (steps.first(), steps.last()) else { return Err("no rung".to_owned()) };
    for step in [ground, top] {
        step.found.as_ref().map_err(|why| format!("{}: {why}", step.rung.backend))?;
    }
    // Added up, the steps are the highest rung; those that the container has not are taken out again.
    let mut terms = vec![(Sign::Plus, top.rung.backend)];
    for (place, step) in steps.iter().enumerate().skip(1) {
        let Ok(found) = &step.found else { continue };
        let apart = || format!("{} shares no block with the rung below", step.rung.backend);
        let added = found.added.ok_or_else(apart)?;
        if step.rung.in_container {
            continue;
        }
        if added.to != steps[place - 1].rung {
            return Err(format!("{} cannot be told from the rungs below it", step.rung.backend));
        }
        terms.extend([(Sign::Minus, step.rung.backend), (Sign::Plus, added.to.backend)]);
    }
    let whole = measured(run, workload, CONTAINER, metric).map_err(|why| format!("{CONTAINER}: {why}"))?;
    let container = estimate(&whole.samples, CONTAINER, seed)?;
    let combined = |terms: &[(Sign, &'static str)]| {
        let of =
            |(sign, backend): &(Sign, &str)| Some((*sign, measured(run, workload, backend, metric).ok()?));
        together(&terms.iter().map(of).collect::<Option<Vec<_>>>()?, seed)
    };
    let none = || "no block holds all rungs and the container".to_owned();
    let sum = combined(&terms).ok_or_else(none)?;
    terms.push((Sign::Minus, CONTAINER));
    let difference = combined(&terms).ok_or_else(none)?;
    let agrees = (container.low..=container.high).contains(&sum.median)
        || (difference.low..=difference.high).contains(&0.0);
    Ok(Agreement { sum, container, difference, agrees })
}

/// A backend's samples in the ladder; else why there are none.
fn measured<'r>(
    run: &'r Run,
    workload: &str,
    backend: &str,
    metric: &Metric,
) -> Result<&'r Measurement, String> {
    let because = |word: &str, reason: &Option<String>| match reason {
        Some(reason) => format!("{word}: {reason}"),
        None => word.to_owned(),
    };
    if let Some(m) = run.measurement(Experiment::Ladder, workload, backend, metric) {
        return match m.status {
            _ if !m.samples.is_empty() => Ok(m),
            Status::Ok => Err(because("no sample", &m.reason)),
            Status::NotApplicable => Err(because("n/a", &m.reason)),
            Status::Unavailable => Err(because("unavailable", &m.reason)),
            Status::Failed => Err(because("failed", &m.reason)),
        };
    }
    let Some(of) = run.backend(backend) else { return Err("not part of this run".to_owned()) };
    Err(match of.status {
        BackendStatus::Ok => "not measured".to_owned(),
        BackendStatus::Unavailable => because("unavailable", &of.reason),
        BackendStatus::Failed => because("failed", &of.reason),
    })
}

fn estimate(samples: &[f64], backend: &str, seed: u64) -> Result<Estimate, String> {
    bootstrap_median(samples, seed).ok_or_else(|| format!("a sample of {backend} is not a number"))
}

/// Medians added up and taken away, over the blocks that all of the measurements have.
fn together(terms: &[(Sign, &Measurement)], seed: u64) -> Option<Estimate> {
    let by_block = |of: &Measurement| -> BTreeMap<u32, f64> {
        of.blocks.iter().copied().zip(of.samples.iter().copied()).collect()
    };
    let columns: Vec<BTreeMap<u32, f64>> = terms.iter().map(|(_, of)| by_block(of)).collect();
    let in_all = |block: &&u32| columns.iter().all(|column| column.contains_key(block));
    let blocks: Vec<&u32> = columns.first()?.keys().filter(in_all).collect();
    let samples: Vec<Vec<f64>> = columns
        .iter()
        .map(|column| blocks.iter().filter_map(|block| column.get(block).copied()).collect())
        .collect();
    let terms: Vec<(Sign, &[f64])> =
        terms.iter().zip(&samples).map(|((sign, _), samples)| (*sign, samples.as_slice())).collect();
    combined_medians(&terms, seed)
}
