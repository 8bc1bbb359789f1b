//! The standard normal distribution, for tests with many samples.

/// The probability of a value not above `z`, to nearly the precision of a double: erfc(-z / sqrt 2) / 2.
pub fn normal_cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z / std::f64::consts::SQRT_2)
}

/// The value that is not exceeded with probability `p`; NaN unless 0 < p < 1.
pub fn normal_quantile(p: f64) -> f64 {
    if p > 0.5 {
        // The upper half is as precise as the lower one only if it is not 1 minus something small.
        return -normal_quantile(1.0 - p);
    }
    // 1e-300 and more are reached at -38; below, a double has no probability left.
    let (mut low, mut high) = (-40.0, 0.0);
    if p.is_nan() || p <= 0.0 {
        return f64::NAN;
    }
    loop {
        let middle: f64 = 0.5 * (low + high);
        if middle <= low || middle >= high {
            return middle;
        }
        if normal_cdf(middle) < p { low = middle } else { high = middle }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_and_quantiles_are_those_of_the_tables() {
        // Abramowitz and Stegun, "Handbook of Mathematical Functions", tables 26.1 and 26.5.
        let table = [
            (0.0, 0.5),
            (1.0, 0.841_344_746_068_543),
            (2.0, 0.977_249_868_051_821),
            (-3.0, 0.001_349_898_031_630),
        ];
        for (z, p) in table {
            assert!((normal_cdf(z) - p).abs() < 1e-14, "{z}");
            assert!((normal_quantile(p) - z).abs() < 1e-11, "{p}");
        }
        assert!((normal_quantile(0.975) - 1.959_963_984_540_054).abs() < 1e-13);
        assert!((normal_quantile(0.995) - 2.575_829_303_548_901).abs() < 1e-13);
    }

    #[test]
    fn far_tails_keep_their_precision() {
        // P(Z < -10) = 7.619853024160527e-24 (SciPy 1.17: scipy.stats.norm.cdf(-10)).
        assert!((normal_cdf(-10.0) / 7.619_853_024_160_527e-24 - 1.0).abs() < 1e-12);
        assert!((normal_quantile(7.619_853_024_160_527e-24) + 10.0).abs() < 1e-11);
    }

    #[test]
    fn what_is_no_probability_has_no_quantile() {
        for p in [0.0, 1.0, -0.5, 1.5, f64::NAN] {
            assert!(normal_quantile(p).is_nan(), "{p}");
        }
    }
}
