//! One virtual machine: memory, KVM objects and a vCPU that is ready for its first instruction.
//!
//! Invariant: the steps run in the order of [`Machine::new`], which is also the cheapest: a memory slot added
//! before the vCPU, and no interrupt controller, spare KVM a grace period of several milliseconds.

use std::fs::File;
use std::io::Cursor;
use std::os::fd::BorrowedFd;
use std::path::Path;

use kvm_bindings::{KVM_MAX_CPUID_ENTRIES, Msrs, kvm_userspace_memory_region};
use kvm_ioctls::{Cap, Kvm, VcpuFd, VmFd};
use linux_loader::loader::{Elf, KernelLoader};
use nix::time::{ClockId, clock_gettime};
use vm_memory::{ByteValued, Bytes, GuestAddress, GuestMemoryBackend, GuestMemoryMmap};

use super::Error;
use crate::arch::{cpuid, gdt, idt, msr, paging, regs};
use crate::config::check_memory;
use crate::protocol::{BOOT_INFO, BootInfo, Mailbox};
use crate::{elf, layout, stack};

/// The stable API version (Documentation/virt/kvm/api.rst, KVM_GET_API_VERSION).
const KVM_API_VERSION: i32 = 12;
/// Where Intel's KVM may keep three pages of its own: behind all memory, before the doorbell.
const KVM_TSS_ADDRESS: usize = 0xc000_0000;

// SAFETY: repr(C), only u64 fields, hence no padding and no invalid bit pattern.
unsafe impl ByteValued for BootInfo {}
// SAFETY: as above.
unsafe impl ByteValued for Mailbox {}

/// What runs in the machine.
#[derive(Debug)]
pub struct GuestImage<'a> {
    /// ELF image of the guest kernel.
    pub kernel: &'a [u8],
    /// The program's path, for messages and as its name.
    pub path: &'a Path,
    /// All arguments, the program's name first.
    pub args: &'a [Vec<u8>],
    /// `NAME=value` strings.
    pub env: &'a [Vec<u8>],
    /// Guest memory in bytes.
    pub memory_bytes: u64,
}

/// A machine.
#[derive(Debug)]
pub struct Machine {
    // Field order is drop order: the vCPU before the VM, the VM before the memory it points to.
    pub(super) vcpu: VcpuFd,
    _vm: VmFd,
    pub(super) memory: GuestMemoryMmap,
    tsc_khz: u32,
}

impl Machine {
    /// Sets a machine up; `stamp` is called with each phase's name when the phase is over.
    pub fn new(image: &GuestImage<'_>, mut stamp: impl FnMut(&'static str)) -> Result<Machine, Error> {
        let memory = map_memory(image.memory_bytes)?;
        stamp("memory");

        let program = load_images(image, &memory)?;
        gdt::write(&memory)?;
        idt::write(&memory)?;
        paging::write(&memory, image.memory_bytes)?;
        stamp("load");

        let kvm = open_kvm()?;
        let vm = create_vm(&kvm, &memory, image.memory_bytes)?;
        let vcpu = vm.create_vcpu(0).map_err(kvm_error("KVM_CREATE_VCPU"))?;
        let mut supported =
            kvm.get_supported_cpuid(KVM_MAX_CPUID_ENTRIES).map_err(kvm_error("KVM_GET_SUPPORTED_CPUID"))?;
        let features = cpuid::prepare(&mut supported);
        if !cpuid::host_has_fsgsbase() {
            return Err(Error::NoFsGsBase);
        }
        vcpu.set_cpuid2(&supported).map_err(kvm_error("KVM_SET_CPUID2"))?;

        let contents = stack::Contents {
            args: image.args,
            env: image.env,
            program: &program,
            random: random()?,
            hwcap: features.hwcap,
        };
        let block = stack::build(&contents, image.memory_bytes)?;
        let stack_pointer = image.memory_bytes - block.len() as u64;
        memory.write_slice(&block, GuestAddress(stack_pointer))?;

        let xsave = features.xcr0 != 0 && kvm.check_extension(Cap::Xcrs);
        set_registers(&vcpu, regs::Ring::User, xsave, program.entry, stack_pointer)?;
        if xsave {
            // After KVM_SET_SREGS: XCR0 can be set only with CR4.OSXSAVE on.
            vcpu.set_xcrs(&regs::xcr0(features.xcr0)).map_err(kvm_error("KVM_SET_XCRS"))?;
        }

        let tsc_khz = vcpu.get_tsc_khz().map_err(kvm_error("KVM_GET_TSC_KHZ"))?.max(1);
        let boot_info = BootInfo {
            heap_start: program.end,
            heap_end: layout::guard_start(image.memory_bytes),
            memory_end: image.memory_bytes,
            stack_bytes: layout::stack_size(image.memory_bytes),
            ..clocks(&vcpu, tsc_khz)?
        };
        memory.write_obj(boot_info, GuestAddress(BOOT_INFO))?;
        stamp("kvm_objects");
        Ok(Machine { vcpu, _vm: vm, memory, tsc_khz })
    }

    /// Frequency of the guest's time-stamp counter in kHz.
    pub fn tsc_khz(&self) -> u32 {
        self.tsc_khz
    }

    /// Where guest memory is mapped in this process: address and length in bytes.
    pub fn guest_ram(&self) -> (u64, u64) {
        guest_ram(&self.memory)
    }
}

