//! Numbers for people: three significant digits and a unit that fits the size.
//!
//! Invariant: the unit is chosen after rounding, so 999.9 ns reads `1.00 µs`, never `1000 ns`.

use results::Unit;
use results::anchors::{Measured, Multiple};
use results::claims::Ratio;
use results::stats::Estimate;

/// Prefix steps of a unit: (size in the base unit, suffix), ascending.
fn steps(unit: Unit) -> &'static [(f64, &'static str)] {
    const KIB: f64 = 1024.0;
    match unit {
        Unit::Nanoseconds => &[(1.0, "ns"), (1e3, "µs"), (1e6, "ms"), (1e9, "s")],
        Unit::Bytes => &[(1.0, "B"), (KIB, "KiB"), (KIB * KIB, "MiB"), (KIB * KIB * KIB, "GiB")],
        Unit::BytesPerSecond => {
            &[(1.0, "B/s"), (KIB, "KiB/s"), (KIB * KIB, "MiB/s"), (KIB * KIB * KIB, "GiB/s")]
        }
        Unit::OpsPerSecond => &[(1.0, "/s"), (1e3, "k/s"), (1e6, "M/s"), (1e9, "G/s")],
        Unit::Count => &[(1.0, "")],
        Unit::Ratio => &[(1.0, "×")],
    }
}

/// The largest step that a value, rounded, fills.
fn step(value: f64, unit: Unit) -> (f64, &'static str) {
    let steps = steps(unit);
    let fits = |(size, _): &&(f64, &str)| round3(value.abs() / size) >= 1.0;
    steps.iter().rev().find(fits).copied().unwrap_or(steps[0])
}

/// Rounds to three significant digits.
fn round3(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    // Through the decimal form: dividing by a power of ten would round twice.
    format!("{value:.2e}").parse().unwrap_or(value)
}

/// Three significant digits, as in `0.0123`, `1.20`, `345`, `12300`; beyond 10^15 in powers of ten.
pub fn number(value: f64) -> String {
    let rounded = round3(value);
    if rounded == 0.0 {
        return "0".to_owned();
    }
    let magnitude = rounded.abs().log10().floor();
    if !(-6.0..15.0).contains(&magnitude) {
        return format!("{rounded:.2e}");
    }
    let decimals = (2.0 - magnitude).max(0.0) as usize;
    format!("{rounded:.decimals$}")
}

fn join(number: String, suffix: &str) -> String {
    if suffix.is_empty() { number } else { format!("{number}\u{a0}{suffix}") }
}

/// A value with its unit: `1.02 ms`, `480 KiB`, `2.05 ×`.
pub fn quantity(value: f64, unit: Unit) -> String {
    if unit == Unit::Count && value.fract() == 0.0 && value.abs() < 1e15 {
        return format!("{value:.0}");
    }
    let (size, suffix) = step(value, unit);
    join(number(value / size), suffix)
}

/// A difference: `+92.3 µs`, `−1.50 KiB`.
pub fn signed(value: f64, unit: Unit) -> String {
    let sign = if value < 0.0 { '−' } else { '+' };
    format!("{sign}{}", quantity(value.abs(), unit))
}

/// An interval with one unit for both ends: `1.01–1.05 ms`, and `-108 to 58.6 KiB` where a dash would be taken for a minus.
pub fn interval(low: f64, high: f64, unit: Unit) -> String {
    let (size, suffix) = step(low.abs().max(high.abs()), unit);
    let between = if low < 0.0 { " to " } else { "–" };
    join(format!("{}{between}{}", number(low / size), number(high / size)), suffix)
}

/// Below this number of samples no interval reaches 95 %: the extremes enclose the median with probability 1 - 2^(1-n).
pub const FEWEST: usize = 6;

/// A median and how sure it is, in words: `1.20 ms, 95 % interval 1.18–1.25 ms, 60 samples`.
pub fn told(of: &Estimate, unit: Unit) -> String {
    let median = quantity(of.median, unit);
    let range = interval(of.low, of.high, unit);
    match of.n {
        1 => format!("{median}, one sample"),
        n if n < FEWEST => format!("{median}, of {n} samples, {range}"),
        n => format!("{median}, 95\u{a0}% interval {range}, {n} samples"),
    }
}

/// A ratio with all that it takes to judge it: `121 × (118–125), 60 blocks`.
pub fn ratio(ratio: &Ratio) -> String {
    let ends = match ratio.interval {
        Some((low, high)) => format!(" ({})", interval(low, high, Unit::Count)),
        None => ", no interval".to_owned(),
    };
    let blocks = if ratio.blocks == 1 { "1 block".to_owned() } else { format!("{} blocks", ratio.blocks) };
    format!("{}{ends}, {blocks}", quantity(ratio.median, Unit::Ratio))
}

/// What a run has beside a published figure: `0.66 × (0.60–0.72), 12 blocks`.
pub fn measured(of: &Measured) -> String {
    let Measured { unit, median, blocks, .. } = *of;
    let ends = match of.interval {
        Some((low, high)) if unit == Unit::Ratio => format!(" ({})", interval(low, high, Unit::Count)),
        Some((low, high)) => format!(" ({})", interval(low, high, unit)),
        None => ", no interval".to_owned(),
    };
    format!("{}{ends}, {blocks} {}", quantity(median, unit), if blocks == 1 { "block" } else { "blocks" })
}

