//! Times batches of a workload and reports them.
//!
//! Units: nanoseconds of CLOCK_MONOTONIC, by the real system call (every guest has it; twice a batch it is
//! noise). Invariant: between the two readings of the clock around a batch there is nothing but the batch.
//! All samples are kept until the last batch is over, so that neither the agent's output nor the host that
//! wakes up to read it disturbs a batch.

use core::ffi::CStr;

use crate::{
    events::{self, BEGIN, DONE, END, SAMPLE},
    sys::{self, SysError, tty},
    work::Stop,
};

/// The most batches one agent reports.
pub const MAX_BATCHES: usize = 256;

/// What a workload repeats.
pub trait Batch {
    /// Work that must happen before each batch and is not timed.
    fn prepare(&mut self) -> Result<(), Stop> {
        Ok(())
    }

    /// Does `ops` operations.
    fn run(&mut self, ops: u64) -> Result<(), Stop>;
}

impl<F: FnMut(u64) -> Result<(), Stop>> Batch for F {
    fn run(&mut self, ops: u64) -> Result<(), Stop> {
        self(ops)
    }
}

/// How to measure, and where to report it.
pub struct Meter {
    /// The descriptor that takes the events.
    pub out: i32,
    /// Whether that is a serial line, which goes on sending after a write has returned.
    pub on_line: bool,
    /// How many batches to report: at most [`MAX_BATCHES`].
    pub batches: usize,
    /// How long a batch should last at least, in nanoseconds.
    pub batch_ns: u64,
    /// Where a workload that tries limits ends by itself: MiB of a hog, processes of a storm.
    pub most: u64,
    /// Where the kernel mapped the vDSO, if it did.
    pub vdso: Option<usize>,
    /// The path that the agent was executed by, if the kernel said so.
    pub executable: Option<&'static CStr>,
}

/// One batch: operations and nanoseconds.
#[derive(Clone, Copy, Default)]
struct Sample {
    ops: u64,
    ns: u64,
}

impl Meter {
    /// Measures operations.
    pub fn measure(&self, batch: &mut dyn Batch) -> Result<(), Stop> {
        self.measure_limited(u64::MAX, 1, batch)
    }

    /// Measures bytes: an operation moves `bytes` of them.
    pub fn measure_bytes(&self, bytes: u64, batch: &mut dyn Batch) -> Result<(), Stop> {
        self.measure_limited(u64::MAX, bytes, batch)
    }

    /// Measures batches of at most `most_ops` operations, reporting `unit` for each operation.
    pub fn measure_limited(&self, most_ops: u64, unit: u64, batch: &mut dyn Batch) -> Result<(), Stop> {
        let ops = self.calibrate(most_ops, batch)?;
        let mut samples = [Sample::default(); MAX_BATCHES];
        let samples = samples.get_mut(..self.batches).unwrap_or_default();

        events::line(self.out, format_args!("{BEGIN} {}", now()?))?;
        if self.on_line {
            tty::drain(self.out)?;
        }
        for sample in &mut *samples {
            *sample = Sample { ops: ops.saturating_mul(unit), ns: time(ops, batch)? };
        }
        for Sample { ops, ns } in samples {
            events::line(self.out, format_args!("{SAMPLE} {ops} {ns}"))?;
        }
        events::line(self.out, format_args!("{END} {}", now()?))?;
        events::line(self.out, format_args!("{DONE}"))?;
        Ok(())
    }

    /// Finds how many operations make a batch of at least `batch_ns`. The number has to hold twice in a row:
    /// once could be an interruption, and the second time the caches and branch predictors are warm.
    fn calibrate(&self, most_ops: u64, batch: &mut dyn Batch) -> Result<u64, Stop> {
        let mut ops = 1;
        loop {
            let ns = time(ops, batch)?.min(time(ops, batch)?);
            if ns >= self.batch_ns || ops >= most_ops {
                return Ok(ops);
            }
            ops = grow(ops, ns, self.batch_ns).min(most_ops);
        }
    }
}

/// Times one batch.
fn time(ops: u64, batch: &mut dyn Batch) -> Result<u64, Stop> {
    batch.prepare()?;
    let begin = now()?;
    batch.run(ops)?;
    // Zero would be a clock that stands still, and a division by zero later.
    match now()?.saturating_sub(begin) {
        0 => Err(Stop::Wrong("the clock did not advance during a batch")),
        ns => Ok(ns),
    }
}

fn now() -> Result<u64, SysError> {
    Ok(sys::clock_gettime()?.as_ns())
}

/// The next number of operations to try, after `ops` took `ns`, less than `target`: aims a quarter above the
/// target, so that batches reach it in spite of some variation, but no more than 16-fold at once, since a
/// short trial says little about the cost of one operation.
fn grow(ops: u64, ns: u64, target: u64) -> u64 {
    let aim = u128::from(target) * 5 / 4;
    let scaled = u128::from(ops).saturating_mul(aim) / u128::from(ns.max(1));
    let least = ops.saturating_add(1);
    u64::try_from(scaled).unwrap_or(u64::MAX).clamp(least, ops.saturating_mul(16).max(least))
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, pipe},
        os::fd::AsRawFd,
    };

    use proptest::prelude::*;

    use super::*;
    use crate::protocol::{Event, Parser};

    fn meter(out: i32, batches: usize, batch_ns: u64) -> Meter {
        Meter { out, on_line: false, batches, batch_ns, most: 1, vdso: None, executable: None }
    }

    fn events_of(batches: usize, batch: &mut dyn Batch) -> (Result<(), Stop>, Vec<Event>) {
        let (mut reader, writer) = pipe().unwrap();
        let meter = meter(writer.as_raw_fd(), batches, 1000);
        let result = meter.measure_limited(u64::MAX, 10, batch);
        drop(writer);
        let mut bytes = b"ready\n".to_vec();
        reader.read_to_end(&mut bytes).unwrap();
        (result, Parser::new().push(&bytes).unwrap())
    }

    #[test]
    fn every_batch_has_the_same_number_of_operations_and_is_reported_in_units() {
        let mut runs = Vec::new();
        let (result, events) = events_of(3, &mut |ops| {
            runs.push(ops);
            std::hint::black_box((0..ops).map(std::hint::black_box).sum::<u64>());
            Ok(())
        });
        assert!(result.is_ok());
        let reported = runs[runs.len() - 3..].iter().map(|ops| ops * 10).collect::<Vec<_>>();
        let samples = events.iter().filter_map(|event| match event {
            Event::Sample { ops, .. } => Some(*ops),
            _ => None,
        });
        assert_eq!(samples.collect::<Vec<_>>(), reported);
        assert_eq!(events.last(), Some(&Event::Done));
    }

    #[test]
    fn a_workload_that_stops_while_calibrating_never_begins() {
        let (result, events) = events_of(3, &mut |_| Err(Stop::Missing("needs a test")));
        assert!(matches!(result, Err(Stop::Missing("needs a test"))));
        assert_eq!(events, [Event::Ready]);
    }

    #[test]
    fn calibration_respects_the_most_operations() {
        let meter = meter(-1, 1, u64::MAX);
        assert!(matches!(meter.calibrate(100, &mut |_| Ok(())), Ok(100)));
    }

    proptest! {
        #[test]
        fn calibration_always_moves_on(ops in 1..u64::MAX, ns in any::<u64>(), target in any::<u64>()) {
            let next = grow(ops, ns, target);
            prop_assert!(next > ops);
            prop_assert!(next <= ops.saturating_mul(16).max(ops + 1));
        }
    }
}
