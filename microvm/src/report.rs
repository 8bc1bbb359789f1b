//! What a VMM process tells its launcher: lines of text on a pipe of its own.
//!
//! The first part is written when the guest's first output is on its way, so that it delays nothing; the second
//! at the end. All times are CLOCK_MONOTONIC in nanoseconds. Invariant: [`decode`] takes back what [`Part`]
//! displays, and no input makes it fail with anything but a message.

use std::collections::BTreeMap;
use std::fmt;

/// A part of the start, from the end of the one before it (the first from the call of `Launcher::start`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phase {
    /// `vmm_exec`, `memory`, `load`, `kvm_objects`, `first_entry`; of a Linux guest also `kernel`, up to init's first
    /// act, and `init`, up to READY.
    pub name: String,
    /// When it was over, CLOCK_MONOTONIC in nanoseconds.
    pub end_ns: u64,
}

/// What is known of a machine once its guest has called for the first time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// The parts of the start, in order, up to the guest's first request.
    pub phases: Vec<Phase>,
    /// Where guest memory is mapped in the VMM process: address and length in bytes.
    pub guest_ram: (u64, u64),
    /// Frequency of the guest's time-stamp counter in kHz.
    pub tsc_khz: u32,
    /// The ring in which the guest kernel runs: 0 with hardware virtualization, 3 where SYSCALL does not leave it.
    pub kernel_ring: u8,
}

/// How a machine ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The program exited with this status.
    Exited(i32),
    /// The program, or the kernel for it, took a processor exception.
    Fault {
        /// Exception number (Intel SDM volume 3, table 6-1).
        vector: u8,
        /// Error code, 0 where the exception has none.
        error_code: u64,
        /// Address of the instruction.
        rip: u64,
        /// CR2: the address that a page fault (14) was about.
        address: u64,
    },
    /// The guest's kernel gave up, for this reason.
    Panic(String),
    /// A fault while a fault was handled while a fault was handled: the processor shut down.
    TripleFault,
    /// The guest reset the machine, and init had not said that it would end.
    Reset,
    /// The guest left in a way that no good guest does: a port, unknown memory, HLT.
    UnexpectedExit(String),
    /// KVM could not go on: KVM_EXIT_INTERNAL_ERROR, KVM_EXIT_FAIL_ENTRY or a failing KVM_RUN.
    KvmError(String),
    /// It was still running at its deadline.
    Deadline,
    /// A signal ended the VMM process.
    Killed(i32),
    /// The VMM could not start the guest; the text says why and what to do.
    VmmError(String),
}

/// The end of a machine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct End {
    /// How; none as long as the machine runs.
    pub outcome: Option<Outcome>,
    /// System calls outside the kernel's subset, by number, and how often each was made. Number 511 stands for itself
    /// and all above.
    pub unknown_syscalls: BTreeMap<u64, u64>,
    /// How often the guest rang the doorbell.
    pub doorbells: u64,
    /// The last lines of a Linux guest's console.
    pub console: Vec<String>,
}

/// One of the two parts, to be displayed.
pub(crate) enum Part<'a> {
    Start(&'a Report),
    End(&'a End),
}

impl fmt::Display for Part<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Part::Start(report) => {
                for phase in &report.phases {
                    writeln!(f, "phase {} {}", phase.name, phase.end_ns)?;
                }
                writeln!(f, "guest_ram {} {}", report.guest_ram.0, report.guest_ram.1)?;
                writeln!(f, "tsc_khz {}", report.tsc_khz)?;
                writeln!(f, "kernel_ring {}", report.kernel_ring)?;
                writeln!(f, "running")
            }
            Part::End(end) => {
                for (number, count) in &end.unknown_syscalls {
                    writeln!(f, "unknown_syscall {number} {count}")?;
                }
                writeln!(f, "doorbells {}", end.doorbells)?;
                for line in &end.console {
                    writeln!(f, "console {}", one_line(line))?;
                }
                match &end.outcome {
                    Some(outcome) => writeln!(f, "outcome {outcome}"),
                    None => Ok(()),
                }
            }
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Exited(status) => write!(f, "exited {status}"),
            Outcome::Fault { vector, error_code, rip, address } => {
                write!(f, "fault {vector} {error_code:#x} {rip:#x} {address:#x}")
            }
            Outcome::Panic(text) => write!(f, "panic {}", one_line(text)),
            Outcome::TripleFault => write!(f, "triple_fault"),
            Outcome::Reset => write!(f, "reset"),
            Outcome::UnexpectedExit(text) => write!(f, "unexpected_exit {}", one_line(text)),
            Outcome::KvmError(text) => write!(f, "kvm_error {}", one_line(text)),
            Outcome::Deadline => write!(f, "deadline"),
            Outcome::Killed(signal) => write!(f, "killed {signal}"),
            Outcome::VmmError(text) => write!(f, "vmm_error {}", one_line(text)),
        }
    }
}

/// A line must stay one.
fn one_line(text: &str) -> String {
    text.replace('\n', " ")
}

