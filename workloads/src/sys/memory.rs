//! Anonymous memory straight from `mmap`, since the agent has no allocator.
//!
//! Units: bytes; a page is 4 KiB. Invariant: a [`Mapping`] is zeroed when new, exclusively owned, and
//! unmapped on drop.

use core::{ptr::NonNull, slice};

use super::{EINVAL, ENOSYS, SysError, call};

/// The base page size of x86-64.
pub const PAGE: usize = 4096;

const MMAP: usize = 9;
const MUNMAP: usize = 11;
const MADVISE: usize = 28;

/// `include/uapi/asm-generic/mman-common.h` and `mman.h`
const PROT_READ_WRITE: usize = 1 | 2;
const MAP_PRIVATE_ANONYMOUS: usize = 0x02 | 0x20;
const MADV_DONTNEED: usize = 4;
const MADV_NOHUGEPAGE: usize = 15;

/// A number type for which every bit pattern, all zeroes included, is a value.
///
/// # Safety
///
/// Only for plain numbers without padding, of an alignment that divides the page size.
pub unsafe trait Plain: Copy {}
// SAFETY: a plain number.
unsafe impl Plain for u8 {}
// SAFETY: a plain number.
unsafe impl Plain for u32 {}
// SAFETY: a plain number.
unsafe impl Plain for f64 {}

/// Private anonymous memory.
pub struct Mapping {
    start: NonNull<u8>,
    len: usize,
}

impl Mapping {
    /// Maps `len` bytes of zeroes that are not touched yet. `len` must not be zero.
    pub fn new(len: usize) -> Result<Self, SysError> {
        let arguments = [0, len, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, usize::MAX, 0];
        // SAFETY: without MAP_FIXED the kernel chooses a range that nothing uses.
        let address = unsafe { call("mmap", MMAP, arguments)? };
        match NonNull::new(core::ptr::with_exposed_provenance_mut(address)) {
            Some(start) => Ok(Self { start, len }),
            None => Err(SysError { call: "mmap", errno: EINVAL }),
        }
    }

    /// The address of the first byte.
    pub fn start(&self) -> *mut u8 {
        self.start.as_ptr()
    }

    /// The address behind the last byte: where a stack in this memory begins.
    pub fn end(&self) -> usize {
        self.start.as_ptr().addr() + self.len
    }

    /// The memory as numbers.
    pub fn as_mut_slice<T: Plain>(&mut self) -> &mut [T] {
        // SAFETY: the mapping is page-aligned, readable, writable and borrowed mutably, and `Plain` has no
        // bad values.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr().cast(), self.len / size_of::<T>()) }
    }

    /// Asks for 4 KiB pages only. A kernel without transparent huge pages (EINVAL) has no others anyway.
    pub fn forbid_huge_pages(&self) -> Result<(), SysError> {
        match self.advise(MADV_NOHUGEPAGE) {
            Err(error) if error.errno == EINVAL || error.errno == ENOSYS => Ok(()),
            result => result,
        }
    }

    /// Gives the pages back; the next touch of each finds zeroes. Needs `&mut`, for the content changes.
    pub fn discard(&mut self) -> Result<(), SysError> {
        self.advise(MADV_DONTNEED)
    }

    fn advise(&self, advice: usize) -> Result<(), SysError> {
        // SAFETY: the range is ours; the advice used here keeps it mapped, and only `discard` changes its
        // content.
        unsafe { call("madvise", MADVISE, [self.start.as_ptr().addr(), self.len, advice, 0, 0, 0]).map(drop) }
    }

    /// Writes one byte to each of the first `pages` pages, as far as there are that many.
    pub fn touch(&self, pages: usize) {
        for page in 0..pages.min(self.len / PAGE) {
            // SAFETY: the page lies inside the mapping. No slice of it can be alive: they borrow `self`
            // mutably.
            unsafe { self.start.as_ptr().add(page * PAGE).write_volatile(1) };
        }
    }

    /// Unmaps the memory and, unlike a drop, says whether that worked.
    #[inline(always)]
    pub fn unmap(self) -> Result<(), SysError> {
        let mapping = core::mem::ManuallyDrop::new(self);
        // SAFETY: the range is ours, and `self` is consumed.
        unsafe { call("munmap", MUNMAP, [mapping.start.as_ptr().addr(), mapping.len, 0, 0, 0, 0]).map(drop) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the range is ours and no borrow of it outlives `self`. It cannot fail for a range mapped as
        // a whole.
        let _ = unsafe { call("munmap", MUNMAP, [self.start.as_ptr().addr(), self.len, 0, 0, 0, 0]) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn discarded_pages_read_as_zero_again() {
        let mut mapping = Mapping::new(2 * PAGE).unwrap();
        mapping.as_mut_slice::<u8>().fill(7);
        mapping.discard().unwrap();
        assert!(mapping.as_mut_slice::<u8>().iter().all(|&byte| byte == 0));
    }

    #[test]
    fn touching_stays_inside_the_mapping() {
        let mut mapping = Mapping::new(2 * PAGE).unwrap();
        mapping.touch(usize::MAX);
        assert_eq!(mapping.as_mut_slice::<u8>().iter().map(|&byte| u32::from(byte)).sum::<u32>(), 2);
    }
}
