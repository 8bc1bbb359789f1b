//! How many times as much one backend costs as another, the block being the unit.
//!
//! A family of workloads counts as one: in each block the geometric mean of the workloads' ratios, then the median over
//! blocks. The geometric mean is the only one that does not depend on which side is the divisor (Fleming and Wallace, "How
//! not to lie with statistics: the correct way to summarize benchmark results", CACM 29, 1986), and one interval per claim
//! does not make a verdict of the most unlucky of twenty. Only blocks that hold every workload count, because means over
//! different workloads cannot be compared; the extremes among workloads are shown beside.
//!
//! Invariant: a ratio is of samples of the same metric, workload and block, that below the line above 0.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::measure::{Family, Measure};
use super::rule::{LEAST_BLOCKS, LEAST_WORKLOADS};
use crate::stats::{Estimate, bootstrap_median, median, paired_ratio};
use crate::{
    BackendStatus, Better, EMULATION_FLAG, Experiment, Measurement, Metric, Run, Status, TEST_DELAY_FLAG,
};

/// How many times as much `of` costs as `to`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ratio {
    /// The backend above the line.
    pub of: &'static str,
    /// The backend below the line.
    pub to: &'static str,
    /// The median over blocks.
    pub median: f64,
    /// Where it lies with 95 % confidence; `None` if there are fewer than [`LEAST_BLOCKS`].
    pub interval: Option<(f64, f64)>,
    /// Blocks that hold both.
    pub blocks: usize,
    /// Of a family, what its workloads say one by one.
    pub workloads: Option<Spread>,
}

/// The workloads behind a mean.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// How many.
    pub count: usize,
    /// The one with the smallest median ratio, and that.
    pub least: (String, f64),
    /// The one with the largest.
    pub most: (String, f64),
    /// Those that are missing in the mean, with the reason.
    pub left_out: Vec<String>,
}

/// Why there is no ratio.
#[derive(Debug, PartialEq)]
pub(crate) enum Gap {
    /// The run does not hold it.
    Missing(String),
    /// The run holds it, but it says nothing.
    Unusable(String),
}

/// Compares two backends by a measure.
pub(crate) fn ratio(run: &Run, what: &Measure, of: &'static str, to: &'static str) -> Result<Ratio, Gap> {
    held(run, what, &[of, to])?;
    let (estimate, workloads) = match what {
        Measure::One { .. } | Measure::Sum { .. } => {
            let (a, b) = (what.find(run, of), what.find(run, to));
            let (a, b) = pair([a.as_deref(), b.as_deref()], [of, to]).map_err(Gap::Missing)?;
            // Above the line, noise around 0 is no problem: less is a smaller ratio.
            positive(&[b]).map_err(Gap::Unusable)?;
            let none = || Gap::Missing(format!("{of} and {to} share no block with a ratio"));
            (paired_ratio(a, b, run.config.seed).ok_or_else(none)?, None)
        }
        Measure::Family { experiment, workloads, .. } => {
            let (estimate, spread) = family(run, *experiment, workloads, [of, to])?;
            (estimate, Some(spread))
        }
    };
    let Estimate { median, low, high, n: blocks } = estimate;
    let interval = (blocks >= LEAST_BLOCKS).then_some((low, high));
    Ok(Ratio { of, to, median, interval, blocks, workloads })
}

/// What a backend costs by a measure that is no family.
pub(crate) fn cost(run: &Run, what: &Measure, of: &'static str) -> Result<Estimate, Gap> {
    held(run, what, &[of])?;
    let found = what.find(run, of);
    let measurement = side(found.as_deref(), of).map_err(Gap::Missing)?;
    let none = || Gap::Unusable(format!("a sample of {what} on {of} is not a number"));
    bootstrap_median(&measurement.samples, run.config.seed).ok_or_else(none)
}

