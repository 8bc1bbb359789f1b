//! Where a UART's output goes.
//!
//! Invariant: whatever the guest writes, these keep a bounded number of bytes of it.

use std::collections::VecDeque;
use std::io::{self, Write};

/// A line longer than this is passed on in parts.
const LONGEST_LINE: usize = 256;
/// Bytes of the console that are remembered: room for a panic with its call trace.
const REMEMBERED: usize = 16 << 10;
/// Of these, what is told in the end: lines, and bytes of each.
const TOLD_LINES: usize = 30;
const TOLD_BYTES: usize = 200;

/// Gathers bytes to lines, so that a reader is woken once a line and not once a character.
#[derive(Debug)]
pub struct Lines<W: Write> {
    line: Vec<u8>,
    sink: W,
}

impl<W: Write> Lines<W> {
    /// Lines go to `sink`.
    pub fn new(sink: W) -> Self {
        Lines { line: Vec::with_capacity(LONGEST_LINE), sink }
    }

    /// Passes on what is gathered, a line or not.
    pub fn finish(&mut self) -> io::Result<()> {
        let result = self.sink.write_all(&self.line);
        // Gone or passed on: a reader that went away does not come back.
        self.line.clear();
        result
    }
}

impl<W: Write> Write for Lines<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for &byte in bytes {
            self.line.push(byte);
            if byte == b'\n' || self.line.len() == LONGEST_LINE {
                self.finish()?;
            }
        }
        Ok(bytes.len())
    }

    /// Does nothing: the UART flushes after every byte.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The kernel's console: passed on, and its end remembered.
#[derive(Debug)]
pub struct Console<W: Write> {
    lines: Lines<W>,
    remembered: VecDeque<u8>,
}

impl<W: Write> Console<W> {
    /// What is written goes to `sink` as well.
    pub fn new(sink: W) -> Self {
        Console { lines: Lines::new(sink), remembered: VecDeque::new() }
    }

    /// The last lines that are not empty, without what is not printable.
    pub fn last_lines(&mut self) -> Vec<String> {
        let text = String::from_utf8_lossy(self.remembered.make_contiguous()).into_owned();
        let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
        let first = lines.len().saturating_sub(TOLD_LINES);
        lines[first..]
            .iter()
            .map(|line| line.chars().filter(|c| !c.is_control()).take(TOLD_BYTES).collect())
            .collect()
    }

    /// Passes on what is gathered.
    pub fn finish(&mut self) -> io::Result<()> {
        self.lines.finish()
    }
}

impl<W: Write> Write for Console<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for &byte in bytes {
            if self.remembered.len() == REMEMBERED {
                self.remembered.pop_front();
            }
            self.remembered.push_back(byte);
        }
        self.lines.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_told_and_the_rest_is_forgotten() {
        let mut console = Console::new(io::sink());
        for number in 0..100_000 {
            writeln!(console, "line {number}\r").unwrap();
            assert!(console.remembered.len() <= REMEMBERED);
        }
        let lines = console.last_lines();
        assert_eq!(lines.len(), TOLD_LINES);
        assert_eq!(lines.last().unwrap(), "line 99999");
        assert!(console.remembered.capacity() <= 2 * REMEMBERED);
    }

    #[test]
    fn a_line_without_end_is_passed_on_in_parts_and_told_in_part() {
        let mut console = Console::new(Vec::new());
        console.write_all(&vec![b'x'; 1 << 20]).unwrap();
        assert_eq!(console.lines.sink.len(), 1 << 20);
        assert_eq!(console.last_lines(), ["x".repeat(TOLD_BYTES)]);
    }

    #[test]
    fn bytes_are_gathered_to_lines() {
        let mut lines = Lines::new(Vec::new());
        lines.write_all(b"read").unwrap();
        assert_eq!(lines.sink, b"");
        lines.write_all(b"y\nsam").unwrap();
        assert_eq!(lines.sink, b"ready\n");
        lines.finish().unwrap();
        assert_eq!(lines.sink, b"ready\nsam");
    }
}
