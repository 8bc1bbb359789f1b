//! Finds `__vdso_clock_gettime` in the ELF image that the kernel maps into every process.
//!
//! See the kernel's `Documentation/ABI/stable/vdso` and the ELF64 specification (gABI chapters 4 and 5). The
//! image comes from the kernel, or from whatever plays one, so every offset is checked against the image.
//! Invariant: no byte outside the image is read, whatever the image holds.

use core::slice;

use super::Timespec;

/// The C signature of `clock_gettime`.
pub type ClockGettime = unsafe extern "C" fn(clock: i32, time: *mut Timespec) -> i32;

const SYMBOL: &[u8] = b"__vdso_clock_gettime\0";

/// More than any vDSO has; a header that claims more is not believed.
const MAX_IMAGE: usize = 64 * 1024;
/// The first page is mapped if anything is: enough to read the ELF and program headers.
const FIRST_PAGE: usize = 4096;

/// ELF64 constants and field offsets, with the specification's names.
const ELF_MAGIC: &[u8] = b"\x7fELF\x02\x01";
const E_PHOFF: usize = 32;
const E_PHENTSIZE: usize = 54;
const E_PHNUM: usize = 56;
const P_OFFSET: usize = 8;
const P_VADDR: usize = 16;
const P_MEMSZ: usize = 40;
const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const DT_NULL: u64 = 0;
const DT_STRTAB: u64 = 5;
const DT_SYMTAB: u64 = 6;
const SYM_SIZE: usize = 24;
const ST_INFO: usize = 4;
const ST_SHNDX: usize = 6;
const ST_VALUE: usize = 8;
const STT_FUNC: u8 = 2;

/// The vDSO's `clock_gettime`, if the image at `base` has one.
///
/// # Safety
///
/// `base` must be the value of AT_SYSINFO_EHDR: at least one readable page, and as much as its PT_LOAD says.
pub unsafe fn clock_gettime(base: usize) -> Option<ClockGettime> {
    let start = core::ptr::with_exposed_provenance::<u8>(base);
    // SAFETY: the caller vouches for the first page; the kernel never writes to the image.
    let first_page = unsafe { slice::from_raw_parts(start, FIRST_PAGE) };
    let len = loaded_size(first_page).filter(|&len| len <= MAX_IMAGE)?;
    // SAFETY: the caller vouches for what PT_LOAD describes.
    let offset = find(unsafe { slice::from_raw_parts(start, len) }, SYMBOL)?;
    // SAFETY: the symbol is a function of the image, defined by the kernel to have this signature.
    Some(unsafe { core::mem::transmute::<*const u8, ClockGettime>(start.add(offset)) })
}

/// How many bytes the one PT_LOAD segment occupies, from address 0 of the image on.
fn loaded_size(image: &[u8]) -> Option<usize> {
    let load = program_header(image, PT_LOAD)?;
    let (offset, size) = (u64_at(load, P_OFFSET)?, u64_at(load, P_MEMSZ)?);
    (offset == 0).then(|| usize::try_from(size).ok())?
}

/// The offset in the image of function `name` (with its NUL).
fn find(image: &[u8], name: &[u8]) -> Option<usize> {
    // The image is linked at an address of its own (0 in practice); all addresses in it are relative to that.
    let link_base = u64_at(program_header(image, PT_LOAD)?, P_VADDR)?;
    let place = |address: u64| usize::try_from(address.checked_sub(link_base)?).ok();

    let dynamic = image.get(place(u64_at(program_header(image, PT_DYNAMIC)?, P_VADDR)?)?..)?;
    let strings = place(dynamic_entry(dynamic, DT_STRTAB)?)?;
    let symbols = place(dynamic_entry(dynamic, DT_SYMTAB)?)?;
    // The symbol table does not say how long it is (the hash tables do, in two formats, of which either may
    // be absent). Every linker puts the strings behind the symbols, so the table ends there at the latest.
    let table = image.get(symbols..strings)?;
    let strings = image.get(strings..)?;
    table.chunks_exact(SYM_SIZE).find_map(|symbol| {
        let is_function = symbol[ST_INFO] & 0xf == STT_FUNC && symbol[ST_SHNDX..ST_SHNDX + 2] != [0, 0];
        let named = strings.get(u32_at(symbol, 0)? as usize..)?.starts_with(name);
        let value = place(u64_at(symbol, ST_VALUE)?)?;
        (is_function && named && value < image.len()).then_some(value)
    })
}

