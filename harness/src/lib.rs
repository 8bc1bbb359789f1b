//! The `bench` command: runs the same program as a process, in a container and in a microVM, and
//! measures what isolation costs.
//!
//! `backend` knows how to run the agent, `experiment` what a trial does, `schedule` in which order,
//! `execute` carries it out into the journal, `kernel` finds what Linux guests boot, `command` holds
//! the subcommands. Measuring never prints; rendering never measures.

pub mod ab;
mod announce;
pub mod arrange;
pub mod backend;
pub mod baseline;
pub mod cli;
mod clock;
pub mod command;
pub mod disturbance;
pub mod evidence;
mod executable;
pub mod execute;
pub mod experiment;
pub mod host;
pub mod interrupt;
pub mod kernel;
pub mod output;
pub mod pin;
pub mod preset;
pub mod program;
pub mod progress;
pub mod runs;
pub mod schedule;
pub mod scratch;
pub mod select;
pub mod status;
pub mod table;
mod terms;
pub mod trial;
pub mod verdict;
