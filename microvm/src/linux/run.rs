//! Runs a Linux guest: a thread for each vCPU around KVM_RUN, and the main thread for input and deadline.
//!
//! Invariant: whichever thread sees the end first reports it and ends the process; the others go with it. So no
//! thread ever has to be woken out of KVM_RUN, and no guest can keep the process from ending at its deadline.

use std::convert::Infallible;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use kvm_ioctls::{VcpuExit, VcpuFd};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::time::ClockId;
use vm_memory::GuestMemoryMmap;

use super::devices::{Devices, Request};
use super::machine::Machine;
use super::{Error, host_error};
use crate::instance::poll_timeout;
use crate::report::{End, Outcome, Part, Phase, Report};
use crate::vmm::exits::internal_error;
use crate::vmm::machine::{now, standard_stream};

/// What the instance's standard output says when init is ready.
const READY: &[u8] = b"ready\n";
/// vCPU threads call little but ioctl.
const STACK: usize = 64 << 10;
/// How soon to look again for room in the UART's queue of input.
const QUEUE_FULL: Duration = Duration::from_millis(5);

/// What all threads know.
struct Shared {
    devices: Devices<Stream, Stream>,
    report: Mutex<Report>,
    /// Taken by the thread that ends the process.
    sink: Mutex<Option<File>>,
    /// The status that init told.
    status: Mutex<Option<u8>>,
    /// Tells the main thread that init takes input.
    ready: EventFd,
    /// Mapped as long as the machine runs.
    _memory: GuestMemoryMmap,
}

/// Runs the machine; the process ends in here, unless the machine could not begin.
pub fn run(
    machine: Machine,
    mut report: Report,
    sink: File,
    deadline: Option<Instant>,
) -> Result<Infallible, Error> {
    report.guest_ram = machine.guest_ram();
    let Machine { vcpus, console_irq, agent_irq, memory, _vm } = machine;
    let shared = Arc::new(Shared {
        devices: Devices::new(
            (console_irq, Stream(standard_stream(2))),
            (agent_irq, Stream(standard_stream(1))),
        ),
        report: Mutex::new(report),
        sink: Mutex::new(Some(sink)),
        status: Mutex::new(None),
        ready: EventFd::from_flags(EfdFlags::EFD_CLOEXEC)
            .map_err(|errno| host_error("eventfd")(errno.into()))?,
        _memory: memory,
    });
    for (id, vcpu) in vcpus.into_iter().enumerate() {
        let of_thread = Arc::clone(&shared);
        thread::Builder::new()
            .stack_size(STACK)
            .spawn(move || of_thread.run_vcpu(vcpu, id == 0))
            .map_err(host_error("starting a vCPU's thread"))?;
    }
    shared.attend(deadline)
}

impl Shared {
    /// The loop around KVM_RUN.
    fn run_vcpu(&self, mut vcpu: VcpuFd, is_first: bool) {
        if is_first {
            self.stamp("first_entry");
        }
        let outcome = loop {
            let request = match vcpu.run() {
                Ok(VcpuExit::IoOut(port, data)) => self.devices.write(port, data),
                Ok(VcpuExit::IoIn(port, data)) => {
                    self.devices.read(port, data);
                    Request::None
                }
                // Where nothing is, a bus reads as ones and forgets what is written.
                Ok(VcpuExit::MmioRead(_, data)) => {
                    data.fill(0xff);
                    Request::None
                }
                Ok(VcpuExit::MmioWrite(..) | VcpuExit::Intr | VcpuExit::IrqWindowOpen) => Request::None,
                Ok(VcpuExit::Shutdown) => break Outcome::TripleFault,
                Ok(VcpuExit::FailEntry(reason, _)) => {
                    break Outcome::KvmError(format!("KVM_EXIT_FAIL_ENTRY, hardware reason {reason:#x}"));
                }
                Ok(VcpuExit::InternalError) => break internal_error(&mut vcpu),
                Ok(other) => break Outcome::UnexpectedExit(format!("the guest left by {other:?}")),
                Err(error) if matches!(error.errno(), libc::EINTR | libc::EAGAIN) => Request::None,
                Err(error) => break Outcome::KvmError(format!("KVM_RUN failed: {error}")),
            };
            match request {
                Request::None => {}
                Request::UserSpace => {
                    self.stamp("kernel");
                }
                Request::Ready => self.announce(),
                Request::Status(status) => *lock(&self.status) = Some(status),
                Request::Reset => break Outcome::Reset,
            }
        };
        self.end(outcome)
    }