/// Whether the run can hold a measure of these backends at all; else why not.
fn held(run: &Run, what: &Measure, backends: &[&str]) -> Result<(), Gap> {
    if let Some(emulator) = run.host.emulator() {
        return Err(Gap::Missing(format!(
            "emulated: the processor of this host is software, {emulator}, so that its numbers are no result"
        )));
    }
    for backend in backends {
        ran(run, backend).map_err(Gap::Missing)?;
    }
    let experiment = what.experiment();
    if !run.measurements.iter().any(|m| m.experiment == experiment) {
        return Err(Gap::Missing(format!(
            "this run holds nothing of it: bench run {experiment} measures it"
        )));
    }
    Ok(())
}

/// Whether a backend could be used; else why not.
pub(super) fn ran(run: &Run, name: &str) -> Result<(), String> {
    let Some(backend) = run.backend(name) else {
        return Err(format!("{name} is not part of this run (--backends chooses)"));
    };
    let why = backend.reason.as_deref().unwrap_or("no reason recorded");
    match backend.status {
        BackendStatus::Ok => Ok(()),
        BackendStatus::Unavailable => Err(format!("{name} is unavailable: {why}")),
        BackendStatus::Failed => Err(format!("{name} failed: {why}")),
    }
}

/// Both measurements, if both have samples that are what the backend costs.
fn pair<'r>(
    sides: [Option<&'r Measurement>; 2],
    backends: [&str; 2],
) -> Result<(&'r Measurement, &'r Measurement), String> {
    Ok((side(sides[0], backends[0])?, side(sides[1], backends[1])?))
}

/// A measurement, if it has samples that are what the backend costs.
fn side<'r>(found: Option<&'r Measurement>, backend: &str) -> Result<&'r Measurement, String> {
    let m = found.ok_or_else(|| format!("not measured on {backend}"))?;
    let marked = |with: &str| m.flags.iter().flatten().flatten().any(|flag| flag == with);
    if marked(TEST_DELAY_FLAG) {
        return Err(format!("{backend} was delayed on purpose, by a test"));
    }
    if marked(EMULATION_FLAG) {
        return Err(format!("the processor of {backend} was software: its numbers are no result"));
    }
    let why = m.reason.as_deref().unwrap_or("no sample");
    match m.status {
        _ if !m.samples.is_empty() => Ok(m),
        Status::Ok | Status::NotApplicable => Err(format!("not on {backend}: {why}")),
        Status::Unavailable => Err(format!("unavailable on {backend}: {why}")),
        Status::Failed => Err(format!("failed on {backend}: {why}")),
    }
}

/// A slope may be 0 or below by noise, and a damaged file may hold anything.
fn positive(sides: &[&Measurement]) -> Result<(), String> {
    for m in sides {
        if !m.samples.iter().all(|sample| sample.is_finite() && *sample > 0.0) {
            let Measurement { metric, workload, backend, .. } = m;
            return Err(format!("a sample of {metric} of {workload} on {backend} is not above 0: no ratio"));
        }
    }
    Ok(())
}

/// The median over blocks of the geometric mean over workloads.
fn family(
    run: &Run,
    experiment: Experiment,
    wanted: &Family,
    backends: [&'static str; 2],
) -> Result<(Estimate, Spread), Gap> {
    let (mut costs, mut left_out) = (Vec::new(), Vec::new());
    for (workload, sides) in workloads(run, experiment, wanted, backends) {
        match by_block(sides, backends) {
            Ok(ratios) => costs.push((workload, ratios)),
            Err(why) => left_out.push(format!("{workload} ({why})")),
        }
    }
    let few = format!("a mean takes at least {LEAST_WORKLOADS} workloads, and {} were measured", costs.len());
    match costs.len() {
        0 if left_out.is_empty() => return Err(Gap::Missing(few)),
        0 => return Err(Gap::Missing(format!("{few}: {}", left_out.join(", ")))),
        count if count < LEAST_WORKLOADS => return Err(Gap::Unusable(few)),
        _ => {}
    }
    let spread = spread(&costs, left_out);
    let blocks = costs.first().into_iter().flat_map(|(_, ratios)| ratios.keys());
    let means: Vec<f64> = blocks.filter_map(|block| mean_of_block(&costs, *block)).collect();
    let none = || Gap::Unusable("no block holds every workload".to_owned());
    Ok((bootstrap_median(&means, run.config.seed).ok_or_else(none)?, spread))
}

/// The ratios of one workload, by block.
type Costs<'r> = (&'r str, BTreeMap<u32, f64>);

