//! Page tables (SDM volume 3, section 4.5): the identity map of `layout`.
//!
//! Invariant: exactly the guest's memory is mapped, less page 0 and the stack guard, plus the doorbell. Everything is
//! open to ring 3 and may be written and executed: in this guest the VM is the boundary, as in any unikernel.

use vm_memory::{GuestMemoryError, GuestMemoryMmap};

use crate::layout::{
    DOORBELL, DOORBELL_GPA, LARGE_PAGE_SIZE, LOW_PAGE_TABLE, PAGE_DIRECTORIES, PAGE_SIZE, PDPT, PML4,
    guard_start,
};

const PRESENT: u64 = 1 << 0;
const WRITABLE: u64 = 1 << 1;
const USER: u64 = 1 << 2;
const ACCESSED: u64 = 1 << 5;
const DIRTY: u64 = 1 << 6;
const LARGE: u64 = 1 << 7;

/// Accessed and dirty are set from the start: a KVM that shadows these tables would otherwise map a page
/// read-only first and exit a second time at the first write.
const LEAF: u64 = PRESENT | WRITABLE | USER | ACCESSED | DIRTY;
const TABLE: u64 = PRESENT | WRITABLE | USER | ACCESSED;

const ENTRIES: u64 = 512;
const GIB: u64 = 1 << 30;

/// Writes the tables for a guest of `size` bytes, a multiple of 2 MiB not above `layout::MAX_MEMORY`.
pub fn write(memory: &GuestMemoryMmap, size: u64) -> Result<(), GuestMemoryError> {
    super::write_table(memory, PML4, &[PDPT | TABLE])?;

    let directories = size.div_ceil(GIB);
    let pdpt: Vec<u64> = (0..directories).map(|i| (PAGE_DIRECTORIES + i * PAGE_SIZE) | TABLE).collect();
    super::write_table(memory, PDPT, &pdpt)?;

    let directory: Vec<u64> = (0..size / LARGE_PAGE_SIZE)
        .map(|i| match i * LARGE_PAGE_SIZE {
            0 => LOW_PAGE_TABLE | TABLE,
            address if address == guard_start(size) => 0,
            address => address | LEAF | LARGE,
        })
        .collect();
    super::write_table(memory, PAGE_DIRECTORIES, &directory)?;

    let low: Vec<u64> = (0..ENTRIES)
        .map(|i| match i * PAGE_SIZE {
            0 => 0,
            DOORBELL => DOORBELL_GPA | LEAF,
            address => address | LEAF,
        })
        .collect();
    super::write_table(memory, LOW_PAGE_TABLE, &low)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::{MAX_MEMORY, MIN_MEMORY};
    use vm_memory::{Bytes, GuestAddress};

    /// Walks the tables as the processor would.
    fn translate(memory: &GuestMemoryMmap, address: u64) -> Option<u64> {
        let mut table = PML4;
        for shift in [39, 30, 21, 12] {
            let index = (address >> shift) % ENTRIES;
            let entry: u64 = memory.read_obj(GuestAddress(table + index * 8)).unwrap();
            if entry & PRESENT == 0 {
                return None;
            }
            let frame = entry & 0x000f_ffff_ffff_f000;
            if shift == 12 || entry & LARGE != 0 {
                return Some(frame + (address & ((1 << shift) - 1)));
            }
            table = frame;
        }
        unreachable!("the fourth level is always a leaf")
    }

    #[test]
    fn every_page_is_mapped_to_itself_but_null_guard_and_doorbell() {
        for size in [MIN_MEMORY, 32 << 20, MAX_MEMORY] {
            let memory = GuestMemoryMmap::from_ranges(&[(GuestAddress(0), size as usize)]).unwrap();
            write(&memory, size).unwrap();
            assert_eq!(translate(&memory, 0), None);
            assert_eq!(translate(&memory, PAGE_SIZE), Some(PAGE_SIZE));
            assert_eq!(translate(&memory, DOORBELL + 4), Some(DOORBELL_GPA + 4));
            for address in (LARGE_PAGE_SIZE..size).step_by(LARGE_PAGE_SIZE as usize) {
                let expected = (address != guard_start(size)).then_some(address + 5);
                assert_eq!(translate(&memory, address + 5), expected, "{address:#x} of {size:#x}");
            }
            assert_eq!(translate(&memory, size), None, "nothing behind the end of memory");
        }
    }
}
