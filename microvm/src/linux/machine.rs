//! One virtual machine for a Linux guest: memory, kernel, tables, KVM objects, vCPUs at their first instruction.
//!
//! Invariant: the memory slot comes before the interrupt controllers, and these before the vCPUs; the first order
//! spares KVM a grace period of several milliseconds, the second KVM demands.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use kvm_bindings::{CpuId, KVM_MAX_CPUID_ENTRIES, KVM_PIT_SPEAKER_DUMMY, kvm_pit_config};
use kvm_ioctls::{Cap, Kvm, VcpuFd, VmFd};
use vm_memory::{Bytes, GuestAddress, GuestMemoryMmap};

use super::boot_params::{self, Boot};
use super::config::MAX_VCPUS;
use super::cpu::{self, Topology};
use super::devices::{AGENT_IRQ, CONSOLE_IRQ, Irq};
use super::kernel::{Kernel, Loaded};
use super::layout::{CMDLINE, CMDLINE_ROOM};
use super::{Error, acpi, cmdline, host_error};
use crate::layout::PAGE_SIZE;
use crate::vmm::machine::{create_vm, guest_ram, kvm_error, map_memory, open_kvm, set_msrs};

/// What runs in the machine.
#[derive(Debug)]
pub struct Guest<'a> {
    /// The kernel's file.
    pub kernel: &'a Path,
    /// The root file system.
    pub initramfs: &'a File,
    /// Added to the command line.
    pub extra_cmdline: &'a str,
    /// Arguments of init.
    pub args: &'a [Vec<u8>],
    /// Guest memory in bytes.
    pub memory_bytes: u64,
    /// Number of vCPUs.
    pub vcpus: u32,
    /// Leave CMPXCHG16B out of CPUID.
    pub hide_cx16: bool,
}

/// A machine.
#[derive(Debug)]
pub struct Machine {
    // Field order is drop order: vCPUs before the VM, the VM before the memory it points to.
    pub(super) vcpus: Vec<VcpuFd>,
    pub(super) console_irq: Irq,
    pub(super) agent_irq: Irq,
    pub(super) _vm: VmFd,
    pub(super) memory: GuestMemoryMmap,
}

impl Machine {
    /// Sets a machine up; `stamp` is called with each phase's name when the phase is over.
    pub fn new(guest: &Guest<'_>, mut stamp: impl FnMut(&'static str)) -> Result<Machine, Error> {
        let memory = map_memory(guest.memory_bytes)?;
        stamp("memory");

        let kernel = load(guest, &memory)?;
        acpi::write(&memory, guest.vcpus as u8)?;
        cpu::write_tables(&memory)?;
        stamp("load");

        let kvm = open_kvm()?;
        let most = kvm.get_max_vcpus().min(MAX_VCPUS as usize) as u32;
        if !(1..=most).contains(&guest.vcpus) {
            return Err(Error::Vcpus { wanted: guest.vcpus, most });
        }
        let vm = create_vm(&kvm, &memory, guest.memory_bytes)?;
        let (console_irq, agent_irq) = create_interrupt_controllers(&vm)?;
        let vcpus = create_vcpus(&kvm, &vm, guest, &kernel)?;
        stamp("kvm_objects");
        Ok(Machine { vcpus, console_irq, agent_irq, _vm: vm, memory })
    }

    /// Where guest memory is mapped in this process: address and length in bytes.
    pub fn guest_ram(&self) -> (u64, u64) {
        guest_ram(&self.memory)
    }
}

/// Puts kernel, initramfs, command line and zero page into memory.
fn load(guest: &Guest<'_>, memory: &GuestMemoryMmap) -> Result<Loaded, Error> {
    let path = || guest.kernel.display().to_string();
    let file = File::open(guest.kernel).map_err(|source| Error::OpenKernel { path: path(), source })?;
    let kernel =
        Kernel::open(file, guest.memory_bytes).map_err(|source| Error::Kernel { path: path(), source })?;

    let line = cmdline::build(guest.extra_cmdline, guest.args, kernel.cmdline_limit.min(CMDLINE_ROOM - 1))?;
    // Guest memory is zero: the NUL is there.
    memory.write_slice(&line, GuestAddress(CMDLINE))?;
    let initramfs = load_initramfs(guest, &kernel, memory)?;
    let loaded = kernel.load(memory)?;
    let boot =
        Boot { header: loaded.header, cmdline_len: line.len() as u32, initramfs, memory: guest.memory_bytes };
    boot_params::write(memory, &boot)?;
    Ok(loaded)
}

