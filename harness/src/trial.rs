//! Following one instance: its events, each stamped with the host's clock as it arrives.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::time::Duration;

use container::now_ns;
use microvm::linux::panic_reason;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use workloads::protocol::{Event, Parser, ProtocolError};

use crate::backend::Instance;
use crate::interrupt::Interrupt;

/// Why a trial has no result.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// A signal asked the run to end.
    #[error("interrupted")]
    Interrupted,
    /// The instance said nothing for too long.
    #[error("no {waiting_for} within {seconds} s")]
    Deadline {
        /// What was expected.
        waiting_for: &'static str,
        /// The time allowed.
        seconds: u64,
    },
    /// The instance closed its output too early.
    #[error("it ended before {waiting_for}: {how}")]
    Ended {
        /// What was expected.
        waiting_for: &'static str,
        /// Its exit status or the signal, and what it wrote on stderr.
        how: String,
    },
    /// It said something else than it should have.
    #[error("expected {waiting_for}, but the agent said {said}")]
    Unexpected {
        /// What was expected.
        waiting_for: &'static str,
        /// What came.
        said: String,
    },
    /// The kernel of a guest whose console the agent speaks over gave up.
    #[error("its kernel panicked: {0}")]
    Panicked(String),
    /// What it wrote is not the protocol.
    #[error("its output is not the agent's: {0}")]
    Protocol(ProtocolError),
    /// The host failed to read or wait.
    #[error("cannot read its output: {0}")]
    Io(#[from] io::Error),
    /// A program of the user's did not end by itself.
    #[error("it had not ended after {allowed:?} and was killed; --timeout gives it longer")]
    StillRunning {
        /// The time allowed.
        allowed: Duration,
    },
    /// A program of the user's did not do the same as before.
    #[error("{0}")]
    Differs(String),
    /// It could not be started, observed or stopped.
    #[error("{}", crate::output::chain(.0))]
    Backend(anyhow::Error),
}

impl TrialError {
    /// Whether another trial would say nothing new: it would take as long, or hide that one was different.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::StillRunning { .. } | Self::Differs(_))
    }
}

/// An event and the moment at which the host saw it.
#[derive(Clone, Debug, PartialEq)]
pub struct Stamped {
    /// The event.
    pub event: Event,
    /// Host time of its arrival.
    pub at_ns: u64,
}

/// Reads an instance's events up to a deadline that covers the whole trial.
pub struct Follower<'a> {
    interrupt: &'a Interrupt,
    parser: Parser,
    queue: VecDeque<Stamped>,
    limit: Duration,
    deadline_ns: u64,
}

impl<'a> Follower<'a> {
    /// A follower whose time begins now.
    pub fn new(interrupt: &'a Interrupt, limit: Duration) -> Self {
        let deadline_ns = now_ns() + limit.as_nanos() as u64;
        Self { interrupt, parser: Parser::new(), queue: VecDeque::new(), limit, deadline_ns }
    }

    /// The next event; `None` once the instance has closed its output.
    pub fn next(
        &mut self,
        instance: &dyn Instance,
        waiting_for: &'static str,
    ) -> Result<Option<Stamped>, TrialError> {
        loop {
            if let Some(stamped) = self.queue.pop_front() {
                return Ok(Some(stamped));
            }
            self.wait(instance, waiting_for)?;
            let mut buffer = [0; 4096];
            let count = {
                let fd = instance.stdout();
                nix::unistd::read(fd, &mut buffer).map_err(io::Error::from)?
            };
            let at_ns = now_ns();
            if count == 0 {
                return Ok(None);
            }
            let events = self.parser.push(&buffer[..count]).map_err(foreign)?;
            self.queue.extend(events.into_iter().map(|event| Stamped { event, at_ns }));
        }
    }

    /// Waits for READY and returns the moment it arrived.
    pub fn ready(&mut self, instance: &dyn Instance) -> Result<u64, TrialError> {
        match self.next(instance, "READY")? {
            Some(Stamped { event: Event::Ready, at_ns }) => Ok(at_ns),
            Some(other) => Err(unexpected("READY", &other.event)),
            None => Err(TrialError::Ended { waiting_for: "READY", how: String::new() }),
        }
    }

    fn wait(&self, instance: &dyn Instance, waiting_for: &'static str) -> Result<(), TrialError> {
        loop {
            if self.interrupt.is_raised() {
                return Err(TrialError::Interrupted);
            }
            let left_ns = self.deadline_ns.saturating_sub(now_ns());
            if left_ns == 0 {
                return Err(TrialError::Deadline { waiting_for, seconds: self.limit.as_secs() });
            }
            let left_ms = i32::try_from(left_ns / 1_000_000 + 1).unwrap_or(i32::MAX);
            let mut fds = [
                PollFd::new(instance.stdout(), PollFlags::POLLIN),
                PollFd::new(self.interrupt.as_fd(), PollFlags::POLLIN),
            ];
            match poll(&mut fds, PollTimeout::try_from(left_ms).unwrap_or(PollTimeout::MAX)) {
                Ok(_) | Err(nix::errno::Errno::EINTR) => {}
                Err(errno) => return Err(io::Error::from(errno).into()),
            }
            if fds[0].any() == Some(true) {
                return Ok(());
            }
        }
    }
}

/// The error for output that is not the agent's: on a guest's console, a kernel may have the last word.
fn foreign(error: ProtocolError) -> TrialError {
    if let ProtocolError::Foreign { line } = &error
        && let Some(why) = panic_reason(line)
    {
        // The carriage return of a console.
        return TrialError::Panicked(why.trim_end_matches('?').to_owned());
    }
    TrialError::Protocol(error)
}

/// The error for an event that does not belong here.
pub fn unexpected(waiting_for: &'static str, event: &Event) -> TrialError {
    let said = match event {
        Event::Error { message } => message.clone(),
        other => format!("{other:?}"),
    };
    TrialError::Unexpected { waiting_for, said }
}

/// What is left in a pipe that nobody writes to any more, as text for a message; bounded.
pub fn last_words(source: impl Read) -> String {
    let mut bytes = Vec::new();
    // What cannot be read only makes the message shorter.
    let _ = source.take(4096).read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).trim().replace(|c: char| c.is_control() && c != '\n', "?")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_that_gives_up_on_the_agents_console_is_told_from_noise() {
        let said = |bytes: &[u8]| {
            let mut parser = Parser::new();
            parser.push(b"ready\n").unwrap();
            foreign(parser.push(bytes).unwrap_err()).to_string()
        };
        assert_eq!(
            said(b"[    3.141592] Kernel panic - not syncing: System is deadlocked on memory\r\n"),
            "its kernel panicked: System is deadlocked on memory"
        );
        assert!(said(b"hello\n").starts_with("its output is not the agent's: "));
    }
}
