//! Following what tries a limit: what it said, and when.

use std::time::Duration;

use container::now_ns;
use workloads::protocol::Event;

use crate::backend::Instance;
use crate::trial::{Follower, TrialError, unexpected};

const WANTED: &str = "what came of trying the limit";

/// CPU time that an instance has used, and the host's time when it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    pub used: Duration,
    pub at_ns: u64,
}

/// What something that tries a limit has said of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// Host time from READY to its last word, or to the end of its output.
    pub window: (u64, u64),
    /// How much memory it had when it last said so.
    pub touched_mib: u64,
    /// How it was refused more.
    pub refused: Option<String>,
    /// It was not stopped, and ended by itself at that many MiB.
    pub ceiling_mib: Option<u64>,
    /// Processes at once, itself included.
    pub processes: Option<u64>,
    /// Between beginning and end of a computation.
    pub cpu: Option<(Result<Reading, String>, Result<Reading, String>)>,
    /// It said that it was done: nothing ended it.
    pub is_done: bool,
    /// Why it cannot try here.
    pub skipped: Option<String>,
    /// How the kernel that it had of its own gave up, where that came the agent's way.
    pub panicked: Option<String>,
}

/// Follows an instance that was READY at `ready`, until it is done or gone.
pub(super) fn follow(
    follower: &mut Follower,
    instance: &dyn Instance,
    ready: u64,
) -> Result<Said, TrialError> {
    let mut said = Said { window: (ready, ready), ..Said::default() };
    let mut begun = None;
    loop {
        let stamped = match follower.next(instance, WANTED) {
            Ok(Some(stamped)) => stamped,
            Ok(None) => break,
            // What a hog may come to; what ends the machine then does not say so.
            Err(error @ TrialError::Panicked(_)) => {
                said.panicked = Some(error.to_string());
                break;
            }
            Err(error) => return Err(error),
        };
        said.window.1 = stamped.at_ns;
        match &stamped.event {
            Event::Fact { key, value } => match (key.as_str(), value.parse()) {
                ("touched-mib", Ok(mib)) => said.touched_mib = mib,
                ("ceiling-mib", Ok(mib)) => said.ceiling_mib = Some(mib),
                ("processes", Ok(count)) => said.processes = Some(count),
                ("refused", _) => said.refused = Some(value.clone()),
                ("forks-refused", Ok(_)) => {}
                _ => return Err(unexpected(WANTED, &stamped.event)),
            },
            Event::Begin { .. } => begun = Some(reading(instance)),
            Event::Sample { .. } => {}
            Event::End { .. } => said.cpu = begun.take().map(|begun| (begun, reading(instance))),
            Event::Skip { reason } => {
                said.skipped = Some(reason.clone());
                return Ok(said);
            }
            Event::Done => {
                said.is_done = true;
                return Ok(said);
            }
            other => return Err(unexpected(WANTED, other)),
        }
    }
    said.window.1 = now_ns();
    Ok(said)
}

/// What it has used by now.
fn reading(instance: &dyn Instance) -> Result<Reading, String> {
    instance.cpu_time().map(|used| Reading { used, at_ns: now_ns() })
}
