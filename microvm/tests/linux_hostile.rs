//! What a Linux guest's kernel can do if it means harm: end its own machine, in a way that has a name.
//!
//! The kernels are raw machine code in a small ELF file, entered in ring 0. They run on every KVM, also on one that
//! emulates ring 0.
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

mod common;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::{PATIENCE, has_kvm};
use microvm::linux::{Initramfs, LinuxConfig};
use microvm::{Exit, Launcher, Outcome};

/// Where the code lies and is entered.
const ENTRY: u64 = 16 << 20;
const MEMORY: u64 = 32 << 20;
const CONSOLE: u16 = 0x3f8;
const AGENT: u16 = 0x2f8;
const DOORBELL: u16 = 0x6b0;
/// More than the VMM ever takes beside the guest's 32 MiB.
const RESIDENT: u64 = MEMORY + (16 << 20);

/// An ELF kernel of `code`.
fn kernel(folder: &Path, code: &[u8]) -> PathBuf {
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    file.extend([2u16, 62].map(u16::to_le_bytes).concat());
    file.extend(1u32.to_le_bytes());
    file.extend([ENTRY, 64, 0].map(u64::to_le_bytes).concat());
    file.extend(0u32.to_le_bytes());
    file.extend([64u16, 56, 1, 0, 0, 0].map(u16::to_le_bytes).concat());
    file.extend([1u32, 7].map(u32::to_le_bytes).concat());
    let size = code.len() as u64;
    file.extend([120, ENTRY, ENTRY, size, size, 4096].map(u64::to_le_bytes).concat());
    file.extend(code);
    let path = folder.join("kernel");
    std::fs::write(&path, file).unwrap();
    path
}

/// `mov dx, port; mov al, byte; out dx, al`.
fn out(port: u16, byte: u8) -> Vec<u8> {
    let [low, high] = port.to_le_bytes();
    vec![0x66, 0xba, low, high, 0xb0, byte, 0xee]
}

fn print(text: &str) -> Vec<u8> {
    text.bytes().flat_map(|byte| out(CONSOLE, byte)).collect()
}

/// `code` for ever.
fn repeat(code: &[u8]) -> Vec<u8> {
    let back = -(code.len() as i32 + 5);
    [code, &[0xe9], &back.to_le_bytes()].concat()
}

fn reset() -> Vec<u8> {
    repeat(&out(0x64, 0xfe))
}

/// Starts a guest of this code, with `deadline` to live.
fn start(code: &[u8], deadline: Duration, folder: &Path) -> microvm::Instance {
    let config = LinuxConfig {
        memory_bytes: MEMORY,
        deadline: Some(deadline),
        ..LinuxConfig::new(kernel(folder, code), Initramfs::of_agent(b"").unwrap())
    };
    Launcher::new().unwrap().start_linux(&config).unwrap()
}

/// Runs a guest to its end: what it wrote to its second UART, and how it ended.
fn run(code: &[u8], deadline: Duration) -> (String, Exit) {
    let folder = tempfile::tempdir().unwrap();
    let mut instance = start(code, deadline, folder.path());
    let mut output = String::new();
    instance.stdout.read_to_string(&mut output).unwrap();
    let exit = instance.wait().unwrap();
    assert!(exit.usage.max_rss_bytes < RESIDENT, "the VMM grew to {} bytes", exit.usage.max_rss_bytes);
    (output, exit)
}

#[test]
fn a_guest_that_prints_without_end_is_stopped_at_its_deadline_and_its_last_lines_are_told() {
    if !has_kvm() {
        return;
    }
    let code = [print("one line\r\n"), repeat(&print("y\n"))].concat();
    let (output, exit) = run(&code, Duration::from_secs(4));
    assert_eq!((output.as_str(), &exit.outcome), ("", &Outcome::Deadline));
    assert!(exit.console.len() <= 30 && exit.console.iter().any(|line| line == "y"), "{:?}", exit.console);
}

#[test]
fn a_line_without_end_does_not_make_it_grow() {
    if !has_kvm() {
        return;
    }
    let (_, exit) = run(&repeat(&out(CONSOLE, b'x')), Duration::from_secs(2));
    assert_eq!(exit.outcome, Outcome::Deadline);
}

#[test]
fn a_guest_whose_output_nobody_reads_is_stopped_at_its_deadline() {
    if !has_kvm() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let code = repeat(&out(AGENT, b'\n'));
    let mut instance = start(&code, Duration::from_secs(2), folder.path());
    // The pipe fills up, then the vCPU waits with the UART in its hands.
    let exit = instance.wait_timeout(PATIENCE).unwrap().unwrap();
    assert_eq!(exit.outcome, Outcome::Deadline);
}

