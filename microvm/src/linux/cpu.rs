//! The vCPUs' first state: where Linux's 64-bit boot protocol wants them (Documentation/arch/x86/boot.rst), and
//! what CPUID tells of the machine's topology.
//!
//! Registers and leaves: SDM volumes 2 and 3, AMD64 manual volume 3, appendix E.

use kvm_bindings::{
    CpuId, Msrs, kvm_cpuid_entry2, kvm_dtable, kvm_lapic_state, kvm_msr_entry, kvm_regs, kvm_sregs,
};
use vm_memory::GuestMemoryMmap;

use super::Error;
use super::layout::{BOOT_PARAMS, BOOT_STACK, GDT, PAGE_DIRECTORY, PDPT, PML4};
use crate::arch::{gdt, write_table};

/// PE, ET, PG: protection and paging, and nothing that the kernel does not turn on itself.
const CR0: u64 = 1 | 1 << 4 | 1 << 31;
const CR4_PAE: u64 = 1 << 5;
/// Long mode enable and active.
const EFER: u64 = 1 << 8 | 1 << 10;
/// The bit of RFLAGS that is always 1; interrupts are off, as the boot protocol demands.
const RFLAGS: u64 = 1 << 1;

const PRESENT_WRITABLE: u64 = 1 | 1 << 1;
const LARGE: u64 = 1 << 7;

const MSR_IA32_MISC_ENABLE: u32 = 0x1a0;
const MISC_ENABLE_FAST_STRING: u64 = 1;
const MSR_MTRR_DEF_TYPE: u32 = 0x2ff;
/// MTRRs enabled, default type write-back: what firmware leaves behind for RAM.
const MTRR_WRITE_BACK: u64 = 1 << 11 | 6;

/// Local APIC registers (SDM volume 3, table 11-1) and delivery modes (figure 11-8).
const APIC_LVT_LINT0: usize = 0x350;
const APIC_LVT_LINT1: usize = 0x360;
const MODE_EXTINT: u32 = 7 << 8;
const MODE_NMI: u32 = 4 << 8;

/// Writes segment descriptors and the identity map of the first GiB, in pages of 2 MiB.
pub fn write_tables(memory: &GuestMemoryMmap) -> Result<(), Error> {
    let descriptors = [0, 0, gdt::descriptor(gdt::CODE, gdt::LONG), gdt::descriptor(gdt::DATA, gdt::BITS_32)];
    write_table(memory, GDT, &descriptors)?;
    write_table(memory, PML4, &[PDPT | PRESENT_WRITABLE])?;
    write_table(memory, PDPT, &[PAGE_DIRECTORY | PRESENT_WRITABLE])?;
    let pages: Vec<u64> = (0..512).map(|page| page << 21 | PRESENT_WRITABLE | LARGE).collect();
    write_table(memory, PAGE_DIRECTORY, &pages)?;
    Ok(())
}

/// Puts the first vCPU into 64-bit mode.
pub fn system(sregs: &mut kvm_sregs) {
    sregs.cr0 = CR0;
    sregs.cr3 = PML4;
    sregs.cr4 = CR4_PAE;
    sregs.efer = EFER;
    sregs.gdt = kvm_dtable { base: GDT, limit: 4 * 8 - 1, ..Default::default() };
    sregs.idt = kvm_dtable::default();
    sregs.cs = gdt::segment(gdt::KERNEL_CODE, true);
    sregs.ss = gdt::segment(gdt::KERNEL_DATA, false);
    [sregs.ds, sregs.es, sregs.fs, sregs.gs] = [sregs.ss; 4];
}

/// At `entry`, with the address of the zero page in RSI.
pub fn general(entry: u64) -> kvm_regs {
    kvm_regs { rip: entry, rsi: BOOT_PARAMS, rsp: BOOT_STACK, rflags: RFLAGS, ..Default::default() }
}

/// What firmware would have set.
pub fn msrs() -> Msrs {
    let msr = |index, data| kvm_msr_entry { index, data, ..Default::default() };
    let list = [msr(MSR_IA32_MISC_ENABLE, MISC_ENABLE_FAST_STRING), msr(MSR_MTRR_DEF_TYPE, MTRR_WRITE_BACK)];
    // It fails only above KVM_MAX_MSR_ENTRIES, which is 256.
    Msrs::from_entries(&list).expect("two registers are few")
}

/// Local interrupt pins as firmware leaves them: the 8259 controllers on pin 0, NMI on pin 1 (virtual wire mode,
/// MultiProcessor Specification 1.4, section 3.6.2.2).
pub fn local_pins(lapic: &mut kvm_lapic_state) {
    for (at, mode) in [(APIC_LVT_LINT0, MODE_EXTINT), (APIC_LVT_LINT1, MODE_NMI)] {
        for (register, byte) in lapic.regs[at..at + 4].iter_mut().zip(mode.to_le_bytes()) {
            *register = byte as _;
        }
    }
}

/// What is to be said of the processors.
#[derive(Debug, Clone, Copy)]
pub struct Topology {
    /// Number of vCPUs: cores of one package, one thread each.
    pub vcpus: u32,
    /// KVM's local APIC has the TSC-deadline timer, which spares the guest from measuring its APIC timer (100 ms).
    pub tsc_deadline: bool,
    /// Leave CMPXCHG16B out.
    pub hide_cx16: bool,
}

