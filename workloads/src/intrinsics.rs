//! The memory and string functions that the compiler may call anywhere and that a C library would provide.
//!
//! Invariant: each is assembly or a loop that the optimiser cannot recognise and turn into a call to itself.
//! `rep movsb` and `rep stosb` are the processor's own fast paths (ERMSB: Intel SDM volume 1, section
//! 7.3.9.3).

use core::arch::asm;

/// C's `memcpy`.
///
/// # Safety
///
/// `source` and `target` must be valid for `len` bytes and must not overlap.
// SAFETY: the name, signature and behaviour are those of C, which is what the compiler expects of this
// symbol.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(target: *mut u8, source: *const u8, len: usize) -> *mut u8 {
    // SAFETY: the caller vouches for both ranges; the direction flag is clear, as the ABI demands at function
    // entry.
    unsafe {
        asm!("rep movsb", inout("rdi") target => _, inout("rsi") source => _, inout("rcx") len => _,
            options(nostack, preserves_flags));
    }
    target
}

/// C's `memmove`.
///
/// # Safety
///
/// `source` and `target` must be valid for `len` bytes; they may overlap.
// SAFETY: as for `memcpy`.
#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(target: *mut u8, source: *const u8, len: usize) -> *mut u8 {
    if target.addr().wrapping_sub(source.addr()) >= len {
        // SAFETY: the target begins before the source or after its end, so copying upwards reads no byte it
        // wrote.
        return unsafe { memcpy(target, source, len) };
    }
    // SAFETY: the caller vouches for both ranges, which are not empty here (an empty range took the branch
    // above). The target begins inside the source, so the copy goes downwards; the direction flag is clear
    // again at the end.
    unsafe {
        asm!("std", "rep movsb", "cld",
            inout("rdi") target.add(len - 1) => _, inout("rsi") source.add(len - 1) => _, inout("rcx") len => _,
            options(nostack));
    }
    target
}

/// C's `memset`.
///
/// # Safety
///
/// `target` must be valid for `len` bytes.
// SAFETY: as for `memcpy`.
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(target: *mut u8, byte: i32, len: usize) -> *mut u8 {
    // SAFETY: the caller vouches for the range; the direction flag is clear.
    unsafe {
        asm!("rep stosb", inout("rdi") target => _, inout("rcx") len => _, in("al") byte as u8,
            options(nostack, preserves_flags));
    }
    target
}

/// C's `memcmp`.
///
/// # Safety
///
/// `left` and `right` must be valid for `len` bytes.
// SAFETY: as for `memcpy`.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(left: *const u8, right: *const u8, len: usize) -> i32 {
    for index in 0..len {
        // SAFETY: `index` is below `len`, for which the caller vouches.
        let (a, b) = unsafe { (left.add(index).read_volatile(), right.add(index).read_volatile()) };
        if a != b {
            return i32::from(a) - i32::from(b);
        }
    }
    0
}

/// `memcmp` when only equality matters; LLVM prefers it where the order is not looked at.
///
/// # Safety
///
/// As for [`memcmp`].
// SAFETY: as for `memcpy`.
#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(left: *const u8, right: *const u8, len: usize) -> i32 {
    // SAFETY: the caller vouches for both ranges.
    unsafe { memcmp(left, right, len) }
}

/// C's `strlen`, which `CStr::from_ptr` calls.
///
/// # Safety
///
/// `text` must point at a string that ends in NUL.
// SAFETY: as for `memcpy`.
#[unsafe(no_mangle)]
unsafe extern "C" fn strlen(text: *const u8) -> usize {
    let mut len = 0;
    // SAFETY: the caller vouches for every byte up to the NUL, and none behind it is read.
    while unsafe { text.add(len).read_volatile() } != 0 {
        len += 1;
    }
    len
}
