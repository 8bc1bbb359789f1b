//! What guests that mean harm can do: end themselves, in a way that has a name.
//!
//! The programs are raw machine code. They run in the same address space as the guest kernel, so they can do
//! whatever a hostile kernel could.
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

mod common;

use std::time::Duration;

use common::{CODE, has_kvm, run, write_elf};
use microvm::layout::{DOORBELL, IDT, KERNEL_BASE, PAGE_DIRECTORIES, PML4, guard_start};
use microvm::protocol::{MAILBOX, REQUEST_FAULT, REQUEST_READ, REQUEST_WRITE};
use microvm::{Config, Outcome};

const MEMORY: u64 = 32 << 20;
const EBADF: i32 = 9;
const EFAULT: i32 = 14;
const SPIN: &[u8] = &[0xeb, 0xfe];
const UD2: &[u8] = &[0x0f, 0x0b];

/// `mov [address], value`, 32 bits.
fn store(address: u64, value: u32) -> Vec<u8> {
    [&[0xc7, 0x04, 0x25][..], &(address as u32).to_le_bytes(), &value.to_le_bytes()].concat()
}

/// `mov rax, value; mov [address], rax`.
fn store_64(address: u64, value: u64) -> Vec<u8> {
    [&[0x48, 0xb8][..], &value.to_le_bytes(), &[0x48, 0x89, 0x04, 0x25], &(address as u32).to_le_bytes()]
        .concat()
}

/// `mov eax, [address]`.
fn load(address: u64) -> Vec<u8> {
    [&[0x8b, 0x04, 0x25][..], &(address as u32).to_le_bytes()].concat()
}

/// Fills in the mailbox and rings, behind the kernel's back.
fn ring(request: u32, args: [u64; 3]) -> Vec<u8> {
    let mut code: Vec<u8> =
        args.iter().zip(0..).flat_map(|(&arg, i)| store_64(MAILBOX + 8 * i, arg)).collect();
    code.extend(store(DOORBELL, request));
    code
}

/// Exits with the negated answer of the last request.
fn exit_with_answer() -> Vec<u8> {
    // neg eax; mov edi, eax; mov eax, 231; syscall
    [&load(MAILBOX + 24)[..], &[0xf7, 0xd8, 0x89, 0xc7, 0xb8, 231, 0, 0, 0, 0x0f, 0x05]].concat()
}

/// How a guest of this code ends within a second.
fn outcome(code: &[u8]) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::new(write_elf(folder.path(), code));
    config.memory_bytes = MEMORY;
    config.deadline = Some(Duration::from_secs(1));
    let finished = run(config);
    assert_eq!(finished.errors, "", "the VMM process has nothing to say on standard error");
    finished.exit.outcome
}

fn assert_fault(code: &[u8], expected_vector: u8, expected_address: Option<u64>) {
    match outcome(code) {
        Outcome::Fault { vector, address, .. } => {
            assert_eq!(vector, expected_vector);
            assert!(expected_address.is_none_or(|expected| expected == address), "{address:#x}");
        }
        other => panic!("expected fault {expected_vector}, not {other:?}"),
    }
}

fn assert_unexpected(code: &[u8], part: &str) {
    match outcome(code) {
        Outcome::UnexpectedExit(text) => assert!(text.contains(part), "{text}"),
        other => panic!("expected an exit that says {part:?}, not {other:?}"),
    }
}

#[test]
fn bad_pointers_in_the_mailbox_are_refused() {
    if !has_kvm() {
        return;
    }
    let bad = [
        (u64::MAX, 16),
        (0, u64::MAX),
        (MEMORY - 8, 16),
        (MEMORY, 1),
        (0xd000_0000, 4096),
        (1 << 63, 1 << 63),
    ];
    for (address, length) in bad {
        for (request, descriptor) in [(REQUEST_WRITE, 1), (REQUEST_READ, 0)] {
            let code = [ring(request, [descriptor, address, length]), exit_with_answer()].concat();
            assert_eq!(outcome(&code), Outcome::Exited(EFAULT), "{address:#x} + {length:#x}");
        }
    }
    let code = [ring(REQUEST_WRITE, [3, 0x40_0000, 16]), exit_with_answer()].concat();
    assert_eq!(outcome(&code), Outcome::Exited(EBADF), "the report's descriptor is not the guest's");
}

#[test]
fn requests_that_do_not_exist_end_the_guest() {
    if !has_kvm() {
        return;
    }
    for request in [0, 5, u32::MAX] {
        assert_unexpected(&ring(request, [0; 3]), "unknown request");
    }
}

