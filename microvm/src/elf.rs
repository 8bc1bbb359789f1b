//! Checks a program's ELF file before anything is loaded.
//!
//! Invariant: a [`Program`] lies wholly between `layout::USER_BASE` and the end it was checked against, its
//! segments ascend without overlap, and its entry point is inside one of them. The ELF specification names the
//! fields; the loading itself is linux-loader's.

use std::io;
use std::os::unix::fs::FileExt;

use crate::layout::{PAGE_SIZE, PIE_BASE, USER_BASE};

const HEADER_SIZE: usize = 64;
const SEGMENT_SIZE: usize = 56;
/// More program headers than any linker writes; bounds what a hostile file makes us read.
const MAX_SEGMENTS: u16 = 64;
const MAX_INTERPRETER: u64 = 256;

const CLASS_64: u8 = 2;
const LITTLE_ENDIAN: u8 = 1;
const TYPE_EXEC: u16 = 2;
const TYPE_DYN: u16 = 3;
const MACHINE_X86_64: u16 = 62;
const SEGMENT_LOAD: u32 = 1;
const SEGMENT_INTERPRETER: u32 = 3;

/// Why a file cannot run in the embedded guest.
#[derive(Debug, thiserror::Error)]
pub enum ElfError {
    /// The file could not be read.
    #[error("cannot read it: {0}")]
    Read(#[from] io::Error),
    /// No ELF file at all.
    #[error("not an ELF file; give a static x86-64 executable")]
    NotElf,
    /// ELF, but for another processor or an object file.
    #[error(
        "not an x86-64 executable (class {class}, machine {machine}, type {kind}); link one for x86_64 with -static"
    )]
    WrongKind {
        /// EI_CLASS.
        class: u8,
        /// e_machine.
        machine: u16,
        /// e_type.
        kind: u16,
    },
    /// A dynamically linked program.
    #[error("not a static ELF: needs the interpreter {0}; link it with -static")]
    NeedsInterpreter(String),
    /// A header field that no linker writes.
    #[error("damaged ELF file: {0}")]
    Damaged(&'static str),
    /// A segment outside the room that the guest has.
    #[error(
        "its segment {start:#x}..{end:#x} lies outside {USER_BASE:#x}..{limit:#x}, the room of this guest; \
         give more memory, or link it at 0x400000"
    )]
    OutOfRoom {
        /// First address.
        start: u64,
        /// First address behind it.
        end: u64,
        /// Where the guest's room ends.
        limit: u64,
    },
}

/// A checked program, by the addresses it will have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Program {
    /// Added to every address in the file.
    pub bias: u64,
    /// The first instruction.
    pub entry: u64,
    /// The program headers in memory, 0 if no segment contains them.
    pub headers: u64,
    /// Number of program headers.
    pub header_count: u16,
    /// First address behind the last segment, rounded up to a page.
    pub end: u64,
}

/// One program header.
struct Segment {
    kind: u32,
    offset: u64,
    address: u64,
    physical: u64,
    file_size: u64,
    memory_size: u64,
}

