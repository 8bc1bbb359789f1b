//! Calls to the VMM (`protocol`).

use core::ptr;
use core::sync::atomic::{Ordering, compiler_fence};

use crate::entry::invalid_opcode;
use crate::layout::DOORBELL;
use crate::protocol::{MAILBOX, Mailbox, REQUEST_EXIT, REQUEST_READ, REQUEST_WRITE};

/// write(2) to the console; the result is the system call's.
pub fn write(descriptor: u64, address: u64, length: u64) -> u64 {
    ring(REQUEST_WRITE, [descriptor, address, length])
}

/// read(2) from the console.
pub fn read(address: u64, length: u64) -> u64 {
    ring(REQUEST_READ, [0, address, length])
}

/// exit(2).
pub fn exit(status: u64) -> ! {
    ring(REQUEST_EXIT, [status, 0, 0]);
    // The VMM does not come back.
    invalid_opcode()
}

fn ring(request: u32, [arg0, arg1, arg2]: [u64; 3]) -> u64 {
    let mailbox = ptr::with_exposed_provenance_mut::<Mailbox>(MAILBOX as usize);
    let doorbell = ptr::with_exposed_provenance_mut::<u32>(DOORBELL as usize);
    // SAFETY: the mailbox is mapped memory that only this function uses. The store at the doorbell leaves the
    // guest; the VMM reads and writes the mailbox, and memory that the program named, before it returns.
    // Volatile and fenced, so that the compiler neither moves nor assumes any of it.
    unsafe {
        mailbox.write_volatile(Mailbox { arg0, arg1, arg2, result: 0 });
        compiler_fence(Ordering::SeqCst);
        doorbell.write_volatile(request);
        compiler_fence(Ordering::SeqCst);
        (&raw const (*mailbox).result).read_volatile()
    }
}
