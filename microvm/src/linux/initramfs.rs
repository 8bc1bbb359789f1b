//! The guest's root file system: a newc archive (Documentation/driver-api/early-userspace/buffer-format.rst) that
//! the kernel unpacks into memory.
//!
//! Invariant: the archive lies in sealed memory, so that every machine started from it reads the same bytes.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use crate::launcher::{Error, sealed};

/// Types of files (stat(2)), with the permissions they get here.
const EXECUTABLE: u32 = 0o100_755;
const DIRECTORY: u32 = 0o040_755;
const CHARACTER_DEVICE: u32 = 0o020_666;

/// What the agent and its workloads need: name, major and minor number (Documentation/admin-guide/devices.txt).
const DEVICES: [(&str, u32, u32); 4] =
    [("dev/console", 5, 1), ("dev/null", 1, 3), ("dev/zero", 1, 5), ("dev/ttyS1", 4, 65)];

/// An archive in sealed memory; clones share it.
#[derive(Debug, Clone)]
pub struct Initramfs {
    file: Arc<OwnedFd>,
    len: u64,
}

impl Initramfs {
    /// An archive of `agent`, an executable, as `/init`, and the device nodes it needs.
    pub fn of_agent(agent: &[u8]) -> Result<Initramfs, Error> {
        let mut archive = Archive::default();
        archive.entry("init", EXECUTABLE, (0, 0), agent);
        archive.entry("dev", DIRECTORY, (0, 0), &[]);
        for (name, major, minor) in DEVICES {
            archive.entry(name, CHARACTER_DEVICE, (major, minor), &[]);
        }
        Self::of_bytes(&archive.finish())
    }

    /// An archive that somebody else made, in any compression that the kernel knows.
    pub fn of_file(path: &Path) -> Result<Initramfs, Error> {
        let failed = |source| Error::OpenInitramfs { path: path.to_owned(), source };
        let mut bytes = Vec::new();
        File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)).map_err(failed)?;
        Self::of_bytes(&bytes)
    }

    fn of_bytes(bytes: &[u8]) -> Result<Initramfs, Error> {
        Ok(Initramfs { file: Arc::new(sealed(c"initramfs", bytes)?), len: bytes.len() as u64 })
    }

    /// Size in bytes.
    #[expect(clippy::len_without_is_empty, reason = "an archive has at least its trailer")]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Writes the archive to a file, for a monitor that reads one.
    ///
    /// # Errors
    /// What the file system refused.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        let mut bytes = vec![0; self.len as usize];
        // Read at an offset: the file's position is shared by all clones.
        File::from(self.file.try_clone()?).read_exact_at(&mut bytes, 0)?;
        fs::write(path, bytes)
    }

    /// The memory it lies in.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// A newc archive under construction.
#[derive(Debug, Default)]
struct Archive {
    bytes: Vec<u8>,
    entries: u32,
}

impl Archive {
    /// Adds a file. Times are 0 and the owner is root, so that equal content gives equal bytes.
    fn entry(&mut self, name: &str, mode: u32, device: (u32, u32), content: &[u8]) {
        self.entries += 1;
        let links = if mode & 0o170_000 == DIRECTORY & 0o170_000 { 2 } else { 1 };
        self.raw(self.entries, name, mode, links, device, content);
    }

    fn finish(mut self) -> Vec<u8> {
        self.raw(0, "TRAILER!!!", 0, 1, (0, 0), &[]);
        self.bytes
    }

    fn raw(&mut self, inode: u32, name: &str, mode: u32, links: u32, device: (u32, u32), content: &[u8]) {
        let (name_size, size) = (name.len() as u32 + 1, content.len() as u32);
        self.bytes.extend(b"070701");
        // inode, mode, uid, gid, links, time, size, device of the file system, device of the node, name, checksum
        for field in [inode, mode, 0, 0, links, 0, size, 0, 0, device.0, device.1, name_size, 0] {
            self.bytes.extend(format!("{field:08X}").bytes());
        }
        self.bytes.extend(name.bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend(content);
        self.pad();
    }

    /// Headers and contents begin at multiples of 4.
    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt};
    use std::process::{Command, Stdio};

    fn bytes(initramfs: &Initramfs) -> Vec<u8> {
        let mut bytes = vec![0; initramfs.len() as usize];
        File::from(initramfs.file.try_clone().unwrap()).read_exact_at(&mut bytes, 0).unwrap();
        bytes
    }

    /// Busybox's cpio is a reader that we did not write.
    #[test]
    fn another_cpio_unpacks_the_agent_and_the_device_nodes() {
        let skip = |reason: &str| {
            assert!(std::env::var_os("BENCH_NO_SKIP").is_none_or(|v| v.is_empty()), "may not skip: {reason}");
            println!("SKIPPED: {reason}");
        };
        // SAFETY: the call has no preconditions.
        if unsafe { libc::geteuid() } != 0 {
            return skip("only root can make device nodes");
        }
        let folder = tempfile::tempdir().unwrap();
        let mut cpio = Command::new("busybox");
        let cpio = cpio
            .args(["cpio", "-i"])
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let Ok(mut cpio) = cpio else { return skip("there is no busybox") };
        let archive = bytes(&Initramfs::of_agent(b"the agent's bytes").unwrap());
        cpio.stdin.take().unwrap().write_all(&archive).unwrap();
        assert!(cpio.wait().unwrap().success());

        let init = folder.path().join("init");
        assert_eq!(std::fs::read(&init).unwrap(), b"the agent's bytes");
        assert_eq!(std::fs::metadata(&init).unwrap().mode(), EXECUTABLE);
        for (name, major, minor) in DEVICES {
            let node = std::fs::metadata(folder.path().join(name)).unwrap();
            assert!(node.file_type().is_char_device());
            assert_eq!(node.rdev(), libc::makedev(major, minor), "{name}");
        }
    }

    #[test]
    fn the_archive_cannot_be_changed_any_more() {
        let initramfs = Initramfs::of_agent(b"x").unwrap();
        let mut file = File::from(initramfs.file.try_clone().unwrap());
        assert!(file.write_all(b"y").is_err());
    }
}
