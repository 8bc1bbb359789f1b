//! The embedded guest kernel: a subset of Linux's system calls for one static program in one address space.
//!
//! There is no boot code: the VMM starts the vCPU at the program's first instruction. This kernel is entered by
//! SYSCALL and by exceptions only. It runs in ring 0 with hardware virtualization and in ring 3 where the KVM
//! does without, and nothing but the last instructions of the entry path depends on that. Invariants: one vCPU,
//! no interrupts, no entry while inside, hence no locks; calls are served here, only console traffic, exit and
//! faults ring the doorbell.
#![no_std]
#![no_main]
#![deny(unsafe_op_in_unsafe_fn)]

#[path = "../src/layout.rs"]
#[expect(dead_code, reason = "the VMM needs the rest")]
mod layout;
#[path = "../src/protocol.rs"]
mod protocol;

mod calls;
mod clock;
mod doorbell;
mod entry;
mod errno;
mod files;
mod heap;
mod intrinsics;
mod pages;
mod user;

use core::panic::PanicInfo;

/// A defect of the kernel: report it as the fault that `ud2` is.
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    entry::invalid_opcode()
}
