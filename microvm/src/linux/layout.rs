//! The Linux guest's physical memory map. All values are addresses or sizes in bytes.
//!
//! What the VMM writes lies in the first MiB, where a PC has its conventional memory and its BIOS; the guest's e820
//! map ([`boot_params`](super::boot_params)) says which of it is whose. Invariant: the ranges below do not overlap.
//!
//! ```text
//! 0x00500  GDT                        0x20000  command line
//! 0x07000  boot parameters            0x9fc00  reserved: what a PC's BIOS keeps (EBDA, ROMs)
//! 0x08ff0  stack                      0xe0000  ACPI tables
//! 0x09000  page tables                1 MiB    kernel; the initramfs at the end of memory
//! ```

/// Global descriptor table.
pub const GDT: u64 = 0x500;
/// The zero page (`struct boot_params`, Documentation/arch/x86/zero-page.rst), one page.
pub const BOOT_PARAMS: u64 = 0x7000;
/// Stack pointer at the first instruction; the kernel soon has a stack of its own.
pub const BOOT_STACK: u64 = 0x8ff0;
/// Page-map level 4, the root of the page tables that the kernel is entered with.
pub const PML4: u64 = 0x9000;
/// Page-directory-pointer table.
pub const PDPT: u64 = 0xa000;
/// The page directory of the first GiB.
pub const PAGE_DIRECTORY: u64 = 0xb000;
/// Command line, up to [`CMDLINE_ROOM`] bytes.
pub const CMDLINE: u64 = 0x2_0000;
/// Room for the command line and its NUL, far above what any kernel takes (2048).
pub const CMDLINE_ROOM: u64 = 0x1_0000;
/// End of conventional memory: where the extended BIOS data area of a PC begins.
pub const LOW_MEMORY_END: u64 = 0x9_fc00;
/// Where a kernel that was not told looks for the root of the ACPI tables (ACPI 6.5, section 5.2.5.1).
pub const ACPI: u64 = 0xe_0000;
/// Where memory goes on behind the BIOS, and the lowest address of a kernel.
pub const HIGH_MEMORY: u64 = 0x10_0000;