/// KVM's answer for the vCPU `id`, number and topology set right.
pub fn cpuid(supported: &CpuId, id: u32, topology: Topology) -> Result<CpuId, Error> {
    let Topology { vcpus, tsc_deadline, hide_cx16 } = topology;
    // Bits of an APIC identifier that number the cores.
    let bits = vcpus.next_power_of_two().trailing_zeros();
    let entries = supported.as_slice();
    let extended_topology = entries.iter().any(|entry| entry.function == 0xb);
    let mut adjusted: Vec<kvm_cpuid_entry2> = entries
        .iter()
        // These describe the host's packages; leaf 0xb is made anew below, 0x1f and 0x80000026 refine it.
        .filter(|entry| !matches!(entry.function, 0xb | 0x1f | 0x8000_0026))
        .copied()
        .collect();
    for entry in &mut adjusted {
        match entry.function {
            1 => {
                entry.ebx = entry.ebx & 0xffff | id << 24 | vcpus.min(255) << 16;
                set(&mut entry.edx, 28, vcpus > 1);
                set(&mut entry.ecx, 31, true);
                set(&mut entry.ecx, 24, tsc_deadline);
                if hide_cx16 {
                    set(&mut entry.ecx, 13, false);
                }
            }
            // Caches: bits 25-14 the logical processors that share one, 31-26 the cores of the package (Intel only).
            4 | 0x8000_001d if entry.eax & 0x1f != 0 => {
                let level = entry.eax >> 5 & 7;
                let sharing = if level >= 3 { (1 << bits) - 1 } else { 0 };
                entry.eax = entry.eax & 0x3fff | sharing << 14;
                if entry.function == 4 {
                    entry.eax |= ((1u32 << bits) - 1).min(63) << 26;
                }
            }
            0x8000_0001 => set(&mut entry.ecx, 1, vcpus > 1),
            0x8000_0008 => entry.ecx = bits << 12 | (vcpus - 1) & 0xff,
            // Extended APIC id; core id with one thread per core; node 0.
            0x8000_001e => (entry.eax, entry.ebx, entry.ecx) = (id, id & 0xff, 0),
            _ => {}
        }
    }
    if extended_topology {
        let level = |index, shift, processors, kind: u32| kvm_cpuid_entry2 {
            function: 0xb,
            index,
            flags: kvm_bindings::KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
            eax: shift,
            ebx: processors,
            ecx: kind << 8 | index,
            edx: id,
            ..Default::default()
        };
        // Threads of a core, cores of the package, the end.
        adjusted.extend([level(0, 0, 1, 1), level(1, bits, vcpus, 2), level(2, 0, 0, 0)]);
    }
    CpuId::from_entries(&adjusted).map_err(|error| Error::Cpuid(format!("{error:?}")))
}

fn set(register: &mut u32, bit: u32, value: bool) {
    *register = *register & !(1 << bit) | u32::from(value) << bit;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn supported() -> CpuId {
        let entry = |function, index| kvm_cpuid_entry2 { function, index, ..Default::default() };
        CpuId::from_entries(&[
            kvm_cpuid_entry2 { ebx: 0x0708_0800, ecx: 1 << 13, edx: 1 << 28, ..entry(1, 0) },
            kvm_cpuid_entry2 { eax: 0x143, ..entry(4, 0) },
            kvm_cpuid_entry2 { edx: 7, eax: 5, ..entry(0xb, 0) },
            kvm_cpuid_entry2 { edx: 7, eax: 5, ..entry(0x1f, 0) },
            entry(0x8000_0008, 0),
            entry(0x8000_001e, 0),
        ])
        .unwrap()
    }

    fn leaf(cpuid: &CpuId, function: u32, index: u32) -> kvm_cpuid_entry2 {
        *cpuid.as_slice().iter().find(|e| (e.function, e.index) == (function, index)).unwrap()
    }

    #[test]
    fn every_vcpu_has_its_number_in_every_leaf_that_tells_it() {
        let topology = Topology { vcpus: 6, tsc_deadline: true, hide_cx16: false };
        for id in 0..6 {
            let cpuid = cpuid(&supported(), id, topology).unwrap();
            assert_eq!(leaf(&cpuid, 1, 0).ebx >> 24, id);
            assert_eq!(leaf(&cpuid, 1, 0).ebx >> 16 & 0xff, 6);
            assert_eq!((leaf(&cpuid, 0xb, 0).edx, leaf(&cpuid, 0xb, 1).edx), (id, id));
            assert_eq!(leaf(&cpuid, 0x8000_001e, 0).eax, id);
            assert_eq!((leaf(&cpuid, 0xb, 1).eax, leaf(&cpuid, 0xb, 1).ebx), (3, 6), "8 numbers, 6 cores");
            assert!(!cpuid.as_slice().iter().any(|entry| entry.function == 0x1f));
        }
    }

    #[test]
    fn one_processor_shares_nothing_and_features_are_as_asked() {
        let topology = Topology { vcpus: 1, tsc_deadline: false, hide_cx16: true };
        let cpuid = cpuid(&supported(), 0, topology).unwrap();
        assert_eq!(leaf(&cpuid, 1, 0).edx & 1 << 28, 0, "no HTT");
        assert_eq!(leaf(&cpuid, 1, 0).ecx, 1 << 31, "neither CX16 nor the deadline timer, but a hypervisor");
        assert_eq!(leaf(&cpuid, 4, 0).eax, 0x143);
    }
}
