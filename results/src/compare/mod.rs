//! Whether a run differs from another, and whether that is a difference one can defend.
//!
//! Times are nanoseconds, sizes bytes; a ratio above 1 means that the new value is larger, whichever direction is
//! better. A verdict needs three things: the samples of the two runs differ ([`mann_whitney`](crate::stats::mann_whitney),
//! or [`wilcoxon_signed_rank`](crate::stats::wilcoxon_signed_rank) for paired blocks, with
//! [`benjamini_hochberg`](crate::stats::benjamini_hochberg) over the family), the interval of the ratio, widened by what
//! whole runs differ by (see `noise`), excludes "no change", and it reaches the threshold.
//!
//! Invariant: nothing that these do not support is called a regression or an improvement, and what cannot be judged is
//! listed with its reason.

mod differences;
mod effect;
mod judge;
mod noise;

use serde::Serialize;

use crate::{Better, Experiment, Invalid, Key, Metric, Run, Tool, Unit};

pub use differences::{Difference, differences};

/// How to compare.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// The smallest change that matters, as a share: 0.05 is 5 %.
    pub threshold: f64,
    /// The share of false alarms to accept, between 0 and 1.
    pub alpha: f64,
    /// Compares runs of different hosts, agents or configurations all the same.
    pub allow_different: bool,
    /// Block k of one run ran beside block k of the other, as in `bench ab`.
    pub paired: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { threshold: 0.05, alpha: 0.01, allow_different: false, paired: false }
    }
}

/// Why there is nothing to compare.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// Not even one run to compare with.
    #[error("there is no run to compare with")]
    NoBase,
    /// Blocks pair with those of one run.
    #[error("blocks can be paired with those of one run, not of {0}")]
    PairedWithMany(usize),
    /// A threshold or alpha out of its range.
    #[error("{name} must lie {range}, not at {value}")]
    Option {
        /// Which one.
        name: &'static str,
        /// Where it may lie.
        range: &'static str,
        /// Where it lies.
        value: f64,
    },
    /// A run contradicts itself.
    #[error("run {run}: {source}")]
    Invalid {
        /// Its id.
        run: String,
        /// How.
        source: Invalid,
    },
    /// The numbers would say more about the hosts or settings than about a change.
    #[error(
        "the runs {base} and {new} differ in {}; use --allow-different to compare them all the same",
        list(.fields)
    )]
    Different {
        /// Id of the run compared with.
        base: String,
        /// Id of the new run.
        new: String,
        /// In what.
        fields: Vec<Difference>,
    },
    /// Not one measurement is in both.
    #[error("the runs have no measurement in common")]
    Disjoint,
    /// What is in both cannot be judged.
    #[error("none of the {count} measurements in common can be compared; the first, {key}: {reason}")]
    NothingToJudge {
        /// How many there are.
        count: usize,
        /// The first of them.
        key: Box<Key>,
        /// Why not.
        reason: String,
    },
}

fn list(fields: &[Difference]) -> String {
    let each: Vec<String> = fields.iter().map(ToString::to_string).collect();
    each.join("; ")
}

/// What became of a measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It is worse for certain, and perhaps by the threshold or more.
    Regressed,
    /// It is better for certain, and perhaps by the threshold or more.
    Improved,
    /// Whatever changed is less than the threshold.
    Unchanged,
    /// The samples do not tell.
    Inconclusive,
}

/// One of the runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Side {
    /// Its id.
    pub run_id: String,
    /// RFC 3339 time at which it began.
    pub started_at: String,
    /// What measured it.
    pub tool: Tool,
}

impl From<&Run> for Side {
    fn from(run: &Run) -> Self {
        Self { run_id: run.run_id.clone(), started_at: run.started_at.clone(), tool: run.tool.clone() }
    }
}

/// One measurement in both runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// The plan it belongs to.
    pub experiment: Experiment,
    /// Stable dashed name of the workload.
    pub workload: String,
    /// Name of the backend.
    pub backend: String,
    /// What was measured.
    pub metric: Metric,
    /// Unit of the medians.
    pub unit: Unit,
    /// Which direction is an improvement.
    pub better: Better,
    /// Median of the base's samples.
    pub base_median: f64,
    /// Median of the new samples.
    pub new_median: f64,
    /// Samples of the base and of the new run; pairs of them if paired.
    pub samples: (usize, usize),
    /// Share of both sides' samples that something disturbed.
    pub disturbed: f64,
    /// New over base, by Hodges and Lehmann.
    pub ratio: f64,
    /// Lower end of the ratio's interval at confidence 1 - alpha, widened by `noise`.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// What whole runs differ by without a change: a relative standard deviation. `None` if nothing tells.
    pub noise: Option<f64>,
    /// That samples and whole runs that scatter so differ by so much, for this measurement alone.
    pub p_value: f64,
    /// The same within the family of all measurements (false discovery rate).
    pub q_value: f64,
    /// What follows.
    pub verdict: Verdict,
    /// Why, in words.
    pub reason: String,
}

