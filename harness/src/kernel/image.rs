//! What a kernel file is: a bzImage with a 64-bit entry, or an uncompressed x86-64 ELF. Offsets and
//! sizes are bytes.
//!
//! Invariant: nothing a header says is used before it was checked against the size of the file, so
//! that no input can panic or reach outside of it.

use std::ops::Range;

use memchr::memmem;
use serde::Serialize;

/// The form of a kernel file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Set-up code, a decompressor and the compressed kernel, as distributions install it.
    BzImage,
    /// The kernel itself (`vmlinux`), which needs no decompression at boot.
    Elf,
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::BzImage => "bzImage",
            Self::Elf => "ELF",
        })
    }
}

/// Why a file is no kernel that can be booted here.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ImageError {
    /// Neither of the two formats.
    #[error("it is no Linux kernel for x86-64: neither a bzImage nor an ELF file")]
    Foreign,
    /// The header promises more than the file has.
    #[error("it is cut off: its header speaks of {wanted} bytes, the file has {size}; copy it again")]
    CutOff {
        /// Where the last part named in the header ends.
        wanted: u64,
        /// The file's size.
        size: u64,
    },
    /// A kernel of before 2013, or one for 32 bits.
    #[error(
        "it is a bzImage without a 64-bit entry (boot protocol {0}.{1:02}); take a 64-bit kernel of 3.8 or newer"
    )]
    No64BitEntry(u8, u8),
    /// An ELF file, but not one that a machine can start with.
    #[error("it is an ELF file, but no kernel for x86-64: {0}")]
    Elf(&'static str),
    /// A header that contradicts itself.
    #[error("its header is damaged: {0}; copy or fetch it again")]
    Damaged(&'static str),
}

/// A bzImage, as its setup header describes it (Linux: Documentation/arch/x86/boot.rst).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BzImage {
    /// `uname -r` of the kernel within.
    pub release: String,
    /// Where in the file the compressed kernel stands.
    pub payload: Range<u64>,
}

/// The header, all set-up sectors (at most 255 after the boot sector) included.
pub const SETUP_MAX: u64 = 256 * SECTOR;

const SECTOR: u64 = 512;
/// Where the fields end that are read here.
const HEADER_END: usize = 0x250;
/// Field offsets in the file; the names are those of boot.rst, "Details of Header Fields".
const SETUP_SECTS: usize = 0x1f1;
const SYSSIZE: usize = 0x1f4;
const BOOT_FLAG: usize = 0x1fe;
const HEADER: usize = 0x202;
const VERSION: usize = 0x206;
const KERNEL_VERSION: usize = 0x20e;
const LOADFLAGS: usize = 0x211;
const XLOADFLAGS: usize = 0x236;
const PAYLOAD_OFFSET: usize = 0x248;
const PAYLOAD_LENGTH: usize = 0x24c;

const LOADED_HIGH: u8 = 1 << 0;
const XLF_KERNEL_64: u16 = 1 << 0;
/// The protocol that brought `xloadflags` (Linux 3.8).
const VERSION_XLOADFLAGS: u16 = 0x020c;
/// "If this field contains 0, it means 4" (boot.rst, `setup_sects`).
const DEFAULT_SETUP_SECTS: u64 = 4;
/// Bytes of a unit of `syssize`.
const PARAGRAPH: u64 = 16;

/// Whether this is the beginning of a bzImage.
pub fn is_bzimage(head: &[u8]) -> bool {
    bytes(head, BOOT_FLAG) == Some([0x55, 0xaa]) && bytes(head, HEADER) == Some(*b"HdrS")
}

/// Whether this is the beginning of an ELF file.
pub fn is_elf(head: &[u8]) -> bool {
    head.starts_with(b"\x7fELF")
}

impl BzImage {
    /// Reads the setup header. `head` is the beginning of the file ([`SETUP_MAX`] bytes, or all of a
    /// shorter one), `size` the size of the whole file.
    pub fn parse(head: &[u8], size: u64) -> Result<Self, ImageError> {
        if !is_bzimage(head) {
            return Err(ImageError::Foreign);
        }
        let within =
            |end: u64| if end <= size { Ok(()) } else { Err(ImageError::CutOff { wanted: end, size }) };
        within(HEADER_END as u64)?;
        let version = u16_at(head, VERSION)?;
        let high = byte_at(head, LOADFLAGS)? & LOADED_HIGH != 0;
        if version < VERSION_XLOADFLAGS || u16_at(head, XLOADFLAGS)? & XLF_KERNEL_64 == 0 || !high {
            let [minor, major] = version.to_le_bytes();
            return Err(ImageError::No64BitEntry(major, minor));
        }
        let setup = match byte_at(head, SETUP_SECTS)? {
            0 => DEFAULT_SETUP_SECTS + 1,
            sectors => u64::from(sectors) + 1,
        } * SECTOR;
        within(setup)?;
        // All sums below are of 32-bit fields and cannot overflow 64 bits.
        let code = u64::from(u32_at(head, SYSSIZE)?) * PARAGRAPH;
        // `syssize` is rounded up.
        within((setup + code).saturating_sub(PARAGRAPH - 1))?;

        let offset = u64::from(u32_at(head, PAYLOAD_OFFSET)?);
        let length = u64::from(u32_at(head, PAYLOAD_LENGTH)?);
        if length == 0 || offset + length > code {
            return Err(ImageError::Damaged("the compressed kernel is not within the protected-mode code"));
        }
        let payload = setup + offset..setup + offset + length;
        within(payload.end)?;
        Ok(Self { release: release_of_setup(head, setup)?, payload })
    }
}

