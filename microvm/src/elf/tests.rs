use super::*;
use proptest::prelude::*;

const LIMIT: u64 = 28 << 20;

struct Bytes(Vec<u8>);

impl FileExt for Bytes {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.0.get(offset..)).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
    fn write_at(&self, _: &[u8], _: u64) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// A program header: type, offset, virtual and physical address, size in the file and in memory.
type Header = (u32, u64, u64, u64, u64, u64);

fn file(kind: u16, entry: u64, headers: &[Header]) -> Bytes {
    let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
    bytes.resize(16, 0);
    bytes.extend([kind, 62].map(u16::to_le_bytes).concat());
    bytes.extend(1u32.to_le_bytes());
    bytes.extend([entry, 64, 0].map(u64::to_le_bytes).concat());
    bytes.extend(0u32.to_le_bytes());
    bytes.extend([64, 56, headers.len() as u16, 0, 0, 0].map(u16::to_le_bytes).concat());
    for &(kind, offset, address, physical, file_size, memory_size) in headers {
        bytes.extend([kind, 5].map(u32::to_le_bytes).concat());
        bytes
            .extend([offset, address, physical, file_size, memory_size, 4096].map(u64::to_le_bytes).concat());
    }
    bytes.resize(8192, 0);
    Bytes(bytes)
}

fn load(address: u64, size: u64) -> Header {
    (SEGMENT_LOAD, 0, address, address, 4096, size)
}

fn message(kind: u16, entry: u64, headers: &[Header]) -> String {
    check(&file(kind, entry, headers), LIMIT).unwrap_err().to_string()
}

#[test]
fn an_ordinary_program_is_placed_where_it_was_linked() {
    let program =
        check(&file(TYPE_EXEC, 0x40_1000, &[load(0x40_0000, 0x1234), load(0x40_2000, 0x1001)]), LIMIT);
    let expected = Program { bias: 0, entry: 0x40_1000, headers: 0x40_0040, header_count: 2, end: 0x40_4000 };
    // Both segments begin with the file, so both hold the program headers; the last one counts.
    assert_eq!(program.unwrap(), Program { headers: 0x40_2040, ..expected });
}

#[test]
fn a_position_independent_program_is_moved() {
    let program = check(&file(TYPE_DYN, 0x10, &[load(0, 0x2000)]), LIMIT).unwrap();
    assert_eq!((program.bias, program.entry, program.headers), (PIE_BASE, PIE_BASE + 0x10, PIE_BASE + 64));
}

#[test]
fn a_dynamic_program_names_its_interpreter() {
    let mut file = file(TYPE_DYN, 0, &[load(0, 0x2000), (SEGMENT_INTERPRETER, 0x1000, 0, 0, 9, 9)]);
    file.0[0x1000..0x1009].copy_from_slice(b"/lib/ld\0x");
    let message = check(&file, LIMIT).unwrap_err().to_string();
    assert_eq!(message, "not a static ELF: needs the interpreter /lib/ld; link it with -static");
}

#[test]
fn what_is_no_program_is_refused() {
    for bytes in [&b""[..], b"#!/bin/sh\n", &[0; 100]] {
        assert!(matches!(check(&Bytes(bytes.to_vec()), LIMIT), Err(ElfError::NotElf)));
    }
    assert!(message(1, 0, &[load(0x40_0000, 1 << 12)]).contains("type 1"));
    assert!(message(TYPE_EXEC, 0x40_0000, &[]).contains("no program headers"));
    assert!(message(TYPE_EXEC, 0x50_0000, &[load(0x40_0000, 1 << 12)]).contains("entry point"));
}

#[test]
fn segments_must_lie_in_the_guests_room_without_overlap() {
    let entry = 0x40_0000;
    assert!(message(TYPE_EXEC, entry, &[load(0x1_0000, 1 << 12)]).contains("link it at 0x400000"));
    assert!(message(TYPE_EXEC, entry, &[load(entry, LIMIT)]).contains("give more memory"));
    assert!(message(TYPE_EXEC, entry, &[load(u64::MAX - 4096, 1 << 13)]).contains("wraps around"));
    assert!(
        message(TYPE_EXEC, entry, &[load(entry, 1 << 13), load(entry + 4096, 1 << 12)]).contains("overlap")
    );
    assert!(message(TYPE_EXEC, entry, &[(1, 0, entry, entry, 2, 1)]).contains("more bytes in the file"));
    assert!(message(TYPE_EXEC, entry, &[(1, 0, entry, 0, 1, 1)]).contains("physical"));
}

proptest! {
    /// Whatever a file contains: an answer; and if it is yes, everything lies in the guest's room.
    #[test]
    fn no_file_upsets_the_check(
        kind in 1u16..5,
        entry in prop_oneof![Just(0x40_0000u64), any::<u64>()],
        headers in prop::collection::vec((0u32..4, any::<u64>(), address(), address(), any::<u16>(), any::<u32>()), 0..5),
        flips in prop::collection::vec((0usize..400, any::<u8>()), 0..4),
    ) {
        let headers: Vec<Header> =
            headers.iter().map(|&(k, o, a, _, f, m)| (k, o, a, a, f.into(), m.into())).collect();
        let mut file = file(kind, entry, &headers);
        flips.iter().for_each(|&(at, value)| file.0[at] = value);
        if let Ok(program) = check(&file, LIMIT) {
            prop_assert!(program.end <= LIMIT);
            prop_assert!((USER_BASE..program.end).contains(&program.entry));
        }
    }

    #[test]
    fn no_bytes_upset_the_check(bytes: Vec<u8>) {
        let _ = check(&Bytes(bytes), LIMIT);
    }
}

fn address() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0x40_0000u64), 0u64..LIMIT, any::<u64>()]
}
