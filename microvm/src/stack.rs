//! The stack of a new program: argument count, arguments, environment, auxiliary vector, then the strings
//! (System V ABI, AMD64 supplement, section 3.4.1).
//!
//! Invariant: the stack pointer is a multiple of 16, and everything above it up to the end of memory is this block.

use crate::elf::Program;
use crate::layout::{PAGE_SIZE, stack_size};

/// Auxiliary vector types (include/uapi/linux/auxvec.h).
mod at {
    pub const NULL: u64 = 0;
    pub const PHDR: u64 = 3;
    pub const PHENT: u64 = 4;
    pub const PHNUM: u64 = 5;
    pub const PAGESZ: u64 = 6;
    pub const BASE: u64 = 7;
    pub const FLAGS: u64 = 8;
    pub const ENTRY: u64 = 9;
    pub const UID: u64 = 11;
    pub const EUID: u64 = 12;
    pub const GID: u64 = 13;
    pub const EGID: u64 = 14;
    pub const PLATFORM: u64 = 15;
    pub const HWCAP: u64 = 16;
    pub const CLKTCK: u64 = 17;
    pub const SECURE: u64 = 23;
    pub const RANDOM: u64 = 25;
    pub const HWCAP2: u64 = 26;
    pub const EXECFN: u64 = 31;
}

/// AT_HWCAP2: WRFSBASE may be used from ring 3 (arch/x86/include/uapi/asm/hwcap2.h).
const HWCAP2_FSGSBASE: u64 = 1 << 1;
const PROGRAM_HEADER_SIZE: u64 = 56;
/// Linux's USER_HZ.
const CLOCK_TICKS: u64 = 100;

/// Arguments and environment do not fit.
#[derive(Debug, thiserror::Error)]
#[error(
    "arguments and environment take {need} bytes, a quarter of the stack is {limit}; pass less, or give the guest 64 MiB"
)]
pub struct TooLarge {
    need: u64,
    limit: u64,
}

/// What goes onto the stack.
pub struct Contents<'a> {
    /// All arguments, the program's name first.
    pub args: &'a [Vec<u8>],
    /// `NAME=value` strings.
    pub env: &'a [Vec<u8>],
    /// The program.
    pub program: &'a Program,
    /// Seed of the C library's canaries.
    pub random: [u8; 16],
    /// AT_HWCAP.
    pub hwcap: u32,
}

/// Builds the block for a guest of `memory` bytes; it belongs at the end of memory. The stack pointer is its start.
pub fn build(contents: &Contents<'_>, memory: u64) -> Result<Vec<u8>, TooLarge> {
    let mut strings = Strings { bytes: Vec::new(), starts: Vec::new() };
    strings.push(b"x86_64");
    strings.push(contents.args.first().map_or(b"", Vec::as_slice));
    contents.args.iter().chain(contents.env).for_each(|text| strings.push(text));

    let random_at = strings.bytes.len();
    strings.bytes.extend(contents.random);
    // One word for argc, two terminators, and the vector of pairs.
    const VECTOR_PAIRS: usize = 19;
    let words = 1 + contents.args.len() + 1 + contents.env.len() + 1 + 2 * VECTOR_PAIRS;
    let need = (words * 8 + strings.bytes.len()).next_multiple_of(16) as u64;
    // The rule of Linux (fs/exec.c, bprm_stack_limits): a quarter of the stack for arguments.
    let limit = stack_size(memory) / 4;
    if need > limit {
        return Err(TooLarge { need, limit });
    }

    let strings_start = memory - strings.bytes.len() as u64;
    let address = |index: usize| strings_start + strings.starts[index] as u64;
    let (args, env) = (contents.args.len(), contents.env.len());
    let program = contents.program;
    let vector: [(u64, u64); VECTOR_PAIRS] = [
        (at::PHDR, program.headers),
        (at::PHENT, PROGRAM_HEADER_SIZE),
        (at::PHNUM, program.header_count.into()),
        (at::PAGESZ, PAGE_SIZE),
        (at::BASE, 0),
        (at::FLAGS, 0),
        (at::ENTRY, program.entry),
        (at::UID, 0),
        (at::EUID, 0),
        (at::GID, 0),
        (at::EGID, 0),
        (at::SECURE, 0),
        (at::RANDOM, strings_start + random_at as u64),
        (at::HWCAP, contents.hwcap.into()),
        (at::HWCAP2, HWCAP2_FSGSBASE),
        (at::CLKTCK, CLOCK_TICKS),
        (at::PLATFORM, address(0)),
        (at::EXECFN, address(1)),
        (at::NULL, 0),
    ];

    let mut block = Vec::with_capacity(need as usize);
    let mut word = |value: u64| block.extend(value.to_le_bytes());
    word(args as u64);
    (2..2 + args).for_each(|index| word(address(index)));
    word(0);
    (2 + args..2 + args + env).for_each(|index| word(address(index)));
    word(0);
    vector.into_iter().for_each(|(kind, value)| {
        word(kind);
        word(value);
    });
    // The gap that alignment asks for lies between vector and strings.
    block.resize(need as usize - strings.bytes.len(), 0);
    block.extend(strings.bytes);
    Ok(block)
}

