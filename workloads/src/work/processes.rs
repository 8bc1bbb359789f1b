//! Making processes, replacing them, and signals.

use core::{
    hint::black_box,
    sync::atomic::{AtomicI32, Ordering},
};

use super::Stop;
use crate::{
    meter::Meter,
    sys::{self, ENOENT, SysError, signal::CountedSignal, thread},
};

pub fn fork_exit(meter: &Meter) -> Result<(), Stop> {
    meter.measure(&mut |ops| {
        for _ in 0..ops {
            if sys::wait(sys::fork_exit()?)? != 0 {
                return Err(Stop::Wrong("a forked child did not exit with status 0"));
            }
        }
        Ok(())
    })
}

/// Why the child of [`execve`] could not execute; the child shares the memory until it does.
static EXECVE_ERRNO: AtomicI32 = AtomicI32::new(0);

pub fn execve(meter: &Meter) -> Result<(), Stop> {
    let mut stack = thread::vfork_stack()?;
    meter.measure(&mut |ops| {
        for _ in 0..ops {
            let child = thread::vfork(&mut stack, execute_self, 0)?;
            let status = sys::wait(child)?;
            match EXECVE_ERRNO.load(Ordering::Relaxed) {
                0 if status == 0 => {}
                0 => return Err(Stop::Wrong("the executed agent did not exit with status 0")),
                ENOENT => return Err(Stop::Missing("needs /proc")),
                errno => return Err(SysError { call: "execve", errno }.into()),
            }
        }
        Ok(())
    })
}

/// Becomes the agent, which sees from its empty name that it is to exit at once.
extern "C" fn execute_self(_: usize) {
    EXECVE_ERRNO.store(sys::execve(c"/proc/self/exe", c"").errno, Ordering::Relaxed);
}

pub fn signal_delivery(meter: &Meter) -> Result<(), Stop> {
    let signal = CountedSignal::install()?;
    meter.measure(&mut |ops| {
        let before = signal.delivered();
        for _ in 0..ops {
            signal.send()?;
        }
        if black_box(signal.delivered()) - before != ops {
            return Err(Stop::Wrong("a signal was sent but its handler did not run"));
        }
        Ok(())
    })
}
