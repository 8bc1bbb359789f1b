//! What runs inside an instance: the catalogue of workloads, the agent that runs them, and the events it
//! reports.
//!
//! The **agent** is a static x86-64 ELF without libc, built by `build.rs` from `src/agent.rs` and embedded
//! here as [`AGENT`]. Every backend runs these very bytes, so that a difference between two backends is never
//! a difference between two programs. Its command line is
//!
//! ```text
//! workload NAME [--batches N] [--batch-ns NS] [--most N]
//! ```
//!
//! and it reports on standard output in the lines of [`protocol`]. Its exit status is 0 after a result or a
//! skip, 1 after an error, 2 for a command line it does not understand.
//!
//! For tests only, the environment variable [`TEST_DELAY`] makes it wait before READY: see `delay.rs`.
//!
//! As `/init` of a Linux guest it does the same over a serial line and ends by a restart: see `init.rs`.
//!
//! This library compiles the agent's own modules too (all but its entry point), so that the functions that
//! are measured are the functions that are tested. A new workload is one entry in `catalogue.rs` and one
//! function.
//!
//! Units: nanoseconds of CLOCK_MONOTONIC; operations as each workload's summary defines them, or bytes.

mod catalogue;
#[expect(dead_code, reason = "the agent's main: the library only compiles and tests it")]
mod command;
mod delay;
mod events;
#[expect(dead_code, reason = "only the agent is ever /init of a guest")]
mod init;
mod meter;
pub mod protocol;
mod sys;
mod work;

pub use catalogue::{CATALOGUE, Group, Workload, Yields, find};
pub use delay::{LONGEST_NS as LONGEST_TEST_DELAY_NS, VARIABLE as TEST_DELAY};

/// The agent: a static, position-dependent ELF for x86-64 Linux that needs nothing but the system calls it
/// measures.
pub static AGENT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/workload"));

impl Workload {
    /// A program of somebody else's as a workload: a name for its results. The agent does not know it.
    pub const fn of_program(name: &'static str) -> Self {
        Self {
            name,
            group: Group::Program,
            yields: Yields::TimePerOp,
            summary: "a program of the user's",
            run: |_| Err(work::Stop::Missing("the program: it is not part of the agent")),
        }
    }
}

/// The SHA-256 of [`AGENT`] in lower-case hexadecimal: two runs with the same digest measured the same
/// program.
pub fn agent_sha256() -> String {
    work::sha256::digest(AGENT).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_agent_digest_is_64_hexadecimal_digits() {
        let digest = agent_sha256();
        assert_eq!(digest.len(), 64);
        assert!(digest.bytes().all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase()));
    }
}
