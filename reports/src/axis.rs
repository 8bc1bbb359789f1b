//! A numeric axis: which pixel a value falls on, and where the ticks are.
//!
//! Values are in the unit of the measurement, pixels are logical (CSS) pixels.
//! Invariant: `low < high`, both finite, and both positive on a logarithmic axis.

use results::Unit;

/// Beyond this ratio between the ends a linear axis would squeeze most values into a corner.
pub const LOG_FROM: f64 = 8.0;

/// How values are spread over the axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// Equal steps are equal distances.
    Linear,
    /// Equal ratios are equal distances.
    Log,
}

/// Where a value lands between two pixels.
#[derive(Clone, Copy, Debug)]
pub struct Axis {
    spread: Spread,
    low: f64,
    high: f64,
    pixels: (f64, f64),
}

impl Axis {
    /// An axis from zero to the largest value; `None` if no value is positive.
    pub fn from_zero(values: impl IntoIterator<Item = f64>, pixels: (f64, f64)) -> Option<Axis> {
        let (_, high) = range(values)?;
        (high > 0.0).then_some(Axis { spread: Spread::Linear, low: 0.0, high: high * 1.02, pixels })
    }

    /// A logarithmic axis that just holds all positive values; `None` if there are none.
    pub fn log(values: impl IntoIterator<Item = f64>, pixels: (f64, f64)) -> Option<Axis> {
        let (low, high) = range(values.into_iter().filter(|value| *value >= f64::MIN_POSITIVE))?;
        // Room at both ends; at least 12 % each way, so that equal values get an axis too.
        let room = (high / low).powf(0.03).max(1.12);
        let (low, high) = ((low / room).max(f64::MIN_POSITIVE), (high * room).min(f64::MAX));
        (high / low).is_finite().then_some(Axis { spread: Spread::Log, low, high, pixels })
    }

    /// A linear axis that just holds all values, or a logarithmic one if they differ by more than [`LOG_FROM`].
    pub fn fitting(values: impl IntoIterator<Item = f64> + Clone, pixels: (f64, f64)) -> Option<Axis> {
        let (low, high) = range(values.clone())?;
        if low > 0.0 && high / low > LOG_FROM {
            return Axis::log(values, pixels);
        }
        let room = ((high - low) * 0.04).max(high.abs().max(low.abs()) * 0.005).max(f64::MIN_POSITIVE);
        let axis = Axis { spread: Spread::Linear, low: low - room, high: high + room, pixels };
        (axis.low < axis.high && (axis.high - axis.low).is_finite()).then_some(axis)
    }

    /// How values are spread.
    pub fn spread(&self) -> Spread {
        self.spread
    }

    /// The pixel of a value; values beyond an end land on it.
    pub fn pixel(&self, value: f64) -> f64 {
        let share = match self.spread {
            Spread::Linear => (value - self.low) / (self.high - self.low),
            Spread::Log => {
                (value.max(self.low).log10() - self.low.log10()) / (self.high.log10() - self.low.log10())
            }
        };
        self.pixels.0 + share.clamp(0.0, 1.0) * (self.pixels.1 - self.pixels.0)
    }

    /// At most `most` (at least two) round values on the axis, ascending.
    pub fn ticks(&self, most: usize, unit: Unit) -> Vec<f64> {
        let most = most.max(2);
        if self.spread == Spread::Log {
            let ticks = if is_binary(unit) { self.binary_ticks(most) } else { self.log_ticks(most) };
            // Less than a decade may hold too few of them; evenly spaced values are then readable too.
            if ticks.len() >= 3 || self.high / self.low > 10.0 {
                return ticks;
            }
        }
        let step = round_step((self.high - self.low) / most as f64, unit);
        let first = (self.low / step).ceil();
        let ticks = (0..=most).map(|n| (first + n as f64) * step);
        ticks.filter(|tick| (self.low..=self.high).contains(tick)).collect()
    }

    /// Powers of two, thinned so that they fit.
    fn binary_ticks(&self, most: usize) -> Vec<f64> {
        let ends = (self.low.log2().ceil() as i32, self.high.log2().floor() as i32);
        let stride = (ends.1 - ends.0 + 1).max(1).unsigned_abs().div_ceil(most as u32);
        // On multiples of the stride, so that of 1, 4 and 16 KiB none is a matter of where the axis begins.
        let powers = (ends.0..=ends.1).filter(|exponent| exponent.rem_euclid(stride as i32) == 0);
        powers.map(|exponent| 2f64.powi(exponent)).collect()
    }

