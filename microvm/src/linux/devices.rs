//! What answers at the guest's ports: two UARTs, the reset of a keyboard controller, the doorbell.
//!
//! Interrupt controllers and timer are KVM's. Invariant: every access is answered at once, wherever it goes and
//! however wide it is; only a full pipe of the instance's output makes the guest wait.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

use vm_superio::serial::NoEvents;
use vm_superio::{Serial, Trigger};
use vmm_sys_util::eventfd::EventFd;

use super::acpi::{PM_ENABLE, PM_END, PM_EVENTS};
use super::console::{Console, Lines};

/// First port of the kernel's console, ttyS0, and its interrupt.
pub const CONSOLE: u16 = 0x3f8;
/// Interrupt of ttyS0.
pub const CONSOLE_IRQ: u32 = 4;
/// First port of the agent's line, ttyS1.
pub const AGENT: u16 = 0x2f8;
/// Interrupt of ttyS1.
pub const AGENT_IRQ: u32 = 3;
/// Ports of a UART.
const UART_PORTS: u16 = 8;

/// Keyboard controller: data and command port. Reading 0 means that it is ready for a command.
const I8042_DATA: u16 = 0x60;
const I8042_COMMAND: u16 = 0x64;
/// Command: pulse the processor's reset line.
const RESET: u8 = 0xfe;

/// The port by which init speaks to the VMM; the next one takes its exit status.
pub const DOORBELL: u16 = 0x6b0;
const STATUS: u16 = DOORBELL + 1;
const USER_SPACE: u8 = 1;
const READY: u8 = 2;

/// End of input on the agent's line: the character that ends a terminal's input (termios(3), VEOF). Twice, since
/// behind an unfinished line the first one only ends the line.
const END_OF_INPUT: [u8; 2] = [4, 4];

/// What an access asks of the VMM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// Nothing more.
    None,
    /// Init has begun.
    UserSpace,
    /// Init can be talked to.
    Ready,
    /// Init will end with this status.
    Status(u8),
    /// The machine is to be reset.
    Reset,
}

/// An interrupt line, by KVM's irqfd.
#[derive(Debug)]
pub struct Irq(EventFd);

impl Irq {
    /// A line that is not connected yet.
    pub fn new() -> io::Result<Irq> {
        EventFd::new(libc::EFD_NONBLOCK | libc::EFD_CLOEXEC).map(Irq)
    }

    /// What KVM_IRQFD connects.
    pub fn eventfd(&self) -> &EventFd {
        &self.0
    }
}

impl Trigger for Irq {
    type E = io::Error;

    fn trigger(&self) -> io::Result<()> {
        self.0.write(1)
    }
}

type Uart<W> = Mutex<Serial<Irq, NoEvents, W>>;

/// All devices.
#[derive(Debug)]
pub struct Devices<C: Write, A: Write> {
    console: Uart<Console<C>>,
    agent: Uart<Lines<A>>,
    /// Kept, since the kernel reads back whether it could enable an ACPI event. None ever comes.
    enabled_events: AtomicU16,
}

impl<C: Write, A: Write> Devices<C, A> {
    /// The kernel's console writes to `console`, init to `agent`.
    pub fn new((console_irq, console): (Irq, C), (agent_irq, agent): (Irq, A)) -> Self {
        Devices {
            console: Mutex::new(Serial::new(console_irq, Console::new(console))),
            agent: Mutex::new(Serial::new(agent_irq, Lines::new(agent))),
            enabled_events: AtomicU16::new(0),
        }
    }

    /// The guest writes to a port.
    pub fn write(&self, port: u16, data: &[u8]) -> Request {
        let &[byte] = data else {
            // Words go to the power management; string instructions arrive as several bytes, for the UARTs.
            data.iter().for_each(|&byte| self.write_uart(port, byte));
            if let (PM_ENABLE, &[low, high]) = (port, data) {
                self.enabled_events.store(u16::from_le_bytes([low, high]), Ordering::Relaxed);
            }
            return Request::None;
        };
        match (port, byte) {
            (I8042_COMMAND, RESET) => Request::Reset,
            (DOORBELL, USER_SPACE) => Request::UserSpace,
            (DOORBELL, READY) => Request::Ready,
            (STATUS, status) => Request::Status(status),
            _ => {
                self.write_uart(port, byte);
                Request::None
            }
        }
    }

