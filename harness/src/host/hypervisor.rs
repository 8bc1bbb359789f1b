//! The layer below: is this machine itself a virtual machine, and whose?

use std::arch::x86_64::__cpuid;

/// "Hypervisor present", CPUID leaf 1, ECX bit 31 (reserved for this use by both vendors).
const HYPERVISOR_PRESENT: u32 = 1 << 31;
/// The leaf that holds the hypervisor's signature (Linux: arch/x86/include/asm/processor.h,
/// `hypervisor_cpuid_base`).
const HYPERVISOR_SIGNATURE: u32 = 0x4000_0000;

/// The hypervisor that this machine runs under, or `None` on bare metal.
pub fn hypervisor() -> Option<String> {
    if __cpuid(1).ecx & HYPERVISOR_PRESENT == 0 {
        return None;
    }
    let leaf = __cpuid(HYPERVISOR_SIGNATURE);
    let signature: Vec<u8> = [leaf.ebx, leaf.ecx, leaf.edx].iter().flat_map(|r| r.to_le_bytes()).collect();
    let signature = String::from_utf8_lossy(&signature);
    Some(name(signature.trim_end_matches('\0')))
}

fn name(signature: &str) -> String {
    let (name, kind) = match signature {
        "KVMKVMKVM" => ("KVM", "type 1 or 2, by use"),
        "XenVMMXenVMM" => ("Xen", "type 1"),
        "Microsoft Hv" => ("Hyper-V", "type 1"),
        "VMwareVMware" => ("VMware", "ESXi is type 1, Workstation type 2"),
        "VBoxVBoxVBox" => ("VirtualBox", "type 2"),
        "TCGTCGTCGTCG" => ("QEMU (TCG)", "emulator"),
        "bhyve bhyve " | "bhyve bhyve" => ("bhyve", "type 2"),
        "ACRNACRNACRN" => ("ACRN", "type 1"),
        other => return format!("unknown ({:?})", other),
    };
    format!("{name} ({kind})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_signature_has_a_name_and_an_unknown_one_is_shown() {
        assert!(name("KVMKVMKVM").starts_with("KVM"));
        assert_eq!(name("Foo\u{7}"), "unknown (\"Foo\\u{7}\")");
    }
}
