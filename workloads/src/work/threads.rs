//! Two threads that take turns. An operation is a full turn: there and back, two wake-ups and two sleeps.
//!
//! Where the threads run is the scheduler's choice within the affinity of the agent: pinned to one CPU this
//! measures the context switch, on two the cross-CPU wake-up. The host pins every backend alike.

use core::sync::atomic::{AtomicU32, Ordering};

use super::Stop;
use crate::{
    meter::Meter,
    sys::{
        self, SysError,
        thread::{self, Thread},
    },
};

pub fn pipe_round_trip(meter: &Meter) -> Result<(), Stop> {
    let (there, to_echo) = sys::pipe()?;
    let (back, from_echo) = sys::pipe()?;
    let echo = Thread::spawn(echo_bytes, pack(there, from_echo))?;
    let mut byte = [1_u8];
    let measured = meter.measure(&mut |ops| {
        for _ in 0..ops {
            sys::write(to_echo, &byte)?;
            if sys::read(back, &mut byte)? != 1 {
                return Err(Stop::Wrong("the second thread hung up"));
            }
        }
        Ok(())
    });
    // Threads share descriptors, so this is the only writing end: the echo reads end of file and returns.
    sys::close(to_echo)?;
    echo.join()?;
    sys::close(back)?;
    measured
}

/// Writes every byte of one pipe to the other, until the first ends or the second has no reader.
extern "C" fn echo_bytes(ends: usize) {
    let (input, output) = unpack(ends);
    let mut byte = [0_u8];
    while sys::read(input, &mut byte) == Ok(1) && sys::write(output, &byte) == Ok(1) {}
    let _ = (sys::close(input), sys::close(output));
}

/// Two descriptors in one thread argument.
fn pack(low: i32, high: i32) -> usize {
    ((high as u32 as usize) << 32) | low as u32 as usize
}

fn unpack(ends: usize) -> (i32, i32) {
    (ends as u32 as i32, (ends >> 32) as u32 as i32)
}

/// Whose turn it is. The two have a cache line to themselves, for the linker knows no better neighbours.
static TURN: Line = Line(AtomicU32::new(MAIN));

#[repr(align(64))]
struct Line(AtomicU32);

const MAIN: u32 = 0;
const SECOND: u32 = 1;
const OVER: u32 = 2;

pub fn futex_wake(meter: &Meter) -> Result<(), Stop> {
    let second = Thread::spawn(give_turns_back, 0)?;
    let measured = meter.measure(&mut |ops| {
        for _ in 0..ops {
            hand_over(SECOND)?;
            wait_for_main()?;
        }
        Ok(())
    });
    hand_over(OVER)?;
    second.join()?;
    measured
}

fn hand_over(to: u32) -> Result<(), SysError> {
    TURN.0.store(to, Ordering::Release);
    thread::futex_wake(&TURN.0)
}

fn wait_for_main() -> Result<(), SysError> {
    loop {
        match TURN.0.load(Ordering::Acquire) {
            MAIN => return Ok(()),
            other => thread::futex_wait(&TURN.0, other)?,
        }
    }
}

/// The second thread: gives each turn back, until it is over or the futex fails (then the first thread's
/// fails too).
extern "C" fn give_turns_back(_: usize) {
    loop {
        let done = match TURN.0.load(Ordering::Acquire) {
            SECOND => hand_over(MAIN),
            OVER => return,
            other => thread::futex_wait(&TURN.0, other),
        };
        if done.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_descriptors_survive_packing() {
        assert_eq!(unpack(pack(3, i32::MAX)), (3, i32::MAX));
    }
}
