//! Recognises a kernel file and puts it into guest memory.
//!
//! Two forms: a bzImage (Documentation/arch/x86/boot.rst), which unpacks itself, and an ELF `vmlinux`. Both are
//! entered in 64-bit mode. Invariant: everything that is taken from the file is checked before linux-loader
//! sees it, so that no file makes this fail with anything but an [`Error`].

use std::fs::File;
use std::os::unix::fs::FileExt;

use linux_loader::loader::bootparam::setup_header;
use linux_loader::loader::{BzImage, Elf, KernelLoader};
use vm_memory::{ByteValued, GuestAddress, GuestMemoryMmap};

use super::Error;
use super::layout::HIGH_MEMORY;

/// Where the setup header lies in a bzImage.
const SETUP_HEADER: u64 = 0x1f1;
/// `HdrS`.
const SETUP_MAGIC: u32 = 0x5372_6448;
/// Boot protocol 2.12 of Linux 3.8, the first with `xloadflags`.
const PROTOCOL_2_12: u16 = 0x020c;
/// `xloadflags`, XLF_KERNEL_64: there is a 64-bit entry, [`ENTRY_64`] behind the start.
const XLF_KERNEL_64: u16 = 1 << 0;
const ENTRY_64: u64 = 0x200;
/// `loadflags`, LOADED_HIGH: the protected-mode part belongs to 1 MiB.
const LOADED_HIGH: u8 = 1 << 0;

/// COMMAND_LINE_SIZE of x86 (arch/x86/include/asm/setup.h), less its NUL: an ELF does not say.
const ELF_CMDLINE: u64 = 2047;
/// `initrd_addr_max` where nobody says another (arch/x86/boot/header.S).
const ELF_INITRD_MAX: u64 = 0x7fff_ffff;

const PT_LOAD: u32 = 1;
const ELF_HEADER: usize = 64;
const PROGRAM_HEADER: usize = 56;
/// More program headers than any kernel has; the limit bounds what is read.
const MAX_PROGRAM_HEADERS: u16 = 64;

/// A kernel file that was looked at.
#[derive(Debug)]
pub struct Kernel {
    file: File,
    form: Form,
    /// First byte behind all that the kernel uses before it has read the memory map.
    pub end: u64,
    /// The longest command line, its NUL not counted.
    pub cmdline_limit: u64,
    /// Highest address that the initramfs may have.
    pub initrd_max: u64,
}

#[derive(Debug)]
enum Form {
    BzImage,
    Elf { entry: u64 },
}

/// A kernel in memory.
#[derive(Debug)]
pub struct Loaded {
    /// Address of the first instruction.
    pub entry: u64,
    /// What the kernel says of itself to a boot loader; all zero for an ELF.
    pub header: setup_header,
}

/// Why a file is no kernel for this machine.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum KernelError {
    /// Neither form.
    #[error("it is neither a bzImage nor an ELF file; give a vmlinuz or vmlinux for x86-64")]
    Unknown,
    /// It ends too early.
    #[error("it ends within its {0}; the file is cut off, get it again")]
    Truncated(&'static str),
    /// A bzImage from before Linux 3.8, or for 32 bits.
    #[error("it has no 64-bit entry (boot protocol {major}.{minor}); a 64-bit kernel of Linux 3.8 or newer has", major = .0 >> 8, minor = .0 & 0xff)]
    No64BitEntry(u16),
    /// An ELF of another kind.
    #[error("it is an ELF file, but {0}; a vmlinux is a statically linked executable for x86-64")]
    Elf(&'static str),
    /// A part that does not fit below 4 GiB or overlaps what the VMM writes.
    #[error(
        "its part at {start:#x}, {size} bytes, lies outside of the memory that a kernel may use (from 1 MiB)"
    )]
    Place {
        /// Address of the part.
        start: u64,
        /// Its size in bytes.
        size: u64,
    },
    /// It needs more memory.
    #[error("it needs {need} MiB of memory to start and the guest has {memory}; give it more", need = need.div_ceil(1 << 20), memory = memory >> 20)]
    Memory {
        /// End of the kernel's early memory in bytes.
        need: u64,
        /// Guest memory in bytes.
        memory: u64,
    },
    /// The file does not read.
    #[error("it cannot be read: {0}")]
    Read(String),
}

impl Kernel {
    /// Looks at a kernel for a guest of `memory` bytes.
    pub fn open(file: File, memory: u64) -> Result<Kernel, KernelError> {
        let size = file.metadata().map_err(|error| KernelError::Read(error.to_string()))?.len();
        let mut magic = [0; 4];
        read(&file, &mut magic, 0, "first bytes")?;
        let kernel = if magic == *b"\x7fELF" { Self::elf(file, size)? } else { Self::bz_image(file, size)? };
        if kernel.end > memory {
            return Err(KernelError::Memory { need: kernel.end, memory });
        }
        Ok(kernel)
    }

