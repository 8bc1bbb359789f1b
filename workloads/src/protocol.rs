//! The events that an agent reports, parsed from its standard output.
//!
//! One event is one line of at most [`MAX_LINE`] bytes of printable ASCII, ended by a line feed:
//!
//! ```text
//! output   = "ready" [ skip | error | measured | observed ]
//! measured = "begin" CLOCK_NS { "sample" OPS NS } ( error | "end" CLOCK_NS "done" )
//! observed = "fact" KEY VALUE { "fact" KEY VALUE } ( error | "done" )
//! skip     = "skip" REASON            the workload cannot run here
//! error    = "error" MESSAGE          something went wrong
//! ```
//!
//! `noop` never goes beyond `ready`. `begin` and `end` carry the agent's CLOCK_MONOTONIC in nanoseconds, each
//! read just before its line is written, so that the host can compare the agent's interval with its own; all
//! samples lie between the two stamps. A sample is one batch: how many operations (or bytes) in how many
//! nanoseconds. A fact is something the agent sees of the place it is in: its key is made of lower-case letters,
//! digits and dashes, its value is the rest of the line.
//!
//! What writes these lines may be a hostile guest. Invariant: a [`Parser`] holds at most one line, never
//! panics, and yields only what the grammar allows: numbers in plain decimal, samples without zeroes, an end
//! not before its begin, at most [`MAX_FACTS`] facts.

use crate::events::{BEGIN, DONE, END, ERROR, FACT, SAMPLE, SKIP, is_allowed};

pub use crate::events::MAX_LINE;

/// The most facts that one agent reports.
pub const MAX_FACTS: u32 = 64;

/// The longest key of a fact in bytes.
const MAX_KEY: usize = 32;

/// The agent writes this one as a constant line, see `events::ready`.
const READY: &str = "ready";

/// One event of an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The agent runs: its first act, and the end of startup.
    Ready,
    /// Measuring begins.
    Begin {
        /// The agent's CLOCK_MONOTONIC in nanoseconds.
        clock_ns: u64,
    },
    /// One batch.
    Sample {
        /// Operations, or bytes for a bandwidth; at least 1.
        ops: u64,
        /// How long they took, in nanoseconds; at least 1.
        ns: u64,
    },
    /// Measuring has ended.
    End {
        /// The agent's CLOCK_MONOTONIC in nanoseconds; not less than that of [`Event::Begin`].
        clock_ns: u64,
    },
    /// Something the agent sees of the place it is in.
    Fact {
        /// What it is: lower-case letters, digits and dashes, as `kernel-release`.
        key: String,
        /// The rest of the line, not empty; `n/a: REASON` if it is not to be had.
        value: String,
    },
    /// The workload cannot run here.
    Skip {
        /// Why, for example `needs fork`.
        reason: String,
    },
    /// The workload failed.
    Error {
        /// What happened, with the errno if there is one.
        message: String,
    },
    /// Everything was reported.
    Done,
}

/// Output that is not an agent's. It stays an error: a parser that has failed must not be used further.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// A line went on beyond [`MAX_LINE`].
    #[error(
        "the agent's output has a line of more than {MAX_LINE} bytes, which no agent writes: {start:?}…; is \
         something else writing to the instance's standard output?"
    )]
    LineTooLong {
        /// How the line begins.
        start: String,
    },
    /// A line is not an event.
    #[error(
        "the agent's output has a line that is no event: {line:?}; is something else writing to the \
         instance's standard output?"
    )]
    Foreign {
        /// The line, with `?` for what is not printable ASCII.
        line: String,
    },
    /// An event came where the grammar has no place for it.
    #[error(
        "the agent reported {line:?} {place}, where it cannot stand; is this the agent that belongs to this \
         program?"
    )]
    OutOfOrder {
        /// The line.
        line: String,
        /// Where in the protocol it came.
        place: &'static str,
    },
    /// `end` carries an earlier time than `begin`.
    #[error(
        "the agent's clock went backwards, from {begin_ns} ns to {end_ns} ns; nothing it timed can be trusted"
    )]
    ClockWentBack {
        /// The time in `begin`, in nanoseconds.
        begin_ns: u64,
        /// The time in `end`, in nanoseconds.
        end_ns: u64,
    },
}

/// How far the protocol has come.
#[derive(Clone, Copy, Debug)]
enum State {
    Silent,
    Ready,
    Measuring { begin_ns: u64 },
    Observing { facts: u32 },
    Ended,
    Over,
}

/// An incremental parser of an agent's output.
#[derive(Debug)]
pub struct Parser {
    /// The line that has no line feed yet: at most [`MAX_LINE`] bytes.
    partial: Vec<u8>,
    state: State,
}

