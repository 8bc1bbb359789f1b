//! Follows a program to its end: reads what it writes, so that it never waits for a reader, and notes when it was gone.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use container::now_ns;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use sha2::{Digest, Sha256};

use crate::backend::{Ended, Instance};
use crate::interrupt::Interrupt;
use crate::output::hex;
use crate::trial::TrialError;

/// Bytes of output that are looked at; what comes after them is only counted. Hashing a stream without end would measure
/// the hash.
pub const HASHED: u64 = 64 << 20;

/// How long what a program has written may still be on its way once it is gone.
const LAST_BYTES: Duration = Duration::from_secs(2);

/// A program that has ended.
pub struct Gone {
    /// When it had been reaped, CLOCK_MONOTONIC in nanoseconds.
    pub at_ns: u64,
    /// How it ended.
    pub ended: Ended,
    /// What it had written to its standard output.
    pub output: Output,
}

/// A program's output, by its length and its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Length in bytes.
    pub bytes: u64,
    /// SHA-256 of the first [`HASHED`] bytes, in hexadecimal.
    pub sha256: String,
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes, sha256 {}", self.bytes, self.sha256)
    }
}

/// Waits for the end of an instance, `timeout` at most.
pub fn follow(
    instance: &mut dyn Instance,
    interrupt: &Interrupt,
    timeout: Duration,
) -> Result<Gone, TrialError> {
    let deadline_ns = now_ns().saturating_add(timeout.as_nanos().try_into().unwrap_or(u64::MAX));
    let mut reader = Reader::new();
    loop {
        if interrupt.is_raised() {
            return Err(TrialError::Interrupted);
        }
        let Some(left) = left(deadline_ns) else {
            return Err(TrialError::StillRunning { allowed: timeout });
        };
        let ready = ready(&[Some(instance.pidfd()), Some(interrupt.as_fd()), reader.source(instance)], left)?;
        // Its output may lag behind; its end is what is timed.
        if ready[0] {
            break;
        }
        if ready[2] {
            reader.take(instance)?;
        }
    }
    let ended = instance.reap(timeout).map_err(TrialError::Backend)?;
    let at_ns = now_ns();
    let deadline_ns = at_ns + LAST_BYTES.as_nanos() as u64;
    while let Some(source) = reader.source(instance) {
        let Some(left) = left(deadline_ns) else {
            let how = "something that it started still holds its output".to_owned();
            return Err(TrialError::Ended { waiting_for: "the end of its output", how });
        };
        if ready(&[Some(source)], left)?[0] {
            reader.take(instance)?;
        }
    }
    Ok(Gone { at_ns, ended, output: reader.finish() })
}

/// Milliseconds until a moment, rounded up; `None` once it is past.
fn left(deadline_ns: u64) -> Option<PollTimeout> {
    let left_ns = deadline_ns.checked_sub(now_ns()).filter(|&left| left > 0)?;
    let left_ms = i32::try_from(left_ns.div_ceil(1_000_000)).unwrap_or(i32::MAX);
    Some(PollTimeout::try_from(left_ms).unwrap_or(PollTimeout::MAX))
}

/// Which of these have something to say.
fn ready<const N: usize>(sources: &[Option<BorrowedFd<'_>>; N], left: PollTimeout) -> io::Result<[bool; N]> {
    let present: Vec<usize> = (0..N).filter(|&i| sources[i].is_some()).collect();
    let mut fds: Vec<PollFd<'_>> =
        sources.iter().flatten().map(|&source| PollFd::new(source, PollFlags::POLLIN)).collect();
    match poll(&mut fds, left) {
        Ok(_) => {}
        Err(Errno::EINTR) => return Ok([false; N]),
        Err(errno) => return Err(errno.into()),
    }
    let mut ready = [false; N];
    for (fd, index) in fds.iter().zip(present) {
        ready[index] = fd.any() == Some(true);
    }
    Ok(ready)
}

/// Takes a program's output in.
struct Reader {
    buffer: Vec<u8>,
    bytes: u64,
    hash: Sha256,
    open: bool,
}

impl Reader {
    fn new() -> Self {
        // A pipe's capacity.
        Self { buffer: vec![0; 64 << 10], bytes: 0, hash: Sha256::new(), open: true }
    }

    /// What there is to wait for, as long as its output has no end.
    fn source<'i>(&self, instance: &'i dyn Instance) -> Option<BorrowedFd<'i>> {
        self.open.then(|| instance.stdout())
    }

    fn take(&mut self, instance: &dyn Instance) -> io::Result<()> {
        let count = nix::unistd::read(instance.stdout(), &mut self.buffer)?;
        self.open = count > 0;
        let wanted = usize::try_from(HASHED.saturating_sub(self.bytes)).unwrap_or(usize::MAX);
        self.hash.update(&self.buffer[..count.min(wanted)]);
        self.bytes += count as u64;
        Ok(())
    }

    fn finish(self) -> Output {
        Output { bytes: self.bytes, sha256: hex(&self.hash.finalize()) }
    }
}
