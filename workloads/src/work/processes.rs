//! Making processes, replacing them, and signals.

use core::{
    ffi::CStr,
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

/// Executes the agent by whichever of its names works: without /proc there is only the one it was executed
/// by, which may have ceased to exist.
pub fn execve(meter: &Meter) -> Result<(), Stop> {
    let mut stack = thread::vfork_stack()?;
    let mut once = |path: &CStr| {
        EXECVE_ERRNO.store(0, Ordering::Relaxed);
        let child = thread::vfork(&mut stack, execute, path.as_ptr().expose_provenance())?;
        let status = sys::wait(child)?;
        match EXECVE_ERRNO.load(Ordering::Relaxed) {
            0 if status == 0 => Ok(()),
            0 => Err(Stop::Wrong("the executed agent did not exit with status 0")),
            errno => Err(SysError { call: "execve", errno }.into()),
        }
    };
    let is_missing = |stop: &Stop| matches!(stop, Stop::Failed(SysError { errno: ENOENT, .. }));
    let mut path = c"/proc/self/exe";
    if once(path).is_err_and(|stop| is_missing(&stop)) {
        path = meter.executable.ok_or(Stop::Missing("needs /proc"))?;
        match once(path) {
            Err(stop) if is_missing(&stop) => return Err(Stop::Missing("needs /proc")),
            tried => tried?,
        }
    }
    meter.measure(&mut |ops| (0..ops).try_for_each(|_| once(path)))
}

/// Becomes the agent at `path`, which sees from its empty name that it is to exit at once.
extern "C" fn execute(path: usize) {
    // SAFETY: the address of a `CStr` that the suspended parent holds.
    let path = unsafe { CStr::from_ptr(core::ptr::with_exposed_provenance(path)) };
    EXECVE_ERRNO.store(sys::execve(path, c"").errno, Ordering::Relaxed);
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
