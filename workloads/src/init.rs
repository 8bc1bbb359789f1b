//! The agent as `/init` of a Linux guest: how it gets standard input and output, says READY, and ends.
//!
//! Such a guest has a kernel, an initramfs with the agent and a few device nodes, and nothing mounted. The
//! kernel hands `BENCH_DOORBELL=PORT` from its command line to init as environment and what follows `--` as
//! arguments. The virtual machine monitor listens at two I/O ports:
//!
//! | write | means |
//! |---|---|
//! | 1 to PORT | user space is reached |
//! | 2 to PORT | READY; the monitor puts the `ready` line into the output itself |
//! | STATUS to PORT+1 | the agent's exit status; a restart follows |
//!
//! Everything else is as ever, over the second serial port. A port write is one exit from the guest; a line
//! on a serial port is dozens of them and an interrupt, which would be counted as startup.
//!
//! Monitors that others have written know no such ports, and some have one serial port only. With `BENCH_CONSOLE`
//! in the place of the port everything, READY too, goes over the console, which the kernel has opened for init. Its value
//! is how the machine ends: `restart`, or `power-off` where a restart would start it again.
//!
//! Invariant: unless this is process 1 *and* one of the variables is there, nothing here does anything: the restart
//! at the end would be the host's.

use core::{
    ffi::CStr,
    sync::atomic::{AtomicBool, AtomicU16, Ordering},
};

use crate::{
    events,
    sys::{self, STDERR, STDIN, STDOUT, SysError, port::PortPair, stack::InitialStack, tty},
};

const WITH_DOORBELL: &[u8] = b"BENCH_DOORBELL";
const ON_CONSOLE: &[u8] = b"BENCH_CONSOLE";
const POWER_OFF: &[u8] = b"power-off";
/// The kernel's name for the second serial port (0x2f8, IRQ 3); the first is its console.
const LINE: &CStr = c"/dev/ttyS1";

/// What is written to the first port.
const USER_SPACE: u8 = 1;
const READY: u8 = 2;

/// Whether the agent is `/init` of a guest, so that its end is the machine's.
static IS_INIT: AtomicBool = AtomicBool::new(false);
/// Whether that is by switching it off.
static ENDS_OFF: AtomicBool = AtomicBool::new(false);
/// The doorbell's first port; 0 if there is none.
static DOORBELL: AtomicU16 = AtomicU16::new(0);

/// Whether this process is `/init` of a guest. Without a variable that says so no system call is made.
pub fn is_init(stack: &InitialStack) -> bool {
    [WITH_DOORBELL, ON_CONSOLE].iter().any(|name| stack.variable(name).is_some()) && sys::getpid() == Ok(1)
}

/// Rings the doorbell, makes the serial line standard input and output, and says READY.
///
/// What goes wrong is said on the console; then there is nothing to do but to [`end`].
pub fn begin(stack: &InitialStack) -> Result<(), ()> {
    IS_INIT.store(true, Ordering::Relaxed);
    let failed = |error: SysError| events::error(STDERR, format_args!("/init: {error}"));
    let begun = match stack.variable(WITH_DOORBELL) {
        Some(text) => match port(text) {
            Some(port) => {
                DOORBELL.store(port, Ordering::Relaxed);
                connect(port).map_err(failed)
            }
            None => {
                Err(events::error(STDERR, format_args!("/init: BENCH_DOORBELL wants a port, 1 to 65534")))
            }
        },
        None => {
            ENDS_OFF.store(stack.variable(ON_CONSOLE) == Some(POWER_OFF), Ordering::Relaxed);
            tty::make_transparent(STDIN).and_then(|()| events::ready(STDOUT)).map_err(failed)
        }
    };
    // That the console cannot be written to either can be said nowhere.
    begun.map_err(drop)
}

/// The steps in the order agreed with the monitor.
fn connect(port: u16) -> Result<(), SysError> {
    let doorbell = doorbell(port)?;
    doorbell.write_first(USER_SPACE);
    let line = sys::open_line(LINE)?;
    // A port that the machine does not have can be opened too; only its use is an error.
    sys::write(line, b"")?;
    tty::make_transparent(line)?;
    for fd in [STDIN, STDOUT, STDERR] {
        sys::duplicate_onto(line, fd)?;
    }
    doorbell.write_first(READY);
    sys::close(line)
}

/// Before what a guest's kernel may not survive: lets it say so on a console that was the agent's alone so far.
///
/// It would say its farewell there too (kernel/reboot.c), so this is not for those whose every word is read to the end.
pub fn give_the_kernel_a_last_word() -> Result<(), SysError> {
    let shares_the_console = IS_INIT.load(Ordering::Relaxed) && DOORBELL.load(Ordering::Relaxed) == 0;
    if shares_the_console { sys::speak_of_emergencies() } else { Ok(()) }
}

/// Ends the agent: the process, or the whole guest if the agent is its `/init`, which must never return.
pub fn end(status: i32) -> ! {
    if IS_INIT.load(Ordering::Relaxed) {
        // What fails from here on shows as a guest that restarted without a status, or hangs.
        let _ = tty::drain(STDOUT);
        let port = DOORBELL.load(Ordering::Relaxed);
        if port != 0
            && let Ok(doorbell) = doorbell(port)
        {
            doorbell.write_second(status as u8);
        }
        sys::end_machine(ENDS_OFF.load(Ordering::Relaxed));
    }
    sys::exit(status)
}

fn doorbell(port: u16) -> Result<PortPair, SysError> {
    // SAFETY: the monitor that chose the port listens there; it changes nothing in the guest.
    unsafe { PortPair::allow(port) }
}

/// A port in plain decimal that has a neighbour above it.
fn port(text: &[u8]) -> Option<u16> {
    let port = str::from_utf8(text).ok()?.parse().ok()?;
    (1..u16::MAX).contains(&port).then_some(port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_a_decimal_number_with_a_neighbour() {
        assert_eq!(port(b"1712"), Some(0x6b0));
        assert_eq!(port(b"65534"), Some(65534));
        for wrong in [&b""[..], b"0", b"65535", b"70000", b"0x6b0", b"-1", b"\xff"] {
            assert_eq!(port(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_process_that_is_not_the_first_is_not_init_whatever_its_environment() {
        for variable in [c"BENCH_DOORBELL=1712", c"BENCH_CONSOLE=restart"] {
            let words = vec![0, 0, variable.as_ptr() as usize, 0, 0, 0].leak();
            // SAFETY: laid out as the kernel does: no arguments, one variable, no auxiliary vector.
            assert!(!is_init(&unsafe { InitialStack::new(words.as_ptr()) }));
        }
    }
}