/// Where guest memory is mapped in this process: address and length in bytes.
pub(crate) fn guest_ram(memory: &GuestMemoryMmap) -> (u64, u64) {
    let address = memory.get_host_address(GuestAddress(0)).map_or(0, |pointer| pointer as u64);
    (address, memory.last_addr().0 + 1)
}

/// Opens /dev/kvm and checks its API version.
pub fn open_kvm() -> Result<Kvm, Error> {
    let kvm = Kvm::new().map_err(|source| Error::OpenKvm { source })?;
    match kvm.get_api_version() {
        KVM_API_VERSION => Ok(kvm),
        other => Err(Error::ApiVersion(other)),
    }
}

/// Makes an [`Error`] of a failed KVM call.
pub(crate) fn kvm_error(call: &'static str) -> impl FnOnce(kvm_ioctls::Error) -> Error {
    move |source| Error::Kvm { call, source }
}

/// Maps guest memory, anonymous and private: pages appear, zeroed, when they are touched. Huge pages are left to the
/// host's policy, as for any process.
pub(crate) fn map_memory(bytes: u64) -> Result<GuestMemoryMmap, Error> {
    check_memory(bytes)?;
    GuestMemoryMmap::from_ranges(&[(GuestAddress(0), bytes as usize)])
        .map_err(|error| Error::MapMemory { bytes, text: error.to_string() })
}

/// Creates a VM with `memory` at guest-physical address 0.
pub(crate) fn create_vm(kvm: &Kvm, memory: &GuestMemoryMmap, bytes: u64) -> Result<VmFd, Error> {
    let vm = kvm.create_vm().map_err(kvm_error("KVM_CREATE_VM"))?;
    if cpuid::host_is_intel() {
        // Required there (api.rst, KVM_SET_TSS_ADDR), of no use elsewhere.
        vm.set_tss_address(KVM_TSS_ADDRESS).map_err(kvm_error("KVM_SET_TSS_ADDR"))?;
    }
    let region = kvm_userspace_memory_region {
        slot: 0,
        flags: 0,
        guest_phys_addr: 0,
        memory_size: bytes,
        userspace_addr: memory.get_host_address(GuestAddress(0))? as u64,
    };
    // SAFETY: the region is the mapping that `memory` owns, `bytes` long; callers keep it mapped as long as the VM.
    unsafe { vm.set_user_memory_region(region) }.map_err(kvm_error("KVM_SET_USER_MEMORY_REGION"))?;
    Ok(vm)
}

