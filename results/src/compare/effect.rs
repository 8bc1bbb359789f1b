//! The size of one measurement's change: ratio, interval, test.
//!
//! Sizes are natural logarithms of ratios where every sample is positive, so that twice as much and half as much lie
//! equally far from none; elsewhere they are differences as a share of the base's median. Invariant: an [`Effect`] is
//! finite and holds at least two samples (or pairs) a side.

use std::collections::HashMap;

use super::Options;
use crate::stats::{
    Shift, Test, hodges_lehmann, hodges_lehmann_shift, mann_whitney, median, wilcoxon_signed_rank,
};
use crate::{Key, Measurement, Run, Status};

use super::Skipped;

/// One measurement in the base's runs and in the new one.
pub(super) struct Pair<'r> {
    pub key: Key,
    base: Vec<&'r Measurement>,
    new: &'r Measurement,
}

/// The change of one measurement, as far as its own samples tell.
pub(super) struct Effect {
    pub key: Key,
    /// Size, and its interval at confidence 1 - alpha.
    pub size: Shift,
    pub test: Test,
    pub base_median: f64,
    pub new_median: f64,
    pub samples: (usize, usize),
    pub disturbed: f64,
    /// Whether sizes are logarithms.
    pub logarithmic: bool,
    /// The median of each of the base's runs, on the scale of `size`.
    pub base_runs: Vec<f64>,
}

impl Effect {
    /// The ratio that a size stands for.
    pub fn ratio(&self, size: f64) -> f64 {
        // Finite, so that it can be written as JSON.
        if self.logarithmic { size.exp().clamp(f64::MIN_POSITIVE, f64::MAX) } else { 1.0 + size }
    }

    /// The standard error that its samples leave it with, if the interval reaches to `z` of them. Of its two sides that
    /// towards no change counts: now and then a slow trial widens the other, which says nothing about this one.
    pub fn error(&self, z: f64) -> f64 {
        let Shift { shift, low, high } = self.size;
        (if shift > 0.0 { shift - low } else { high - shift }) / z
    }
}

/// Fewer samples than this say nothing about noise.
const LEAST: usize = 2;

/// The measurements that the new run and at least one of the base have samples of, and the others with the reason.
pub(super) fn pairs<'r>(base: &'r [Run], new: &'r Run) -> (Vec<Pair<'r>>, Vec<Skipped>) {
    let mut known: HashMap<Key, Vec<&Measurement>> = HashMap::new();
    let mut order = Vec::new();
    for measurement in base.iter().flat_map(|run| &run.measurements) {
        let key = Key::from(measurement);
        known.entry(key.clone()).or_insert_with(|| {
            order.push(key);
            Vec::new()
        });
        if let Some(of_key) = known.get_mut(&Key::from(measurement)) {
            of_key.push(measurement);
        }
    }
    let (mut pairs, mut skipped) = (Vec::new(), Vec::new());
    for measurement in &new.measurements {
        let key = Key::from(measurement);
        let Some(mut base) = known.remove(&key) else {
            skipped.push(Skipped { key, reason: "only the new run has it".to_owned() });
            continue;
        };
        let lacking = base.iter().find(|m| m.samples.is_empty()).copied();
        base.retain(|m| !m.samples.is_empty());
        if base.is_empty() || measurement.samples.is_empty() {
            let (side, of) =
                if measurement.samples.is_empty() { ("new", Some(measurement)) } else { ("base", lacking) };
            skipped.push(Skipped { key, reason: no_samples(side, of) });
        } else {
            pairs.push(Pair { key, base, new: measurement });
        }
    }
    let only_base = order.into_iter().filter(|key| known.contains_key(key));
    skipped.extend(only_base.map(|key| Skipped { key, reason: "only the base has it".to_owned() }));
    (pairs, skipped)
}

fn no_samples(side: &str, of: Option<&Measurement>) -> String {
    let status = of.map_or("", |m| match m.status {
        Status::NotApplicable => ", where it is n/a",
        Status::Unavailable => ", where it is unavailable",
        Status::Failed => ", where it failed",
        Status::Ok => "",
    });
    let reason = of.and_then(|m| m.reason.as_deref()).map_or(String::new(), |reason| format!(": {reason}"));
    format!("no samples in the {side} run{status}{reason}")
}

impl Pair<'_> {
    /// Its size, or why it has none.
    pub fn effect(&self, options: &Options) -> Result<Effect, String> {
        let pooled: Vec<f64> = self.base.iter().flat_map(|m| &m.samples).copied().collect();
        let (old, new) =
            if options.paired { self.shared_blocks() } else { (pooled, self.new.samples.clone()) };
        let samples = (old.len(), new.len());
        if samples.0.min(samples.1) < LEAST {
            let what = if options.paired { "blocks in common" } else { "samples" };
            return Err(format!(
                "{} and {} {what}: it takes at least {LEAST} to see any noise",
                samples.0, samples.1
            ));
        }
        let none = || "its samples are not finite numbers".to_owned();
        let (base_median, new_median) = (median(&old).ok_or_else(none)?, median(&new).ok_or_else(none)?);
        let logarithmic = old.iter().chain(&new).all(|&value| value > 0.0);
        if !logarithmic && base_median == 0.0 && old.iter().chain(&new).any(|&value| value != 0.0) {
            return Err("the base's median is 0, of which nothing is a multiple".to_owned());
        }
        let unit = if base_median == 0.0 { 1.0 } else { base_median.abs() };
        let scale = |value: f64| if logarithmic { value.ln() } else { value / unit };
        let scaled = |values: &[f64]| values.iter().map(|&value| scale(value)).collect::<Vec<_>>();
        let (old, new) = (scaled(&old), scaled(&new));
        let confidence = 1.0 - options.alpha;
        let (size, test) = if options.paired {
            let by_block: Vec<f64> = old.iter().zip(&new).map(|(old, new)| new - old).collect();
            (hodges_lehmann(&by_block, confidence), wilcoxon_signed_rank(&by_block))
        } else {
            (hodges_lehmann_shift(&old, &new, confidence), mann_whitney(&old, &new))
        };
        let of_run = |m: &&Measurement| median(&m.samples).map(scale).filter(|centre| centre.is_finite());
        Ok(Effect {
            key: self.key.clone(),
            size: size.filter(|size| size.shift.is_finite()).ok_or_else(none)?,
            test: test.ok_or_else(none)?,
            base_median,
            new_median,
            samples,
            disturbed: self.disturbed(),
            logarithmic,
            base_runs: self.base.iter().filter_map(of_run).collect(),
        })
    }

    /// Samples of the blocks that the base's (only) run and the new one share.
    fn shared_blocks(&self) -> (Vec<f64>, Vec<f64>) {
        let by_block =
            |m: &Measurement| m.blocks.iter().copied().zip(m.samples.iter().copied()).collect::<Vec<_>>();
        let base: HashMap<u32, f64> = self.base.iter().copied().flat_map(by_block).collect();
        let shared = |(block, new): (u32, f64)| base.get(&block).map(|&old| (old, new));
        by_block(self.new).into_iter().filter_map(shared).unzip()
    }

    fn disturbed(&self) -> f64 {
        let both = || self.base.iter().copied().chain([self.new]);
        let all: usize = both().map(|m| m.samples.len()).sum();
        let flagged = both().flat_map(|m| &m.flags).flatten().filter(|flags| !flags.is_empty()).count();
        flagged as f64 / all.max(1) as f64
    }
}
