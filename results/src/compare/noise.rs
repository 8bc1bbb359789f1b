//! What whole runs differ by although nothing changed: other memory layouts, a busier neighbour, a warmer processor.
//!
//! Samples of one run do not show it, however many there are (Kalibera and Jones, "Rigorous Benchmarking in Reasonable
//! Time", ISMM 2013: the run is the unit). It is a standard deviation on the scale of the effects' sizes. Three things
//! tell of it, and the largest counts:
//!
//! - several runs of the base: what their medians scatter by;
//! - how far the backends of an experiment moved. What slows one backend down leaves the others where they were, what
//!   moves most of them came from the machine: the lower median over the backends of what each moved by;
//! - the same for one metric of one workload, over the backends.
//!
//! The second and third are a random-effects model of the family (DerSimonian and Laird 1986) with robust estimates.
//! Trials of paired blocks stand side by side in time and have no such noise to add.
//! Invariant: more noise never makes a change look more certain.

use std::collections::HashMap;
use std::hash::Hash;

use super::Options;
use super::effect::Effect;
use crate::stats::{median, normal_quantile};

/// Turns a median absolute deviation into a normal distribution's standard deviation: 1 / quantile(3/4).
const OF_NORMAL: f64 = 1.482_602_218_505_602;

/// A single backend is its own control only if it has this many measurements: then most of them tell of the rest.
const CONTROLS: usize = 3;

/// The noise of each effect; `None` where nothing tells.
pub(super) fn between_runs(effects: &[Effect], base_runs: usize, options: &Options) -> Vec<Option<f64>> {
    if options.paired {
        return effects.iter().map(|_| Some(0.0)).collect();
    }
    let z = normal_quantile(1.0 - options.alpha / 2.0);
    let of_experiment = grouped(effects, |effect| effect.key.experiment, |members| by_backend(members, z));
    let of_metric = grouped(
        effects,
        |effect| (effect.key.experiment, effect.key.workload.clone(), effect.key.metric.clone()),
        |members| if members.len() > 1 { by_backend(members, z) } else { None },
    );
    let scatter = base_scatter(effects, base_runs);
    let all = effects.iter().enumerate().map(|(index, _)| {
        [of_experiment[index], of_metric[index], scatter[index]].into_iter().flatten().reduce(f64::max)
    });
    all.collect()
}

/// From `n` samples, `ROUGH / n` of the square of a movement counts as noise whatever the samples explain: how much that
/// is they only estimate, and from eight poorly.
const ROUGH: f64 = 2.0;

/// What `estimate` says of each group, for each of its members.
fn grouped<K: Eq + Hash>(
    effects: &[Effect],
    key: impl Fn(&Effect) -> K,
    estimate: impl Fn(&[&Effect]) -> Option<f64>,
) -> Vec<Option<f64>> {
    let mut groups: HashMap<K, Vec<usize>> = HashMap::new();
    for (index, effect) in effects.iter().enumerate() {
        groups.entry(key(effect)).or_default().push(index);
    }
    let mut found = vec![None; effects.len()];
    for members in groups.into_values() {
        let value = estimate(&members.iter().map(|&index| &effects[index]).collect::<Vec<_>>());
        members.into_iter().for_each(|index| found[index] = value);
    }
    found
}

/// The lower median, over the backends, of how far each moved.
fn by_backend(members: &[&Effect], z: f64) -> Option<f64> {
    let mut backends: HashMap<&str, Vec<&Effect>> = HashMap::new();
    for effect in members {
        backends.entry(&effect.key.backend).or_default().push(effect);
    }
    if backends.len() == 1 && members.len() < CONTROLS {
        return None;
    }
    let mut moved: Vec<f64> = backends.values().filter_map(|effects| moved(effects, z)).collect();
    moved.sort_by(f64::total_cmp);
    moved.get(moved.len().saturating_sub(1) / 2).copied()
}

/// How far these moved from where they were, beyond what the scatter of their samples explains.
fn moved(effects: &[&Effect], z: f64) -> Option<f64> {
    let sizes: Vec<f64> = effects.iter().map(|effect| effect.size.shift.abs()).collect();
    let errors: Vec<f64> = effects.iter().map(|effect| effect.error(z)).collect();
    // One alone is its own median, and is not scaled up to a distribution.
    let factor = if sizes.len() > 1 { OF_NORMAL } else { 1.0 };
    let (size, error) = (factor * median(&sizes)?, median(&errors)?);
    let samples: Vec<f64> =
        effects.iter().map(|effect| effect.samples.0.min(effect.samples.1) as f64).collect();
    let kept = (ROUGH / median(&samples)?).min(1.0);
    Some((size * size - error * error).max(kept * size * size).sqrt())
}

