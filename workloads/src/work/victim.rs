//! The neighbour that others may disturb: steady work that feels a busy memory system and a busy kernel.
//!
//! An operation maps, writes and unmaps one page, which takes the kernel's locks and its free pages, and then follows 256
//! dependent loads through 4 MiB, which share the last-level cache and the memory bus.

use core::hint::black_box;

use super::{Stop, chase};
use crate::{
    meter::Meter,
    sys::memory::{Mapping, PAGE},
};

const WORKING_SET: usize = 4 << 20;
const LOADS: u64 = 256;

pub fn victim(meter: &Meter) -> Result<(), Stop> {
    let mut mapping = Mapping::new(WORKING_SET)?;
    let words = mapping.as_mut_slice::<u32>();
    chase::link(words);
    let mut at = 0;
    meter.measure(&mut |ops| {
        for _ in 0..ops {
            let page = Mapping::new(PAGE)?;
            page.touch(1);
            page.unmap()?;
            at = black_box(chase::follow(words, at, LOADS));
        }
        Ok(())
    })
}
