//! The agent's `main`: READY, then the command line, then the workload.
//!
//! Invariant: the first act is saying READY, before the command line is looked at; it is the end of startup. Only a
//! test that asks for it puts a delay before (`delay.rs`).
//! How it is said is a matter of `init.rs` in a Linux guest, and a line on standard output everywhere else.

use core::fmt;

use crate::{
    catalogue::{self, Workload},
    delay, events, init,
    meter::{MAX_BATCHES, Meter},
    sys::{STDOUT, stack::InitialStack},
};

const SUCCESS: i32 = 0;
const FAILURE: i32 = 1;
const USAGE: i32 = 2;

const DEFAULT_BATCHES: u64 = 5;
const DEFAULT_BATCH_NS: u64 = 1_000_000;
/// What a hog takes or a storm starts at most unless told otherwise: little.
const DEFAULT_MOST: u64 = 16;
/// The largest such ceiling: a gibibyte, a thousand processes.
const LARGEST_MOST: u64 = 1024;
const LONGEST_BATCH_NS: u64 = 10_000_000_000;

/// Runs the agent and returns its exit status.
///
/// # Safety
///
/// `stack` must be the stack pointer at process entry, and nothing must have changed what it points at.
pub unsafe fn enter(stack: *const usize) -> i32 {
    // SAFETY: the caller vouches for exactly this.
    let stack = unsafe { InitialStack::new(stack) };
    // A child of the execve workload has the standard output of a running measurement, and no business there.
    if stack.is_re_execution() {
        return SUCCESS;
    }
    if let Err(error) = delay::wait(&stack) {
        // In place of READY, so that whoever waits for that says it; in a Linux guest this is still the console. If it
        // cannot be written, the exit status is left.
        let _ = events::error(STDOUT, format_args!("{error}"));
        return USAGE;
    }
    let on_line = init::is_init(&stack);
    let begun = if on_line { init::begin(&stack) } else { events::ready(STDOUT).map_err(drop) };
    if begun.is_ok() { main(STDOUT, on_line, &stack) } else { FAILURE }
}

/// What comes after READY.
fn main(out: i32, on_line: bool, stack: &InitialStack) -> i32 {
    let (reported, status) = match Command::parse(|index| stack.argument(index)) {
        Err(wrong) => (events::error(out, format_args!("{wrong}")), USAGE),
        Ok(Command { workload, batches, batch_ns, most }) => {
            let meter = Meter {
                out,
                on_line,
                batches: batches as usize,
                batch_ns,
                most,
                vdso: stack.vdso(),
                executable: stack.executable(),
            };
            match (workload.run)(&meter) {
                Ok(()) => (Ok(()), SUCCESS),
                Err(stop) if stop.is_skip() => (events::skip(out, format_args!("{stop}")), SUCCESS),
                Err(stop) => (events::error(out, format_args!("{stop}")), FAILURE),
            }
        }
    };
    // If the report cannot be written, nobody listens any more, and the exit status is all that is left to
    // say so.
    if reported.is_ok() { status } else { FAILURE }
}

/// A command line that was understood.
struct Command {
    workload: &'static Workload,
    batches: u64,
    batch_ns: u64,
    most: u64,
}

impl Command {
    /// Parses the arguments, where number 0 is the program's name.
    fn parse(argument: impl Fn(usize) -> Option<&'static [u8]>) -> Result<Self, Wrong> {
        let name = argument(1).ok_or(Wrong::NoName)?;
        let workload = str::from_utf8(name).ok().and_then(catalogue::find).ok_or(Wrong::Name(name))?;
        let (batches, batch_ns, most) = (DEFAULT_BATCHES, DEFAULT_BATCH_NS, DEFAULT_MOST);
        let mut command = Self { workload, batches, batch_ns, most };
        let mut index = 2;
        while let Some(option) = argument(index) {
            let value = argument(index + 1);
            match option {
                b"--batches" => command.batches = number("--batches", value, MAX_BATCHES as u64)?,
                b"--batch-ns" => command.batch_ns = number("--batch-ns", value, LONGEST_BATCH_NS)?,
                b"--most" => command.most = number("--most", value, LARGEST_MOST)?,
                _ => return Err(Wrong::Option(option)),
            }
            index += 2;
        }
        Ok(command)
    }
}

/// A number from 1 to `most`.
fn number(option: &'static str, value: Option<&[u8]>, most: u64) -> Result<u64, Wrong> {
    let parsed = value.and_then(|value| str::from_utf8(value).ok()).and_then(|value| value.parse().ok());
    parsed.filter(|number| (1..=most).contains(number)).ok_or(Wrong::Value(option, most))
}

/// What is wrong with a command line.
#[derive(Debug)]
enum Wrong {
    NoName,
    Name(&'static [u8]),
    Option(&'static [u8]),
    Value(&'static str, u64),
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoName => f.write_str("usage: workload NAME [--batches N] [--batch-ns NS] [--most N]"),
            Self::Name(name) => write!(f, "unknown workload {}", name.escape_ascii()),
            Self::Option(option) => {
                let option = option.escape_ascii();
                write!(f, "unknown option {option}; there are --batches N, --batch-ns NS and --most N")
            }
            Self::Value(option, most) => write!(f, "{option} wants a number from 1 to {most}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &'static [&'static str]) -> Result<Command, Wrong> {
        Command::parse(|index| arguments.get(index).map(|argument| argument.as_bytes()))
    }

    #[test]
    fn options_have_defaults() {
        let command = parse(&["workload", "getpid"]).ok().unwrap();
        assert_eq!((command.workload.name, command.batches, command.batch_ns), ("getpid", 5, 1_000_000));
    }

    #[test]
    fn options_may_come_in_any_order() {
        let command = parse(&["workload", "sort", "--batch-ns", "7", "--batches", "3"]).ok().unwrap();
        assert_eq!((command.batches, command.batch_ns), (3, 7));
    }

    #[test]
    fn a_wrong_command_line_says_what_is_wrong() {
        let wrong = |arguments| parse(arguments).err().map(|wrong| wrong.to_string()).unwrap();
        assert!(wrong(&["workload"]).starts_with("usage:"));
        assert!(wrong(&[]).starts_with("usage:"));
        assert_eq!(wrong(&["workload", "gitpid"]), "unknown workload gitpid");
        assert!(wrong(&["workload", "getpid", "--fast"]).contains("--fast"));
        for value in [&["workload", "getpid", "--batches"][..], &["workload", "getpid", "--batches", "0"]] {
            assert_eq!(wrong(Box::leak(value.into())), "--batches wants a number from 1 to 256");
        }
    }
}
