//! The agent: crate root of the ELF that runs one workload inside an instance and reports events on standard
//! output.
//!
//! `build.rs` compiles it; Cargo does not know it as a target. It has no libc and no allocator, so that its
//! start-up cost is the kernel's and nothing else, and so that it runs on the few system calls of a
//! unikernel.
//!
//! Invariant: READY is the first system call, except in a Linux guest of which the agent is `/init`, and except where a
//! test asks for a delay.

#![no_std]
#![no_main]

#[expect(dead_code, reason = "the agent only looks up names; the descriptions are for the library")]
mod catalogue;
mod command;
mod delay;
mod events;
mod init;
mod intrinsics;
mod meter;
mod sys;
mod work;

use core::{arch::naked_asm, panic::PanicInfo};

/// Where the kernel enters: the argument vector lies at RSP (System V ABI for x86-64, section 3.4.1), which
/// is 16-byte aligned. RBP is cleared to mark the outermost frame, as the ABI suggests.
// SAFETY: the name is the linker's default entry point, and nothing else in this program defines it.
#[unsafe(no_mangle)]
#[unsafe(naked)]
unsafe extern "C" fn _start() -> ! {
    naked_asm!("xor ebp, ebp", "mov rdi, rsp", "call {enter}", "ud2", enter = sym enter)
}

/// The first Rust function.
///
/// # Safety
///
/// `stack` must be the stack pointer at process entry.
unsafe extern "C" fn enter(stack: *const usize) -> ! {
    // SAFETY: this is the pointer that `_start` was entered with, as the caller vouches.
    init::end(unsafe { command::enter(stack) })
}

/// A bug in the agent becomes an error event, so that the host can show it instead of a bare exit status.
#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let _ = match info.location() {
        Some(at) => events::error(sys::STDOUT, format_args!("agent panicked at {}:{}", at.file(), at.line())),
        None => events::error(sys::STDOUT, format_args!("agent panicked")),
    };
    init::end(1)
}