    /// Powers of ten, with 2 and 5 between them if they fit, thinned if even the powers do not.
    fn log_ticks(&self, most: usize) -> Vec<f64> {
        let inside = |tick: &f64| (self.low..=self.high).contains(tick);
        let decades = self.low.log10().floor() as i32..=self.high.log10().ceil() as i32;
        let powers: Vec<f64> = decades.map(|exponent| 10f64.powi(exponent)).collect();
        for mantissas in [&[1.0, 2.0, 5.0][..], &[1.0, 3.0]] {
            let all = powers.iter().flat_map(|power| mantissas.iter().map(move |mantissa| mantissa * power));
            let ticks: Vec<f64> = all.filter(inside).collect();
            if ticks.len() <= most {
                return ticks;
            }
        }
        let powers: Vec<f64> = powers.into_iter().filter(inside).collect();
        let stride = powers.len().div_ceil(most).max(1);
        powers.into_iter().step_by(stride).collect()
    }
}

/// The smallest and largest finite value.
fn range(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    let finite = values.into_iter().filter(|value| value.is_finite());
    finite.fold(None, |ends, value| match ends {
        None => Some((value, value)),
        Some((low, high)) => Some((low.min(value), high.max(value))),
    })
}

/// Whether values are shown in KiB and so on, so that powers of two are round.
fn is_binary(unit: Unit) -> bool {
    matches!(unit, Unit::Bytes | Unit::BytesPerSecond)
}

/// The smallest round number that is not below `step`: a power of two for bytes, else 1, 2 or 5 times a power of ten.
fn round_step(step: f64, unit: Unit) -> f64 {
    if is_binary(unit) {
        return 2f64.powf(step.log2().ceil());
    }
    let power = 10f64.powf(step.log10().floor());
    let mantissa = [1.0, 2.0, 5.0].into_iter().find(|mantissa| mantissa * power >= step);
    mantissa.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linear_ticks_are_round_and_few() {
        let axis = Axis::from_zero([3.4e6], (0.0, 100.0)).unwrap();
        assert_eq!(axis.ticks(6, Unit::Nanoseconds), [0.0, 1e6, 2e6, 3e6]);
    }

    #[test]
    fn byte_ticks_are_powers_of_two_apart() {
        let axis = Axis::from_zero([900.0 * 1024.0], (0.0, 100.0)).unwrap();
        let kib: Vec<_> = axis.ticks(5, Unit::Bytes).iter().map(|tick| tick / 1024.0).collect();
        assert_eq!(kib, [0.0, 256.0, 512.0, 768.0]);
    }

    #[test]
    fn log_ticks_are_powers_of_ten_when_the_range_is_wide() {
        let axis = Axis::log([20.0, 400_000.0], (0.0, 100.0)).unwrap();
        assert_eq!(axis.ticks(6, Unit::Nanoseconds), [1e2, 1e3, 1e4, 1e5]);
    }

    #[test]
    fn a_wide_log_range_has_powers_of_ten_even_where_there_is_little_room() {
        let axis = Axis::log([9.0, 400_000.0], (0.0, 100.0)).unwrap();
        assert_eq!(axis.ticks(5, Unit::Nanoseconds), [1e1, 1e2, 1e3, 1e4, 1e5]);
        assert_eq!(axis.ticks(3, Unit::Nanoseconds), [1e1, 1e3, 1e5]);
    }

    #[test]
    fn a_narrow_log_range_still_has_ticks() {
        let axis = Axis::log([1.00, 1.02], (0.0, 100.0)).unwrap();
        assert!(axis.ticks(6, Unit::Ratio).len() >= 3);
    }

    #[test]
    fn log_ticks_of_bytes_are_powers_of_two() {
        let axis = Axis::log([10_000.0, 9e6], (0.0, 100.0)).unwrap();
        let kib: Vec<_> = axis.ticks(6, Unit::Bytes).iter().map(|tick| tick / 1024.0).collect();
        assert_eq!(kib, [16.0, 64.0, 256.0, 1024.0, 4096.0]);
        assert!(Axis::log([1e-100, 1e180], (0.0, 1.0)).unwrap().ticks(6, Unit::Bytes).len() <= 7);
    }

    #[test]
    fn values_map_monotonically_onto_the_pixels() {
        for axis in [Axis::log([1.0, 100.0], (10.0, 90.0)), Axis::fitting([1.0, 2.0], (10.0, 90.0))] {
            let axis = axis.unwrap();
            assert!(axis.pixel(1.0) < axis.pixel(1.5) && axis.pixel(1.5) < axis.pixel(2.0));
            assert_eq!((axis.pixel(-1e300), axis.pixel(1e300)), (10.0, 90.0));
        }
    }

    #[test]
    fn extreme_values_give_no_axis_or_a_finite_one() {
        let cases = [[0.0, 0.0], [f64::NAN, f64::INFINITY], [-1e308, 1e308], [1e-308, 1e308], [5e-324, 1.0]];
        for values in cases {
            for axis in [
                Axis::from_zero(values, (0.0, 1.0)),
                Axis::log(values, (0.0, 1.0)),
                Axis::fitting(values, (0.0, 1.0)),
            ] {
                let Some(axis) = axis else { continue };
                assert!(axis.ticks(6, Unit::Nanoseconds).len() <= 8);
                assert!(
                    values.iter().filter(|v| v.is_finite()).all(|v| (0.0..=1.0).contains(&axis.pixel(*v)))
                );
            }
        }
    }
}
