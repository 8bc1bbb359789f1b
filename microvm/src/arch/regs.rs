//! General and control registers at the first instruction (SDM volume 3, sections 2.2 and 2.5).

use kvm_bindings::{kvm_regs, kvm_sregs, kvm_xcrs};

use super::{gdt, idt};
use crate::layout::PML4;

/// PE, MP, ET, NE, WP, AM, PG: what Linux runs with.
const CR0: u64 = 1 | 1 << 1 | 1 << 4 | 1 << 5 | 1 << 16 | 1 << 18 | 1 << 31;
const CR4_PAE: u64 = 1 << 5;
const CR4_OSFXSR: u64 = 1 << 9;
const CR4_OSXMMEXCPT: u64 = 1 << 10;
/// WRFSBASE is how the guest kernel sets a program's TLS base, in ring 3 or 0.
const CR4_FSGSBASE: u64 = 1 << 16;
const CR4_OSXSAVE: u64 = 1 << 18;
/// SYSCALL enable, long mode enable and active, no-execute enable.
const EFER: u64 = 1 | 1 << 8 | 1 << 10 | 1 << 11;
/// The bit of RFLAGS that is always 1.
const RFLAGS: u64 = 1 << 1;

/// The ring a vCPU starts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ring {
    /// Kernel mode; only the probe starts there.
    Kernel,
    /// User mode.
    User,
}

/// Changes a fresh vCPU's `sregs` to 64-bit mode in `ring`. `xsave`: XCR0 will be set.
pub fn system(sregs: &mut kvm_sregs, ring: Ring, xsave: bool) {
    sregs.cr0 = CR0;
    sregs.cr3 = PML4;
    sregs.cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_FSGSBASE | if xsave { CR4_OSXSAVE } else { 0 };
    sregs.efer = EFER;
    sregs.gdt = gdt::register();
    sregs.idt = idt::register();
    sregs.tr = gdt::task_register();
    let (code, data) = match ring {
        Ring::Kernel => (gdt::KERNEL_CODE, gdt::KERNEL_DATA),
        Ring::User => (gdt::USER_CODE, gdt::USER_DATA),
    };
    sregs.cs = gdt::segment(code, true);
    sregs.ss = gdt::segment(data, false);
    [sregs.ds, sregs.es, sregs.fs, sregs.gs] = [sregs.ss; 4];
}

/// Registers at `entry` with stack pointer `stack`; all others are 0, as the System V ABI likes it at process start.
pub fn general(entry: u64, stack: u64) -> kvm_regs {
    kvm_regs { rip: entry, rsp: stack, rflags: RFLAGS, ..Default::default() }
}

/// XCR0 with the state components of `mask`.
pub fn xcr0(mask: u64) -> kvm_xcrs {
    let mut xcrs = kvm_xcrs { nr_xcrs: 1, ..Default::default() };
    xcrs.xcrs[0].xcr = 0;
    xcrs.xcrs[0].value = mask;
    xcrs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_registers_are_those_of_linux() {
        assert_eq!(CR0, 0x8005_0033);
    }

    #[test]
    fn the_ring_is_in_every_selector() {
        for (ring, cpl) in [(Ring::Kernel, 0), (Ring::User, 3)] {
            let mut sregs = kvm_sregs::default();
            system(&mut sregs, ring, true);
            assert_eq!((sregs.cs.dpl, sregs.ss.dpl), (cpl, cpl));
            assert_eq!((sregs.cs.selector & 3, sregs.ss.selector & 3), (u16::from(cpl), u16::from(cpl)));
        }
    }
}
