//! Global descriptor table and task state segment (SDM volume 3, sections 3.4.5 and 8.7).
//!
//! Invariant: the selectors are those of Linux, since SYSCALL and SYSRET derive four of them from one register
//! ([`msr`](super::msr)) and so dictate their order.

use kvm_bindings::{kvm_dtable, kvm_segment};
use vm_memory::{GuestMemoryError, GuestMemoryMmap};

use crate::layout::{FAULT_STACK_TOP, GDT, TSS};

/// Ring 0 code. SYSCALL adds 8 to it for the stack segment.
pub const KERNEL_CODE: u16 = 0x10;
/// Ring 0 data.
pub const KERNEL_DATA: u16 = 0x18;
/// Ring 3 code of 32 bits, never used: SYSRET adds 8 for the stack segment and 16 for 64-bit code.
pub const USER_CODE_32: u16 = 0x23;
/// Ring 3 data.
pub const USER_DATA: u16 = 0x2b;
/// Ring 3 code.
pub const USER_CODE: u16 = 0x33;
/// The task state segment, a descriptor of 16 bytes.
pub const TASK_STATE: u16 = 0x40;

const ENTRIES: usize = 10;
/// Size of a 64-bit TSS without an I/O permission map (SDM figure 8-11).
const TSS_SIZE: u32 = 0x68;

/// Access byte: present, code or data segment (S), accessed; then the bits that differ.
pub(crate) const CODE: u8 = 0b1001_1011;
pub(crate) const DATA: u8 = 0b1001_0011;
/// Present, 64-bit TSS, busy (SDM table 3-2).
const BUSY_TSS: u8 = 0b1000_1011;
const DPL_3: u8 = 3 << 5;
/// Granularity 4 KiB with 64-bit code (L), or with 32-bit default size (D/B).
pub(crate) const LONG: u8 = 0b1010;
pub(crate) const BITS_32: u8 = 0b1100;

/// A flat segment descriptor.
pub(crate) const fn descriptor(access: u8, flags: u8) -> u64 {
    0x000f_0000_0000_ffff | (access as u64) << 40 | (flags as u64) << 52
}

/// Writes the table and the task state segment.
pub fn write(memory: &GuestMemoryMmap) -> Result<(), GuestMemoryError> {
    let mut gdt = [0; ENTRIES];
    gdt[usize::from(KERNEL_CODE >> 3)] = descriptor(CODE, LONG);
    gdt[usize::from(KERNEL_DATA >> 3)] = descriptor(DATA, BITS_32);
    gdt[usize::from(USER_CODE_32 >> 3)] = descriptor(CODE | DPL_3, BITS_32);
    gdt[usize::from(USER_DATA >> 3)] = descriptor(DATA | DPL_3, BITS_32);
    gdt[usize::from(USER_CODE >> 3)] = descriptor(CODE | DPL_3, LONG);
    // Low half of the TSS descriptor; the base fits 32 bits, so the high half stays 0. No granularity bit: the limit
    // counts bytes.
    gdt[usize::from(TASK_STATE >> 3)] =
        u64::from(TSS_SIZE - 1) | (TSS & 0xff_ffff) << 16 | u64::from(BUSY_TSS) << 40 | (TSS >> 24) << 56;
    super::write_table(memory, GDT, &gdt)?;

    // RSP0 at 4 and IST1 at 36: odd multiples of 4, hence bytes and not a table of u64.
    let mut tss = [0; TSS_SIZE as usize];
    tss[0x04..0x0c].copy_from_slice(&FAULT_STACK_TOP.to_le_bytes());
    tss[0x24..0x2c].copy_from_slice(&FAULT_STACK_TOP.to_le_bytes());
    // An I/O map base at the limit means: no map, so ring 3 has no ports at all (SDM volume 1, 19.5.2).
    tss[0x66..0x68].copy_from_slice(&(TSS_SIZE as u16).to_le_bytes());
    vm_memory::Bytes::write_slice(memory, &tss, vm_memory::GuestAddress(TSS))
}

/// What LGDT would load.
pub fn register() -> kvm_dtable {
    kvm_dtable { base: GDT, limit: (ENTRIES * 8 - 1) as u16, ..Default::default() }
}

/// What loading `selector` puts into the hidden part of a code (`code`) or data segment register.
pub fn segment(selector: u16, code: bool) -> kvm_segment {
    kvm_segment {
        selector,
        base: 0,
        limit: u32::MAX,
        type_: if code { CODE & 0xf } else { DATA & 0xf },
        present: 1,
        dpl: (selector & 3) as u8,
        s: 1,
        l: u8::from(code),
        db: u8::from(!code),
        g: 1,
        ..Default::default()
    }
}

/// What LTR would load.
pub fn task_register() -> kvm_segment {
    kvm_segment {
        selector: TASK_STATE,
        base: TSS,
        limit: TSS_SIZE - 1,
        type_: BUSY_TSS & 0xf,
        present: 1,
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_are_those_that_linux_uses() {
        // arch/x86/kernel/cpu/common.c, gdt_page, with the accessed bit set.
        assert_eq!(descriptor(CODE, LONG), 0x00af_9b00_0000_ffff);
        assert_eq!(descriptor(DATA, BITS_32), 0x00cf_9300_0000_ffff);
        assert_eq!(descriptor(CODE | DPL_3, BITS_32), 0x00cf_fb00_0000_ffff);
        assert_eq!(descriptor(DATA | DPL_3, BITS_32), 0x00cf_f300_0000_ffff);
        assert_eq!(descriptor(CODE | DPL_3, LONG), 0x00af_fb00_0000_ffff);
    }

    #[test]
    fn sysret_finds_its_selectors_beside_each_other() {
        assert_eq!(KERNEL_DATA, KERNEL_CODE + 8);
        assert_eq!(USER_DATA, USER_CODE_32 + 8);
        assert_eq!(USER_CODE, USER_CODE_32 + 16);
    }
}
