//! I/O ports from user space: the doorbell of a virtual machine monitor.
//!
//! Units: port numbers and bytes. See ioperm(2) and the Intel SDM, volume 1, section 19.5.2 (the I/O
//! permission bit map). Invariant: a port is written only between `allow` and `deny`; otherwise the
//! processor would raise a general protection fault.

use core::arch::asm;

use super::{SysError, call};

const IOPERM: usize = 173;

/// A pair of neighbouring ports that this thread may write to while the value lives.
pub struct PortPair {
    first: u16,
}

impl PortPair {
    /// Asks for ports `first` and `first + 1`; takes CAP_SYS_RAWIO.
    ///
    /// # Safety
    ///
    /// Whatever answers at these ports must not change memory or state that Rust code relies on: what is
    /// written to them is up to safe code.
    pub unsafe fn allow(first: u16) -> Result<Self, SysError> {
        permit(first, true)?;
        Ok(Self { first })
    }

    /// Writes to the first port.
    pub fn write_first(&self, byte: u8) {
        // SAFETY: permitted as long as `self` lives; harmless, as the caller of `allow` vouched.
        unsafe { out(self.first, byte) }
    }

    /// Writes to the second port.
    pub fn write_second(&self, byte: u8) {
        // SAFETY: as above.
        unsafe { out(self.first.wrapping_add(1), byte) }
    }
}

impl Drop for PortPair {
    /// Gives the permission back: a thread that has any is one for which the kernel maintains a bit map at
    /// context switches and forks, which would be measured.
    fn drop(&mut self) {
        // Giving up what was granted cannot fail.
        let _ = permit(self.first, false);
    }
}

fn permit(first: u16, on: bool) -> Result<(), SysError> {
    // SAFETY: changes what instructions this thread may use, no memory.
    unsafe { call("ioperm", IOPERM, [first.into(), 2, on.into(), 0, 0, 0]).map(drop) }
}

/// The `out` instruction with 8 bits.
///
/// # Safety
///
/// This thread must be permitted to write to `port`, and what the write does must be harmless.
unsafe fn out(port: u16, byte: u8) {
    // SAFETY: the caller vouches for the port; no memory or flag is touched.
    unsafe { asm!("out dx, al", in("dx") port, in("al") byte, options(nomem, nostack, preserves_flags)) }
}
