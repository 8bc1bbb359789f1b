//! Where a series of runs changed its level.

use super::Rng;
use super::ranks::ranks;

/// Fewer values on one side than this say nothing of a level.
const SHORTEST: usize = 3;

/// The probability of a change where there is none.
const ALPHA: f64 = 0.01;

/// Permutations that a change is held against: with so many, the p-value at [`ALPHA`] has a standard error of 0.2 %.
const PERMUTATIONS: usize = 1999;

/// The places at which a new level begins, ascending.
///
/// Each place is tried as the border of two levels by the standardised rank sum, and the most telling one is taken
/// (maximally selected rank statistic; B. Lausen and M. Schumacher, "Maximally Selected Rank Statistics", 1992), if few
/// permutations of the series have one as telling (T. Hothorn and B. Lausen, "On the Exact Distribution of Maximally
/// Selected Rank Statistics", 2003). What lies on each side is searched again (binary segmentation, Scott and Knott
/// 1974). It knows only ranks, so that one outlier is no change; a dozen values can show one, and a new level shows after
/// five or six. Permutations are drawn from a fixed seed. Empty for non-finite series.
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
    if series.len() < 2 * SHORTEST {
        return None;
    }
    let mut ranks = ranks(series).ranks;
    let (place, observed) = most_telling(&ranks);
    let mut rng = Rng::new(0);
    let mut as_telling = 0;
    for _ in 0..PERMUTATIONS {
        rng.shuffle(&mut ranks);
        as_telling += usize::from(most_telling(&ranks).1 >= observed);
        // The p-value is (as_telling + 1) / (PERMUTATIONS + 1), and no further permutation makes it smaller (J. Besag and
        // P. Clifford, "Sequential Monte Carlo p-values", 1991): most series without a change end here soon.
        if (as_telling + 1) as f64 > ALPHA * (PERMUTATIONS + 1) as f64 {
            return None;
        }
    }
    Some(place)
}

/// The border at which the ranks on its sides differ most, and the square of the standardised rank sum there but for a
/// factor that all permutations share.
fn most_telling(ranks: &[f64]) -> (usize, f64) {
    let n = ranks.len() as f64;
    let (mut sum, mut best) = (0.0, (0, 0.0));
    for (index, rank) in ranks[..ranks.len() - SHORTEST].iter().enumerate() {
        sum += rank;
        let place = index + 1;
        // Of t ranks without a change the sum has mean t (n + 1) / 2 and a variance proportional to t (n - t).
        let t = place as f64;
        let excess = 2.0 * sum - t * (n + 1.0);
        let telling = excess * excess / (t * (n - t));
        if place >= SHORTEST && telling > best.1 {
            best = (place, telling);
        }
    }
    best
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
    fn twelve_values_can_show_a_change_and_a_new_level_shows_after_six() {
        let mut rng = Rng::new(4);
        assert_eq!(change_points(&series(&[(6, 0.0), (6, 9.0)], &mut rng)), [6]);
        assert!(change_points(&series(&[(4, 0.0), (4, 9.0)], &mut rng)).is_empty());
        for before in [20, 50, 200] {
            assert!(change_points(&series(&[(before, 0.0), (2, 9.0)], &mut rng)).is_empty());
            assert_eq!(change_points(&series(&[(before, 0.0), (6, 9.0)], &mut rng)), [before]);
        }
    }

    #[test]
    fn the_nile_changed_in_1899() {
        // Annual flow of the Nile at Aswan, 1871 to 1970 (Cobb 1978, table 1), which is known to drop after 1898, the year
        // in which the first dam was begun.
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