    fn write_uart(&self, port: u16, byte: u8) {
        // A reader of the output that has gone is the launcher's business, and the byte is lost.
        if let Some(register) = register(port, CONSOLE) {
            if let Ok(mut uart) = self.console.lock() {
                let _ = uart.write(register, byte);
            }
        } else if let Some(register) = register(port, AGENT)
            && let Ok(mut uart) = self.agent.lock()
        {
            let _ = uart.write(register, byte);
        }
    }

    /// The guest reads from a port.
    pub fn read(&self, port: u16, data: &mut [u8]) {
        if let (PM_ENABLE, [low, high]) = (port, &mut *data) {
            [*low, *high] = self.enabled_events.load(Ordering::Relaxed).to_le_bytes();
            return;
        }
        for byte in data {
            *byte = self.read_byte(port);
        }
    }

    fn read_byte(&self, port: u16) -> u8 {
        const NOBODY: u8 = 0xff;
        if let Some(register) = register(port, CONSOLE) {
            return self.console.lock().map_or(NOBODY, |mut uart| uart.read(register));
        }
        if let Some(register) = register(port, AGENT) {
            return self.agent.lock().map_or(NOBODY, |mut uart| uart.read(register));
        }
        match port {
            I8042_DATA | I8042_COMMAND => 0,
            PM_EVENTS..PM_END => 0,
            _ => NOBODY,
        }
    }

    /// Says READY on the agent's line, in its place.
    pub fn announce(&self, text: &[u8]) {
        if let Ok(mut uart) = self.agent.lock() {
            let _ = uart.writer_mut().write_all(text);
        }
    }

    /// How many bytes of input the agent's line has room for.
    pub fn input_room(&self) -> usize {
        self.agent.lock().map_or(0, |uart| uart.fifo_capacity())
    }

    /// Hands input, at most [`input_room`](Self::input_room) bytes, to the agent; none means the end.
    pub fn input(&self, bytes: &[u8]) {
        let bytes = if bytes.is_empty() { &END_OF_INPUT } else { bytes };
        if let Ok(mut uart) = self.agent.lock() {
            // It fails if there is no room, which the caller has looked at, or if KVM's end of the line is gone.
            let _ = uart.enqueue_raw_bytes(bytes);
        }
    }

    /// Passes on what is gathered and returns the console's last lines. A device that a vCPU keeps, because it waits
    /// for a reader, is left alone.
    pub fn finish(&self) -> Vec<String> {
        if let Some(mut uart) = unless_kept(&self.agent) {
            let _ = uart.writer_mut().finish();
        }
        let Some(mut uart) = unless_kept(&self.console) else { return Vec::new() };
        let _ = uart.writer_mut().finish();
        uart.writer_mut().last_lines()
    }
}

/// Longer than any access to a device takes that does not wait for a reader.
const KEPT: Duration = Duration::from_millis(200);

/// The device, as soon as nobody is at it. A vCPU may have been interrupted in the middle of an access, which then
/// ends soon; one that waits for a reader may never end.
fn unless_kept<T>(device: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    let until = Instant::now() + KEPT;
    loop {
        match device.try_lock() {
            Ok(guard) => return Some(guard),
            Err(TryLockError::Poisoned(error)) => return Some(error.into_inner()),
            Err(TryLockError::WouldBlock) if Instant::now() < until => {
                thread::sleep(Duration::from_millis(1))
            }
            Err(TryLockError::WouldBlock) => return None,
        }
    }
}

