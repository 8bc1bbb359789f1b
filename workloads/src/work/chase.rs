//! Pointer chase: the latency of a load that depends on the one before, over growing working sets.
//!
//! Units: bytes of working set; an operation is one load. Invariant: the pointers form a single cycle through
//! every cache line in pseudo-random order (Sattolo's algorithm, fixed seed), so no prefetcher can guess the
//! next and none is left out.

use core::hint::black_box;

use super::{Stop, cpu::XorShift};
use crate::{meter::Meter, sys::memory::Mapping};

/// One cache line; the first word is the offset of the next line, in `u32`s.
const WORDS: usize = 64 / size_of::<u32>();

pub fn in_16k(meter: &Meter) -> Result<(), Stop> {
    chase(meter, 16 << 10)
}

pub fn in_256k(meter: &Meter) -> Result<(), Stop> {
    chase(meter, 256 << 10)
}

pub fn in_4m(meter: &Meter) -> Result<(), Stop> {
    chase(meter, 4 << 20)
}

pub fn in_32m(meter: &Meter) -> Result<(), Stop> {
    chase(meter, 32 << 20)
}

fn chase(meter: &Meter, bytes: usize) -> Result<(), Stop> {
    let mut mapping = Mapping::new(bytes)?;
    let words = mapping.as_mut_slice::<u32>();
    link(words);
    let mut at = 0;
    meter.measure(&mut |ops| {
        at = black_box(follow(words, at, ops));
        Ok(())
    })
}

/// Links all lines into one cycle.
pub fn link(words: &mut [u32]) {
    let lines = words.len() / WORDS;
    let mut random = XorShift::new();
    for line in 0..lines {
        words[line * WORDS] = (line * WORDS) as u32;
    }
    for line in (1..lines).rev() {
        words.swap(line * WORDS, random.below(line as u32) as usize * WORDS);
    }
}

/// Takes `steps` steps from `at`. The bounds check is predicted and off the critical path, which is the load.
pub fn follow(words: &[u32], mut at: u32, steps: u64) -> u32 {
    for _ in 0..steps {
        at = words[at as usize];
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chase_visits_every_line_once_before_it_returns() {
        let mut words = vec![0_u32; 1000 * WORDS];
        link(&mut words);
        let mut seen = vec![false; 1000];
        let mut at = 0;
        for _ in 0..1000 {
            let line = at as usize / WORDS;
            assert!(!seen[line], "line {line} came twice");
            seen[line] = true;
            at = follow(&words, at, 1);
        }
        assert_eq!(at, 0);
    }
}
