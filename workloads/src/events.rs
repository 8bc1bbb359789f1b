//! The agent's side of the event protocol: one line of printable ASCII, one write, for each event.
//!
//! The grammar is described in `protocol.rs`, which reads these lines; the words and the longest line are
//! shared. Invariant: a line that leaves here has at most [`MAX_LINE`] bytes before its line feed, whatever
//! was put into it.

use core::fmt::{self, Write};

use crate::sys::{self, SysError};

/// The longest line of the protocol in bytes, without its line feed.
pub const MAX_LINE: usize = 256;

pub const BEGIN: &str = "begin";
pub const SAMPLE: &str = "sample";
pub const END: &str = "end";
pub const FACT: &str = "fact";
pub const SKIP: &str = "skip";
pub const ERROR: &str = "error";
pub const DONE: &str = "done";

/// Says that the agent runs. The line is a constant, so that nothing is formatted before the host sees it.
pub fn ready(out: i32) -> Result<(), SysError> {
    sys::write_all(out, b"ready\n")
}

/// Says that the workload cannot run here, and why.
pub fn skip(out: i32, reason: fmt::Arguments<'_>) -> Result<(), SysError> {
    line(out, format_args!("{SKIP} {reason}"))
}

/// Says that something went wrong.
pub fn error(out: i32, message: fmt::Arguments<'_>) -> Result<(), SysError> {
    line(out, format_args!("{ERROR} {message}"))
}

/// Writes one line: cut at [`MAX_LINE`], with `?` for every byte that the protocol does not allow.
pub fn line(out: i32, text: fmt::Arguments<'_>) -> Result<(), SysError> {
    let mut line = Line { bytes: [0; MAX_LINE + 1], len: 0 };
    // A `Line` takes any text, and no `Display` of this crate fails of itself.
    let _ = line.write_fmt(text);
    line.bytes[line.len] = b'\n';
    sys::write_all(out, &line.bytes[..=line.len])
}

/// A line being formatted; the last byte is kept for the line feed.
struct Line {
    bytes: [u8; MAX_LINE + 1],
    len: usize,
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for &byte in text.as_bytes().iter().take(MAX_LINE - self.len) {
            self.bytes[self.len] = if is_allowed(byte) { byte } else { b'?' };
            self.len += 1;
        }
        Ok(())
    }
}

/// Whether the protocol allows this byte inside a line: printable ASCII and the space.
pub fn is_allowed(byte: u8) -> bool {
    (b' '..=b'~').contains(&byte)
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, pipe},
        os::fd::AsRawFd,
    };

    use super::*;

    fn written(text: &str) -> Vec<u8> {
        let (mut reader, writer) = pipe().unwrap();
        line(writer.as_raw_fd(), format_args!("{text}")).unwrap();
        drop(writer);
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn a_line_ends_in_a_line_feed() {
        assert_eq!(written("end 7"), b"end 7\n");
    }

    #[test]
    fn bytes_that_the_protocol_does_not_allow_become_question_marks() {
        assert_eq!(written("error a\nb\u{e9}"), b"error a?b??\n");
    }

    #[test]
    fn a_line_is_cut_at_the_longest_that_the_protocol_allows() {
        let bytes = written(&"x".repeat(1000));
        assert_eq!(bytes.len(), MAX_LINE + 1);
        assert_eq!(bytes.last(), Some(&b'\n'));
    }
}
