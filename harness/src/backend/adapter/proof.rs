//! The first start of a runtime, before anything is measured: a tool that is there and does not work fails here, alone, soon,
//! and in its own words.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use workloads::protocol::{Event, Parser};

use super::instance::Running;
use crate::backend::{Instance, Job, JobLimits};

/// How long a first start may take. The slowest container takes a second with a cold cache; a machine boots a distribution's
/// kernel, on a busy or emulated host.
const CONTAINER_READY: Duration = Duration::from_secs(15);
const MACHINE_READY: Duration = Duration::from_secs(60);

/// How long its end may take.
const GONE: Duration = Duration::from_secs(10);

/// Starts one instance, waits for READY and stops it.
pub fn prove(launch: impl FnOnce(&Job) -> Result<Running>) -> Result<()> {
    let (memory_bytes, limits) = (32 << 20, JobLimits::USUAL);
    let job = Job { args: &["noop"], env: &[], memory_bytes, limits, accounted: false, deadline: None };
    let mut instance = launch(&job)?;
    let patience = if instance.is_machine() { MACHINE_READY } else { CONTAINER_READY };
    if !is_ready(&instance, patience)? {
        let ended = instance.stop(GONE)?;
        let how = ended.failure.unwrap_or_else(|| "it ended with exit status 0".to_owned());
        bail!("its first start did not get to READY: {how}");
    }
    match instance.stop(GONE)?.failure {
        Some(how) => bail!("its first instance did not end well: {how}"),
        None => Ok(()),
    }
}

/// Whether the first thing it says is READY; not, if it closes its output. Dropping it kills what hangs.
fn is_ready(instance: &Running, patience: Duration) -> Result<bool> {
    let end = Instant::now() + patience;
    let mut parser = Parser::new();
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            bail!("its first start hangs: no READY within {} s", patience.as_secs());
        }
        let mut fds = [PollFd::new(instance.stdout(), PollFlags::POLLIN)];
        match poll(&mut fds, PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO)) {
            Ok(0) | Err(Errno::EINTR) => continue,
            Ok(_) => {}
            Err(errno) => bail!("its output cannot be waited for: {errno}"),
        }
        let mut buffer = [0; 4096];
        let count = nix::unistd::read(instance.stdout(), &mut buffer)?;
        if count == 0 {
            return Ok(false);
        }
        match parser.push(&buffer[..count])?.first() {
            Some(Event::Ready) => return Ok(true),
            Some(other) => bail!("its first start says {other:?} instead of READY"),
            None => {}
        }
    }
}
