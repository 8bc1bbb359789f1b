//! Slope of a line through points by Theil and Sen: the median of the slopes between all pairs of points.
//!
//! For the marginal cost of an instance, where one disturbed point must not tilt the line as least squares would let it.
//! The unit is that of y over that of x.

use super::{Estimate, quantile_of_sorted};

/// 97.5 % point of the standard normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// The slope of `y` over `x` with a 95 % interval (P. K. Sen, "Estimates of the Regression Coefficient Based on
/// Kendall's Tau", 1968).
///
/// `None` if a coordinate or a slope is not finite or fewer than two values of `x` differ. The interval rests on the
/// normal approximation of Kendall's statistic: with fewer than six points it is the extremes and promises less.
pub fn slope(points: &[(f64, f64)]) -> Option<Estimate> {
    if points.iter().any(|(x, y)| !x.is_finite() || !y.is_finite()) {
        return None;
    }
    let mut slopes = Vec::with_capacity(points.len() * points.len().saturating_sub(1) / 2);
    for (index, (x1, y1)) in points.iter().enumerate() {
        for (x2, y2) in &points[index + 1..] {
            if x1 != x2 {
                slopes.push((y2 - y1) / (x2 - x1));
            }
        }
    }
    let slopes = super::sorted(&slopes)?;
    let pairs = slopes.len() as f64;
    let half_width = Z * kendall_variance(points).max(0.0).sqrt();
    // Sen's order statistics, counted from 1, are (N - C)/2 and its mirror image; to the nearest rank.
    let low = ((pairs - half_width) / 2.0).round().max(1.0) as usize - 1;
    let high = slopes.len() - 1 - low;
    let median = quantile_of_sorted(&slopes, 0.5);
    Some(Estimate {
        median,
        low: slopes[low].min(median),
        high: slopes[high.max(low)].max(median),
        n: points.len(),
    })
}

/// Variance of Kendall's statistic under no trend, corrected for ties in x and in y (Kendall, "Rank Correlation
/// Methods", chapter 4).
fn kendall_variance(points: &[(f64, f64)]) -> f64 {
    let term = |n: usize| (n * n.saturating_sub(1)) as f64 * (2 * n + 5) as f64;
    let ties = |mut values: Vec<f64>| -> f64 {
        values.sort_by(f64::total_cmp);
        values.chunk_by(|a, b| a == b).map(|tied| term(tied.len())).sum()
    };
    let xs = ties(points.iter().map(|&(x, _)| x).collect());
    let ys = ties(points.iter().map(|&(_, y)| y).collect());
    (term(points.len()) - xs - ys) / 18.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{ProptestConfig, prop};
    use proptest::{prop_assert, prop_assert_eq, proptest};

    use super::*;

    #[test]
    fn a_straight_line_has_its_slope_exactly() {
        let points: Vec<(f64, f64)> = (0..10).map(|x| (f64::from(x), 7.0 + 3.0 * f64::from(x))).collect();
        assert_eq!(slope(&points), Some(Estimate { median: 3.0, low: 3.0, high: 3.0, n: 10 }));
    }

    #[test]
    fn sens_own_example_is_reproduced() {
        // Seven points; the interval of Sen's table (93 %) has the same ranks as the 95 % normal approximation.
        let points =
            [(1.0, 9.0), (2.0, 15.0), (3.0, 19.0), (4.0, 20.0), (10.0, 45.0), (12.0, 55.0), (18.0, 78.0)];
        let expected = Estimate { median: 4.0, low: 26.0 / 7.0, high: 35.0 / 8.0, n: 7 };
        assert_eq!(slope(&points), Some(expected));
    }

    #[test]
    fn two_points_are_a_line() {
        let expected = Estimate { median: 3.0, low: 3.0, high: 3.0, n: 2 };
        assert_eq!(slope(&[(1.0, 1.0), (2.0, 4.0)]), Some(expected));
    }

    #[test]
    fn one_wild_point_does_not_tilt_the_line() {
        let mut points: Vec<(f64, f64)> = (0..9).map(|x| (f64::from(x), 2.0 * f64::from(x))).collect();
        points[8].1 = 1e9;
        assert_eq!(slope(&points).unwrap().median, 2.0);
    }

    #[test]
    fn points_without_a_direction_have_no_slope() {
        assert_eq!(slope(&[]), None);
        assert_eq!(slope(&[(1.0, 2.0)]), None);
        assert_eq!(slope(&[(1.0, 2.0), (1.0, 3.0)]), None);
        assert_eq!(slope(&[(1.0, 2.0), (2.0, f64::NAN)]), None);
        assert_eq!(slope(&[(1.0, 2.0), (f64::INFINITY, 3.0)]), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn the_interval_encloses_the_slope_and_turns_with_the_line(
            points in prop::collection::vec((-9_i32..9, -1000_i32..1000), 0..20),
        ) {
            let line = |sign: f64| points.iter().map(|&(x, y)| (f64::from(x), sign * f64::from(y))).collect::<Vec<_>>();
            let (up, down) = (slope(&line(1.0)), slope(&line(-1.0)));
            prop_assert_eq!(up.is_some(), down.is_some());
            if let (Some(up), Some(down)) = (up, down) {
                prop_assert!(up.low <= up.median && up.median <= up.high);
                prop_assert_eq!((up.low, up.median, up.high), (-down.high, -down.median, -down.low));
            }
        }
    }
}