impl Default for Parser {
    fn default() -> Self {
        Self::new()
    }
}

impl Parser {
    /// A parser that has seen nothing.
    pub fn new() -> Self {
        Self { partial: Vec::new(), state: State::Silent }
    }

    /// Takes the next bytes of output and returns the events they complete.
    ///
    /// # Errors
    ///
    /// [`ProtocolError`] for the first line that an agent would not have written there. Events before it in
    /// the same `bytes` are lost.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<Event>, ProtocolError> {
        let mut events = Vec::new();
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
            self.extend(&rest[..end])?;
            rest = &rest[end + 1..];
            let line = std::mem::take(&mut self.partial);
            events.push(self.event(&line)?);
        }
        self.extend(rest)?;
        Ok(events)
    }

    /// Adds to the unfinished line.
    fn extend(&mut self, bytes: &[u8]) -> Result<(), ProtocolError> {
        if bytes.len() > MAX_LINE - self.partial.len() {
            let start = self.partial.iter().chain(bytes).take(60).copied().collect::<Vec<_>>();
            return Err(ProtocolError::LineTooLong { start: printable(&start) });
        }
        self.partial.extend_from_slice(bytes);
        Ok(())
    }

    /// Parses a whole line and checks that it may stand here.
    fn event(&mut self, line: &[u8]) -> Result<Event, ProtocolError> {
        let event = parse(line).ok_or_else(|| ProtocolError::Foreign { line: printable(line) })?;
        self.state = match (self.state, &event) {
            (State::Silent, Event::Ready) => State::Ready,
            (State::Ready, &Event::Begin { clock_ns }) => State::Measuring { begin_ns: clock_ns },
            (State::Ready, Event::Skip { .. }) => State::Over,
            (State::Ready, Event::Fact { .. }) => State::Observing { facts: 1 },
            (State::Observing { facts }, Event::Fact { .. }) if facts < MAX_FACTS => {
                State::Observing { facts: facts + 1 }
            }
            (State::Ready | State::Measuring { .. } | State::Observing { .. }, Event::Error { .. }) => {
                State::Over
            }
            (State::Measuring { .. }, Event::Sample { .. }) => self.state,
            (State::Measuring { begin_ns }, &Event::End { clock_ns }) if clock_ns < begin_ns => {
                return Err(ProtocolError::ClockWentBack { begin_ns, end_ns: clock_ns });
            }
            (State::Measuring { .. }, Event::End { .. }) => State::Ended,
            (State::Ended | State::Observing { .. }, Event::Done) => State::Over,
            (state, _) => {
                return Err(ProtocolError::OutOfOrder { line: printable(line), place: state.name() });
            }
        };
        Ok(event)
    }
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Silent => "before it was ready",
            Self::Ready => "right after ready",
            Self::Measuring { .. } => "between begin and end",
            Self::Observing { .. } => "among its facts",
            Self::Ended => "between end and done",
            Self::Over => "after its last event",
        }
    }
}

/// One line without its line feed.
fn parse(line: &[u8]) -> Option<Event> {
    if !line.iter().copied().all(is_allowed) {
        return None;
    }
    let line = str::from_utf8(line).ok()?;
    let (word, rest) = match line.split_once(' ') {
        Some((word, rest)) => (word, Some(rest)),
        None => (line, None),
    };
    Some(match (word, rest) {
        (READY, None) => Event::Ready,
        (DONE, None) => Event::Done,
        (BEGIN, Some(clock)) => Event::Begin { clock_ns: number(clock)? },
        (END, Some(clock)) => Event::End { clock_ns: number(clock)? },
        (SAMPLE, Some(pair)) => {
            let (ops, ns) = pair.split_once(' ')?;
            Event::Sample { ops: positive(ops)?, ns: positive(ns)? }
        }
        (FACT, Some(pair)) => {
            let (key, value) = pair.split_once(' ')?;
            let is_key = (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(is_key_byte);
            (is_key && !value.is_empty())
                .then(|| Event::Fact { key: key.to_owned(), value: value.to_owned() })?
        }
        (SKIP, Some(reason)) if !reason.is_empty() => Event::Skip { reason: reason.to_owned() },
        (ERROR, Some(message)) if !message.is_empty() => Event::Error { message: message.to_owned() },
        _ => return None,
    })
}

/// A `u64` in plain decimal: digits only, which `str::parse` alone does not demand (it takes a `+`).
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

fn positive(text: &str) -> Option<u64> {
    number(text).filter(|&value| value > 0)
}

fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'
}

/// What can be shown of foreign bytes.
fn printable(line: &[u8]) -> String {
    line.iter().map(|&byte| if is_allowed(byte) { char::from(byte) } else { '?' }).collect()
}
