//! What /proc shows of the place: processes, mounts, network interfaces, the user namespace's map.
//!
//! Invariant: nothing is allocated; files and directories are read in pieces, so that their size does not matter, and what
//! would not fit a line of the protocol is cut there.

use core::{
    ffi::CStr,
    fmt::{self, Display},
};

use super::Stop;
use crate::sys::{self, SysError};

const MOUNTS: &CStr = c"/proc/self/mounts";
const INTERFACES: &CStr = c"/proc/self/net/dev";
const UID_MAP: &CStr = c"/proc/self/uid_map";
const PROC: &CStr = c"/proc";

/// More than a line of the protocol takes.
const MOST_TEXT: usize = 256;

/// How many processes have a folder in /proc.
pub fn processes() -> Result<u64, Stop> {
    /// `struct linux_dirent64` (getdents64(2)): where the record's length and its name lie.
    const LENGTH: usize = 16;
    const NAME: usize = 19;
    let folder = open(PROC)?;
    let mut buffer = [0; 2048];
    let mut count = 0;
    loop {
        let read = sys::directory_entries(folder, &mut buffer);
        let Some(mut entries) = buffer.get(..read?).filter(|entries| !entries.is_empty()) else { break };
        while let Some(&[low, high]) = entries.get(LENGTH..LENGTH + 2) {
            count += u64::from(entries.get(NAME).is_some_and(u8::is_ascii_digit));
            let length = usize::from(u16::from_le_bytes([low, high]));
            entries = entries.get(length.max(1)..).unwrap_or_default();
        }
    }
    sys::close(folder)?;
    Ok(count)
}

/// How many file systems are mounted.
pub fn mounts() -> Result<u64, Stop> {
    let mut lines = 0;
    each_piece(MOUNTS, |piece| lines += piece.iter().filter(|&&byte| byte == b'\n').count() as u64)?;
    Ok(lines)
}

/// The names of the network interfaces.
pub fn interfaces() -> Result<Text, Stop> {
    /// Two lines of headings come first.
    const HEADINGS: u32 = 2;
    let mut names = Text::new();
    let (mut line, mut in_name) = (0, true);
    each_piece(INTERFACES, |piece| {
        for &byte in piece {
            match byte {
                b'\n' => (line, in_name) = (line + 1, true),
                // A name ends in a colon; numbers follow.
                b':' if in_name && line >= HEADINGS => {
                    names.push(b' ');
                    in_name = false;
                }
                b' ' => {}
                _ if in_name && line >= HEADINGS => names.push(byte),
                _ => {}
            }
        }
    })?;
    names.trimmed("there is none")
}

/// The user ids of this namespace and what they are outside: first inside, first outside, how many; lines are parted by a
/// semicolon.
pub fn uid_map() -> Result<Text, Stop> {
    let mut map = Text::new();
    each_piece(UID_MAP, |piece| {
        for &byte in piece {
            match byte {
                b'\n' => [b';', b' '].into_iter().for_each(|byte| map.push(byte)),
                b' ' if map.ends_in_space() => {}
                byte => map.push(byte),
            }
        }
    })?;
    map.trimmed("it is empty: no id is mapped")
}

fn open(path: &CStr) -> Result<i32, Stop> {
    sys::open_to_read(path).map_err(|_| Stop::Missing("needs /proc"))
}

fn each_piece(path: &CStr, mut see: impl FnMut(&[u8])) -> Result<(), Stop> {
    let file = open(path)?;
    let mut buffer = [0; 1024];
    let outcome: Result<(), SysError> = loop {
        match sys::read(file, &mut buffer) {
            Ok(0) => break Ok(()),
            Ok(read) => see(buffer.get(..read).unwrap_or_default()),
            Err(error) => break Err(error),
        }
    };
    sys::close(file)?;
    Ok(outcome?)
}

/// A short text; what does not fit is dropped.
pub struct Text {
    bytes: [u8; MOST_TEXT],
    len: usize,
}

impl Text {
    fn new() -> Self {
        Self { bytes: [0; MOST_TEXT], len: 0 }
    }

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = byte;
            self.len += 1;
        }
    }

    fn get(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    fn ends_in_space(&self) -> bool {
        self.get().last().is_none_or(|&byte| byte == b' ')
    }

    /// Without what parts it from what does not follow; `empty` is the reason if nothing is left.
    fn trimmed(mut self, empty: &'static str) -> Result<Self, Stop> {
        while matches!(self.get().last(), Some(b' ' | b';')) {
            self.len -= 1;
        }
        if self.len == 0 { Err(Stop::Missing(empty)) } else { Ok(self) }
    }
}

impl Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.get().escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_says_here_what_it_says_to_others() {
        let lines = std::fs::read_to_string("/proc/self/mounts").unwrap().lines().count();
        assert_eq!(mounts().unwrap(), lines as u64);
        let table = std::fs::read_to_string("/proc/self/net/dev").unwrap();
        let names: Vec<&str> = table
            .lines()
            .skip(2)
            .filter_map(|line| line.split_once(':'))
            .map(|(name, _)| name.trim())
            .collect();
        assert_eq!(interfaces().unwrap().to_string(), names.join(" "));
        let map = std::fs::read_to_string("/proc/self/uid_map").unwrap();
        let first: Vec<&str> = map.lines().next().unwrap().split_whitespace().collect();
        assert!(uid_map().unwrap().to_string().starts_with(&first.join(" ")));
        assert!(processes().unwrap() > 0);
    }

    #[test]
    fn a_text_that_does_not_fit_is_cut() {
        let mut text = Text::new();
        (0..1000).for_each(|_| text.push(b'x'));
        assert_eq!(text.get().len(), MOST_TEXT);
    }
}
