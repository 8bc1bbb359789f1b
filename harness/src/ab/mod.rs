//! `bench ab`: two builds measure on one machine in turns, so that whatever the machine does hits both.
//!
//! Both are run as children that know nothing of each other. Each prepares its backends and then asks before every block
//! what to measure and, before each of its workloads, whether it is its turn. The leader (`bench ab` itself) answers so
//! that both do the same blocks of the same cells, and that only one of them does anything at any time; the other one
//! sleeps in `poll`. Block k of one stands beside block k of the other in time, which is what makes them pairs.

mod error;
mod lead;
pub mod protocol;
mod side;
pub mod turns;

pub use error::{AbError, Who};
pub use lead::Lead;
pub use side::Side;
