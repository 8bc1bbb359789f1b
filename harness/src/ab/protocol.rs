//! What `bench ab` and the runs it leads say to each other: JSON, one message a line, over the socket that is the
//! run's standard input.
//!
//! Invariant: a run does nothing that could disturb a measurement between a request and its reply. A line has at most
//! `MAX_LINE` bytes, whoever wrote it.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use results::Experiment;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Version of this protocol, given to a run as `--turns VERSION`; a run of another version refuses.
pub const VERSION: u32 = 1;

/// The longest message in bytes: far more than all names of a catalogue.
const MAX_LINE: usize = 1 << 16;

/// What a run says, and what follows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// It knows the protocol: the first act. It waits for [`Reply::Go`] to prepare its backends.
    Hello,
    /// It has prepared and waits for [`Reply::Begin`].
    Ready {
        /// Name of the run and of its folder.
        run_id: String,
        /// What it would measure, in this order.
        experiments: Vec<String>,
        /// The backends that it could prepare.
        backends: Vec<String>,
    },
    /// It waits for [`Reply::Block`].
    Block {
        /// The experiment under way.
        experiment: Experiment,
        /// Blocks of it that are done.
        block: u32,
        /// The workloads that need another block; none if it has samples enough or its time is spent.
        wanted: Vec<String>,
    },
    /// It waits for [`Reply::Go`], to warm an experiment up or to run one workload of a block on every backend. Its
    /// next request says that this is done.
    Turn(Standing),
}

/// Where a run stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// The experiment under way.
    pub experiment: Experiment,
    /// Blocks of it that are done.
    pub block: u32,
    /// The most there can be.
    pub most_blocks: u32,
    /// What comes next.
    pub workload: String,
    /// Share of the run that is done, 0 to 1.
    pub done: f64,
    /// The longest that the rest may take, in seconds of its own turns.
    pub left_s: f64,
}

/// What the leader answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// Measure no more than this, in this order: what both can.
    Begin {
        /// Of the experiments.
        experiments: Vec<String>,
        /// Of the backends.
        backends: Vec<String>,
    },
    /// The next block is of these workloads; without any the experiment is over.
    Block {
        /// Their names.
        workloads: Vec<String>,
    },
    /// It is your turn.
    Go,
}

/// Why a message is none.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// A line that does not end.
    #[error("a message of over {MAX_LINE} bytes")]
    TooLong,
    /// A line that says something else.
    #[error("`{line}` is no message: {source}")]
    Foreign {
        /// Its beginning.
        line: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// One end of the socket.
#[derive(Debug)]
pub struct Link {
    stream: UnixStream,
    /// What has arrived and was not yet taken.
    arrived: Vec<u8>,
}

impl Link {
    /// Over a connected socket.
    pub fn new(stream: UnixStream) -> Self {
        Self { stream, arrived: Vec::new() }
    }

    /// Sends one message.
    pub fn send(&mut self, message: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(message)?;
        line.push(b'\n');
        self.stream.write_all(&line)
    }

    /// Takes the next message that has arrived whole.
    pub fn take<T: DeserializeOwned>(&mut self) -> Result<Option<T>, MessageError> {
        let Some(end) = self.arrived.iter().position(|&byte| byte == b'\n') else {
            return if self.arrived.len() > MAX_LINE { Err(MessageError::TooLong) } else { Ok(None) };
        };
        let line: Vec<u8> = self.arrived.drain(..=end).collect();
        let foreign = |source| {
            let line = String::from_utf8_lossy(&line).trim().chars().take(80).collect();
            MessageError::Foreign { line, source }
        };
        serde_json::from_slice(&line).map(Some).map_err(foreign)
    }

    /// Reads what there is, waiting for something; `false` once the other end is closed.
    pub fn read(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 4096];
        let count = match self.stream.read(&mut buffer) {
            // The other end was closed with something unread in it.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => 0,
            count => count?,
        };
        self.arrived.extend(&buffer[..count]);
        Ok(count > 0)
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links() -> (Link, Link) {
        let (one, other) = UnixStream::pair().unwrap();
        (Link::new(one), Link::new(other))
    }

    #[test]
    fn messages_arrive_whole_and_in_order() {
        let (mut run, mut leader) = links();
        let block = Request::Block { experiment: Experiment::Cpu, block: 3, wanted: vec!["sort".to_owned()] };
        run.send(&Request::Hello).unwrap();
        run.send(&block).unwrap();
        run.stream.write_all(b"{\"tu").unwrap();
        while leader.arrived.iter().filter(|&&byte| byte == b'\n').count() < 2 {
            assert!(leader.read().unwrap());
        }
        assert_eq!(leader.take().unwrap(), Some(Request::Hello));
        assert_eq!(leader.take().unwrap(), Some(block));
        assert_eq!(leader.take::<Request>().unwrap(), None);
        drop(run);
        while leader.read().unwrap() {}
    }

    #[test]
    fn foreign_and_endless_lines_are_refused() {
        let (mut run, mut leader) = links();
        run.stream.write_all(b"hello, world\n\"go\"\n").unwrap();
        leader.read().unwrap();
        let error = leader.take::<Request>().unwrap_err().to_string();
        assert!(error.starts_with("`hello, world` is no message"), "{error}");
        assert_eq!(leader.take().unwrap(), Some(Reply::Go), "the line after it is read for itself");
        leader.arrived = vec![b' '; MAX_LINE + 1];
        assert!(matches!(leader.take::<Request>(), Err(MessageError::TooLong)));
    }
}
