//! The loop around KVM_RUN.
//!
//! Invariant: only a store to the doorbell lets the guest go on; every other exit ends it with an outcome that
//! says what it did.

use std::collections::BTreeMap;

use kvm_ioctls::{VcpuExit, VcpuFd};
use nix::time::ClockId;
use vm_memory::{Bytes, GuestAddress};

use super::doorbell::Console;
use super::machine::{Machine, now};
use crate::layout::DOORBELL_GPA;
use crate::protocol::{
    MAILBOX, Mailbox, REQUEST_EXIT, REQUEST_FAULT, REQUEST_READ, REQUEST_WRITE, UNKNOWN_CALLS,
    UNKNOWN_CALLS_LEN,
};
use crate::report::{End, Outcome};

/// The moment when the guest made its first request.
#[derive(Debug, Clone, Copy)]
pub struct Started {
    /// CLOCK_MONOTONIC in nanoseconds; 0 if the clock failed.
    pub first_request_ns: u64,
    /// The ring the guest kernel was in.
    pub kernel_ring: u8,
}

/// What an exit asks for, without a borrow of the vCPU.
enum Exit {
    Request(u32),
    End(Outcome),
}

/// Runs the machine to its end. `started` is called at most once: when the first output has been forwarded, or before
/// the first wait for input, or at the end, whichever comes first.
pub fn run(machine: &mut Machine, console: &mut Console<'_>, started: impl FnOnce(&Machine, Started)) -> End {
    let mut end = End::default();
    let mut started = Some(started);
    let mut first_request_ns = None;
    loop {
        let request = match machine.next_exit() {
            Exit::Request(request) => request,
            Exit::End(outcome) => {
                end.outcome = Some(outcome);
                break;
            }
        };
        end.doorbells += 1;
        let first_request_ns =
            *first_request_ns.get_or_insert_with(|| now(ClockId::CLOCK_MONOTONIC).unwrap_or_default());
        let mut announce = |machine: &Machine| {
            if let Some(started) = started.take() {
                started(machine, Started { first_request_ns, kernel_ring: machine.ring() });
            }
        };

        let mut mailbox: Mailbox = machine.memory.read_obj(GuestAddress(MAILBOX)).unwrap_or_default();
        match request {
            REQUEST_WRITE => {
                mailbox.result = console.write(&machine.memory, &mailbox);
                announce(machine);
            }
            REQUEST_READ => {
                announce(machine);
                mailbox.result = console.read(&machine.memory, &mailbox);
            }
            _ => {
                announce(machine);
                end.outcome = Some(match request {
                    // Of a status, wait(2) shows the low 8 bits.
                    REQUEST_EXIT => Outcome::Exited((mailbox.arg0 & 0xff) as i32),
                    REQUEST_FAULT => machine.fault(),
                    other => Outcome::UnexpectedExit(format!("the guest made the unknown request {other}")),
                });
                break;
            }
        }
        if let Err(error) = machine.memory.write_obj(mailbox, GuestAddress(MAILBOX)) {
            end.outcome = Some(Outcome::UnexpectedExit(format!("the mailbox is not in memory: {error}")));
            break;
        }
    }
    end.unknown_syscalls = machine.unknown_syscalls();
    end
}

