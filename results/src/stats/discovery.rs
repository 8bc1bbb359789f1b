//! Many comparisons: how many of the changes that were called may be false.

/// P-values adjusted so that calling all up to `q` keeps the expected share of false calls at `q` (Y. Benjamini and
/// Y. Hochberg, "Controlling the False Discovery Rate", 1995), in the order given; at least as large as before, at most 1.
/// What is not a number counts as 1.
pub fn benjamini_hochberg(p_values: &[f64]) -> Vec<f64> {
    let p = |index: usize| if p_values[index].is_nan() { 1.0 } else { p_values[index].clamp(0.0, 1.0) };
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p(a).total_cmp(&p(b)));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut least: f64 = 1.0;
    for (rank, &index) in order.iter().enumerate().rev() {
        // Not below p for the sake of a rounding error.
        least = least.min((p(index) * p_values.len() as f64 / (rank + 1) as f64).max(p(index)));
        adjusted[index] = least;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use proptest::{prop_assert, proptest};

    use super::*;

    #[test]
    fn the_example_of_the_paper_is_reproduced() {
        // Benjamini and Hochberg 1995, section 3.2: 15 p-values, of which the procedure rejects four at 0.05.
        let p = [
            0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719,
            0.6528, 0.7590, 1.0000,
        ];
        let adjusted = benjamini_hochberg(&p);
        assert_eq!(adjusted.iter().filter(|&&q| q <= 0.05).count(), 4);
        assert!((adjusted[3] - 0.0095 * 15.0 / 4.0).abs() < 1e-15);
    }

    #[test]
    fn nothing_and_what_is_no_number_are_taken_as_they_are() {
        assert!(benjamini_hochberg(&[]).is_empty());
        assert_eq!(benjamini_hochberg(&[f64::NAN, 0.01]), [1.0, 0.02]);
    }

    proptest! {
        #[test]
        fn adjusting_keeps_the_order_and_never_lowers(p in proptest::collection::vec(0.0_f64..=1.0, 1..50)) {
            let adjusted = benjamini_hochberg(&p);
            for (a, qa) in p.iter().zip(&adjusted) {
                prop_assert!(qa >= a && *qa <= 1.0);
                for (b, qb) in p.iter().zip(&adjusted) {
                    prop_assert!(a > b || qa <= qb);
                }
            }
        }
    }
}