    fn bz_image(file: File, size: u64) -> Result<Kernel, KernelError> {
        let mut header = setup_header::default();
        if size < SETUP_HEADER + size_of::<setup_header>() as u64 {
            return Err(KernelError::Unknown);
        }
        read(&file, header.as_mut_slice(), SETUP_HEADER, "setup header")?;
        if header.header != SETUP_MAGIC {
            return Err(KernelError::Unknown);
        }
        let has_entry = header.version >= PROTOCOL_2_12
            && header.xloadflags & XLF_KERNEL_64 != 0
            && header.loadflags & LOADED_HIGH != 0;
        if !has_entry {
            return Err(KernelError::No64BitEntry(header.version));
        }
        // 0 stands for 4; the boot sector comes on top.
        let setup = match header.setup_sects {
            0 => 5,
            sectors => u64::from(sectors) + 1,
        } * 512;
        // `syssize` counts units of 16 bytes.
        let image = u64::from(header.syssize) * 16;
        if image <= ENTRY_64 || size < setup.saturating_add(image.saturating_sub(15)) {
            return Err(KernelError::Truncated("compressed kernel"));
        }
        // It unpacks itself to where it prefers to be, and wants `init_size` bytes there.
        let (prefers, wants) = (header.pref_address, u64::from(header.init_size));
        let in_range = |start: u64, size: u64| start >= HIGH_MEMORY && start.saturating_add(size) <= 1 << 32;
        if !in_range(prefers, wants) {
            return Err(KernelError::Place { start: prefers, size: wants });
        }
        let end = (prefers + wants).max(HIGH_MEMORY + (size - setup));
        Ok(Kernel {
            file,
            form: Form::BzImage,
            end,
            cmdline_limit: u64::from(header.cmdline_size),
            initrd_max: u64::from(header.initrd_addr_max),
        })
    }

    fn elf(file: File, size: u64) -> Result<Kernel, KernelError> {
        let mut header = [0; ELF_HEADER];
        read(&file, &mut header, 0, "ELF header")?;
        // Class, byte order, type and machine (System V ABI, chapter 4).
        let expected = [(4, 2, "not of 64 bits"), (5, 1, "big-endian"), (16, 2, "not an executable")];
        if let Some((.., what)) = expected.iter().find(|&&(at, value, _)| header[at] != value) {
            return Err(KernelError::Elf(what));
        }
        if u16_at(&header, 18) != 62 {
            return Err(KernelError::Elf("not for x86-64"));
        }
        let (entry, table) = (u64_at(&header, 24), u64_at(&header, 32));
        let (entry_size, count) = (u16_at(&header, 54), u16_at(&header, 56));
        if usize::from(entry_size) != PROGRAM_HEADER || count == 0 || count > MAX_PROGRAM_HEADERS {
            return Err(KernelError::Elf("its program headers are not those of a vmlinux"));
        }
        let mut end = 0;
        let mut has_entry = false;
        for index in 0..u64::from(count) {
            let mut program = [0; PROGRAM_HEADER];
            let at = table.checked_add(index * PROGRAM_HEADER as u64);
            read(&file, &mut program, at.unwrap_or(u64::MAX), "program headers")?;
            if u32::from_le_bytes([program[0], program[1], program[2], program[3]]) != PT_LOAD {
                continue;
            }
            let [offset, place, in_file, in_memory] = [8, 24, 32, 40].map(|at| u64_at(&program, at));
            if in_file > in_memory || offset.saturating_add(in_file) > size {
                return Err(KernelError::Truncated("segments"));
            }
            let past = place.saturating_add(in_memory);
            if place < HIGH_MEMORY || past > 1 << 32 {
                return Err(KernelError::Place { start: place, size: in_memory });
            }
            has_entry |= (place..past).contains(&entry);
            end = end.max(past);
        }
        if !has_entry {
            return Err(KernelError::Elf("its entry lies in none of its segments"));
        }
        let form = Form::Elf { entry };
        Ok(Kernel { file, form, end, cmdline_limit: ELF_CMDLINE, initrd_max: ELF_INITRD_MAX })
    }

    /// Copies it into guest memory.
    pub fn load(mut self, memory: &GuestMemoryMmap) -> Result<Loaded, Error> {
        let failed = |source| Error::LoadKernel { source };
        match self.form {
            Form::BzImage => {
                let start = GuestAddress(HIGH_MEMORY);
                let loaded = BzImage::load(memory, Some(start), &mut self.file, None).map_err(failed)?;
                let header = loaded.setup_header.unwrap_or_default();
                Ok(Loaded { entry: HIGH_MEMORY + ENTRY_64, header })
            }
            Form::Elf { entry } => {
                // With an offset, even 0, linux-loader does not look for a PVH entry, which nobody here wants.
                Elf::load(memory, Some(GuestAddress(0)), &mut self.file, None).map_err(failed)?;
                Ok(Loaded { entry, header: setup_header::default() })
            }
        }
    }
}

fn read(file: &File, buffer: &mut [u8], at: u64, what: &'static str) -> Result<(), KernelError> {
    // Offsets are signed in the kernel's eyes.
    if i64::try_from(at).is_err() {
        return Err(KernelError::Truncated(what));
    }
    file.read_exact_at(buffer, at).map_err(|error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => KernelError::Truncated(what),
        _ => KernelError::Read(error.to_string()),
    })
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut value = [0; 8];
    value.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(value)
}

#[cfg(test)]
#[path = "kernel/tests.rs"]
mod tests;
