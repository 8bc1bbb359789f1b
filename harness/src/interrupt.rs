//! Ctrl-C, SIGTERM and SIGHUP end a run cleanly: what was measured is kept and rendered.
//! A second signal ends the process at once; the instances die with it.

use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::status::INTERRUPTED;

/// Whether somebody asked the run to end, as a flag and as something to poll.
#[derive(Debug)]
pub struct Interrupt {
    flag: Arc<AtomicBool>,
    wake: UnixStream,
}

impl Interrupt {
    /// Takes the signals over.
    pub fn install() -> Result<Self> {
        let flag = Arc::new(AtomicBool::new(false));
        let (wake, signal_end) = UnixStream::pair().context("create the signal socket")?;
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            // In this order: the first signal finds the flag unset, the second one ends the process.
            signal_hook::flag::register_conditional_shutdown(signal, INTERRUPTED.into(), flag.clone())?;
            signal_hook::flag::register(signal, flag.clone())?;
            signal_hook::low_level::pipe::register(signal, signal_end.try_clone()?)?;
        }
        Ok(Self { flag, wake })
    }

    /// Whether a signal came.
    pub fn is_raised(&self) -> bool {
        self.flag.load(Ordering::Relaxed)
    }
}

impl AsFd for Interrupt {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }
}