/// The first program header of type `kind`.
fn program_header(image: &[u8], kind: u32) -> Option<&[u8]> {
    if !image.starts_with(ELF_MAGIC) {
        return None;
    }
    let first = usize::try_from(u64_at(image, E_PHOFF)?).ok()?;
    let (size, count) = (u16_at(image, E_PHENTSIZE)?, u16_at(image, E_PHNUM)?);
    if size == 0 {
        return None;
    }
    let headers = image.get(first..)?.chunks_exact(size.into()).take(count.into());
    headers.into_iter().find(|header| u32_at(header, 0) == Some(kind))
}

/// The value of the dynamic entry with `tag`.
fn dynamic_entry(dynamic: &[u8], tag: u64) -> Option<u64> {
    dynamic
        .chunks_exact(16)
        .map_while(|entry| Some((u64_at(entry, 0).filter(|&found| found != DT_NULL)?, u64_at(entry, 8)?)))
        .find_map(|(found, value)| (found == tag).then_some(value))
}

fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    bytes.get(offset..)?.first_chunk().map(|chunk| u16::from_le_bytes(*chunk))
}

fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    bytes.get(offset..)?.first_chunk().map(|chunk| u32::from_le_bytes(*chunk))
}

fn u64_at(bytes: &[u8], offset: usize) -> Option<u64> {
    bytes.get(offset..)?.first_chunk().map(|chunk| u64::from_le_bytes(*chunk))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// This process's own vDSO image, or nothing where the kernel maps none.
    fn own_image() -> Option<&'static [u8]> {
        let auxv = std::fs::read("/proc/self/auxv").unwrap();
        let base = auxv
            .chunks_exact(16)
            .find_map(|pair| (u64_at(pair, 0) == Some(33)).then(|| u64_at(pair, 8))?)?;
        let start = core::ptr::with_exposed_provenance::<u8>(base as usize);
        // SAFETY: AT_SYSINFO_EHDR is the address of the image, and PT_LOAD its size.
        unsafe {
            let len = loaded_size(slice::from_raw_parts(start, FIRST_PAGE))?;
            Some(slice::from_raw_parts(start, len))
        }
    }

    #[test]
    fn the_vdso_clock_agrees_with_the_system_call() {
        let Some(image) = own_image() else {
            println!("SKIPPED: this kernel maps no vDSO");
            assert!(std::env::var_os("BENCH_NO_SKIP").is_none_or(|value| value.is_empty()));
            return;
        };
        // SAFETY: the image is this process's vDSO.
        let function = unsafe { clock_gettime(image.as_ptr().expose_provenance()) }.unwrap();
        let before = crate::sys::clock_gettime().unwrap().as_ns();
        let mut time = Timespec::default();
        // SAFETY: CLOCK_MONOTONIC is 1; the function writes one timespec.
        assert_eq!(unsafe { function(1, &raw mut time) }, 0);
        let after = crate::sys::clock_gettime().unwrap().as_ns();
        assert!((before..=after).contains(&time.as_ns()));
    }

    proptest! {
        #[test]
        fn a_damaged_image_never_panics_and_never_leads_outside(
            damage in prop::collection::vec((0..8192_usize, any::<u8>()), 0..64),
            len in 0..8192_usize,
        ) {
            let mut image = own_image().unwrap_or_default().to_vec();
            for (at, byte) in damage {
                if let Some(target) = image.get_mut(at) {
                    *target = byte;
                }
            }
            image.truncate(len);
            if let Some(offset) = find(&image, SYMBOL) {
                prop_assert!(offset < image.len());
            }
        }

        #[test]
        fn arbitrary_headers_never_panic(header in prop::collection::vec(any::<u8>(), 0..512)) {
            let image = [ELF_MAGIC, &header].concat();
            let _ = find(&image, SYMBOL);
            let _ = loaded_size(&image);
        }
    }
}