impl Machine {
    /// Runs the guest until it wants something.
    fn next_exit(&mut self) -> Exit {
        let outcome = loop {
            break match self.vcpu.run() {
                Ok(VcpuExit::MmioWrite(DOORBELL_GPA, &[a, b, c, d])) => {
                    return Exit::Request(u32::from_le_bytes([a, b, c, d]));
                }
                Ok(VcpuExit::MmioWrite(address, data)) => unexpected("wrote", data.len(), "address", address),
                Ok(VcpuExit::MmioRead(address, data)) => unexpected("read", data.len(), "address", address),
                Ok(VcpuExit::IoOut(port, data)) => unexpected("wrote", data.len(), "port", port.into()),
                Ok(VcpuExit::IoIn(port, data)) => unexpected("read", data.len(), "port", port.into()),
                Ok(VcpuExit::Hlt) => Outcome::UnexpectedExit("the guest executed HLT".into()),
                Ok(VcpuExit::Shutdown) => Outcome::TripleFault,
                Ok(VcpuExit::FailEntry(reason, _)) => {
                    Outcome::KvmError(format!("KVM_EXIT_FAIL_ENTRY, hardware reason {reason:#x}"))
                }
                Ok(VcpuExit::InternalError) => internal_error(&mut self.vcpu),
                // Nothing here handles a signal, but stopping and tracing the process interrupt the call as well.
                Ok(VcpuExit::Intr) => continue,
                Ok(other) => Outcome::UnexpectedExit(format!("the guest left by {other:?}")),
                Err(error) if matches!(error.errno(), libc::EINTR | libc::EAGAIN) => continue,
                Err(error) => Outcome::KvmError(format!("KVM_RUN failed: {error}")),
            };
        };
        Exit::End(outcome)
    }

    /// The ring the vCPU is in.
    fn ring(&self) -> u8 {
        self.vcpu.get_sregs().map_or(0, |sregs| (sregs.cs.selector & 3) as u8)
    }

    /// Reads the frame that a fault stub left: vector and error code, then what the processor pushed (SDM volume 3,
    /// figure 6-9).
    fn fault(&self) -> Outcome {
        let frame = |stack_pointer: u64| -> Option<[u64; 3]> {
            self.memory.read_obj(GuestAddress(stack_pointer)).ok()
        };
        let registers = self.vcpu.get_regs().and_then(|regs| Ok((regs.rsp, self.vcpu.get_sregs()?.cr2)));
        match registers.map(|(rsp, cr2)| (frame(rsp), cr2)) {
            Ok((Some([vector, error_code, rip]), address)) => {
                Outcome::Fault { vector: vector as u8, error_code, rip, address }
            }
            Ok((None, _)) => Outcome::UnexpectedExit("the guest reported a fault without a frame".into()),
            Err(error) => Outcome::KvmError(format!("KVM_GET_REGS failed: {error}")),
        }
    }

    /// The kernel's counters that are not 0.
    fn unknown_syscalls(&self) -> BTreeMap<u64, u64> {
        let mut bytes = [0; UNKNOWN_CALLS_LEN * 4];
        if self.memory.read_slice(&mut bytes, GuestAddress(UNKNOWN_CALLS)).is_err() {
            return BTreeMap::new();
        }
        let counters = bytes.chunks_exact(4).map(|c| u64::from(u32::from_le_bytes([c[0], c[1], c[2], c[3]])));
        (0..).zip(counters).filter(|&(_, count)| count != 0).collect()
    }
}

fn unexpected(verb: &str, bytes: usize, what: &str, address: u64) -> Outcome {
    Outcome::UnexpectedExit(format!(
        "the guest {verb} {bytes} bytes at {what} {address:#x}, where nothing is"
    ))
}

/// What KVM_EXIT_INTERNAL_ERROR, the vCPU's last exit, is about.
pub(crate) fn internal_error(vcpu: &mut VcpuFd) -> Outcome {
    // SAFETY: the exit reason is KVM_EXIT_INTERNAL_ERROR, for which KVM fills in this member of the union;
    // and any bits make a u32.
    let suberror = unsafe { vcpu.get_kvm_run().__bindgen_anon_1.internal.suberror };
    let name = match suberror {
        kvm_bindings::KVM_INTERNAL_ERROR_EMULATION => "an instruction that it cannot emulate",
        kvm_bindings::KVM_INTERNAL_ERROR_SIMUL_EX => "exceptions at the same time",
        kvm_bindings::KVM_INTERNAL_ERROR_DELIVERY_EV => "an exit while an event was delivered",
        _ => "an unexpected exit",
    };
    let rip = vcpu.get_regs().map_or(0, |regs| regs.rip);
    Outcome::KvmError(format!("KVM_EXIT_INTERNAL_ERROR {suberror}, {name}, at {rip:#x}"))
}
