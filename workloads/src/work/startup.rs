//! The workload that does nothing: its READY is the end of startup, its idling what memory is measured on.

use super::Stop;
use crate::{
    meter::Meter,
    sys::{self, EINTR, STDIN},
};

/// Waits until standard input ends, which is the host's request to stop.
pub fn noop(_meter: &Meter) -> Result<(), Stop> {
    let mut ignored = [0_u8; 64];
    loop {
        match sys::read(STDIN, &mut ignored) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.errno == EINTR => {}
            Err(error) => return Err(error.into()),
        }
    }
}