/// Checks `file` for a guest whose room for programs ends at `limit`.
pub fn check(file: &(impl FileExt + ?Sized), limit: u64) -> Result<Program, ElfError> {
    let mut header = [0; HEADER_SIZE];
    match file.read_exact_at(&mut header, 0) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(ElfError::NotElf),
        other => other?,
    }
    if header[..4] != *b"\x7fELF" {
        return Err(ElfError::NotElf);
    }
    let (class, kind, machine) = (header[4], u16_at(&header, 16), u16_at(&header, 18));
    let right_kind = class == CLASS_64 && header[5] == LITTLE_ENDIAN && machine == MACHINE_X86_64;
    if !right_kind || !matches!(kind, TYPE_EXEC | TYPE_DYN) {
        return Err(ElfError::WrongKind { class, machine, kind });
    }
    let (entry, table) = (u64_at(&header, 24), u64_at(&header, 32));
    let (entry_size, count) = (u16_at(&header, 54), u16_at(&header, 56));
    if usize::from(entry_size) != SEGMENT_SIZE {
        return Err(ElfError::Damaged("program headers of a strange size"));
    }
    if count == 0 || count > MAX_SEGMENTS {
        return Err(ElfError::Damaged("no program headers, or more than 64"));
    }
    if table < HEADER_SIZE as u64 {
        return Err(ElfError::Damaged("program headers inside the file header"));
    }

    let mut bytes = vec![0; usize::from(count) * SEGMENT_SIZE];
    read_part(file, &mut bytes, table)?;
    let segments: Vec<Segment> = bytes.chunks_exact(SEGMENT_SIZE).map(Segment::parse).collect();
    if let Some(interpreter) = segments.iter().find(|segment| segment.kind == SEGMENT_INTERPRETER) {
        return Err(ElfError::NeedsInterpreter(interpreter.text(file)?));
    }

    let bias = if kind == TYPE_DYN { PIE_BASE } else { 0 };
    let mut program = Program { bias, entry: 0, headers: 0, header_count: count, end: USER_BASE };
    for segment in segments.iter().filter(|segment| segment.kind == SEGMENT_LOAD && segment.memory_size > 0) {
        segment.place(&mut program, table, entry, limit)?;
    }
    if program.entry == 0 {
        return Err(ElfError::Damaged("its entry point is in no segment"));
    }
    program.end = program.end.next_multiple_of(PAGE_SIZE);
    Ok(program)
}

impl Segment {
    fn parse(bytes: &[u8]) -> Segment {
        Segment {
            kind: u32_at(bytes, 0),
            offset: u64_at(bytes, 8),
            address: u64_at(bytes, 16),
            physical: u64_at(bytes, 24),
            file_size: u64_at(bytes, 32),
            memory_size: u64_at(bytes, 40),
        }
    }

    /// The text in the segment, up to its NUL.
    fn text(&self, file: &(impl FileExt + ?Sized)) -> Result<String, ElfError> {
        let mut text = vec![0; self.file_size.min(MAX_INTERPRETER) as usize];
        read_part(file, &mut text, self.offset)?;
        let end = text.iter().position(|&byte| byte == 0).unwrap_or(text.len());
        Ok(String::from_utf8_lossy(&text[..end]).into_owned())
    }

    /// Puts a loadable segment behind those that `program` already has. `table`: file offset of the program headers;
    /// `entry`: the entry point before relocation.
    fn place(&self, program: &mut Program, table: u64, entry: u64, limit: u64) -> Result<(), ElfError> {
        if self.file_size > self.memory_size {
            return Err(ElfError::Damaged("a segment with more bytes in the file than in memory"));
        }
        // linux-loader goes by physical addresses, the program by virtual ones.
        if self.physical != self.address {
            return Err(ElfError::Damaged("a segment whose physical address is not its virtual one"));
        }
        let start = self.address.checked_add(program.bias);
        let end = start.and_then(|start| start.checked_add(self.memory_size));
        let (Some(start), Some(end)) = (start, end) else {
            return Err(ElfError::Damaged("a segment that wraps around"));
        };
        if start < USER_BASE || end > limit {
            return Err(ElfError::OutOfRoom { start, end, limit });
        }
        if start < program.end {
            return Err(ElfError::Damaged("segments that overlap or do not ascend"));
        }
        program.end = end;
        if (self.address..self.address + self.memory_size).contains(&entry) {
            program.entry = entry + program.bias;
        }
        let headers_len = u64::from(program.header_count) * SEGMENT_SIZE as u64;
        if let Some(inside) = table.checked_sub(self.offset)
            && inside.checked_add(headers_len).is_some_and(|end| end <= self.file_size)
        {
            program.headers = start + inside;
        }
        Ok(())
    }
}

/// Reads from inside the file; an offset behind its end is damage, not an I/O error.
fn read_part(file: &(impl FileExt + ?Sized), bytes: &mut [u8], offset: u64) -> Result<(), ElfError> {
    // pread(2) takes a signed offset.
    if i64::try_from(offset).is_err() {
        return Err(ElfError::Damaged("an offset beyond any file"));
    }
    file.read_exact_at(bytes, offset).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => ElfError::Damaged("the file ends too early"),
        _ => ElfError::Read(error),
    })
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

#[cfg(test)]
mod tests;