impl Change {
    /// Whether it is a part of another measurement, and so explains but does not decide.
    pub fn is_part(&self) -> bool {
        self.metric.is_part()
    }
}

/// A measurement that could not be judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// Which one.
    #[serde(flatten)]
    pub key: Key,
    /// Why not.
    pub reason: String,
}

/// What a comparison found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// The runs compared with.
    pub base: Vec<Side>,
    /// The run that was compared.
    pub new: Side,
    /// The smallest change that matters, as a share.
    pub threshold: f64,
    /// The share of false alarms accepted.
    pub alpha: f64,
    /// Whether blocks were paired.
    pub paired: bool,
    /// In what the runs differ although they should not.
    pub differences: Vec<Difference>,
    /// What is in both, the largest change first.
    pub changes: Vec<Change>,
    /// What could not be judged.
    pub skipped: Vec<Skipped>,
}

impl Comparison {
    /// The changes of this verdict that decide, the largest first.
    pub fn decided(&self, verdict: Verdict) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(move |change| change.verdict == verdict && !change.is_part())
    }

    /// Whether something got worse. Phases alone do not count: their sum, the startup time, does.
    pub fn has_regressed(&self) -> bool {
        self.decided(Verdict::Regressed).next().is_some()
    }
}

/// Compares a run with one or more runs of what it should equal.
///
/// Several runs in `base` tell how much whole runs differ without a change.
///
/// # Errors
/// See [`CompareError`]; with an error there is no verdict on anything.
pub fn compare(base: &[Run], new: &Run, options: &Options) -> Result<Comparison, CompareError> {
    check(base, new, options)?;
    let base: Vec<Run> = base.iter().map(|run| run.condensed().into_owned()).collect();
    let (base, new) = (base.as_slice(), &*new.condensed());
    let mut different = Vec::new();
    for run in base {
        let fields = differences(run, new);
        if !fields.is_empty() && !options.allow_different {
            return Err(CompareError::Different {
                base: run.run_id.clone(),
                new: new.run_id.clone(),
                fields,
            });
        }
        different.extend(fields.into_iter().filter(|field| !different.contains(field)).collect::<Vec<_>>());
    }
    let (pairs, mut skipped) = effect::pairs(base, new);
    if pairs.is_empty() {
        return Err(CompareError::Disjoint);
    }
    let count = pairs.len();
    let mut effects = Vec::with_capacity(count);
    for pair in pairs {
        match pair.effect(options) {
            Ok(effect) => effects.push(effect),
            Err(reason) => skipped.push(Skipped { key: pair.key, reason }),
        }
    }
    if effects.is_empty()
        && let Some(Skipped { key, reason }) = skipped.pop()
    {
        return Err(CompareError::NothingToJudge { count, key: Box::new(key), reason });
    }
    let noise = noise::between_runs(&effects, base.len(), options);
    Ok(Comparison {
        base: base.iter().map(Side::from).collect(),
        new: Side::from(new),
        threshold: options.threshold,
        alpha: options.alpha,
        paired: options.paired,
        differences: different,
        changes: judge::judge(effects, &noise, options),
        skipped,
    })
}

fn check(base: &[Run], new: &Run, options: &Options) -> Result<(), CompareError> {
    if base.is_empty() {
        return Err(CompareError::NoBase);
    }
    if options.paired && base.len() > 1 {
        return Err(CompareError::PairedWithMany(base.len()));
    }
    if !(options.threshold >= 0.0 && options.threshold <= 10.0) {
        let (name, range) = ("the threshold", "between 0 and 1000 %");
        return Err(CompareError::Option { name, range, value: options.threshold });
    }
    if !(options.alpha > 0.0 && options.alpha <= 0.5) {
        let (name, range) = ("alpha", "above 0 and not above 0.5");
        return Err(CompareError::Option { name, range, value: options.alpha });
    }
    for run in base.iter().chain([new]) {
        run.check().map_err(|source| CompareError::Invalid { run: run.run_id.clone(), source })?;
    }
    Ok(())
}
