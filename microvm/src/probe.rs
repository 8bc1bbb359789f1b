//! Asks this host's KVM, with a tiny guest, what kind it is.
//!
//! Two questions decide what can run here, and no name answers them: does SYSCALL enter ring 0, and how fast is
//! ring 0? Hardware virtualization runs both natively; a KVM without it may emulate ring 0 instruction by
//! instruction.

use std::fmt;
use std::time::{Duration, Instant};

use kvm_bindings::KVM_MAX_CPUID_ENTRIES;
use kvm_ioctls::{VcpuExit, VcpuFd};
use vm_memory::{Bytes, GuestAddress};

use crate::arch::regs::{self, Ring};
use crate::arch::{cpuid, gdt, idt, paging};
use crate::layout::{DOORBELL, DOORBELL_GPA, MIN_MEMORY, SYSCALL_ENTRY, USER_BASE};
use crate::vmm::Error;
use crate::vmm::machine::{create_vm, kvm_error, map_memory, open_kvm, set_registers};

/// Above this, ring 0 is no emulator: the fastest known one makes 2 million instructions a second, a processor with
/// virtualization hundreds of millions, and one that QEMU emulates, on a busy host, still 15.
const NATIVE_PER_SECOND: f64 = 8e6;
/// Turns of the first timed loop: 5 ms where ring 0 is emulated.
const FEW_TURNS: u64 = 4_000;
/// Each later loop is this much longer,
const LONGER: u64 = 8;
/// up to the longest: about 20 ms natively.
const MANY_TURNS: u64 = FEW_TURNS * LONGER.pow(4);
/// A loop tells its speed if it takes this long beyond the way in and out, and several times as long as that way:
/// in a nested machine the way alone can take milliseconds.
const CLEAR: Duration = Duration::from_millis(2);
const CLEAR_FACTOR: u32 = 4;

/// What this host's KVM is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KvmFacts {
    /// KVM_GET_API_VERSION.
    pub api_version: i32,
    /// The ring that code is in after SYSCALL: 0 with hardware virtualization.
    pub syscall_ring: u8,
    /// Instructions a second that a loop in ring 0 makes.
    pub ring0_per_second: f64,
}

impl KvmFacts {
    /// Whether ring 0 runs in an emulator.
    pub fn ring0_is_emulated(&self) -> bool {
        self.ring0_per_second < NATIVE_PER_SECOND
    }

    /// Whether a stock operating-system kernel can reach its user space here.
    pub fn runs_stock_kernels(&self) -> bool {
        self.syscall_ring == 0 && !self.ring0_is_emulated()
    }
}

impl fmt::Display for KvmFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = self.ring0_per_second / 1e6;
        if self.ring0_is_emulated() {
            write!(
                f,
                "KVM without hardware virtualization: ring 0 is emulated at {rate:.1} million instructions a second"
            )?;
        } else {
            write!(f, "KVM with native ring 0 ({rate:.0} million instructions a second)")?;
        }
        match self.syscall_ring {
            0 => write!(f, ", SYSCALL enters ring 0"),
            ring => write!(f, ", SYSCALL stays in ring {ring}, so no stock kernel reaches user space here"),
        }
    }
}

/// Runs the probe guest; it takes a few milliseconds.
pub fn probe() -> Result<KvmFacts, Error> {
    let memory = map_memory(MIN_MEMORY)?;
    gdt::write(&memory)?;
    idt::write(&memory)?;
    paging::write(&memory, MIN_MEMORY)?;
    // mov eax, cs; ring the doorbell with it; then stay.
    let report_cs = [&[0x8c, 0xc8][..], &store(EAX), &[0xeb, 0xfe]].concat();
    memory.write_slice(&report_cs, GuestAddress(SYSCALL_ENTRY))?;
    // syscall
    memory.write_slice(&[0x0f, 0x05], GuestAddress(USER_BASE))?;
    // dec ecx; jnz to it; ring the doorbell; then stay.
    let count_down = [&[0xff, 0xc9, 0x75, 0xfc][..], &store(ECX), &[0xeb, 0xfe]].concat();
    let count_down_at = USER_BASE + 0x100;
    memory.write_slice(&count_down, GuestAddress(count_down_at))?;

    let kvm = open_kvm()?;
    let vm = create_vm(&kvm, &memory, MIN_MEMORY)?;
    let mut vcpu = vm.create_vcpu(0).map_err(kvm_error("KVM_CREATE_VCPU"))?;
    let mut supported =
        kvm.get_supported_cpuid(KVM_MAX_CPUID_ENTRIES).map_err(kvm_error("KVM_GET_SUPPORTED_CPUID"))?;
    cpuid::prepare(&mut supported);
    vcpu.set_cpuid2(&supported).map_err(kvm_error("KVM_SET_CPUID2"))?;

    set_registers(&vcpu, Ring::User, false, USER_BASE, MIN_MEMORY)?;
    let syscall_ring = (run_to_doorbell(&mut vcpu)? & 3) as u8;

    let mut loop_of = |turns: u64| -> Result<Duration, Error> {
        set_registers(&vcpu, Ring::Kernel, false, count_down_at, MIN_MEMORY)?;
        let registers = kvm_bindings::kvm_regs { rcx: turns, ..regs::general(count_down_at, MIN_MEMORY) };
        vcpu.set_regs(&registers).map_err(kvm_error("KVM_SET_REGS"))?;
        let start = Instant::now();
        run_to_doorbell(&mut vcpu)?;
        Ok(start.elapsed())
    };
    // The first way in and out also maps the code.
    let way = loop_of(1)?.min(loop_of(1)?);
    let mut turns = FEW_TURNS;
    let ring0_per_second = loop {
        let took = loop_of(turns)?.saturating_sub(way);
        if turns == MANY_TURNS || took > CLEAR + way * CLEAR_FACTOR {
            // Whatever else the host does can only make it slower.
            let took = took.min(loop_of(turns)?.saturating_sub(way));
            // Two instructions a turn.
            break 2.0 * turns as f64 / took.as_secs_f64().max(f64::EPSILON);
        }
        turns *= LONGER;
    };
    Ok(KvmFacts { api_version: kvm.get_api_version(), syscall_ring, ring0_per_second })
}

const EAX: u8 = 0;
const ECX: u8 = 1;

/// `mov [DOORBELL], register`, with an absolute 32-bit address.
fn store(register: u8) -> [u8; 7] {
    let [a, b, c, d] = (DOORBELL as u32).to_le_bytes();
    [0x89, 0x04 | register << 3, 0x25, a, b, c, d]
}

/// Runs to the next store at the doorbell, whose value it returns.
fn run_to_doorbell(vcpu: &mut VcpuFd) -> Result<u32, Error> {
    loop {
        match vcpu.run() {
            Ok(VcpuExit::MmioWrite(DOORBELL_GPA, &[a, b, c, d])) => {
                return Ok(u32::from_le_bytes([a, b, c, d]));
            }
            Ok(VcpuExit::Intr) => {}
            Ok(other) => return Err(Error::Probe(format!("{other:?}"))),
            Err(error) if matches!(error.errno(), libc::EINTR | libc::EAGAIN) => {}
            Err(error) => return Err(kvm_error("KVM_RUN")(error)),
        }
    }
}
