//! Exit statuses of `bench`, and the errors that choose one.

use std::process::ExitCode;

/// A regression was found.
pub const REGRESSED: u8 = 1;
/// Wrong usage or bad input.
pub const BAD_INPUT: u8 = 2;
/// A required backend could not run.
pub const REQUIRED_MISSING: u8 = 3;
/// Ended by a signal, with what was measured kept.
pub const INTERRUPTED: u8 = 130;

/// How a command ended, if not by an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All went well.
    Fine,
    /// Something got worse.
    Regressed,
    /// A signal ended it early.
    Interrupted,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Fine => ExitCode::SUCCESS,
            Outcome::Regressed => ExitCode::from(REGRESSED),
            Outcome::Interrupted => ExitCode::from(INTERRUPTED),
        }
    }
}

/// A backend that was required, or the last one that was asked for, could not run.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct RequiredMissing(pub String);

/// The exit status for an error.
pub fn of(error: &anyhow::Error) -> u8 {
    if error.is::<RequiredMissing>() { REQUIRED_MISSING } else { BAD_INPUT }
}