/// Standard deviation of the base's runs, of the measurement itself or of its experiment, whichever is larger: two or
/// three runs may agree by chance. Widened, since the new run is one more draw.
fn base_scatter(effects: &[Effect], runs: usize) -> Vec<Option<f64>> {
    if runs < 2 {
        return vec![None; effects.len()];
    }
    let own: Vec<Option<f64>> = effects.iter().map(|effect| deviation(&effect.base_runs)).collect();
    let experiments: Vec<_> = effects.iter().map(|effect| effect.key.experiment).collect();
    let typical = |experiment| {
        let of: Vec<f64> = own
            .iter()
            .zip(&experiments)
            .filter(|(_, of)| **of == experiment)
            .filter_map(|(own, _)| *own)
            .collect();
        median(&of)
    };
    let typical: HashMap<_, _> =
        experiments.iter().map(|&experiment| (experiment, typical(experiment))).collect();
    let widened = (1.0 + 1.0 / runs as f64).sqrt();
    own.iter()
        .zip(&experiments)
        .map(|(own, experiment)| {
            let largest = [*own, typical[experiment]].into_iter().flatten().reduce(f64::max)?;
            Some(widened * largest)
        })
        .collect()
}

/// Sample standard deviation.
fn deviation(values: &[f64]) -> Option<f64> {
    let n = values.len() as f64;
    if values.len() < 2 {
        return None;
    }
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    Some((squares / (n - 1.0)).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{Shift, Test};
    use crate::{Experiment, Key, Metric};

    fn effect(workload: &str, backend: &str, shift: f64) -> Effect {
        Effect {
            key: Key::new(Experiment::Syscalls, workload, backend, Metric::TimePerOp),
            size: Shift { shift, low: shift - 0.003, high: shift + 0.003 },
            test: Test { statistic: 0.0, p_value: 0.001, exact: true },
            base_median: 1.0,
            new_median: 1.0,
            samples: (20, 20),
            disturbed: 0.0,
            logarithmic: true,
            base_runs: vec![0.0],
        }
    }

    /// Three backends, each with its own movement of all workloads.
    fn family(movements: [(&str, f64); 3]) -> Vec<Effect> {
        let of = |(backend, shift)| {
            ["getpid", "read", "write", "stat"].map(|workload| effect(workload, backend, shift))
        };
        movements.into_iter().flat_map(of).collect()
    }

    fn noise(effects: &[Effect], runs: usize) -> Vec<f64> {
        between_runs(effects, runs, &Options::default()).into_iter().map(Option::unwrap).collect()
    }

    #[test]
    fn what_moves_one_backend_is_no_noise() {
        let found = noise(&family([("process", 0.0), ("container", 0.1), ("microvm", 0.001)]), 1);
        assert!(found.iter().all(|&noise| noise < 0.002), "{found:?}");
    }

    #[test]
    fn what_moves_most_backends_is_noise_for_all() {
        let found = noise(&family([("process", 0.1), ("container", 0.12), ("microvm", 0.0)]), 1);
        assert!(found.iter().all(|&noise| noise > 0.09), "{found:?}");
    }

    #[test]
    fn one_workload_that_moves_on_most_backends_is_noise_there_and_nowhere_else() {
        let mut effects = family([("process", 0.0), ("container", 0.0), ("microvm", 0.0)]);
        for effect in effects.iter_mut().filter(|effect| effect.key.workload == "stat") {
            effect.size = Shift { shift: 0.2, low: 0.19, high: 0.21 };
        }
        for (effect, noise) in effects.iter().zip(noise(&effects, 1)) {
            assert_eq!(noise > 0.1, effect.key.workload == "stat", "{} {noise}", effect.key);
        }
    }

    #[test]
    fn nothing_tells_the_noise_of_a_single_measurement() {
        assert_eq!(between_runs(&[effect("getpid", "process", 0.1)], 1, &Options::default()), [None]);
    }

    #[test]
    fn several_base_runs_tell_it() {
        let mut single = effect("getpid", "process", 0.1);
        single.base_runs = vec![0.0, 0.02, -0.02, 0.01];
        // The sample standard deviation of these is 0.0171; the new run is one more draw.
        let found = between_runs(&[single], 4, &Options::default())[0].unwrap();
        assert!((found - 0.017_078 * 1.25_f64.sqrt()).abs() < 1e-5, "{found}");
    }

    #[test]
    fn paired_blocks_have_none() {
        let paired = Options { paired: true, ..Options::default() };
        let effects = family([("process", 0.1), ("container", 0.1), ("microvm", 0.1)]);
        assert!(between_runs(&effects, 1, &paired).iter().all(|noise| *noise == Some(0.0)));
    }
}
