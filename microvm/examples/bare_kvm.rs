//! The yardstick for a machine's start: nothing but the KVM calls that no VMM can do without.
//!
//! 32 MiB of memory, the host's CPUID, one vCPU that starts in ring 3, one instruction, which is a store where
//! no memory is; the process ends at that exit. No program is loaded and nothing is reported. For a fair
//! comparison link it statically, as the VMM is:
//!
//! ```text
//! RUSTFLAGS=-Ctarget-feature=+crt-static \
//!     cargo build --release -p microvm --example bare_kvm --target x86_64-unknown-linux-gnu
//! ```

use std::error::Error;

use kvm_bindings::{KVM_MAX_CPUID_ENTRIES, kvm_userspace_memory_region};
use kvm_ioctls::{Kvm, VcpuExit};
use microvm::arch::{gdt, paging, regs};
use microvm::layout::{DOORBELL, DOORBELL_GPA, USER_BASE};
use vm_memory::{Bytes, GuestAddress, GuestMemoryBackend, GuestMemoryMmap};

const MEMORY: u64 = 32 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let memory: GuestMemoryMmap = GuestMemoryMmap::from_ranges(&[(GuestAddress(0), MEMORY as usize)])?;
    gdt::write(&memory)?;
    paging::write(&memory, MEMORY)?;
    // mov [DOORBELL], eax
    let store = [&[0x89, 0x04, 0x25][..], &(DOORBELL as u32).to_le_bytes()].concat();
    memory.write_slice(&store, GuestAddress(USER_BASE))?;

    let kvm = Kvm::new()?;
    let vm = kvm.create_vm()?;
    let region = kvm_userspace_memory_region {
        memory_size: MEMORY,
        userspace_addr: memory.get_host_address(GuestAddress(0))? as u64,
        ..Default::default()
    };
    // SAFETY: the region is the mapping that `memory` owns and unmaps only after the VM is gone.
    unsafe { vm.set_user_memory_region(region)? };
    let mut vcpu = vm.create_vcpu(0)?;
    vcpu.set_cpuid2(&kvm.get_supported_cpuid(KVM_MAX_CPUID_ENTRIES)?)?;
    let mut sregs = vcpu.get_sregs()?;
    regs::system(&mut sregs, regs::Ring::User, false);
    vcpu.set_sregs(&sregs)?;
    vcpu.set_regs(&regs::general(USER_BASE, MEMORY))?;
    match vcpu.run()? {
        VcpuExit::MmioWrite(DOORBELL_GPA, _) => Ok(()),
        other => Err(format!("the guest left by {other:?}").into()),
    }
}
