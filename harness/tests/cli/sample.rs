//! Small kernels for tests, made from the documents (Linux: Documentation/arch/x86/boot.rst; System V
//! ABI) and packed by the system's own tools, with the options of the kernel's build.

use std::io::{Read, Write};
use std::process::{Command, Stdio};

pub const RELEASE: &str = "6.1.0-test+1";

/// How the kernel's build packs: the tool, its options (scripts/Makefile.lib and scripts/xz_wrap.sh),
/// and whether the size is appended (gzip has it already).
pub const PACKERS: [(&str, &[&str], bool); 6] = [
    ("gzip", &["-n", "-f", "-9"], false),
    ("bzip2", &["-9"], true),
    ("lzma", &["-9"], true),
    ("xz", &["--check=crc32", "--x86", "--lzma2=dict=32MiB"], true),
    ("lz4", &["-l", "-9", "-", "-"], true),
    ("zstd", &["-22", "--ultra"], true),
];

/// An ELF with one segment that begins with its entry and holds the banner; `size` bytes in all.
pub fn elf(size: usize) -> Vec<u8> {
    const SEGMENT: u64 = 120;
    const PHYSICAL: u64 = 0x100_0000;
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    let half = |file: &mut Vec<u8>, value: u16| file.extend(value.to_le_bytes());
    let word = |file: &mut Vec<u8>, value: u32| file.extend(value.to_le_bytes());
    let long = |file: &mut Vec<u8>, value: u64| file.extend(value.to_le_bytes());
    half(&mut file, 2); // ET_EXEC
    half(&mut file, 62); // EM_X86_64
    word(&mut file, 1);
    long(&mut file, PHYSICAL); // e_entry
    long(&mut file, 64); // e_phoff
    long(&mut file, 0);
    word(&mut file, 0);
    for value in [64, 56, 1, 64, 0, 0] {
        half(&mut file, value);
    }
    word(&mut file, 1); // PT_LOAD
    word(&mut file, 5);
    let length = size as u64 - SEGMENT;
    for value in [SEGMENT, 0xffff_ffff_8100_0000, PHYSICAL, length, length + 4096, 4096] {
        long(&mut file, value);
    }
    file.extend(format!("Linux version {RELEASE} (somebody@somewhere) #1 SMP\n\0").bytes());
    // Compressible, but not trivially, and with calls in it for the x86 filter of xz.
    let mut state = 1_u32;
    while file.len() < size {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        match state >> 30 {
            0 => file.extend([0xe8, (state >> 8) as u8, (state >> 16) as u8 & 0x0f, 0, 0]),
            1 => file.extend([0; 16]),
            _ => file.extend([(state >> 16) as u8, 0x48, 0x89]),
        }
    }
    file.truncate(size);
    file
}

/// Runs a filter on `input`; its output, whatever its status.
pub fn piped(tool: &str, args: &[&str], input: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut command = Command::new(tool);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn()?;
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut output = Vec::new();
    std::thread::scope(|scope| {
        // A decompressor stops reading when it finds no more of its own: that is no error here.
        scope.spawn(move || drop(stdin.write_all(input)));
        stdout.read_to_end(&mut output)
    })?;
    child.wait()?;
    Ok(output)
}

/// The payload as the kernel's build makes it; `None` if the tool is not here.
pub fn packed((tool, args, append): (&str, &[&str], bool), kernel: &[u8]) -> Option<Vec<u8>> {
    match piped(tool, args, kernel) {
        Ok(mut payload) => {
            if append {
                payload.extend((kernel.len() as u32).to_le_bytes());
            }
            Some(payload)
        }
        Err(_) => {
            println!("SKIPPED: needs {tool}");
            assert!(
                std::env::var_os("BENCH_NO_SKIP").is_none_or(|v| v.is_empty()),
                "nothing may skip: {tool}"
            );
            None
        }
    }
}

/// A bzImage around a payload.
pub fn bzimage(payload: &[u8]) -> Vec<u8> {
    const SETUP: usize = 5 * 512;
    /// What stands before the payload: the decompressor's entry.
    const BEFORE: usize = 0x300;
    let mut file = vec![0; SETUP + BEFORE];
    file.extend(payload);
    // The decompressor's code follows; the sum is a multiple of a paragraph.
    file.resize((file.len() + 64).next_multiple_of(16), 0xcc);
    let paragraphs = ((file.len() - SETUP) / 16) as u32;
    let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    put(0x1f1, &[4]); // setup_sects
    put(0x1f4, &paragraphs.to_le_bytes()); // syssize
    put(0x1fe, &[0x55, 0xaa]); // boot_flag
    put(0x202, b"HdrS");
    put(0x206, &0x020f_u16.to_le_bytes()); // version
    put(0x20e, &0x400_u16.to_le_bytes()); // kernel_version
    put(0x211, &[1]); // loadflags: LOADED_HIGH
    put(0x236, &0x7f_u16.to_le_bytes()); // xloadflags
    put(0x248, &(BEFORE as u32).to_le_bytes()); // payload_offset
    put(0x24c, &(payload.len() as u32).to_le_bytes()); // payload_length
    put(0x600, format!("{RELEASE} (somebody@somewhere) #1 SMP\0").as_bytes());
    file
}
