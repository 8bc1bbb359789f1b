//! The side of a run that is led: it asks before every block what to measure, and before every workload whether it is
//! its turn.
//!
//! Invariant: a leader that is gone, by whatever death, ends the run as a signal does: what was measured is kept.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::{prctl, signal::Signal};
use results::Experiment;

use super::protocol::{Link, Reply, Request, Standing, VERSION};
use crate::interrupt::Interrupt;
use crate::output::note;

/// The way to the leader.
#[derive(Debug)]
pub struct Turns {
    link: Link,
}

/// What both runs can measure.
#[derive(Debug)]
pub struct Common {
    /// Names of experiments.
    pub experiments: Vec<String>,
    /// Names of backends.
    pub backends: Vec<String>,
}

impl Turns {
    /// Greets the leader at the other end of standard input, and waits for leave to prepare. `None` if it is to end.
    pub fn greet(version: u32, interrupt: &Interrupt) -> Result<Option<Self>> {
        if version != VERSION {
            bail!(
                "asked for version {version} of the protocol of `bench ab`, but this build speaks version {VERSION}: compare builds that are closer"
            )
        }
        // Should the leader be killed, nobody would say so until the next request.
        prctl::set_pdeathsig(Signal::SIGTERM).context("ask to be told of the leader's death")?;
        let stream = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        stream.peer_addr().context("--turns is for `bench ab`, which leads a run over its standard input")?;
        let mut turns = Self { link: Link::new(stream) };
        Ok(turns.ask(interrupt, &Request::Hello, go)?.map(|()| turns))
    }

    /// Says what this run would measure. `None` if it is to end.
    pub fn ready(
        &mut self,
        interrupt: &Interrupt,
        run_id: &str,
        experiments: &[Experiment],
        backends: &[&str],
    ) -> Result<Option<Common>> {
        let request = Request::Ready {
            run_id: run_id.to_owned(),
            experiments: experiments.iter().map(ToString::to_string).collect(),
            backends: backends.iter().map(ToString::to_string).collect(),
        };
        self.ask(interrupt, &request, |reply| match reply {
            Reply::Begin { experiments, backends } => Some(Common { experiments, backends }),
            _ => None,
        })
    }

    /// The workloads of the next block, where this run wants some or none. `None` if it is to end.
    pub fn block(
        &mut self,
        interrupt: &Interrupt,
        experiment: Experiment,
        block: u32,
        wanted: &[&str],
    ) -> Result<Option<Vec<String>>> {
        let wanted = wanted.iter().map(ToString::to_string).collect();
        self.ask(interrupt, &Request::Block { experiment, block, wanted }, |reply| match reply {
            Reply::Block { workloads } => Some(workloads),
            _ => None,
        })
    }

    /// Waits until the other run does not measure. `None` if this one is to end.
    pub fn turn(&mut self, interrupt: &Interrupt, standing: Standing) -> Result<Option<()>> {
        self.ask(interrupt, &Request::Turn(standing), go)
    }

    /// Sends a request and sleeps until its reply comes.
    fn ask<T>(
        &mut self,
        interrupt: &Interrupt,
        request: &Request,
        meant: impl FnOnce(Reply) -> Option<T>,
    ) -> Result<Option<T>> {
        if let Err(error) = self.link.send(request) {
            return Ok(without_leader(&error.to_string()));
        }
        let reply = loop {
            if interrupt.is_raised() {
                return Ok(None);
            }
            if let Some(reply) = self.link.take().context("`bench ab` is not understood")? {
                break reply;
            }
            let mut fds = [
                PollFd::new(self.link.as_fd(), PollFlags::POLLIN),
                PollFd::new(interrupt.as_fd(), PollFlags::POLLIN),
            ];
            match poll(&mut fds, PollTimeout::NONE) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno).context("wait for `bench ab`"),
            }
            if fds[0].any() == Some(true) && !self.link.read().context("read from `bench ab`")? {
                return Ok(without_leader("it is gone"));
            }
        };
        match meant(reply) {
            Some(answer) => Ok(Some(answer)),
            None => bail!("`bench ab` gave an answer to another question: compare builds that are closer"),
        }
    }
}

fn go(reply: Reply) -> Option<()> {
    matches!(reply, Reply::Go).then_some(())
}

fn without_leader<T>(why: &str) -> Option<T> {
    note(&format!("nobody leads this run any more: {why}"));
    None
}