/// The register of the UART at `base` that `port` is.
fn register(port: u16, base: u16) -> Option<u8> {
    port.checked_sub(base).filter(|&register| register < UART_PORTS).map(|register| register as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn devices() -> Devices<io::Sink, Vec<u8>> {
        Devices::new((Irq::new().unwrap(), io::sink()), (Irq::new().unwrap(), Vec::new()))
    }

    fn output(devices: &Devices<io::Sink, Vec<u8>>) -> String {
        devices.finish();
        format!("{:?}", devices.agent.lock().unwrap().writer())
    }

    #[test]
    fn a_console_in_use_for_a_moment_is_waited_for_and_one_that_is_kept_is_not() {
        let devices = devices();
        for byte in b"last words\n" {
            devices.write(CONSOLE, &[*byte]);
        }
        for (held, expected) in [(KEPT / 10, vec!["last words".to_owned()]), (KEPT * 4, Vec::new())] {
            let (taken, waited) = std::sync::mpsc::channel();
            thread::scope(|scope| {
                scope.spawn(|| {
                    let _guard = devices.console.lock().unwrap();
                    taken.send(()).unwrap();
                    thread::sleep(held);
                });
                waited.recv().unwrap();
                assert_eq!(devices.finish(), expected);
            });
        }
    }

    #[test]
    fn the_doorbell_and_the_reset_ask_for_something_and_nothing_else_does() {
        let devices = devices();
        for (port, byte, request) in [
            (DOORBELL, 1, Request::UserSpace),
            (DOORBELL, 2, Request::Ready),
            (DOORBELL, 3, Request::None),
            (DOORBELL + 1, 9, Request::Status(9)),
            (0x64, 0xfe, Request::Reset),
            (0x64, 0xd1, Request::None),
            (0x80, 0, Request::None),
        ] {
            assert_eq!(devices.write(port, &[byte]), request, "{port:#x} {byte}");
        }
        assert_eq!(devices.write(0x64, &[0xfe, 0xfe]), Request::None);
    }

    #[test]
    fn the_keyboard_controller_is_ready_and_where_nothing_is_all_bits_are_set() {
        let devices = devices();
        for (port, value) in [(0x64, 0), (0x600, 0), (0xcf8, 0xff), (DOORBELL, 0xff)] {
            let mut data = [7; 4];
            devices.read(port, &mut data);
            assert_eq!(data, [value; 4], "{port:#x}");
        }
    }

    #[test]
    fn enabled_acpi_events_read_back_as_written() {
        let devices = devices();
        devices.write(PM_ENABLE, &[0x20, 0x01]);
        let mut data = [0; 2];
        devices.read(PM_ENABLE, &mut data);
        assert_eq!(data, [0x20, 0x01]);
    }

    #[test]
    fn the_end_of_input_is_said_in_characters() {
        let devices = devices();
        devices.input(&[]);
        let mut data = [0; 2];
        devices.read(AGENT, &mut data);
        assert_eq!(data, END_OF_INPUT);
    }

    #[test]
    fn what_is_announced_comes_in_one_piece() {
        let devices = devices();
        devices.announce(b"ready\n");
        assert!(output(&devices).contains("114, 101, 97, 100, 121, 10"));
    }

    proptest! {
        /// Whatever a guest does at its ports: an answer, and no more memory.
        #[test]
        fn no_access_upsets_it(
            accesses in prop::collection::vec((any::<u16>(), 0u16..16, prop::collection::vec(any::<u8>(), 1..9), any::<bool>()), 0..200),
        ) {
            let devices: Devices<io::Sink, io::Sink> =
                Devices::new((Irq::new().unwrap(), io::sink()), (Irq::new().unwrap(), io::sink()));
            for (anywhere, near, mut data, is_write) in accesses {
                let port = if anywhere & 1 == 0 { anywhere } else { AGENT + near + (anywhere & 0x100) };
                if is_write {
                    devices.write(port, &data);
                } else {
                    devices.read(port, &mut data);
                }
            }
            prop_assert!(devices.input_room() <= 64);
        }
    }
}
