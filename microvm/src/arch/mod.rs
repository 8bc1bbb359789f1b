//! The vCPU's first state: one module for each thing the processor manuals have a chapter for.
//!
//! Invariant: a vCPU prepared here executes its first instruction in ring 3, 64-bit mode, with paging on, so that no
//! guest needs boot code. References are to the Intel SDM and, for SYSCALL, AMD's manual.

pub mod cpuid;
pub mod gdt;
pub mod idt;
pub mod msr;
pub mod paging;
pub mod regs;

use vm_memory::{Bytes, GuestAddress, GuestMemoryMmap};

/// Writes 64-bit table entries, one after the other, to `address`.
pub(crate) fn write_table(
    memory: &GuestMemoryMmap,
    address: u64,
    entries: &[u64],
) -> Result<(), vm_memory::GuestMemoryError> {
    let bytes: Vec<u8> = entries.iter().flat_map(|entry| entry.to_le_bytes()).collect();
    memory.write_slice(&bytes, GuestAddress(address))
}
