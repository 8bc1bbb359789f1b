//! The real binary, through its command line.

mod bad_input;
mod common;
mod runs;