#[test]
fn a_guest_that_never_says_ready_is_stopped_at_its_deadline() {
    if !has_kvm() {
        return;
    }
    let (output, exit) = run(&repeat(&[0x90]), Duration::from_secs(1));
    assert_eq!((output.as_str(), exit.outcome), ("", Outcome::Deadline));
}

#[test]
fn a_halted_guest_is_stopped_at_its_deadline() {
    if !has_kvm() {
        return;
    }
    // cli; hlt
    let (_, exit) = run(&repeat(&[0xfa, 0xf4]), Duration::from_secs(1));
    assert_eq!(exit.outcome, Outcome::Deadline);
}

#[test]
fn bytes_written_and_read_at_every_port_harm_nobody() {
    if !has_kvm() {
        return;
    }
    // xor ecx, ecx; next: mov edx, ecx; mov al, 0x55; out dx, al; in eax, dx; out dx, ax; inc cx; jnz next
    let code = [
        &[0x31, 0xc9, 0x89, 0xca, 0xb0, 0x55, 0xee, 0xed, 0x66, 0xef, 0x66, 0xff, 0xc1, 0x75, 0xf3][..],
        &reset(),
    ]
    .concat();
    let (_, exit) = run(&code, PATIENCE);
    // 0x55 also went to the port of the exit status.
    assert_eq!(exit.outcome, Outcome::Exited(0x55), "{:?}", exit.console);
}

#[test]
fn stores_and_loads_where_no_memory_is_harm_nobody() {
    if !has_kvm() {
        return;
    }
    // mov eax, 32 MiB; next: mov [rax], eax; mov edx, [rax]; add eax, 64 KiB; cmp eax, 1 GiB; jb next
    let code = [
        &[0xb8, 0, 0, 0, 0x02][..],
        &[0x89, 0x00, 0x8b, 0x10, 0x05, 0, 0, 1, 0, 0x3d, 0, 0, 0, 0x40, 0x72, 0xf0],
        &out(DOORBELL + 1, 3),
        &reset(),
    ]
    .concat();
    assert_eq!(run(&code, PATIENCE).1.outcome, Outcome::Exited(3));
}

#[test]
fn a_string_of_bytes_at_a_uart_arrives_whole() {
    if !has_kvm() {
        return;
    }
    // lea rsi, [rip + text]; mov ecx, 6; mov dx, AGENT; rep outsb
    let [low, high] = AGENT.to_le_bytes();
    let start = [0xb9, 6, 0, 0, 0, 0x66, 0xba, low, high, 0xfc, 0xf3, 0x6e];
    let end = [out(DOORBELL + 1, 0), reset()].concat();
    let distance = (start.len() + end.len()) as i32;
    let code = [&[0x48, 0x8d, 0x35][..], &distance.to_le_bytes(), &start, &end, b"hello\n"].concat();
    let (output, exit) = run(&code, PATIENCE);
    assert_eq!((output.as_str(), exit.outcome), ("hello\n", Outcome::Exited(0)));
}

#[test]
fn ready_is_said_once_however_often_the_bell_is_rung() {
    if !has_kvm() {
        return;
    }
    let ring = [out(DOORBELL, 1), out(DOORBELL, 2)].concat();
    let code = [ring.repeat(500), out(DOORBELL + 1, 7), reset()].concat();
    let (output, exit) = run(&code, PATIENCE);
    assert_eq!((output.as_str(), exit.outcome), ("ready\n", Outcome::Exited(7)));
}

#[test]
fn a_panic_a_reset_and_a_triple_fault_are_told_apart() {
    if !has_kvm() {
        return;
    }
    let panic = [print("[ 1.0] Kernel panic - not syncing: no more\n"), reset()].concat();
    assert_eq!(run(&panic, PATIENCE).1.outcome, Outcome::Panic("no more".into()));
    let (_, exit) = run(&[print("last words\n"), reset()].concat(), PATIENCE);
    assert_eq!((exit.outcome, exit.console), (Outcome::Reset, vec!["last words".to_owned()]));
    // There is no interrupt descriptor table: ud2 is a fault, and so is its handling.
    assert_eq!(run(&[0x0f, 0x0b], PATIENCE).1.outcome, Outcome::TripleFault);
}

#[test]
fn code_where_no_memory_is_becomes_an_error_of_kvm_or_a_triple_fault() {
    if !has_kvm() {
        return;
    }
    // mov eax, 1 GiB - 2 MiB; jmp rax
    let (_, exit) = run(&[0xb8, 0, 0, 0xe0, 0x3f, 0xff, 0xe0], Duration::from_secs(10));
    assert!(matches!(exit.outcome, Outcome::KvmError(_) | Outcome::TripleFault), "{:?}", exit.outcome);
}
