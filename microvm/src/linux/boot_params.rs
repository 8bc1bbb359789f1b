//! The zero page: what a boot loader tells the kernel (Documentation/arch/x86/zero-page.rst, boot.rst).

use linux_loader::loader::bootparam::{boot_e820_entry, boot_params, setup_header};
use vm_memory::{Bytes, GuestAddress, GuestMemoryMmap};

use super::Error;
use super::layout::{ACPI, BOOT_PARAMS, CMDLINE, HIGH_MEMORY, LOW_MEMORY_END};

/// Kinds of memory (Documentation/arch/x86/zero-page.rst; ACPI 6.5, table 15.7).
const RAM: u32 = 1;
const RESERVED: u32 = 2;

/// The header's magic numbers, which an ELF does not bring along.
const BOOT_FLAG: u16 = 0xaa55;
const HEADER_MAGIC: u32 = 0x5372_6448;
/// "Undefined": a boot loader without a number of its own.
const LOADER_TYPE: u8 = 0xff;
/// `loadflags`: the protected-mode code is at 1 MiB; the kernel's early code keeps still.
const LOADED_HIGH: u8 = 1 << 0;
const QUIET: u8 = 1 << 5;
const KERNEL_ALIGNMENT: u32 = 0x20_0000;

/// What differs from guest to guest.
#[derive(Debug)]
pub struct Boot {
    /// The kernel's own header.
    pub header: setup_header,
    /// Length of the command line at [`CMDLINE`], its NUL not counted.
    pub cmdline_len: u32,
    /// Address and size of the initramfs.
    pub initramfs: (u32, u32),
    /// Guest memory in bytes.
    pub memory: u64,
}

/// Guest memory as the kernel is told of it: start, size, kind.
pub fn e820(memory: u64) -> [(u64, u64, u32); 3] {
    [
        (0, LOW_MEMORY_END, RAM),
        (LOW_MEMORY_END, HIGH_MEMORY - LOW_MEMORY_END, RESERVED),
        (HIGH_MEMORY, memory - HIGH_MEMORY, RAM),
    ]
}

/// Writes the page.
pub fn write(memory: &GuestMemoryMmap, boot: &Boot) -> Result<(), Error> {
    let mut params = boot_params { acpi_rsdp_addr: ACPI, hdr: boot.header, ..Default::default() };
    params.hdr.boot_flag = BOOT_FLAG;
    params.hdr.header = HEADER_MAGIC;
    params.hdr.type_of_loader = LOADER_TYPE;
    params.hdr.loadflags |= LOADED_HIGH | QUIET;
    params.hdr.kernel_alignment = KERNEL_ALIGNMENT;
    params.hdr.cmd_line_ptr = CMDLINE as u32;
    params.hdr.cmdline_size = boot.cmdline_len;
    (params.hdr.ramdisk_image, params.hdr.ramdisk_size) = boot.initramfs;
    // The structure is packed: its fields are copied, not borrowed.
    let mut table = params.e820_table;
    let map = e820(boot.memory);
    for (entry, (addr, size, r#type)) in table.iter_mut().zip(map) {
        *entry = boot_e820_entry { addr, size, r#type };
    }
    params.e820_table = table;
    params.e820_entries = map.len() as u8;
    memory.write_obj(params, GuestAddress(BOOT_PARAMS))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use vm_memory::GuestMemoryBackend;

    #[test]
    fn the_map_covers_memory_without_a_hole_or_an_overlap() {
        for memory in [16 << 20, 128 << 20, 2 << 30] {
            let mut end = 0;
            for (start, size, _) in e820(memory) {
                assert_eq!(start, end);
                end = start + size;
            }
            assert_eq!(end, memory);
        }
    }

    /// Offsets as of zero-page.rst and boot.rst.
    #[test]
    fn the_kernel_finds_everything_where_the_documentation_says() {
        let memory = GuestMemoryMmap::from_ranges(&[(GuestAddress(0), 16 << 20)]).unwrap();
        let boot = Boot {
            header: setup_header::default(),
            cmdline_len: 77,
            initramfs: (0xf0_0000, 0x1234),
            memory: 16 << 20,
        };
        write(&memory, &boot).unwrap();
        let u32_at = |at: u64| memory.read_obj::<u32>(GuestAddress(BOOT_PARAMS + at)).unwrap();
        assert_eq!(memory.num_regions(), 1);
        assert_eq!(u32_at(0x202), HEADER_MAGIC);
        assert_eq!((u32_at(0x218), u32_at(0x21c)), (0xf0_0000, 0x1234));
        assert_eq!((u32_at(0x228), u32_at(0x238)), (CMDLINE as u32, 77));
        assert_eq!(u32_at(0x070), ACPI as u32);
        assert_eq!(u32_at(0x1e8) & 0xff, 3);
        assert_eq!(u32_at(0x2d0 + 2 * 20), HIGH_MEMORY as u32, "third entry of the map");
    }
}
