//! How the processor gets into the kernel and out again.
//!
//! Invariant: a system call changes no register of the program but RAX, RCX and R11, no vector register, and
//! nothing below its stack pointer. The exception stubs use no vector instruction and no stack of the program:
//! where ring 0 is emulated they run in the emulator.

use core::arch::{asm, global_asm};

use crate::calls;
use crate::layout::{DOORBELL, SYSCALL_STACK_TOP};
use crate::protocol::REQUEST_FAULT;

/// A system call's number and arguments, as the entry path pushed them.
#[repr(C)]
pub struct Frame {
    pub number: u64,
    pub args: [u64; 6],
    flags: u64,
    return_address: u64,
}

// One stub of 16 bytes for each exception: those without an error code (SDM volume 3, table 6-1) push 0 in its place.
// The VMM then finds vector, error code and the processor's frame at RSP.
global_asm!(
    ".section .vectors, \"ax\"",
    ".global fault_stubs",
    "fault_stubs:",
    ".set vector, 0",
    ".rept 32",
    "    .balign 16, 0xcc",
    "    .if (0x60227d00 >> vector) & 1", // 8, 10-14, 17, 21, 29, 30
    "    .else",
    "    .byte 0x6a, 0", // push 0
    "    .endif",
    "    .byte 0x6a, vector", // push vector
    "    jmp report_fault",
    "    .set vector, vector + 1",
    ".endr",
    ".balign 16, 0xcc",

    ".global syscall_entry",
    "syscall_entry:",
    "    mov [{program_stack}], rsp",
    "    mov esp, {stack_top}",
    "    push rcx", // SYSCALL left the return address there,
    "    push r11", // and RFLAGS there
    "    push r9",
    "    push r8",
    "    push r10",
    "    push rdx",
    "    push rsi",
    "    push rdi",
    "    push rax",
    "    mov rdi, rsp",
    // The kernel is compiled for baseline x86-64: it uses XMM registers and no others, and its instructions
    // leave the upper parts of the wider ones alone. 9 pushes and 264 bytes keep RSP a multiple of 16.
    "    sub rsp, 264",
    ".set slot, 0",
    ".irp register, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15",
    "    movaps [rsp + slot], xmm\\register",
    "    .set slot, slot + 16",
    ".endr",
    "    call {dispatch}",
    ".set slot, 0",
    ".irp register, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15",
    "    movaps xmm\\register, [rsp + slot]",
    "    .set slot, slot + 16",
    ".endr",
    "    add rsp, 264 + 8", // and the number: RAX has the result
    "    pop rdi",
    "    pop rsi",
    "    pop rdx",
    "    pop r10",
    "    pop r8",
    "    pop r9",
    // Left on the stack: RFLAGS, return address. SYSCALL changed CS or it did not: return accordingly.
    "    mov ecx, cs",
    "    test cl, 3",
    "    mov rcx, [rsp + 8]",
    "    jnz 2f",
    "    mov r11, [rsp]",
    "    mov rsp, [{program_stack}]",
    "    sysretq",
    "2:  popfq",
    "    mov rsp, [{program_stack}]",
    "    jmp rcx",

    "report_fault:",
    "    mov dword ptr [{doorbell}], {fault}",
    "3:  jmp 3b", // the VMM does not come back
    ".text",
    program_stack = sym PROGRAM_STACK,
    stack_top = const SYSCALL_STACK_TOP,
    dispatch = sym dispatch,
    doorbell = const DOORBELL,
    fault = const REQUEST_FAULT,
);

/// The program's stack pointer during a system call.
static mut PROGRAM_STACK: u64 = 0;

extern "C" fn dispatch(frame: &Frame) -> u64 {
    calls::serve(frame.number, frame.args)
}

/// Takes the invalid-opcode exception.
pub fn invalid_opcode() -> ! {
    // SAFETY: it does nothing but fault, and the fault's stub does not return.
    unsafe { asm!("ud2", options(noreturn)) }
}