    /// Ends a phase, the first time that this is said; returns whether it was.
    fn stamp(&self, name: &str) -> bool {
        let end_ns = now(ClockId::CLOCK_MONOTONIC).unwrap_or_default();
        let mut report = lock(&self.report);
        let is_first = report.phases.iter().all(|phase| phase.name != name);
        if is_first {
            report.phases.push(Phase { name: name.to_owned(), end_ns });
        }
        is_first
    }

    /// Init is ready: says so to the reader of the output first, then to the launcher.
    fn announce(&self) {
        if !self.stamp("init") {
            return;
        }
        self.devices.announce(READY);
        if let Some(sink) = lock(&self.sink).as_mut() {
            // A launcher that has gone does not read it, and the guest may go on.
            let _ = sink.write_all(Part::Start(&lock(&self.report)).to_string().as_bytes());
        }
        // A counter at 0 takes 1.
        let _ = self.ready.write(1);
    }

    /// Hands standard input to the guest, from READY on: before, its driver would throw it away. Ends the process at
    /// the deadline.
    fn attend(&self, deadline: Option<Instant>) -> ! {
        let stdin = standard_stream(0);
        let (mut ready, mut open) = (false, true);
        loop {
            // Room for an end is room for two characters.
            let room = if ready && open { self.devices.input_room().saturating_sub(1) } else { 0 };
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                self.end(Outcome::Deadline);
            }
            let waiting_for_room = ready && open && room == 0;
            let pause =
                if waiting_for_room { Some(left.unwrap_or(QUEUE_FULL).min(QUEUE_FULL)) } else { left };
            let mut fds = Vec::with_capacity(2);
            if !ready {
                fds.push(PollFd::new(self.ready.as_fd(), PollFlags::POLLIN));
            }
            if room > 0 {
                fds.push(PollFd::new(stdin, PollFlags::POLLIN));
            }
            match poll(&mut fds, pause.map_or(PollTimeout::NONE, poll_timeout)) {
                Ok(0) | Err(nix::Error::EINTR) => continue,
                Ok(_) => {}
                Err(errno) => self.end(Outcome::VmmError(format!("poll failed: {errno}"))),
            }
            if !ready {
                ready = true;
                continue;
            }
            let mut bytes = [0; 64];
            let most = room.min(bytes.len());
            // An error is an end too: there will be no more input.
            let count = nix::unistd::read(stdin, &mut bytes[..most]).unwrap_or(0);
            open = count > 0;
            self.devices.input(&bytes[..count]);
        }
    }

    /// Reports the end and ends the process; waits for that if another thread is at it.
    fn end(&self, outcome: Outcome) -> ! {
        let taken = lock(&self.sink).take();
        let Some(mut sink) = taken else {
            loop {
                thread::park();
            }
        };
        let console = self.devices.finish();
        let outcome = match outcome {
            Outcome::Reset => self.reset(&console),
            other => other,
        };
        let end = End { outcome: Some(outcome), console, ..End::default() };
        let written = sink.write_all(Part::End(&end).to_string().as_bytes());
        // SAFETY: no cleanup is due; the kernel frees all that the process has. Other threads may be at work, which
        // exit(3), unlike this, would disturb.
        unsafe { libc::_exit(i32::from(written.is_err())) }
    }

    /// What a reset means: the end that init told, or that of a panic, or neither.
    fn reset(&self, console: &[String]) -> Outcome {
        if let Some(status) = *lock(&self.status) {
            return Outcome::Exited(status.into());
        }
        let panic = console.iter().rev().find_map(|line| panic_reason(line));
        panic.map_or(Outcome::Reset, |why| Outcome::Panic(why.to_owned()))
    }
}

/// Why a kernel gave up, if that is what a line of its console says (kernel/panic.c, panic).
pub fn panic_reason(line: &str) -> Option<&str> {
    Some(line.split_once("Kernel panic - not syncing: ")?.1)
}

/// A descriptor that stays open, unbuffered.
#[derive(Debug)]
struct Stream(BorrowedFd<'static>);

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(nix::unistd::write(self.0, bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Nothing here panics with a lock held; if it did, the values would still be sound.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
