//! Interrupt descriptor table (SDM volume 3, section 6.14).
//!
//! Invariant: every exception goes to the guest kernel's stub of its number, in ring 0, on a stack of its own,
//! so that a fault can be reported whatever the stack pointer was. There are no interrupts in this guest.

use kvm_bindings::kvm_dtable;
use vm_memory::{GuestMemoryError, GuestMemoryMmap};

use super::gdt::KERNEL_CODE;
use crate::layout::{FAULT_STUB_SIZE, FAULT_STUBS, IDT, KERNEL_BASE};

/// Present, 64-bit interrupt gate.
const INTERRUPT_GATE: u64 = 0b1000_1110;
const DPL_3: u64 = 3 << 5;
/// Entry of the interrupt stack table that every gate uses.
const IST: u64 = 1;
/// INT3 and INTO are instructions of ring 3; without DPL 3 they would be reported as protection faults.
const FROM_RING_3: [u64; 2] = [3, 4];

/// Writes the table.
pub fn write(memory: &GuestMemoryMmap) -> Result<(), GuestMemoryError> {
    let mut idt = Vec::with_capacity(2 * FAULT_STUBS as usize);
    for vector in 0..FAULT_STUBS {
        let access = if FROM_RING_3.contains(&vector) { INTERRUPT_GATE | DPL_3 } else { INTERRUPT_GATE };
        idt.extend(gate(KERNEL_BASE + vector * FAULT_STUB_SIZE, access));
    }
    super::write_table(memory, IDT, &idt)
}

/// The two halves of a gate.
const fn gate(handler: u64, access: u64) -> [u64; 2] {
    let low = (handler & 0xffff)
        | (KERNEL_CODE as u64) << 16
        | IST << 32
        | access << 40
        | ((handler >> 16) & 0xffff) << 48;
    [low, handler >> 32]
}

/// What LIDT would load.
pub fn register() -> kvm_dtable {
    kvm_dtable { base: IDT, limit: (FAULT_STUBS * 16 - 1) as u16, ..Default::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_spreads_its_handler_over_three_fields() {
        assert_eq!(gate(0x1122_3344_5566_7788, INTERRUPT_GATE), [0x5566_8e01_0010_7788, 0x1122_3344]);
    }
}
