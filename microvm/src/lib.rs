//! A minimal virtual machine monitor on KVM with an embedded unikernel guest, and for Linux guests.
//!
//! [`Launcher::start`] runs a static Linux executable in a virtual machine of its own, in a process of its own, and
//! hands back an [`Instance`]: its console as pipes, the phases of its start, and how it ended. No kernel image is
//! needed: the guest kernel is embedded and serves a subset of Linux's system calls inside the machine.
//! [`Launcher::start_linux`] does the same with a stock Linux kernel ([`linux`]).
//!
//! ```no_run
//! use std::io::Read;
//! let launcher = microvm::Launcher::new()?;
//! let mut config = microvm::Config::new("/bin/busybox");
//! config.args = vec!["echo".into(), "hello".into()];
//! let mut instance = launcher.start(&config)?;
//! let mut output = String::new();
//! instance.stdout.read_to_string(&mut output)?;
//! assert_eq!(instance.wait()?.outcome, microvm::Outcome::Exited(0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Times are CLOCK_MONOTONIC in nanoseconds, sizes in bytes. Invariant: an instance leaves nothing behind; when it is
//! dropped, or its launcher's process dies, the machine and its process are gone.

pub mod arch;
mod config;
pub mod elf;
mod instance;
mod launcher;
pub mod layout;
pub mod linux;
mod probe;
pub mod protocol;
mod report;
pub mod stack;
pub mod vmm;

pub use config::{Config, MemorySizeError, Stderr, is_memory_size};
pub use instance::{Exit, Instance, Usage};
pub use launcher::{Error, Launcher, check_program};
pub use probe::{KvmFacts, probe};
pub use report::{Outcome, Phase, Report};

#[cfg(test)]
#[path = "../guest/pages.rs"]
mod guest_pages;