/// NUL-terminated strings, one after the other.
struct Strings {
    bytes: Vec<u8>,
    starts: Vec<usize>,
}

impl Strings {
    fn push(&mut self, text: &[u8]) {
        self.starts.push(self.bytes.len());
        self.bytes.extend(text);
        self.bytes.push(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MEMORY: u64 = 32 << 20;

    fn program() -> Program {
        Program { bias: 0, entry: 0x40_1000, headers: 0x40_0040, header_count: 5, end: 0x50_0000 }
    }

    /// Reads the block back as a program's start code does.
    struct Reader<'a>(&'a [u8]);

    impl Reader<'_> {
        fn word(&self, index: usize) -> u64 {
            u64::from_le_bytes(self.0[index * 8..index * 8 + 8].try_into().unwrap())
        }
        fn text(&self, address: u64) -> Vec<u8> {
            let start = self.0.len() - (MEMORY - address) as usize;
            self.0[start..].iter().copied().take_while(|&byte| byte != 0).collect()
        }
    }

    proptest! {
        #[test]
        fn a_program_finds_its_arguments_and_its_vector(
            args in prop::collection::vec(prop::collection::vec(1u8.., 0..40), 1..20),
            env in prop::collection::vec(prop::collection::vec(1u8.., 0..40), 0..20),
        ) {
            let program = program();
            let contents = Contents { args: &args, env: &env, program: &program, random: [7; 16], hwcap: 9 };
            let block = build(&contents, MEMORY).unwrap();
            prop_assert_eq!(block.len() % 16, 0);
            let reader = Reader(&block);
            prop_assert_eq!(reader.word(0), args.len() as u64);
            for (i, arg) in args.iter().enumerate() {
                prop_assert_eq!(&reader.text(reader.word(1 + i)), arg);
            }
            let env_at = 2 + args.len();
            prop_assert_eq!(reader.word(env_at - 1), 0);
            for (i, text) in env.iter().enumerate() {
                prop_assert_eq!(&reader.text(reader.word(env_at + i)), text);
            }
            let mut at = env_at + env.len();
            prop_assert_eq!(reader.word(at), 0);
            at += 1;
            let mut seen = 0;
            while reader.word(at) != at::NULL {
                match reader.word(at) {
                    at::RANDOM => prop_assert_eq!(reader.text(reader.word(at + 1) ), vec![7; 16]),
                    at::ENTRY => prop_assert_eq!(reader.word(at + 1), program.entry),
                    at::EXECFN => prop_assert_eq!(&reader.text(reader.word(at + 1)), &args[0]),
                    at::PLATFORM => prop_assert_eq!(reader.text(reader.word(at + 1)), b"x86_64".to_vec()),
                    _ => seen += 1,
                }
                at += 2;
            }
            prop_assert_eq!(seen, 14);
        }
    }

    #[test]
    fn too_many_arguments_are_refused() {
        let program = program();
        let args = vec![vec![b'a'; 1 << 20]];
        let contents = Contents { args: &args, env: &[], program: &program, random: [0; 16], hwcap: 0 };
        assert!(build(&contents, MEMORY).unwrap_err().to_string().contains("a quarter of the stack"));
    }
}