/// Puts the vCPU at `entry` in `ring`.
pub(crate) fn set_registers(
    vcpu: &VcpuFd,
    ring: regs::Ring,
    xsave: bool,
    entry: u64,
    stack_pointer: u64,
) -> Result<(), Error> {
    let mut sregs = vcpu.get_sregs().map_err(kvm_error("KVM_GET_SREGS"))?;
    regs::system(&mut sregs, ring, xsave);
    vcpu.set_sregs(&sregs).map_err(kvm_error("KVM_SET_SREGS"))?;
    vcpu.set_regs(&regs::general(entry, stack_pointer)).map_err(kvm_error("KVM_SET_REGS"))?;
    set_msrs(vcpu, &msr::syscall_msrs())
}

/// Sets all of these model-specific registers, or fails.
pub(crate) fn set_msrs(vcpu: &VcpuFd, msrs: &Msrs) -> Result<(), Error> {
    let count = vcpu.set_msrs(msrs).map_err(kvm_error("KVM_SET_MSRS"))?;
    if count != msrs.as_slice().len() {
        // KVM stops at the first register it refuses and says how many it took.
        return Err(Error::Kvm { call: "KVM_SET_MSRS", source: kvm_ioctls::Error::new(libc::EINVAL) });
    }
    Ok(())
}

/// Loads kernel and program.
fn load_images(image: &GuestImage<'_>, memory: &GuestMemoryMmap) -> Result<elf::Program, Error> {
    let path = || image.path.display().to_string();
    let mut file = File::open(image.path).map_err(|source| Error::OpenProgram { path: path(), source })?;
    let program = elf::check(&file, layout::guard_start(image.memory_bytes))
        .map_err(|source| Error::Program { path: path(), source })?;
    // With an offset, even 0, linux-loader does not go looking for notes that only a Linux kernel has.
    Elf::load(memory, Some(GuestAddress(program.bias)), &mut file, None)
        .map_err(|source| Error::Load { what: "program", source })?;
    Elf::load(memory, Some(GuestAddress(0)), &mut Cursor::new(image.kernel), None)
        .map_err(|source| Error::Load { what: "guest kernel", source })?;
    Ok(program)
}

/// The clock part of the boot information: both clocks of the host, and the guest's counter at that moment.
fn clocks(vcpu: &VcpuFd, tsc_khz: u32) -> Result<BootInfo, Error> {
    let mut request = msr::tsc_request();
    let before = now(ClockId::CLOCK_MONOTONIC)?;
    vcpu.get_msrs(&mut request).map_err(kvm_error("KVM_GET_MSRS"))?;
    let after = now(ClockId::CLOCK_MONOTONIC)?;
    Ok(BootInfo {
        tsc_base: request.as_slice().first().map_or(0, |entry| entry.data),
        tsc_scale: (1_000_000 << 32) / u64::from(tsc_khz),
        // The counter was read somewhere between the two.
        monotonic_ns: before.midpoint(after),
        realtime_ns: now(ClockId::CLOCK_REALTIME)?,
        ..BootInfo::default()
    })
}

/// A clock of the host in nanoseconds.
pub(crate) fn now(clock: ClockId) -> Result<u64, Error> {
    let time = clock_gettime(clock)
        .map_err(|errno| Error::Host { call: "clock_gettime".into(), source: errno.into() })?;
    // Both clocks are after 1970 and boot; 2^64 ns reach to the year 2554.
    Ok(time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64)
}

fn random() -> Result<[u8; 16], Error> {
    let mut bytes = [0; 16];
    // SAFETY: the pointer and the length are those of `bytes`.
    let count = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
    // Requests of up to 256 bytes are never answered in part (getrandom(2)).
    match count {
        16 => Ok(bytes),
        _ => Err(Error::Host { call: "getrandom".into(), source: std::io::Error::last_os_error() }),
    }
}

/// The descriptor `fd` of this process, which must stay open.
pub(crate) fn standard_stream(fd: i32) -> BorrowedFd<'static> {
    // SAFETY: called with 0, 1 and 2, which this process never closes.
    unsafe { BorrowedFd::borrow_raw(fd) }
}
