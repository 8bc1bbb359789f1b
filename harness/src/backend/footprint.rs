//! What a process occupies, from /proc/PID/smaps (proc(5)); bytes.

use procfs::process::{MMPermissions, MemoryMap, Process};

const NOT_FOUND: &str = "guest memory was not found in the VMM's address space";

/// Sizes of one process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Resident pages, each divided by the number of processes that map it.
    pub pss: u64,
    /// Resident pages that nobody else maps.
    pub uss: u64,
}

/// A process split in two at one stretch of its address space.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// Resident bytes inside the stretch.
    pub inside: u64,
    /// USS outside of it.
    pub uss_outside: u64,
}

impl Footprint {
    /// Of the whole process.
    pub fn of(pid: i32) -> Result<Self, String> {
        let rollup = Process::new(pid).and_then(|process| process.smaps_rollup()).map_err(reason)?;
        let maps = rollup.memory_map_rollup.0;
        Ok(Self { pss: maps.iter().map(|map| field(map, "Pss")).sum(), uss: maps.iter().map(uss).sum() })
    }
}

impl Split {
    /// Of a process at the `len` bytes from `start` (guest memory in a VMM).
    pub fn of(pid: i32, start: u64, len: u64) -> Result<Self, String> {
        let maps = Process::new(pid).and_then(|process| process.smaps()).map_err(reason)?;
        Self::at(&maps.0, start, len)
    }

    /// Of a process of which is only known that the stretch has `len` bytes: at the largest mapping that has as many. What
    /// adjoins it without a gap and is of the same kind is counted in.
    pub fn of_largest(pid: i32, len: u64) -> Result<Self, String> {
        let maps = Process::new(pid).and_then(|process| process.smaps()).map_err(reason)?;
        let size = |map: &&MemoryMap| map.address.1 - map.address.0;
        let writable = |map: &&MemoryMap| map.perms.contains(MMPermissions::WRITE);
        match maps.iter().filter(writable).max_by_key(size) {
            Some(map) if size(&map) >= len => Self::at(&maps.0, map.address.0, size(&map)),
            _ => Err(NOT_FOUND.to_owned()),
        }
    }

    fn at(maps: &[MemoryMap], start: u64, len: u64) -> Result<Self, String> {
        let end = start.saturating_add(len);
        let (inside, outside): (Vec<&MemoryMap>, Vec<&MemoryMap>) =
            maps.iter().partition(|map| map.address.0 >= start && map.address.1 <= end);
        if inside.is_empty() {
            return Err(NOT_FOUND.to_owned());
        }
        Ok(Self {
            inside: inside.into_iter().map(|map| field(map, "Rss")).sum(),
            uss_outside: outside.into_iter().map(uss).sum(),
        })
    }
}

fn uss(map: &MemoryMap) -> u64 {
    field(map, "Private_Clean") + field(map, "Private_Dirty")
}

fn field(map: &MemoryMap, name: &str) -> u64 {
    map.extension.map.get(name).copied().unwrap_or(0)
}

fn reason(error: procfs::ProcError) -> String {
    format!("the memory map of the process cannot be read: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_at_a_touched_mapping_finds_its_pages() {
        let size = 4 << 20;
        let touched = vec![1_u8; size];
        let start = touched.as_ptr() as u64;
        // The allocator maps a block of this size on its own, page-aligned, around the vector.
        let map = start & !0xfff;
        let split = Split::of(std::process::id() as i32, map, size as u64 + 0x2000).unwrap();
        assert!(split.inside >= size as u64, "{split:?}");
        let whole = Footprint::of(std::process::id() as i32).unwrap();
        assert!(whole.uss >= split.inside && whole.pss >= whole.uss, "{whole:?} {split:?}");
    }

    #[test]
    fn a_process_that_is_gone_is_an_error_with_a_reason() {
        assert!(Footprint::of(999_999_999).unwrap_err().contains("cannot be read"));
    }
}
