//! Access to the program's memory, and to what the VMM told the kernel.
//!
//! Invariant: a range is looked at only after it was found to lie between `layout::USER_BASE` and the end of
//! memory, outside the stack guard, so a bad pointer is EFAULT to the program and never a fault of the kernel.

use core::ptr;

use crate::errno::{EFAULT, Result};
use crate::layout::{LARGE_PAGE_SIZE, USER_BASE};
use crate::protocol::{BOOT_INFO, BootInfo};

/// What the VMM wrote before the first instruction.
pub fn boot_info() -> &'static BootInfo {
    // SAFETY: the VMM has put one there, nothing of the kernel writes to it, and every bit pattern is valid.
    unsafe { &*ptr::with_exposed_provenance(BOOT_INFO as usize) }
}

/// Whether the program may name this range.
pub fn check(address: u64, length: u64) -> Result<()> {
    let info = boot_info();
    let end = address.checked_add(length).ok_or(EFAULT)?;
    let guard = info.heap_end..info.heap_end + LARGE_PAGE_SIZE;
    let outside = address < USER_BASE || end > info.memory_end;
    let in_guard = length > 0 && address < guard.end && end > guard.start;
    if outside || in_guard { Err(EFAULT) } else { Ok(()) }
}

/// Reads a value of the program's.
pub fn read<T: Copy>(address: u64) -> Result<T> {
    check(address, size_of::<T>() as u64)?;
    // SAFETY: the range is mapped memory (checked); T is an integer or an array of them (callers).
    Ok(unsafe { ptr::with_exposed_provenance::<T>(address as usize).read_unaligned() })
}

/// Writes a value to the program.
pub fn write<T: Copy>(address: u64, value: T) -> Result<()> {
    check(address, size_of::<T>() as u64)?;
    // SAFETY: the range is mapped memory (checked) above the kernel's.
    unsafe { ptr::with_exposed_provenance_mut::<T>(address as usize).write_unaligned(value) };
    Ok(())
}

/// Zeroes a range.
pub fn zero(address: u64, length: u64) -> Result<()> {
    check(address, length)?;
    // SAFETY: as in `write`.
    unsafe { ptr::with_exposed_provenance_mut::<u8>(address as usize).write_bytes(0, length as usize) };
    Ok(())
}

/// Copies a NUL-terminated string to `buffer` and returns what is before the NUL.
pub fn read_text(address: u64, buffer: &mut [u8]) -> Result<&[u8]> {
    for i in 0..buffer.len() {
        buffer[i] = read(address.checked_add(i as u64).ok_or(EFAULT)?)?;
        if buffer[i] == 0 {
            return Ok(&buffer[..i]);
        }
    }
    Err(crate::errno::ENAMETOOLONG)
}
