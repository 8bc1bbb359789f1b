//! Model-specific registers for SYSCALL and SYSRET (AMD64 manual volume 2, section 6.1.1).

use kvm_bindings::{Msrs, kvm_msr_entry};

use super::gdt::{KERNEL_CODE, USER_CODE_32};
use crate::layout::SYSCALL_ENTRY;

const MSR_IA32_TSC: u32 = 0x10;
const MSR_STAR: u32 = 0xc000_0081;
const MSR_LSTAR: u32 = 0xc000_0082;
const MSR_SYSCALL_MASK: u32 = 0xc000_0084;

/// RFLAGS bits that SYSCALL clears: trap, interrupt, direction, I/O privilege, nested task and alignment check,
/// the part of Linux's mask (arch/x86/kernel/cpu/common.c, syscall_init) that matters to a handler.
const SYSCALL_MASK: u64 = 1 << 8 | 1 << 9 | 1 << 10 | 3 << 12 | 1 << 14 | 1 << 18;

/// The registers that make SYSCALL enter the guest kernel.
pub fn syscall_msrs() -> Msrs {
    let msr = |index, data| kvm_msr_entry { index, data, ..Default::default() };
    list(&[
        msr(MSR_STAR, u64::from(KERNEL_CODE) << 32 | u64::from(USER_CODE_32) << 48),
        msr(MSR_LSTAR, SYSCALL_ENTRY),
        msr(MSR_SYSCALL_MASK, SYSCALL_MASK),
    ])
}

/// A request for the guest's time-stamp counter.
pub fn tsc_request() -> Msrs {
    list(&[kvm_msr_entry { index: MSR_IA32_TSC, ..Default::default() }])
}

fn list(entries: &[kvm_msr_entry]) -> Msrs {
    // It fails only above KVM_MAX_MSR_ENTRIES, which is 256.
    Msrs::from_entries(entries).expect("three registers are few")
}
