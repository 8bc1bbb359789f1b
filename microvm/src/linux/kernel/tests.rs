//! Kernels that are none, and all that lies between.
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

use std::io::Write;

use proptest::prelude::*;

use super::*;

const MEMORY: u64 = 64 << 20;

fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

/// Opens and, if that works, loads.
fn boot(bytes: &[u8]) -> Result<Loaded, String> {
    let kernel = Kernel::open(file(bytes), MEMORY).map_err(|error| error.to_string())?;
    assert!(kernel.end <= MEMORY);
    let memory = GuestMemoryMmap::from_ranges(&[(GuestAddress(0), MEMORY as usize)]).unwrap();
    kernel.load(&memory).map_err(|error| error.to_string())
}

/// Size of the file below.
const BZ_IMAGE: usize = 40 * 512 + 4096;

/// A bzImage with the setup header of Debian's linux-image-6.1.0-56-cloud-amd64, around a smaller image.
fn bz_image() -> Vec<u8> {
    let mut bytes = vec![0; BZ_IMAGE];
    let header = setup_header {
        setup_sects: 0x27,
        root_flags: 1,
        syssize: 4096 / 16,
        vid_mode: 0xffff,
        boot_flag: 0xaa55,
        jump: 0x6aeb,
        header: SETUP_MAGIC,
        version: 0x20f,
        start_sys_seg: 0x1000,
        kernel_version: 0x42c0,
        loadflags: 1,
        setup_move_size: 0x8000,
        code32_start: 0x10_0000,
        heap_end_ptr: 0x5be0,
        initrd_addr_max: 0x7fff_ffff,
        kernel_alignment: 0x20_0000,
        relocatable_kernel: 1,
        min_alignment: 0x15,
        xloadflags: 0x7f,
        cmdline_size: 0x7ff,
        payload_offset: 0x2cc,
        payload_length: 0xd6_96cc,
        pref_address: 0x100_0000,
        init_size: 0x20_0000,
        handover_offset: 0xd7_2f10,
        kernel_info_offset: 0xd7_f91c,
        ..Default::default()
    };
    bytes[0x1f1..0x1f1 + size_of::<setup_header>()].copy_from_slice(header.as_slice());
    bytes
}

fn elf() -> Vec<u8> {
    let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
    bytes.resize(16, 0);
    bytes.extend([2u16, 62].map(u16::to_le_bytes).concat());
    bytes.extend(1u32.to_le_bytes());
    bytes.extend([0x100_0000u64, 64, 0].map(u64::to_le_bytes).concat());
    bytes.extend(0u32.to_le_bytes());
    bytes.extend([64u16, 56, 1, 0, 0, 0].map(u16::to_le_bytes).concat());
    bytes.extend([1u32, 7].map(u32::to_le_bytes).concat());
    bytes.extend([120, 0x100_0000, 0x100_0000, 16, 4096, 4096u64].map(u64::to_le_bytes).concat());
    bytes.extend([0xf4; 16]);
    bytes
}

#[test]
fn both_forms_are_entered_in_64_bit_mode() {
    assert_eq!(boot(&bz_image()).unwrap().entry, HIGH_MEMORY + 0x200);
    assert_eq!(boot(&elf()).unwrap().entry, 0x100_0000);
}

#[test]
fn what_is_no_kernel_is_called_that() {
    for bytes in [&b""[..], b"x", b"#!/bin/sh\n", &[0; 4096], &[0xff; 8192]] {
        let message = boot(bytes).unwrap_err();
        assert!(message.contains("neither a bzImage nor an ELF") || message.contains("cut off"), "{message}");
    }
}

#[test]
fn a_kernel_for_32_bits_is_refused() {
    let mut bytes = bz_image();
    // xloadflags
    bytes[0x236] &= !1;
    assert!(boot(&bytes).unwrap_err().contains("no 64-bit entry (boot protocol 2.15)"));
}

#[test]
fn a_kernel_larger_than_memory_is_refused_with_what_it_needs() {
    let message = Kernel::open(file(&bz_image()), 16 << 20).unwrap_err().to_string();
    assert!(message.contains("needs 18 MiB") && message.contains("has 16"), "{message}");
}

#[test]
fn a_segment_over_the_boot_parameters_is_refused() {
    let mut bytes = elf();
    bytes[64 + 24..64 + 32].copy_from_slice(&0x7000u64.to_le_bytes());
    assert!(boot(&bytes).unwrap_err().contains("outside of the memory"), "{:?}", boot(&bytes));
}

proptest! {
    /// Truncated at any byte: an error, since no prefix of these is a whole kernel.
    #[test]
    fn every_prefix_is_refused(length in 0usize..BZ_IMAGE, is_elf: bool) {
        let whole = if is_elf { elf() } else { bz_image() };
        // The last unit of 16 bytes that `syssize` counts need not be whole.
        let shortest = whole.len() - if is_elf { 0 } else { 15 };
        if length < shortest {
            prop_assert!(boot(&whole[..length]).is_err());
        }
    }

    /// Any byte changed to any other: an error or a kernel in memory, never a panic.
    #[test]
    fn a_flipped_byte_never_makes_it_panic(at: prop::sample::Index, value: u8, second: prop::sample::Index, is_elf: bool) {
        let mut bytes = if is_elf { elf() } else { bz_image() };
        // Most of a bzImage is padding: aim at the header.
        let (start, length) = if is_elf { (0, bytes.len()) } else { (0x1f1, size_of::<setup_header>()) };
        bytes[start + at.index(length)] = value;
        bytes[start + second.index(length)] ^= value;
        let _ = boot(&bytes);
    }
}
