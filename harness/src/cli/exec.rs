//! Arguments of `bench exec`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::measure::{MeasureArgs, parse_duration};

/// What the help ends in.
pub const EXAMPLES: &str = "Examples:
  bench exec -- busybox seq 1 100000
  bench exec --stdin data.gz -- ./decompress -q
  bench exec --rootfs /srv/debian --backends process,container -- /usr/bin/python3 -c 'print(6 * 7)'";

/// A program, and how to run it.
#[derive(Debug, Args)]
pub struct ExecArgs {
    /// How to measure.
    #[command(flatten)]
    pub measure: MeasureArgs,

    /// Run the program from this directory, which it sees as `/`: for programs that need other files. A container binds it
    /// read-only and wants `proc`, `dev` and `tmp` in it; a bare process enters it by chroot(2). Nothing is written to it.
    #[arg(long, value_name = "DIR")]
    pub rootfs: Option<PathBuf>,

    /// Memory limit, and size of a virtual machine: a multiple of 2 MiB from 16 MiB to 2 GiB, such as `512M`.
    #[arg(long, value_name = "SIZE", default_value = "256M", value_parser = parse_size)]
    pub memory: u64,

    /// The longest that the program may take; it is killed then, and has failed.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse_duration)]
    pub timeout: Duration,

    /// Its standard input [default: empty].
    #[arg(long, value_name = "FILE")]
    pub stdin: Option<PathBuf>,

    /// A variable of its environment, which is empty otherwise; may be given more than once.
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_variable)]
    pub env: Vec<(OsString, OsString)>,

    /// The program and its arguments. Without a slash it is looked up in $PATH.
    #[arg(last = true, required = true, value_name = "PROGRAM")]
    pub command: Vec<OsString>,
}

/// `64M`, `1G`, or bytes, that a virtual machine can have.
fn parse_size(text: &str) -> Result<u64, String> {
    const WANTED: &str = "expected a multiple of 2 MiB from 16 MiB to 2 GiB, such as `512M`";
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match &text[digits.len()..] {
        "" => 0,
        "K" | "KiB" => 10,
        "M" | "MiB" => 20,
        "G" | "GiB" => 30,
        _ => return Err(WANTED.to_owned()),
    };
    let bytes = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(1 << shift));
    bytes.filter(|&bytes| microvm::is_memory_size(bytes)).ok_or_else(|| WANTED.to_owned())
}

fn parse_variable(text: &str) -> Result<(OsString, OsString), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.into(), value.into())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_a_machine() {
        assert_eq!(parse_size("64M"), Ok(64 << 20));
        assert_eq!(parse_size("2GiB"), Ok(2 << 30));
        assert_eq!(parse_size("33554432"), Ok(32 << 20));
        for bad in ["", "M", "64X", "8M", "3G", "17M", "-64M", "6.4M", "99999999999999G", "64 M"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_variable_has_a_name() {
        assert_eq!(parse_variable("A=b=c"), Ok(("A".into(), "b=c".into())));
        assert_eq!(parse_variable("A="), Ok(("A".into(), "".into())));
        for bad in ["", "A", "=b"] {
            assert!(parse_variable(bad).is_err(), "{bad}");
        }
    }
}
