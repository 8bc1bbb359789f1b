//! From effects to verdicts.
//!
//! Invariant: a verdict of a change needs the test and the interval; one of no change needs the interval; all else is
//! inconclusive.

use super::effect::Effect;
use super::{Change, Options, Verdict};
use crate::Better;
use crate::stats::{benjamini_hochberg, normal_cdf, normal_quantile};

/// Judges each effect with its noise.
///
/// The family over which false discoveries are counted is that of the measurements that decide; parts of them (phases)
/// are a family of their own, so that they do not cost the others certainty.
pub(super) fn judge(effects: Vec<Effect>, noise: &[Option<f64>], options: &Options) -> Vec<Change> {
    let z = normal_quantile(1.0 - options.alpha / 2.0);
    let p_values: Vec<f64> =
        effects.iter().zip(noise).map(|(effect, noise)| p_value(effect, *noise, z, options.paired)).collect();
    let mut q_values = vec![1.0; effects.len()];
    for parts in [false, true] {
        let family: Vec<usize> =
            (0..effects.len()).filter(|&index| effects[index].key.metric.is_part() == parts).collect();
        let of_family: Vec<f64> = family.iter().map(|&index| p_values[index]).collect();
        for (&index, q) in family.iter().zip(benjamini_hochberg(&of_family)) {
            q_values[index] = q;
        }
    }
    // The largest first; a tie keeps the order of the run.
    let mut order: Vec<usize> = (0..effects.len()).collect();
    order.sort_by(|&a, &b| effects[b].size.shift.abs().total_cmp(&effects[a].size.shift.abs()));
    let tested = |index: usize| (p_values[index], q_values[index]);
    order.into_iter().map(|index| change(&effects[index], noise[index], tested(index), z, options)).collect()
}

/// Of the test; or, if that is larger, of a change of this size as the sum of what samples and whole runs scatter by.
fn p_value(effect: &Effect, noise: Option<f64>, z: f64, paired: bool) -> f64 {
    let Some(noise) = noise.filter(|&noise| noise > 0.0) else { return effect.test.p_value };
    let (base, new) = effect.samples;
    let freedom = if paired { base.min(new) - 1 } else { base + new - 2 };
    effect.test.p_value.max(student(effect.size.shift / effect.error(z).hypot(noise), freedom as f64))
}

/// Two-sided probability of Student's t, by Wallace's transformation to a normal deviate ("Bounds on normal
/// approximations to Student's and the chi-square distributions", Annals of Mathematical Statistics 30, 1959).
fn student(t: f64, freedom: f64) -> f64 {
    let deviate = (freedom * (t * t / freedom).ln_1p()).sqrt();
    2.0 * normal_cdf(-deviate * (8.0 * freedom + 1.0) / (8.0 * freedom + 3.0))
}

fn change(
    effect: &Effect,
    noise: Option<f64>,
    (p_value, q_value): (f64, f64),
    z: f64,
    options: &Options,
) -> Change {
    let size = effect.size;
    // Two independent errors add as squares.
    let margin = z * noise.unwrap_or(0.0);
    let low = effect.ratio(size.shift - (size.shift - size.low).hypot(margin));
    let high = effect.ratio(size.shift + (size.high - size.shift).hypot(margin));
    let key = effect.key.clone();
    let significant = q_value <= options.alpha;
    let verdict = verdict((low, high), key.better, significant, options.threshold);
    let reason = match verdict {
        Verdict::Unchanged => within(options.threshold),
        Verdict::Inconclusive => doubt(effect, noise, options),
        Verdict::Regressed | Verdict::Improved if noise.is_none() => {
            "how much whole runs differ without a change is unknown".to_owned()
        }
        Verdict::Regressed | Verdict::Improved => "beyond what samples and runs scatter by".to_owned(),
    };
    Change {
        experiment: key.experiment,
        workload: key.workload,
        backend: key.backend,
        metric: key.metric,
        unit: key.unit,
        better: key.better,
        base_median: effect.base_median,
        new_median: effect.new_median,
        samples: effect.samples,
        disturbed: effect.disturbed,
        ratio: effect.ratio(size.shift),
        low,
        high,
        noise,
        p_value,
        q_value,
        verdict,
        reason,
    }
}

