//! A serial line as standard input and output.
//!
//! See termios(3) and ioctl_tty(2). Invariant: the line changes no byte that is written to it, and of what
//! is read from it only [`END_OF_INPUT`] means something.

use super::{SysError, call};

const IOCTL: usize = 16;

/// `include/uapi/asm-generic/ioctls.h`
const TCSETS: usize = 0x5402;
const TCSBRK: usize = 0x5409;

/// `include/uapi/asm-generic/termbits.h` and `termbits-common.h`
const B115200: u32 = 0o1_0002;
const CS8: u32 = 0o60;
const CREAD: u32 = 0o200;
const CLOCAL: u32 = 0o4000;
const ICANON: u32 = 0o2;
const VEOF: usize = 4;
const NCCS: usize = 19;

/// The byte that ends the input when it comes at the beginning of a line: ^D.
pub const END_OF_INPUT: u8 = 4;

/// The kernel's `struct termios`, which is not the C library's. A control character of 0 is none.
#[repr(C)]
struct Termios {
    input: u32,
    output: u32,
    control: u32,
    local: u32,
    line_discipline: u8,
    characters: [u8; NCCS],
}

/// Makes serial line `fd` transparent: no echo, no signals, no flow control, nothing translated. Input
/// stays canonical, because only then is there an end of input.
pub fn make_transparent(fd: i32) -> Result<(), SysError> {
    let mut characters = [0; NCCS];
    characters[VEOF] = END_OF_INPUT;
    let settings = Termios {
        input: 0,
        output: 0,
        control: B115200 | CS8 | CREAD | CLOCAL,
        local: ICANON,
        line_discipline: 0,
        characters,
    };
    // SAFETY: the kernel reads one `struct termios` from the address of one.
    unsafe { call("ioctl", IOCTL, [fd as usize, TCSETS, (&raw const settings).addr(), 0, 0, 0]).map(drop) }
}

/// Waits until everything written to `fd` has left the machine, as tcdrain(3) does.
pub fn drain(fd: i32) -> Result<(), SysError> {
    // SAFETY: with an argument other than 0, TCSBRK takes no address and sends nothing.
    unsafe { call("ioctl", IOCTL, [fd as usize, TCSBRK, 1, 0, 0, 0]).map(drop) }
}
