//! The guest's memory map: what lies where in guest-physical memory. All values are addresses or sizes in bytes.
//!
//! Invariant: virtual equals physical everywhere except at two pages of the first 2 MiB: page 0 is not mapped,
//! so that a null pointer faults, and [`DOORBELL`] is mapped to [`DOORBELL_GPA`], where there is no memory. The
//! guest kernel includes this very file, so the two sides cannot disagree.
//!
//! ```text
//! 0x000000  not mapped
//! 0x001000  GDT, TSS, IDT                     (arch::gdt, arch::idt)
//! 0x002000  page tables                       (arch::paging)
//! 0x007000  boot information, mailbox, counts (protocol)
//! 0x008000  stack of the system-call path
//! 0x00a000  stack of the fault path
//! 0x010000  guest kernel: vectors, code, data
//! 0x1ff000  doorbell
//! 0x200000  program image, then brk heap going up, mmap areas going down
//!   ...     one large page that is not mapped: the guard below the stack
//!   top     stack
//! ```

/// Size of a small page.
pub const PAGE_SIZE: u64 = 0x1000;
/// Size of a large page, the unit of the identity map.
pub const LARGE_PAGE_SIZE: u64 = 0x20_0000;

/// Global descriptor table.
pub const GDT: u64 = 0x1000;
/// Task state segment.
pub const TSS: u64 = 0x1080;
/// Interrupt descriptor table.
pub const IDT: u64 = 0x1100;

/// Page-map level 4, the root of the page tables.
pub const PML4: u64 = 0x2000;
/// Page-directory-pointer table.
pub const PDPT: u64 = 0x3000;
/// Page table of the first 2 MiB.
pub const LOW_PAGE_TABLE: u64 = 0x4000;
/// Page directories, one page for each GiB of [`MAX_MEMORY`].
pub const PAGE_DIRECTORIES: u64 = 0x5000;

/// The page that VMM and guest kernel share; `protocol` says what is in it.
pub const SHARED_PAGE: u64 = 0x7000;

/// Where the stack of the system-call path starts (it grows down, 8 KiB).
pub const SYSCALL_STACK_TOP: u64 = 0xa000;
/// Where the stack of the fault path starts (it grows down, 4 KiB): entry 1 of the TSS's interrupt stack table.
pub const FAULT_STACK_TOP: u64 = 0xb000;

/// Where the guest kernel is linked. It begins with one stub for each exception vector.
pub const KERNEL_BASE: u64 = 0x1_0000;
/// Distance between two exception stubs.
pub const FAULT_STUB_SIZE: u64 = 16;
/// Exceptions that have a stub: all that the architecture reserves (Intel SDM volume 3, table 6-1).
pub const FAULT_STUBS: u64 = 32;
/// What `SYSCALL` jumps to.
pub const SYSCALL_ENTRY: u64 = KERNEL_BASE + FAULT_STUBS * FAULT_STUB_SIZE;

/// Where the guest writes to call the VMM.
pub const DOORBELL: u64 = 0x1f_f000;
/// What [`DOORBELL`] is mapped to. No memory slot covers it, so the store leaves the guest.
pub const DOORBELL_GPA: u64 = 0xd000_0000;

/// The lowest address a program may use.
pub const USER_BASE: u64 = 0x20_0000;
/// Where a position-independent program is loaded: where a linker would have put it.
pub const PIE_BASE: u64 = 0x40_0000;

/// The smallest guest: kernel, program, guard and stack need room.
pub const MIN_MEMORY: u64 = 16 << 20;
/// The largest guest: what [`PAGE_DIRECTORIES`] and the kernel's page bitmaps cover.
pub const MAX_MEMORY: u64 = 2 << 30;

/// Size of the program's stack in a guest of `memory` bytes: 2 MiB, or Linux's usual 8 MiB if there is room.
pub const fn stack_size(memory: u64) -> u64 {
    if memory >= 64 << 20 { 8 << 20 } else { 2 << 20 }
}

/// The lowest address of the stack guard, which is also where the memory for program and heap ends.
pub const fn guard_start(memory: u64) -> u64 {
    memory - stack_size(memory) - LARGE_PAGE_SIZE
}