/// Reads what has come so far; a last line without its end is not looked at. The report is none until its part is
/// complete.
pub(crate) fn decode(text: &str) -> Result<(Option<Report>, End), String> {
    let (mut report, mut running, mut end) = (Report::default(), false, End::default());
    let complete = text.rfind('\n').map_or("", |last| &text[..last]);
    for line in complete.lines() {
        decode_line(line, &mut report, &mut running, &mut end)
            .ok_or_else(|| format!("the VMM process sent a line that makes no sense: {line:?}"))?;
    }
    Ok((running.then_some(report), end))
}

fn decode_line(line: &str, report: &mut Report, running: &mut bool, end: &mut End) -> Option<()> {
    let (key, rest) = line.split_once(' ').unwrap_or((line, ""));
    let pair = || rest.split_once(' ');
    match key {
        "phase" => {
            let (name, end_ns) = pair()?;
            report.phases.push(Phase { name: name.to_owned(), end_ns: end_ns.parse().ok()? });
        }
        "guest_ram" => report.guest_ram = (pair()?.0.parse().ok()?, pair()?.1.parse().ok()?),
        "tsc_khz" => report.tsc_khz = rest.parse().ok()?,
        "kernel_ring" => report.kernel_ring = rest.parse().ok()?,
        "running" => *running = true,
        "unknown_syscall" => {
            end.unknown_syscalls.insert(pair()?.0.parse().ok()?, pair()?.1.parse().ok()?);
        }
        "doorbells" => end.doorbells = rest.parse().ok()?,
        "console" => end.console.push(rest.to_owned()),
        "outcome" => end.outcome = Some(decode_outcome(rest)?),
        _ => return None,
    }
    Some(())
}

fn decode_outcome(text: &str) -> Option<Outcome> {
    let (key, rest) = text.split_once(' ').unwrap_or((text, ""));
    Some(match key {
        "exited" => Outcome::Exited(rest.parse().ok()?),
        "fault" => {
            let mut fields = rest.split(' ');
            let vector = fields.next()?.parse().ok()?;
            let mut hex = || u64::from_str_radix(fields.next()?.strip_prefix("0x")?, 16).ok();
            Outcome::Fault { vector, error_code: hex()?, rip: hex()?, address: hex()? }
        }
        "panic" => Outcome::Panic(rest.to_owned()),
        "triple_fault" => Outcome::TripleFault,
        "reset" => Outcome::Reset,
        "unexpected_exit" => Outcome::UnexpectedExit(rest.to_owned()),
        "kvm_error" => Outcome::KvmError(rest.to_owned()),
        "deadline" => Outcome::Deadline,
        "killed" => Outcome::Killed(rest.parse().ok()?),
        "vmm_error" => Outcome::VmmError(rest.to_owned()),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn report() -> Report {
        let phase = |name: &str, end_ns| Phase { name: name.to_owned(), end_ns };
        Report {
            phases: vec![phase("vmm_exec", 5), phase("memory", u64::MAX)],
            guest_ram: (0x7f00_0000_0000, 32 << 20),
            tsc_khz: 2_500_000,
            kernel_ring: 3,
        }
    }

    fn outcomes() -> impl Strategy<Value = Outcome> {
        prop_oneof![
            any::<i32>().prop_map(Outcome::Exited),
            any::<(u8, u64, u64, u64)>().prop_map(|(vector, error_code, rip, address)| Outcome::Fault {
                vector,
                error_code,
                rip,
                address
            }),
            "[^\n\r]*".prop_map(Outcome::Panic),
            Just(Outcome::TripleFault),
            Just(Outcome::Reset),
            "[^\n\r]*".prop_map(Outcome::UnexpectedExit),
            "[^\n\r]*".prop_map(Outcome::KvmError),
            Just(Outcome::Deadline),
            any::<i32>().prop_map(Outcome::Killed),
            "[^\n\r]*".prop_map(Outcome::VmmError),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            outcome in outcomes(),
            unknown_syscalls in prop::collection::btree_map(any::<u64>(), any::<u64>(), 0..5),
            doorbells: u64,
            console in prop::collection::vec("[^\n\r]*", 0..5),
        ) {
            let end = End { outcome: Some(outcome), unknown_syscalls, doorbells, console };
            let text = format!("{}{}", Part::Start(&report()), Part::End(&end));
            prop_assert_eq!(decode(&text), Ok((Some(report()), end)));
        }

        #[test]
        fn no_text_makes_it_panic(text: String) {
            let _ = decode(&text);
        }

        #[test]
        fn a_prefix_is_never_an_error(length in 0usize..200) {
            let text = Part::Start(&report()).to_string();
            let prefix = &text[..length.min(text.len())];
            prop_assert_eq!(decode(prefix).unwrap().0.is_some(), prefix.len() == text.len());
        }
    }

    #[test]
    fn a_message_of_several_lines_becomes_one() {
        let end = End { outcome: Some(Outcome::VmmError("a\nb".into())), ..End::default() };
        let (_, read) = decode(&Part::End(&end).to_string()).unwrap();
        assert_eq!(read.outcome, Some(Outcome::VmmError("a b".into())));
    }
}