/// Puts the initramfs at the end of memory, or as high as the kernel takes it. Returns its address and size.
fn load_initramfs(guest: &Guest<'_>, kernel: &Kernel, memory: &GuestMemoryMmap) -> Result<(u32, u32), Error> {
    let bytes = guest.initramfs.metadata().map_err(Error::ReadInitramfs)?.len();
    let no_room = || Error::InitramfsRoom { bytes, memory: guest.memory_bytes, kernel: kernel.end };
    let top = guest.memory_bytes.min(kernel.initrd_max.saturating_add(1));
    let start = top.checked_sub(bytes).ok_or_else(no_room)? / PAGE_SIZE * PAGE_SIZE;
    if start < kernel.end {
        return Err(no_room());
    }
    let mut buffer = vec![0; 1 << 16];
    let mut done = 0;
    while done < bytes {
        let part = &mut buffer[..(bytes - done).min(1 << 16) as usize];
        guest.initramfs.read_exact_at(part, done).map_err(Error::ReadInitramfs)?;
        memory.write_slice(part, GuestAddress(start + done))?;
        done += part.len() as u64;
    }
    // Guest memory ends at 2 GiB.
    Ok((start as u32, bytes as u32))
}

/// Creates the 8259s, the I/O APIC and the timer in KVM, and the two lines of the UARTs.
fn create_interrupt_controllers(vm: &VmFd) -> Result<(Irq, Irq), Error> {
    vm.create_irq_chip().map_err(kvm_error("KVM_CREATE_IRQCHIP"))?;
    // With port 0x61, where a kernel that measures its clocks by the timer looks.
    let timer = kvm_pit_config { flags: KVM_PIT_SPEAKER_DUMMY, ..Default::default() };
    vm.create_pit2(timer).map_err(kvm_error("KVM_CREATE_PIT2"))?;
    let line = |number| -> Result<Irq, Error> {
        let irq = Irq::new().map_err(host_error("eventfd"))?;
        vm.register_irqfd(irq.eventfd(), number).map_err(kvm_error("KVM_IRQFD"))?;
        Ok(irq)
    };
    Ok((line(CONSOLE_IRQ)?, line(AGENT_IRQ)?))
}

/// Creates the vCPUs. The first one starts at the kernel's entry; the others wait in KVM until the guest calls
/// them.
fn create_vcpus(kvm: &Kvm, vm: &VmFd, guest: &Guest<'_>, kernel: &Loaded) -> Result<Vec<VcpuFd>, Error> {
    let supported: CpuId =
        kvm.get_supported_cpuid(KVM_MAX_CPUID_ENTRIES).map_err(kvm_error("KVM_GET_SUPPORTED_CPUID"))?;
    let topology = Topology {
        vcpus: guest.vcpus,
        tsc_deadline: kvm.check_extension(Cap::TscDeadlineTimer),
        hide_cx16: guest.hide_cx16,
    };
    (0..guest.vcpus)
        .map(|id| {
            let vcpu = vm.create_vcpu(id.into()).map_err(kvm_error("KVM_CREATE_VCPU"))?;
            let cpuid = cpu::cpuid(&supported, id, topology)?;
            vcpu.set_cpuid2(&cpuid).map_err(kvm_error("KVM_SET_CPUID2"))?;
            set_msrs(&vcpu, &cpu::msrs())?;
            let mut lapic = vcpu.get_lapic().map_err(kvm_error("KVM_GET_LAPIC"))?;
            cpu::local_pins(&mut lapic);
            vcpu.set_lapic(&lapic).map_err(kvm_error("KVM_SET_LAPIC"))?;
            if id == 0 {
                let mut sregs = vcpu.get_sregs().map_err(kvm_error("KVM_GET_SREGS"))?;
                cpu::system(&mut sregs);
                vcpu.set_sregs(&sregs).map_err(kvm_error("KVM_SET_SREGS"))?;
                vcpu.set_regs(&cpu::general(kernel.entry)).map_err(kvm_error("KVM_SET_REGS"))?;
            }
            Ok(vcpu)
        })
        .collect()
}
