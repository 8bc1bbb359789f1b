//! A delay before READY, for tests only: it makes one backend slower by a known time, so that it can be tested whether
//! a comparison finds that. `bench` sets it for a backend at its user's wish and marks every sample of that backend.
//!
//! Unit: nanoseconds of CLOCK_MONOTONIC. Invariant: without the variable no system call is made, and READY stays the
//! first one.

use core::fmt;

use crate::sys::{self, SysError, stack::InitialStack};

/// Environment variable of the agent that holds the number of nanoseconds.
pub const VARIABLE: &str = "BENCH_TEST_DELAY";

/// The longest delay, ten seconds: far below the time after which an instance is given up.
pub const LONGEST_NS: u64 = 10_000_000_000;

/// Why there was no delay although one was asked for.
#[derive(Debug)]
pub enum DelayError {
    /// The value is no number, or too large.
    Value,
    /// The clock cannot be read.
    Clock(SysError),
}

impl From<SysError> for DelayError {
    fn from(error: SysError) -> Self {
        Self::Clock(error)
    }
}

impl fmt::Display for DelayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value => write!(f, "{VARIABLE} wants a number of nanoseconds, at most {LONGEST_NS}"),
            Self::Clock(error) => write!(f, "{error}"),
        }
    }
}

/// Waits as long as the environment says. Busily: sleeping would let the processor idle, and what comes after would
/// be slower too.
pub fn wait(stack: &InitialStack) -> Result<(), DelayError> {
    let Some(value) = stack.variable(VARIABLE.as_bytes()) else { return Ok(()) };
    let ns = str::from_utf8(value).ok().and_then(|text| text.parse().ok());
    let ns = ns.filter(|&ns: &u64| ns <= LONGEST_NS).ok_or(DelayError::Value)?;
    let begun = sys::clock_gettime()?.as_ns();
    while sys::clock_gettime()?.as_ns().saturating_sub(begun) < ns {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use core::ffi::CStr;

    use super::*;

    fn wait_with(variable: &'static CStr) -> Result<(), DelayError> {
        let words = vec![0, 0, variable.as_ptr() as usize, 0, 0, 0].leak();
        // SAFETY: laid out as the kernel does: no arguments, one variable, no auxiliary vector.
        wait(&unsafe { InitialStack::new(words.as_ptr()) })
    }

    #[test]
    fn a_delay_lasts_at_least_as_long_as_the_variable_says() {
        let begun = std::time::Instant::now();
        wait_with(c"BENCH_TEST_DELAY=3000000").unwrap();
        assert!(begun.elapsed().as_nanos() >= 3_000_000);
    }

    #[test]
    fn a_value_that_is_no_delay_is_an_error() {
        for variable in [
            c"BENCH_TEST_DELAY=",
            c"BENCH_TEST_DELAY=soon",
            c"BENCH_TEST_DELAY=-1",
            c"BENCH_TEST_DELAY=10000000001",
            c"BENCH_TEST_DELAY=\xff",
        ] {
            assert!(matches!(wait_with(variable), Err(DelayError::Value)), "{variable:?}");
        }
    }
}
