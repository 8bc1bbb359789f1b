//! Memory bandwidth and page faults.
//!
//! Units: bytes, read and written alike (as STREAM counts); page faults. The arrays are larger than most
//! last-level caches but keep the whole below 128 MiB; pages are what the kernel gives by default, huge ones
//! included.

use core::hint::black_box;

use super::Stop;
use crate::{
    meter::{Batch, Meter},
    sys::{
        self,
        memory::{Mapping, PAGE},
    },
};

pub fn copy(meter: &Meter) -> Result<(), Stop> {
    const LEN: usize = 32 << 20;
    let mut mapping = Mapping::new(2 * LEN)?;
    let (source, target) = mapping.as_mut_slice::<u8>().split_at_mut(LEN);
    // An untouched page reads as the one shared page of zeroes, which would never leave the cache.
    source.fill(1);
    target.fill(2);
    meter.measure_bytes(2 * LEN as u64, &mut |ops| {
        for _ in 0..ops {
            // In the agent this is `memcpy` of intrinsics.rs: `rep movsb`.
            target.copy_from_slice(black_box(source));
            black_box(&*target);
        }
        Ok(())
    })
}

pub fn triad(meter: &Meter) -> Result<(), Stop> {
    const LEN: usize = (16 << 20) / size_of::<f64>();
    let mut mapping = Mapping::new(3 * LEN * size_of::<f64>())?;
    let (sums, terms) = mapping.as_mut_slice::<f64>().split_at_mut(LEN);
    sums.fill(0.0);
    terms.fill(1.0);
    let (first, second) = terms.split_at(LEN);
    meter.measure_bytes((3 * LEN * size_of::<f64>()) as u64, &mut |ops| {
        for _ in 0..ops {
            for ((sum, &b), &c) in sums.iter_mut().zip(black_box(first)).zip(black_box(second)) {
                *sum = b + 3.0 * c;
            }
            black_box(&*sums);
        }
        Ok(())
    })
}

pub fn first_touch(meter: &Meter) -> Result<(), Stop> {
    /// Bounds the memory; where a fault takes less than 125 ns, batches get shorter than asked.
    const MOST_PAGES: u64 = 8192;
    let mut pages = FreshPages { mapping: Mapping::new(MOST_PAGES as usize * PAGE)? };
    pages.mapping.forbid_huge_pages()?;
    pages.prove_faults()?;
    meter.measure_limited(MOST_PAGES, 1, &mut pages)
}

/// Pages that are given back before each batch, so that the batch is the first to touch them.
struct FreshPages {
    mapping: Mapping,
}

impl FreshPages {
    /// Checks that first touches fault here: a kernel may map memory in advance, and then there is nothing to
    /// measure.
    fn prove_faults(&mut self) -> Result<(), Stop> {
        const PROOF: u64 = 64;
        let before = sys::minor_faults()?;
        self.prepare()?;
        self.run(PROOF)?;
        if sys::minor_faults()?.wrapping_sub(before) < PROOF {
            return Err(Stop::Missing("no page fault on first touch here"));
        }
        Ok(())
    }
}

impl Batch for FreshPages {
    fn prepare(&mut self) -> Result<(), Stop> {
        Ok(self.mapping.discard()?)
    }

    fn run(&mut self, ops: u64) -> Result<(), Stop> {
        self.mapping.touch(ops as usize);
        Ok(())
    }
}
