//! CPUID: the guest sees what KVM supports of the host, so that a program uses the same vector units as natively.
//!
//! Leaves and bits: SDM volume 2, CPUID.

use kvm_bindings::{CpuId, kvm_cpuid_entry2};

const LEAF_1_ECX_XSAVE: u32 = 1 << 26;
const LEAF_7_EBX_FSGSBASE: u32 = 1 << 0;

/// What the VMM needs to know of the vCPU's features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Features {
    /// State components that XCR0 may enable; 0 without XSAVE.
    pub xcr0: u64,
    /// Leaf 1's EDX, which Linux hands to programs as AT_HWCAP.
    pub hwcap: u32,
}

/// Makes KVM's answer that of a machine with one processor, number 0, and reads the features from it.
pub fn prepare(cpuid: &mut CpuId) -> Features {
    let mut features = Features::default();
    let mut xsave = false;
    for entry in cpuid.as_mut_slice() {
        match (entry.function, entry.index) {
            (1, _) => {
                // Initial APIC id (bits 31-24) and logical processors (23-16): KVM copies those of the host's CPU.
                entry.ebx = entry.ebx & 0xffff | 1 << 16;
                xsave = entry.ecx & LEAF_1_ECX_XSAVE != 0;
                features.hwcap = entry.edx;
            }
            // x2APIC id.
            (0xb | 0x1f, _) => entry.edx = 0,
            (0xd, 0) => features.xcr0 = state_components(entry),
            _ => {}
        }
    }
    if !xsave {
        features.xcr0 = 0;
    }
    features
}

fn state_components(entry: &kvm_cpuid_entry2) -> u64 {
    u64::from(entry.edx) << 32 | u64::from(entry.eax)
}

/// Whether the host's processor has WRFSBASE and its kin. KVM lets a guest use them exactly then, even a KVM
/// that does not say so in its list.
pub fn host_has_fsgsbase() -> bool {
    let [highest, leaf_7] = [0, 7].map(|leaf| core::arch::x86_64::__cpuid_count(leaf, 0));
    highest.eax >= 7 && leaf_7.ebx & LEAF_7_EBX_FSGSBASE != 0
}

/// Whether the host's processor is Intel's, whose KVM alone needs KVM_SET_TSS_ADDR.
pub fn host_is_intel() -> bool {
    let leaf = core::arch::x86_64::__cpuid(0);
    [leaf.ebx, leaf.edx, leaf.ecx] == [*b"Genu", *b"ineI", *b"ntel"].map(u32::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cpuid(leaf_1_ecx: u32) -> CpuId {
        let entry = |function, index| kvm_cpuid_entry2 { function, index, ..Default::default() };
        CpuId::from_entries(&[
            kvm_cpuid_entry2 { ebx: 0x0708_0800, ecx: leaf_1_ecx, edx: 0x178b_fbff, ..entry(1, 0) },
            kvm_cpuid_entry2 { edx: 7, ..entry(0xb, 1) },
            kvm_cpuid_entry2 { eax: 0xe7, edx: 1, ..entry(0xd, 0) },
            kvm_cpuid_entry2 { eax: 0xf, ..entry(0xd, 1) },
        ])
        .unwrap()
    }

    #[test]
    fn features_are_read_and_the_processor_becomes_number_0() {
        let mut cpuid = cpuid(LEAF_1_ECX_XSAVE);
        let features = prepare(&mut cpuid);
        let expected = Features { xcr0: 0x1_0000_00e7, hwcap: 0x178b_fbff };
        assert_eq!(features, expected);
        assert_eq!(cpuid.as_slice()[0].ebx, 0x0001_0800);
        assert_eq!(cpuid.as_slice()[1].edx, 0);
    }

    #[test]
    fn without_xsave_there_is_no_xcr0() {
        assert_eq!(prepare(&mut cpuid(0)).xcr0, 0);
    }
}