#[test]
fn only_a_store_of_32_bits_at_the_doorbell_is_a_request() {
    if !has_kvm() {
        return;
    }
    assert_unexpected(&store_64(DOORBELL, 1), "wrote 8 bytes at address 0xd0000000");
    assert_unexpected(&store(DOORBELL + 4, 1), "wrote 4 bytes at address 0xd0000004");
    assert_unexpected(&load(DOORBELL), "read 4 bytes at address 0xd0000000");
}

#[test]
fn a_fault_names_its_vector_and_place() {
    if !has_kvm() {
        return;
    }
    let expected = Outcome::Fault { vector: 6, error_code: 0, rip: CODE, address: 0 };
    assert_eq!(outcome(UD2), expected, "an invalid opcode at the first instruction");
    assert_fault(&load(0), 14, Some(0));
    assert_fault(&load(guard_start(MEMORY) + 4096), 14, Some(guard_start(MEMORY) + 4096));
    assert_fault(&load(MEMORY), 14, Some(MEMORY));
    assert_fault(&[0xf4], 13, None); // hlt
    assert_fault(&[0x31, 0xc9, 0xf7, 0xf1], 0, None); // xor ecx, ecx; div ecx
    assert_fault(&[0xcc], 3, None); // int3
}

#[test]
fn no_port_is_open_to_the_program() {
    if !has_kvm() {
        return;
    }
    for port in [0x20, 0x60, 0x64, 0x70, 0x80, 0xf4, 0xff] {
        assert_fault(&[0xe6, port], 13, None); // out port, al
        assert_fault(&[0xe4, port], 13, None); // in al, port
    }
}

#[test]
fn a_fault_report_with_a_wild_stack_pointer_is_refused() {
    if !has_kvm() {
        return;
    }
    // mov rsp, 0x1ffffffff0000000
    let wild = [&[0x48, 0xbc][..], &0x1fff_ffff_f000_0000u64.to_le_bytes(), &store(DOORBELL, REQUEST_FAULT)]
        .concat();
    assert_unexpected(&wild, "without a frame");
}

#[test]
fn other_physical_addresses_hold_nothing() {
    if !has_kvm() {
        return;
    }
    // Map 0x1000000 to a large page at each address, then read there. Present, writable, user, accessed, dirty,
    // large.
    for physical in [MEMORY, 0xa000_0000, 0xfee0_0000, 0xd020_0000] {
        let entry = physical | 0xe7;
        let code = [store_64(PAGE_DIRECTORIES + 8 * 8, entry), load(0x100_0000), UD2.to_vec()].concat();
        assert_unexpected(&code, "where nothing is");
    }
}

/// Ends somehow, but ends, and neither by a failure of the VMM nor by a signal to it.
fn assert_contained(code: &[u8]) {
    let outcome = outcome(code);
    assert!(!matches!(outcome, Outcome::VmmError(_) | Outcome::Killed(_)), "{outcome:?}");
}

#[test]
fn destroying_the_tables_and_the_kernel_hurts_only_the_guest() {
    if !has_kvm() {
        return;
    }
    for table in [PML4, PAGE_DIRECTORIES, IDT, KERNEL_BASE] {
        // mov edi, table; mov ecx, 4096; xor eax, eax; rep stosb
        let destroy =
            [&[0xbf][..], &(table as u32).to_le_bytes(), &[0xb9, 0, 0x10, 0, 0, 0x31, 0xc0, 0xf3, 0xaa]];
        for then in [UD2, SPIN, &[0x0f, 0x05], &load(0x120_0000)] {
            assert_contained(&[&destroy.concat(), then].concat());
        }
    }
}

#[test]
fn random_code_is_contained() {
    if !has_kvm() {
        return;
    }
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    for _ in 0..24 {
        let code: Vec<u8> = (0..512)
            .map(|_| {
                // xorshift64 (Marsaglia 2003)
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state as u8
            })
            .collect();
        assert_contained(&code);
    }
}

#[test]
fn a_guest_that_spins_ends_at_its_deadline() {
    if has_kvm() {
        assert_eq!(outcome(SPIN), Outcome::Deadline);
    }
}

#[test]
fn a_guest_that_writes_for_ever_ends_at_its_deadline() {
    if !has_kvm() {
        return;
    }
    // The output is read, so it never blocks: ring, and jump back to the start.
    let mut code = ring(REQUEST_WRITE, [1, 0x40_0000, 64]);
    let back = -(code.len() as i32 + 5);
    code.push(0xe9);
    code.extend(back.to_le_bytes());
    assert_eq!(outcome(&code), Outcome::Deadline);
}
