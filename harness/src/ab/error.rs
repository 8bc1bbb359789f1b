//! Why two builds could not be compared in turns.

use std::io;
use std::path::PathBuf;

use super::protocol::MessageError;

/// Of the two: what the messages call it, and what was started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// `A` or `B`.
    pub name: &'static str,
    /// The program.
    pub program: PathBuf,
}

impl std::fmt::Display for Who {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.name, self.program.display())
    }
}

/// Why there is no pair of runs.
#[derive(Debug, thiserror::Error)]
pub enum AbError {
    /// It is no program, or none that may be run.
    #[error("cannot start {who}: {source}; give the path of a `bench`, ./bench for one in this folder")]
    Start {
        /// Which one.
        who: Who,
        /// Why not.
        source: io::Error,
    },
    /// It does not greet.
    #[error("{who} is no `bench` that can take turns: {how}; give two builds that know `bench ab`")]
    NoBench {
        /// Which one.
        who: Who,
        /// What it did instead.
        how: String,
    },
    /// It could not run a backend that it had to run.
    #[error("{who} {how}")]
    RequiredMissing {
        /// Which one.
        who: Who,
        /// What it said.
        how: String,
    },
    /// It ended, and should not have.
    #[error("{who} {how}")]
    Ended {
        /// Which one.
        who: Who,
        /// How, and what it said last.
        how: String,
    },
    /// It says nothing.
    #[error(
        "{who} hangs: not a word for {seconds} s; see by `bench run` with the same arguments what it does"
    )]
    Silent {
        /// Which one.
        who: Who,
        /// For how long.
        seconds: u64,
    },
    /// What it says is not understood.
    #[error("{who} does not keep to the protocol: {source}; compare builds that are closer")]
    Foreign {
        /// Which one.
        who: Who,
        /// What is wrong.
        source: MessageError,
    },
    /// It says something at the wrong time, or something else than the other one.
    #[error("A and B do not do the same: {what}; compare builds that are closer")]
    OutOfStep {
        /// What each does.
        what: String,
    },
    /// There is nothing to compare.
    #[error("A and B have no {what} in common: A has {a}, B has {b}")]
    NothingInCommon {
        /// Of what.
        what: &'static str,
        /// What one has.
        a: String,
        /// What the other one has.
        b: String,
    },
    /// It can be neither heard nor told.
    #[error("cannot speak with {who}: {source}")]
    Io {
        /// Which one.
        who: Who,
        /// Why not.
        source: io::Error,
    },
    /// A signal asked for the end.
    #[error("interrupted")]
    Interrupted,
}
