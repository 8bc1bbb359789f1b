//! The real binary, through its command line.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails; clippy sees only the #[test] functions as tests"
)]

mod ab;
mod adapters;
mod anchors;
mod bad_input;
mod baseline;
mod claims;
mod common;
mod compare;
mod density;
mod exec;
mod exec_killed;
mod export;
mod history;
mod isolation;
mod kernel;
mod kernel_fetch;
#[path = "../kernels/mod.rs"]
mod kernels;
mod ladder;
mod report;
mod runs;
mod sample;
#[expect(dead_code, reason = "the noisy machine is for the tests of `results`")]
#[path = "../../../results/tests/simulate/mod.rs"]
mod simulate;
