//! The kernel's command line (Documentation/admin-guide/kernel-parameters.rst).

use super::Error;
use crate::linux::devices::DOORBELL;

/// What every guest gets, and why:
/// - `console=ttyS0 quiet`: messages of trouble go to the console, the others cost an exit for every character;
/// - `panic=-1 reboot=k`: a panic resets at once, and by the keyboard controller, which is the reset there is;
/// - `pci=off`, `8250.nr_uarts=2`: no looking for hardware that is not there.
///
/// A word that the kernel does not know would become an argument of init, so nothing else stands here.
const FIXED: &str = "console=ttyS0 quiet panic=-1 reboot=k pci=off 8250.nr_uarts=2";

/// Builds the line: fixed part, `extra`, the doorbell's port for the agent's environment, the agent's arguments.
pub fn build(extra: &str, args: &[Vec<u8>], limit: u64) -> Result<Vec<u8>, Error> {
    let mut line = FIXED.as_bytes().to_vec();
    if !extra.is_empty() {
        line.push(b' ');
        line.extend(extra.as_bytes());
    }
    line.extend(format!(" BENCH_DOORBELL={DOORBELL} --").bytes());
    for arg in args {
        line.push(b' ');
        line.extend(arg);
    }
    if line.len() as u64 > limit {
        return Err(Error::CommandLine { bytes: line.len(), limit });
    }
    if let Some(&byte) = line.iter().find(|byte| !(b' '..=b'~').contains(*byte)) {
        return Err(Error::CommandLineByte(byte));
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_of_init_come_last() {
        let line = build("earlyprintk=ttyS0", &[b"noop".to_vec()], 2047).unwrap();
        let line = String::from_utf8(line).unwrap();
        assert!(line.ends_with(" earlyprintk=ttyS0 BENCH_DOORBELL=1712 -- noop"), "{line}");
    }

    #[test]
    fn a_line_longer_than_the_kernel_takes_is_refused_with_both_lengths() {
        let bytes = build(&"x".repeat(3000), &[], 4000).unwrap().len();
        let message = build(&"x".repeat(3000), &[], 2047).unwrap_err().to_string();
        assert!(message.contains(&bytes.to_string()) && message.contains("2047"), "{message}");
    }

    #[test]
    fn a_byte_that_would_end_the_line_is_refused() {
        for extra in ["a\0b", "a\nb", "\u{e9}"] {
            assert!(build(extra, &[], 2047).is_err(), "{extra:?}");
        }
    }
}
