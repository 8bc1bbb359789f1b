//! The statistics against SciPy's, on samples and results made by `data/stats/make.py`.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails; clippy sees only #[test] functions as tests"
)]

use results::stats::{
    benjamini_hochberg, bootstrap_median, hodges_lehmann, hodges_lehmann_shift, mann_whitney, normal_cdf,
    quantile, slope, wilcoxon_signed_rank,
};
use serde_json::Value;

/// The cases for one function.
fn cases(of: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("data/stats/scipy.json")).unwrap();
    let cases = all[of].as_array().unwrap().clone();
    assert!(!cases.is_empty());
    cases
}

fn number(case: &Value, name: &str) -> f64 {
    case[name].as_f64().unwrap()
}

fn numbers(case: &Value, name: &str) -> Vec<f64> {
    case[name].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
}

/// Equal but for the last digits.
fn assert_near(ours: f64, theirs: f64, what: &str) {
    assert!(
        (ours - theirs).abs() <= 1e-9 * theirs.abs().max(1e-290),
        "{what}: {ours}, but SciPy says {theirs}"
    );
}

#[test]
fn mann_whitney_and_the_shift_between_two_samples_agree() {
    for case in cases("mann_whitney") {
        let (a, b) = (numbers(&case, "a"), numbers(&case, "b"));
        let found = mann_whitney(&a, &b).unwrap();
        assert_eq!(Value::from(found.exact), case["exact"], "{} and {} samples", a.len(), b.len());
        assert_near(found.statistic, number(&case, "u"), "U");
        assert_near(found.p_value, number(&case, "p"), "p of Mann-Whitney");
        let shift = hodges_lehmann_shift(&a, &b, 0.95).unwrap();
        assert_near(shift.shift, number(&case, "shift"), "shift");
    }
}

#[test]
fn wilcoxon_and_the_median_of_differences_agree() {
    for case in cases("wilcoxon") {
        let differences = numbers(&case, "differences");
        let found = wilcoxon_signed_rank(&differences).unwrap();
        assert_eq!(Value::from(found.exact), case["exact"], "{} differences", differences.len());
        assert_near(found.statistic, number(&case, "w"), "W");
        assert_near(found.p_value, number(&case, "p"), "p of Wilcoxon");
        assert_near(
            hodges_lehmann(&differences, 0.95).unwrap().shift,
            number(&case, "median"),
            "pseudo-median",
        );
    }
}

#[test]
fn adjusted_p_values_agree() {
    for case in cases("benjamini_hochberg") {
        for (ours, theirs) in
            benjamini_hochberg(&numbers(&case, "p")).into_iter().zip(numbers(&case, "adjusted"))
        {
            assert_near(ours, theirs, "adjusted p");
        }
    }
}

#[test]
fn the_normal_distribution_agrees_into_its_tails() {
    for case in cases("normal") {
        assert_near(normal_cdf(number(&case, "z")), number(&case, "cdf"), "probability");
    }
}

#[test]
fn quantiles_and_slopes_agree() {
    for case in cases("quantile") {
        let found = quantile(&numbers(&case, "samples"), number(&case, "q")).unwrap();
        assert_near(found, number(&case, "value"), "quantile");
    }
    for case in cases("slope") {
        let points: Vec<(f64, f64)> = numbers(&case, "x").into_iter().zip(numbers(&case, "y")).collect();
        assert_near(slope(&points).unwrap().median, number(&case, "slope"), "slope");
    }
}

/// Other random numbers, 20,000 resamples for our 2,000 and another quantile: no more than about a rank apart.
#[test]
fn intervals_of_the_median_are_those_of_another_bootstrap() {
    for case in cases("median") {
        let mut samples = numbers(&case, "samples");
        let estimate = bootstrap_median(&samples, 1).unwrap();
        assert_near(estimate.median, number(&case, "median"), "median");
        samples.sort_by(f64::total_cmp);
        let rank = |value: f64| samples.partition_point(|sample| *sample < value);
        for (ours, theirs) in [(estimate.low, number(&case, "low")), (estimate.high, number(&case, "high"))] {
            assert!(rank(ours).abs_diff(rank(theirs)) <= 1, "{} samples: {ours} and {theirs}", samples.len());
        }
    }
}