/// The text that `kernel_version` points at (counted from the end of the boot sector).
fn release_of_setup(head: &[u8], setup: u64) -> Result<String, ImageError> {
    let start = u64::from(u16_at(head, KERNEL_VERSION)?) + SECTOR;
    let text = match start < setup {
        true => head.get(start as usize..head.len().min(setup as usize)),
        false => None,
    };
    text.and_then(release).ok_or(ImageError::Damaged("it names no kernel release"))
}

/// The kernel release at the beginning of `text`, up to a blank or NUL. It becomes the name of a
/// folder, hence the narrow alphabet: a digit first, no separator of paths.
fn release(text: &[u8]) -> Option<String> {
    /// Longest release that `uname` can return (`__NEW_UTS_LEN`, include/uapi/linux/utsname.h).
    const LONGEST: usize = 64;
    let end = text.iter().take(LONGEST + 1).position(|&b| matches!(b, b' ' | b'\0' | b'\n'))?;
    let word = text.get(..end)?;
    let fine = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'+' | b'~');
    if !word.first()?.is_ascii_digit() || !word.iter().all(fine) {
        return None;
    }
    String::from_utf8(word.to_vec()).ok()
}

// Offsets and values of the ELF header and program headers (System V ABI, "Object Files").
const ELFCLASS64: u8 = 2;
const ELFDATA2LSB: u8 = 1;
const ET_EXEC: u16 = 2;
const EM_X86_64: u16 = 62;
const PT_LOAD: u32 = 1;
const PHENTSIZE: usize = 56;

/// Checks that `file` is an x86-64 executable whose segments lie within it and hold the entry, and
/// returns the release that the kernel inside prints as its first line.
pub fn elf_release(file: &[u8]) -> Result<String, ImageError> {
    check_elf(file)?;
    // `linux_banner`, init/version.c.
    const BANNER: &[u8] = b"Linux version ";
    memmem::find_iter(file, BANNER)
        .find_map(|at| release(&file[at + BANNER.len()..]))
        .ok_or(ImageError::Elf("it has no `Linux version` in it"))
}

fn check_elf(file: &[u8]) -> Result<(), ImageError> {
    if !is_elf(file) {
        return Err(ImageError::Foreign);
    }
    if (byte_at(file, 4)?, byte_at(file, 5)?) != (ELFCLASS64, ELFDATA2LSB) {
        return Err(ImageError::Elf("it is not little-endian 64-bit"));
    }
    if u16_at(file, 18)? != EM_X86_64 {
        return Err(ImageError::Elf("it is for another processor"));
    }
    if u16_at(file, 16)? != ET_EXEC {
        return Err(ImageError::Elf(
            "it is no executable (the kernel is `vmlinux`, not `vmlinux.o` or a module)",
        ));
    }
    let entry = u64_at(file, 24)?;
    let table = usize::try_from(u64_at(file, 32)?).map_err(|_| cut_off(file, u64::MAX))?;
    if usize::from(u16_at(file, 54)?) != PHENTSIZE {
        return Err(ImageError::Elf("its program headers have an unknown size"));
    }
    let mut holds_entry = false;
    for index in 0..usize::from(u16_at(file, 56)?) {
        let header = table.saturating_add(index * PHENTSIZE);
        let field = |at: usize| u64_at(file, header.saturating_add(at));
        if u32_at(file, header)? != PT_LOAD {
            continue;
        }
        let (offset, physical, in_file, in_memory) = (field(8)?, field(24)?, field(32)?, field(40)?);
        let end = offset.saturating_add(in_file);
        if end > file.len() as u64 {
            return Err(cut_off(file, end));
        }
        if in_file > in_memory || physical.checked_add(in_memory).is_none() {
            return Err(ImageError::Elf("a segment is larger in the file than in memory"));
        }
        // A kernel is entered at a physical address.
        holds_entry |= (physical..physical + in_memory).contains(&entry);
    }
    if !holds_entry {
        return Err(ImageError::Elf("its entry is in no segment that is loaded"));
    }
    Ok(())
}

fn cut_off(file: &[u8], wanted: u64) -> ImageError {
    ImageError::CutOff { wanted, size: file.len() as u64 }
}

fn bytes<const N: usize>(file: &[u8], at: usize) -> Option<[u8; N]> {
    file.get(at..)?.first_chunk().copied()
}

fn field<const N: usize>(file: &[u8], at: usize) -> Result<[u8; N], ImageError> {
    bytes(file, at).ok_or_else(|| cut_off(file, (at as u64).saturating_add(N as u64)))
}

fn byte_at(file: &[u8], at: usize) -> Result<u8, ImageError> {
    field(file, at).map(u8::from_le_bytes)
}

fn u16_at(file: &[u8], at: usize) -> Result<u16, ImageError> {
    field(file, at).map(u16::from_le_bytes)
}

fn u32_at(file: &[u8], at: usize) -> Result<u32, ImageError> {
    field(file, at).map(u32::from_le_bytes)
}

fn u64_at(file: &[u8], at: usize) -> Result<u64, ImageError> {
    field(file, at).map(u64::from_le_bytes)
}