/// The geometric mean over workloads; `None` if the block does not hold all.
fn mean_of_block(costs: &[Costs<'_>], block: u32) -> Option<f64> {
    let logarithm = |(_, ratios): &Costs<'_>| ratios.get(&block).map(|ratio| ratio.ln());
    let logarithms: Vec<f64> = costs.iter().map(logarithm).collect::<Option<_>>()?;
    Some((logarithms.iter().sum::<f64>() / logarithms.len() as f64).exp())
}

type Sides<'r> = [Option<&'r Measurement>; 2];

/// The workloads that either backend has, in the order of the run.
fn workloads<'r>(
    run: &'r Run,
    experiment: Experiment,
    wanted: &Family,
    backends: [&str; 2],
) -> Vec<(&'r str, Sides<'r>)> {
    let (mut found, mut index): (Vec<(&str, Sides<'_>)>, _) = (Vec::new(), HashMap::new());
    let timed = |m: &&Measurement| matches!(m.metric, Metric::TimePerOp | Metric::Bandwidth);
    let of_family = |m: &&Measurement| m.experiment == experiment && wanted.contains(&m.workload);
    for m in run.measurements.iter().filter(of_family).filter(timed) {
        let Some(side) = backends.iter().position(|backend| *backend == m.backend) else { continue };
        let place = *index.entry(m.workload.as_str()).or_insert_with(|| {
            found.push((m.workload.as_str(), [None; 2]));
            found.len() - 1
        });
        found[place].1[side].get_or_insert(m);
    }
    found
}

/// A workload's ratio in each block that both have; or why it cannot be part of the mean.
fn by_block(sides: Sides<'_>, backends: [&str; 2]) -> Result<BTreeMap<u32, f64>, String> {
    let (a, b) = pair(sides, backends)?;
    // What broke has too few blocks, which would leave too few for all.
    if let Some(m) = [a, b].into_iter().find(|m| m.status != Status::Ok) {
        let why = m.reason.as_deref().unwrap_or("no reason recorded");
        return Err(format!("broke on {}: {why}", m.backend));
    }
    if a.metric != b.metric {
        return Err("not the same metric on both".to_owned());
    }
    positive(&[a, b])?;
    // More bandwidth is less time.
    let (above, below) = if a.better == Better::Lower { (a, b) } else { (b, a) };
    let base: HashMap<u32, f64> = below.blocks.iter().copied().zip(below.samples.iter().copied()).collect();
    let samples = above.blocks.iter().zip(&above.samples);
    let ratios = samples.filter_map(|(block, sample)| Some((*block, sample / base.get(block)?)));
    let ratios: BTreeMap<u32, f64> = ratios.collect();
    if ratios.is_empty() { Err("no block in common".to_owned()) } else { Ok(ratios) }
}

fn spread(costs: &[Costs<'_>], left_out: Vec<String>) -> Spread {
    let medians = costs.iter().filter_map(|(workload, ratios)| {
        Some(((*workload).to_owned(), median(&ratios.values().copied().collect::<Vec<_>>())?))
    });
    let mut medians: Vec<(String, f64)> = medians.collect();
    medians.sort_by(|a, b| a.1.total_cmp(&b.1));
    let end = |found: Option<&(String, f64)>| found.cloned().unwrap_or_default();
    Spread { count: costs.len(), least: end(medians.first()), most: end(medians.last()), left_out }
}
