//! Why the lab could not do its work, and what to do about it.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

/// A failure of the lab itself, not of what ran inside.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Programs of other packages are not here.
    #[error("missing here: {}; install: apt-get install --no-install-recommends {}", .0.join(", "), .1.join(" "))]
    MissingTools(Vec<&'static str>, Vec<&'static str>),
    /// A program could not be started.
    #[error("cannot run {program}: {source}")]
    Start {
        /// Its name.
        program: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A program failed.
    #[error("{program} failed ({status}){}{}", if .message.is_empty() { "" } else { ":\n" }, .message)]
    Failed {
        /// The program and its first arguments.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// What it said on standard error, unless that was shown already.
        message: String,
    },
    /// A file could not be read or written.
    #[error("cannot {doing} {}: {source}", .path.display())]
    File {
        /// What was being done.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// apt knows no kernel.
    #[error("apt knows no dependency of {0} that is a kernel; refresh its lists: apt-get update")]
    NoKernelPackage(&'static str),
    /// A kernel package without a part that the lab needs.
    #[error("the package {package} has no {what}; delete {} and try again", .folder.display())]
    BadKernelPackage {
        /// Its name.
        package: String,
        /// What is missing.
        what: String,
        /// Where it was unpacked.
        folder: PathBuf,
    },
    /// Cargo built nothing that could be run.
    #[error("cargo built no {0}; this is a defect of the lab")]
    NothingBuilt(&'static str),
    /// The machine did not reach its first process.
    #[error("the machine did not come up within {} s; its console ended with:\n{console}", .patience.as_secs())]
    NoBoot {
        /// How long each attempt was given.
        patience: Duration,
        /// The last lines of the console.
        console: String,
    },
    /// The machine has stopped, whatever it was doing.
    #[error("the machine gave no sign of life for {} s; its console ended with:\n{console}", .patience.as_secs())]
    Hangs {
        /// How long it was silent.
        patience: Duration,
        /// The last lines of the console.
        console: String,
    },
    /// The machine ended without leaving its archive.
    #[error("the machine ended before its work was done ({what}); its console ended with:\n{console}")]
    NoResults {
        /// What is wrong with what it left.
        what: String,
        /// The last lines of the console.
        console: String,
    },
    /// The machine's first process did not write what it should.
    #[error("the machine says that its job ended with {0:?}; this is a defect of the lab")]
    BadStatus(String),
    /// It takes too long.
    #[error("not done after {} minutes; give it longer with --timeout. The console ended with:\n{console}", .limit.as_secs() / 60)]
    Timeout {
        /// What was allowed.
        limit: Duration,
        /// The last lines of the console.
        console: String,
    },
    /// It prints more than anybody reads.
    #[error("more than {} MiB of output from inside; stopped", .0 >> 20)]
    TooMuchOutput(u64),
    /// SIGINT or SIGTERM.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// For `map_err` on an operation with a file.
    pub fn file(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { doing, path, source }
    }
}