/// What follows from the ratio's interval.
///
/// A change is called as soon as it is certain and *may* be as large as the threshold: to ask that it be larger for
/// certain would miss one of just that size nearly always.
fn verdict((low, high): (f64, f64), better: Better, significant: bool, threshold: f64) -> Verdict {
    let (least, most) = (1.0 / (1.0 + threshold), 1.0 + threshold);
    let (more, less) = match better {
        Better::Lower => (Verdict::Regressed, Verdict::Improved),
        Better::Higher => (Verdict::Improved, Verdict::Regressed),
    };
    if significant && low > 1.0 && high >= most {
        more
    } else if significant && high < 1.0 && low <= least {
        less
    } else if low >= least && high <= most {
        Verdict::Unchanged
    } else {
        Verdict::Inconclusive
    }
}

fn within(threshold: f64) -> String {
    format!("less than {} % either way", 100.0 * threshold)
}

/// Why the samples do not tell.
fn doubt(effect: &Effect, noise: Option<f64>, options: &Options) -> String {
    let (base, new) = effect.samples;
    if least_p_value(effect.samples, options.paired) > options.alpha {
        let what = if options.paired { format!("{base} pairs") } else { format!("{base} and {new} samples") };
        return format!("{what} are too few to show any change at alpha {}", options.alpha);
    }
    let excludes_none = effect.size.low > 0.0 || effect.size.high < 0.0;
    match noise {
        Some(noise) if excludes_none && noise > 0.0 => format!(
            "the samples differ, but so do whole runs without a change (by {:.1} %): several base runs or `bench ab` tell",
            100.0 * noise
        ),
        _ => "the interval is wider than the threshold: more samples tell".to_owned(),
    }
}

/// The least p-value that so many samples can give: all of one side above all of the other.
fn least_p_value((base, new): (usize, usize), paired: bool) -> f64 {
    if paired {
        return 2.0 / 2f64.powi(base.min(1000) as i32);
    }
    // Two of the ways to choose which ranks are the base's: C(base + new, base).
    let few = base.min(new);
    let ways = (1..=few).fold(1.0, |ways, taken| ways * (base + new - few + taken) as f64 / taken as f64);
    2.0 / ways
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_called_when_it_is_certain_and_reaches_the_threshold() {
        use Verdict::{Improved, Inconclusive, Regressed, Unchanged};
        let cases = [
            ((1.03, 1.07), true, Regressed),
            ((1.03, 1.07), false, Inconclusive),
            ((0.99, 1.07), true, Inconclusive),
            ((1.01, 1.04), true, Unchanged),
            ((0.97, 1.02), false, Unchanged),
            ((0.90, 0.99), true, Improved),
            ((0.96, 0.99), true, Unchanged),
            ((0.80, 1.20), false, Inconclusive),
        ];
        for (interval, significant, expected) in cases {
            assert_eq!(verdict(interval, Better::Lower, significant, 0.05), expected, "{interval:?}");
            let mirrored = match expected {
                Regressed => Improved,
                Improved => Regressed,
                other => other,
            };
            assert_eq!(verdict(interval, Better::Higher, significant, 0.05), mirrored, "{interval:?}");
        }
    }

    #[test]
    fn what_is_the_same_is_unchanged_even_at_a_threshold_of_nothing() {
        assert_eq!(verdict((1.0, 1.0), Better::Lower, false, 0.0), Verdict::Unchanged);
    }

    #[test]
    fn student_agrees_with_the_tables() {
        // Critical values at two-sided 5 % and 1 %.
        for (freedom, five, one) in [(4.0, 2.776, 4.604), (14.0, 2.145, 2.977), (60.0, 2.000, 2.660)] {
            assert!((student(five, freedom) / 0.05 - 1.0).abs() < 0.02, "{freedom}");
            assert!((student(-one, freedom) / 0.01 - 1.0).abs() < 0.06, "{freedom}");
        }
    }

    #[test]
    fn the_least_p_value_is_that_of_complete_separation() {
        // 2 of 70 ways to choose four ranks of eight; 2 of 2^8 signs.
        assert!((least_p_value((4, 4), false) - 2.0 / 70.0).abs() < 1e-12);
        assert!((least_p_value((2, 3), false) - 2.0 / 10.0).abs() < 1e-12);
        assert!((least_p_value((8, 8), true) - 2.0 / 256.0).abs() < 1e-12);
        assert_eq!(least_p_value((1_000_000, 1_000_000), false), 0.0);
    }
}