/// A published multiple: `0.660 × QEMU’s 244 ms`.
pub fn multiple(of: &Multiple) -> String {
    format!("{} {}’s {}", quantity(of.times, Unit::Ratio), of.of, of.figure)
}

/// A label of an axis: like [`quantity`], without zeros that say nothing (`0.5 ms`, `10 µs`).
pub fn tick(value: f64, unit: Unit) -> String {
    let (size, suffix) = step(value, unit);
    let mut label = number(value / size);
    if label.contains('.') && !label.contains('e') {
        label.truncate(label.trim_end_matches('0').trim_end_matches('.').len());
    }
    if value == 0.0 { label } else { join(label, suffix) }
}

/// `2026-11-24 00:15 UTC` of an RFC 3339 time in UTC; any other text as it is.
pub fn moment(time: &str) -> String {
    match (time.strip_suffix('Z'), time.get(..10), time.get(11..16)) {
        (Some(_), Some(day), Some(minute)) => format!("{day} {minute} UTC"),
        _ => time.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_significant_digits() {
        let shown: Vec<_> = [0.0, 0.012345, 1.2, 9.996, 34.56, 345.6, 12345.0, 1e20, -2.5].map(number).into();
        assert_eq!(shown, ["0", "0.0123", "1.20", "10.0", "34.6", "346", "12300", "1.00e20", "-2.50"]);
    }

    #[test]
    fn the_unit_follows_the_rounded_value() {
        assert_eq!(quantity(999.4, Unit::Nanoseconds), "999\u{a0}ns");
        assert_eq!(quantity(999.9, Unit::Nanoseconds), "1.00\u{a0}µs");
        assert_eq!(quantity(2_534_000.0, Unit::Nanoseconds), "2.53\u{a0}ms");
        assert_eq!(quantity(491_520.0, Unit::Bytes), "480\u{a0}KiB");
        assert_eq!(quantity(1536.0, Unit::Bytes), "1.50\u{a0}KiB");
        assert_eq!(quantity(12.0, Unit::Count), "12");
        assert_eq!(quantity(2.0512, Unit::Ratio), "2.05\u{a0}×");
    }

    #[test]
    fn a_difference_has_a_sign() {
        assert_eq!(signed(92_300.0, Unit::Nanoseconds), "+92.3\u{a0}µs");
        assert_eq!(signed(-1536.0, Unit::Bytes), "−1.50\u{a0}KiB");
    }

    #[test]
    fn an_interval_names_its_unit_once() {
        assert_eq!(interval(990_000.0, 1_020_000.0, Unit::Nanoseconds), "0.990–1.02\u{a0}ms");
        assert_eq!(interval(-2048.0, 1024.0, Unit::Bytes), "-2.00 to 1.00\u{a0}KiB");
    }

    #[test]
    fn few_samples_are_not_told_as_an_interval() {
        let of = |n| told(&Estimate { median: 5.0, low: 4.0, high: 6.0, n }, Unit::Nanoseconds);
        assert_eq!(of(1), "5.00\u{a0}ns, one sample");
        assert_eq!(of(5), "5.00\u{a0}ns, of 5 samples, 4.00–6.00\u{a0}ns");
        assert_eq!(of(6), "5.00\u{a0}ns, 95\u{a0}% interval 4.00–6.00\u{a0}ns, 6 samples");
    }

    #[test]
    fn a_ratio_comes_with_its_interval_and_blocks() {
        let of = |interval, blocks| {
            ratio(&Ratio { of: "microvm", to: "container", median: 1.234, interval, blocks, workloads: None })
        };
        assert_eq!(of(Some((1.2, 1.26)), 60), "1.23\u{a0}× (1.20–1.26), 60 blocks");
        assert_eq!(of(None, 1), "1.23\u{a0}×, no interval, 1 block");
    }

    #[test]
    fn what_a_run_has_beside_a_published_figure_comes_with_its_interval_and_blocks() {
        let of = |unit, interval, blocks| {
            measured(&Measured { of: "runc", to: None, unit, median: 4.8, interval, blocks })
        };
        assert_eq!(of(Unit::Ratio, Some((4.5, 5.0)), 9), "4.80\u{a0}× (4.50–5.00), 9 blocks");
        assert_eq!(of(Unit::Nanoseconds, Some((4.5, 5.0)), 9), "4.80\u{a0}ns (4.50–5.00\u{a0}ns), 9 blocks");
        assert_eq!(of(Unit::Nanoseconds, None, 1), "4.80\u{a0}ns, no interval, 1 block");
        let published = Multiple { of: "QEMU", figure: "244\u{a0}ms".to_owned(), times: 0.66 };
        assert_eq!(multiple(&published), "0.660\u{a0}× QEMU’s 244\u{a0}ms");
    }

    #[test]
    fn ticks_carry_no_needless_zeros() {
        let shown: Vec<_> = [0.0, 500.0, 1e6, 2.5e6].map(|value| tick(value, Unit::Nanoseconds)).into();
        assert_eq!(shown, ["0", "500\u{a0}ns", "1\u{a0}ms", "2.5\u{a0}ms"]);
    }

    #[test]
    fn a_time_is_shown_to_the_minute() {
        assert_eq!(moment("2026-11-24T00:15:07.123Z"), "2026-11-24 00:15 UTC");
        assert_eq!(moment("yesterday"), "yesterday");
        assert_eq!(moment("Z"), "Z");
    }
}
