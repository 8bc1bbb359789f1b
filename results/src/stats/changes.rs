//! Where a series of runs changed its level.

use super::ranks::ranks;

/// Fewer values on one side than this say nothing of a level.
const SHORTEST: usize = 3;

/// The probability of a change where there is none.
const ALPHA: f64 = 0.01;

/// The places at which a new level begins, ascending.
///
/// Pettitt's test (A. N. Pettitt, "A Non-Parametric Approach to the Change-Point Problem", 1979) finds the likeliest place
/// of one change; what lies on each side of it is searched again (binary segmentation, Scott and Knott 1974). It knows
/// only ranks, so that one outlier is no change; about six runs of the new level are needed before it is called.
/// Empty for non-finite series.
pub fn change_points(series: &[f64]) -> Vec<usize> {
    if series.iter().any(|value| !value.is_finite()) {
        return Vec::new();
    }
    let (mut found, mut open) = (Vec::new(), vec![(0, series.len())]);
    while let Some((start, end)) = open.pop() {
        if let Some(place) = change(&series[start..end]) {
            let middle = start + place;
            found.push(middle);
            open.extend([(start, middle), (middle, end)]);
        }
    }
    found.sort_unstable();
    found
}

/// The place of one change, if there is one.
fn change(series: &[f64]) -> Option<usize> {
    let n = series.len() as f64;
    if series.len() < 2 * SHORTEST {
        return None;
    }
    // U(t) = 2 * (sum of the first t ranks) - t (n + 1), Pettitt's equation for the statistic of the first t values.
    let mut sum = 0.0;
    let statistics = ranks(series).ranks.into_iter().enumerate().map(|(index, rank)| {
        sum += rank;
        let count = (index + 1) as f64;
        (index + 1, (2.0 * sum - count * (n + 1.0)).abs())
    });
    let inner = statistics.filter(|(place, _)| (SHORTEST..=series.len() - SHORTEST).contains(place));
    let (place, largest) = inner.max_by(|a, b| a.1.total_cmp(&b.1))?;
    // Pettitt's approximation, good for small probabilities.
    let p = 2.0 * (-6.0 * largest * largest / (n * n * n + n * n)).exp();
    (p <= ALPHA).then_some(place)
}

#[cfg(test)]
mod tests {
    use proptest::{prop_assert, prop_assert_eq, proptest};

    use super::*;
    use crate::stats::Rng;

    fn noise(rng: &mut Rng) -> f64 {
        (0..4).map(|_| rng.below(1000) as f64 / 1000.0 - 0.5).sum()
    }

    fn series(levels: &[(usize, f64)], rng: &mut Rng) -> Vec<f64> {
        let of = |&(count, level): &(usize, f64)| {
            (0..count).map(|_| 100.0 + level + noise(rng)).collect::<Vec<_>>()
        };
        levels.iter().flat_map(of).collect()
    }

    #[test]
    fn steps_are_found_where_they_are() {
        let mut rng = Rng::new(1);
        assert_eq!(change_points(&series(&[(12, 0.0), (12, 5.0)], &mut rng)), [12]);
        assert_eq!(change_points(&series(&[(15, 0.0), (10, 8.0), (20, -5.0)], &mut rng)), [15, 25]);
    }

    #[test]
    fn a_level_series_has_a_change_in_few_cases_of_a_hundred() {
        let mut rng = Rng::new(2);
        let false_alarms =
            (0..1000).filter(|_| !change_points(&series(&[(40, 0.0)], &mut rng)).is_empty()).count();
        assert!(false_alarms <= 20, "{false_alarms} of 1000");
    }

    #[test]
    fn one_outlier_is_no_change() {
        let mut rng = Rng::new(3);
        let mut series = series(&[(30, 0.0)], &mut rng);
        series[17] = 1e9;
        assert!(change_points(&series).is_empty());
    }

    #[test]
    fn a_new_level_is_seen_after_six_runs() {
        let mut rng = Rng::new(4);
        assert!(change_points(&series(&[(20, 0.0), (3, 9.0)], &mut rng)).is_empty());
        assert_eq!(change_points(&series(&[(20, 0.0), (7, 9.0)], &mut rng)), [20]);
    }

    #[test]
    fn the_nile_changed_in_1899() {
        // Annual flow of the Nile at Aswan, 1871 to 1970 (Cobb 1978, table 1), which is known to drop after 1898, the year
        // in which the first dam was begun; Pettitt's test puts the change there too.
        let flow = [
            1120, 1160, 963, 1210, 1160, 1160, 813, 1230, 1370, 1140, 995, 935, 1110, 994, 1020, 960, 1180,
            799, 958, 1140, 1100, 1210, 1150, 1250, 1260, 1220, 1030, 1100, 774, 840, 874, 694, 940, 833,
            701, 916, 692, 1020, 1050, 969, 831, 726, 456, 824, 702, 1120, 1100, 832, 764, 821, 768, 845,
            864, 862, 698, 845, 744, 796, 1040, 759, 781, 865, 845, 944, 984, 897, 822, 1010, 771, 676, 649,
            846, 812, 742, 801, 1040, 860, 874, 848, 890, 744, 749, 838, 1050, 918, 986, 797, 923, 975, 815,
            1020, 906, 901, 1170, 912, 746, 919, 718, 714, 740,
        ];
        let flow: Vec<f64> = flow.into_iter().map(f64::from).collect();
        assert_eq!(change_points(&flow), [28]);
    }

    proptest! {
        #[test]
        fn places_ascend_within_the_series_and_do_not_depend_on_its_scale(
            series in proptest::collection::vec(1_u32..1000, 0..80),
        ) {
            let plain: Vec<f64> = series.iter().copied().map(f64::from).collect();
            let found = change_points(&plain);
            prop_assert!(found.windows(2).all(|pair| pair[0] + SHORTEST <= pair[1]));
            prop_assert!(found.iter().all(|&place| place >= SHORTEST && place + SHORTEST <= series.len()));
            let scaled: Vec<f64> = plain.iter().map(|value| 1e6 + value * 8.0).collect();
            prop_assert_eq!(found, change_points(&scaled));
        }
    }
}
