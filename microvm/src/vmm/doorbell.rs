//! Serves the guest's requests (`protocol`).
//!
//! Invariant: address and length of a request are checked against guest memory before anything else; a bad one is
//! answered as a system call would answer it. A request never allocates.

use std::os::fd::BorrowedFd;

use vm_memory::{Bytes, GuestAddress, GuestMemoryBackend, GuestMemoryError, GuestMemoryMmap};

use super::machine::standard_stream;
use crate::protocol::Mailbox;

/// Where a guest's input comes from and its output goes.
#[derive(Debug)]
pub struct Console<'a> {
    /// The guest's descriptor 0.
    pub input: BorrowedFd<'a>,
    /// Its descriptor 1.
    pub output: BorrowedFd<'a>,
    /// Its descriptor 2.
    pub error: BorrowedFd<'a>,
}

impl Console<'static> {
    /// This process's own standard streams.
    pub fn standard() -> Self {
        Console { input: standard_stream(0), output: standard_stream(1), error: standard_stream(2) }
    }
}

impl Console<'_> {
    /// REQUEST_WRITE: from guest memory straight to the descriptor.
    pub(super) fn write(&mut self, memory: &GuestMemoryMmap, mailbox: &Mailbox) -> u64 {
        let stream = match mailbox.arg0 {
            1 => &mut self.output,
            2 => &mut self.error,
            _ => return error(libc::EBADF),
        };
        match guest_range(memory, mailbox) {
            Some((address, length)) => answer(memory.write_volatile_to(address, stream, length)),
            None => error(libc::EFAULT),
        }
    }

    /// REQUEST_READ: from the descriptor straight to guest memory.
    pub(super) fn read(&mut self, memory: &GuestMemoryMmap, mailbox: &Mailbox) -> u64 {
        match guest_range(memory, mailbox) {
            Some((address, length)) => answer(memory.read_volatile_from(address, &mut self.input, length)),
            None => error(libc::EFAULT),
        }
    }
}

/// The range that `arg1` and `arg2` name, if it lies in guest memory.
fn guest_range(memory: &GuestMemoryMmap, mailbox: &Mailbox) -> Option<(GuestAddress, usize)> {
    let (address, length) = (GuestAddress(mailbox.arg1), usize::try_from(mailbox.arg2).ok()?);
    memory.check_range(address, length).then_some((address, length))
}

fn answer(result: Result<usize, GuestMemoryError>) -> u64 {
    match result {
        Ok(count) => count as u64,
        Err(GuestMemoryError::IOError(source)) => error(source.raw_os_error().unwrap_or(libc::EIO)),
        Err(_) => error(libc::EFAULT),
    }
}

/// An error number as a system call returns it.
fn error(errno: i32) -> u64 {
    i64::from(-errno) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::MIN_MEMORY;
    use proptest::prelude::*;
    use std::fs::File;
    use std::os::fd::AsFd;

    proptest! {
        /// Whatever the mailbox says: an answer, no panic, and never more than was asked for.
        #[test]
        fn no_mailbox_upsets_it(arg0 in 0u64..4, arg1: u64, arg2: u64, near_the_end: bool, empty: bool) {
            let memory = GuestMemoryMmap::from_ranges(&[(GuestAddress(0), MIN_MEMORY as usize)]).unwrap();
            let arg1 = if near_the_end { MIN_MEMORY - arg1 % 64 } else { arg1 };
            let arg2 = if near_the_end { arg2 % 128 } else if empty { 0 } else { arg2 };
            let (null, zero) = (File::create("/dev/null").unwrap(), File::open("/dev/zero").unwrap());
            let mut console = Console { input: zero.as_fd(), output: null.as_fd(), error: null.as_fd() };
            let mailbox = Mailbox { arg0, arg1, arg2, result: 0 };
            // As write(2) has it, nothing can be written from anywhere.
            let inside = arg2 == 0 || arg1.checked_add(arg2).is_some_and(|end| end <= MIN_MEMORY);
            let expected = if inside { arg2 } else { error(libc::EFAULT) };
            prop_assert_eq!(console.read(&memory, &mailbox), expected);
            let expected = if matches!(arg0, 1 | 2) { expected } else { error(libc::EBADF) };
            prop_assert_eq!(console.write(&memory, &mailbox), expected);
        }
    }
}
