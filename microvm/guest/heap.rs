//! brk, mmap and what belongs to them, in the area between the program's image and the stack guard.
//!
//! The area is mapped, readable, writable and executable, from the start; these calls only keep books. So
//! protections are accepted and not enforced, and an unmapped page can still be touched: the boundary is the
//! machine, not the page. Invariant: what a call hands out is zero.

use crate::errno::{EINVAL, ENODEV, ENOMEM, Result};
use crate::layout::PAGE_SIZE;
use crate::pages::Pages;
use crate::user::{self, boot_info};

// Flags of mmap and advice of madvise, include/uapi/asm-generic/mman-common.h.
const MAP_FIXED: u64 = 0x10;
const MAP_ANONYMOUS: u64 = 0x20;
const MAP_FIXED_NOREPLACE: u64 = 0x10_0000;
const MADV_DONTNEED: u64 = 4;

/// The heap area's books.
pub struct Heap {
    pages: Pages,
    /// Where brk stands; 0 before the first call.
    brk: u64,
}

/// The pages of the area: first, and first behind it.
fn area() -> (usize, usize) {
    let info = boot_info();
    ((info.heap_start / PAGE_SIZE) as usize, (info.heap_end / PAGE_SIZE) as usize)
}

/// The pages that a range touches, as far as they lie in the area.
fn pages_of(address: u64, length: u64) -> Result<core::ops::Range<usize>> {
    let end =
        address.checked_add(length).and_then(|end| end.checked_next_multiple_of(PAGE_SIZE)).ok_or(EINVAL)?;
    let (low, high) = area();
    Ok(((address / PAGE_SIZE) as usize).max(low)..((end / PAGE_SIZE) as usize).min(high))
}

impl Heap {
    pub const fn new() -> Heap {
        Heap { pages: Pages::new(), brk: 0 }
    }

    /// brk(2): the new break, or the old one if it cannot be moved.
    pub fn brk(&mut self, wanted: u64) -> Result {
        let info = boot_info();
        if self.brk == 0 {
            self.brk = info.heap_start;
        }
        if (info.heap_start..=info.heap_end).contains(&wanted) {
            let old = self.brk.div_ceil(PAGE_SIZE) as usize;
            let new = wanted.div_ceil(PAGE_SIZE) as usize;
            if new > old && !self.pages.is_free(old, new) {
                return Ok(self.brk);
            }
            self.take(old, new)?;
            (new..old).for_each(|page| self.pages.give(page));
            self.brk = wanted;
        }
        Ok(self.brk)
    }

    /// mmap(2) of anonymous memory.
    pub fn mmap(&mut self, address: u64, length: u64, flags: u64) -> Result {
        if length == 0 {
            return Err(EINVAL);
        }
        if flags & MAP_ANONYMOUS == 0 {
            return Err(ENODEV);
        }
        let count = length.div_ceil(PAGE_SIZE) as usize;
        let (low, high) = area();
        let start = if flags & (MAP_FIXED | MAP_FIXED_NOREPLACE) != 0 {
            let start = (address / PAGE_SIZE) as usize;
            if !address.is_multiple_of(PAGE_SIZE) {
                return Err(EINVAL);
            }
            let inside = start >= low && start.checked_add(count).is_some_and(|end| end <= high);
            if !inside || flags & MAP_FIXED == 0 && !self.pages.is_free(start, start + count) {
                return Err(ENOMEM);
            }
            (start..start + count).for_each(|page| self.pages.give(page));
            start
        } else {
            self.pages.find(count, low, high).ok_or(ENOMEM)?
        };
        self.take(start, start + count)?;
        Ok(start as u64 * PAGE_SIZE)
    }

    /// munmap(2).
    pub fn munmap(&mut self, address: u64, length: u64) -> Result {
        if length == 0 || !address.is_multiple_of(PAGE_SIZE) {
            return Err(EINVAL);
        }
        pages_of(address, length)?.for_each(|page| self.pages.give(page));
        Ok(0)
    }

    /// madvise(2): only the advice that changes what is read afterwards does anything.
    pub fn madvise(&mut self, address: u64, length: u64, advice: u64) -> Result {
        if advice == MADV_DONTNEED {
            for page in pages_of(address, length)?.filter(|&page| self.pages.is_used(page)) {
                user::zero(page as u64 * PAGE_SIZE, PAGE_SIZE)?;
            }
        }
        Ok(0)
    }

    /// Takes `start..end`, zeroed.
    fn take(&mut self, start: usize, end: usize) -> Result<()> {
        for page in start..end {
            if self.pages.take(page) {
                user::zero(page as u64 * PAGE_SIZE, PAGE_SIZE)?;
            }
        }
        Ok(())
    }
}
