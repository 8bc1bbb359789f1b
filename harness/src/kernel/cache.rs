//! Kernels that were fetched or unpacked: `$XDG_CACHE_HOME/bench/kernels`, else
//! `~/.cache/bench/kernels`, with a folder for each release.
//!
//! ```text
//! RELEASE/vmlinuz               fetched from the distribution
//! RELEASE/vmlinux-FROM-CONTENT  unpacked; FROM and CONTENT are digests of the bzImage and of itself
//! ```
//!
//! Invariant: a file appears under its name complete, by a rename. An unpacked kernel carries its
//! digest in its name and is used only if it still has it.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use nix::unistd::{Uid, User};
use sha2::{Digest, Sha256};
use tempfile::{NamedTempFile, TempDir};

use super::image::{BzImage, elf_release};
use super::unpack::unpack;
use super::{Format, ImageError, Kernel, KernelError};
use crate::output::hex;

/// Work under way; under the lock, whatever has this prefix was left by a killed process.
const PARTIAL: &str = ".partial-";

/// A folder of kernels.
#[derive(Clone, Debug)]
pub struct Cache {
    dir: PathBuf,
}

impl Cache {
    /// The user's own.
    pub fn of_user() -> Result<Self, KernelError> {
        let variable = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        // Services have no HOME in their environment.
        let listed = || User::from_uid(Uid::effective()).ok().flatten().map(|user| user.dir);
        // A relative path in XDG_CACHE_HOME is to be ignored (XDG Base Directory Specification).
        let caches = variable("XDG_CACHE_HOME")
            .or_else(|| variable("HOME").or_else(listed).map(|home| home.join(".cache")));
        Ok(Self::at(caches.ok_or(KernelError::NoCache)?.join("bench/kernels")))
    }

    /// One in this folder, which need not exist yet.
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The kernels that were fetched.
    pub(super) fn fetched(&self) -> Vec<PathBuf> {
        let releases = fs::read_dir(&self.dir).into_iter().flatten().flatten();
        releases.map(|entry| entry.path().join("vmlinuz")).filter(|path| path.is_file()).collect()
    }

    /// The unpacked form of a kernel if it is here already (an ELF file is its own).
    pub fn find_uncompressed(&self, kernel: &Kernel) -> Result<Option<PathBuf>, KernelError> {
        match kernel.format {
            Format::Elf => Ok(Some(kernel.path.clone())),
            Format::BzImage => self.find(&kernel.release, &digest(&read(&kernel.path)?)),
        }
    }

    /// The unpacked form of a kernel, put here if it is not yet.
    pub fn uncompressed(&self, kernel: &Kernel) -> Result<PathBuf, KernelError> {
        if kernel.format == Format::Elf {
            return Ok(kernel.path.clone());
        }
        let file = read(&kernel.path)?;
        let from = digest(&file);
        if let Some(path) = self.find(&kernel.release, &from)? {
            return Ok(path);
        }
        let bad = |why| KernelError::NoKernelFile { path: kernel.path.clone(), why };
        // The file is read anew, so its header is checked anew.
        let image = BzImage::parse(&file, file.len() as u64).map_err(bad)?;
        let payload = &file[image.payload.start as usize..image.payload.end as usize];
        let elf = unpack(payload).map_err(|why| KernelError::Unpack { path: kernel.path.clone(), why })?;
        if elf_release(&elf).map_err(bad)? != image.release {
            return Err(bad(ImageError::Damaged("the kernel inside is of another release")));
        }
        self.keep(&image.release, &from, &elf)
    }

    /// An unpacked kernel that still is what it was.
    fn find(&self, release: &str, from: &str) -> Result<Option<PathBuf>, KernelError> {
        let prefix = format!("vmlinux-{from}-");
        for entry in fs::read_dir(self.dir.join(release)).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let Some(content) = name.to_str().and_then(|name| name.strip_prefix(&prefix)) else { continue };
            if digest(&read(&entry.path())?) == content {
                return Ok(Some(entry.path()));
            }
            // It will be replaced: it has the name of what comes out again.
            tracing::warn!("{} is damaged", entry.path().display());
        }
        Ok(None)
    }

    fn keep(&self, release: &str, from: &str, elf: &[u8]) -> Result<PathBuf, KernelError> {
        let work = self.workspace()?;
        let mut file = NamedTempFile::new_in(work.dir()).map_err(failed("write below", &self.dir))?;
        file.write_all(elf).map_err(failed("write", file.path()))?;
        let path = self.dir.join(release).join(format!("vmlinux-{from}-{}", digest(elf)));
        self.put(file.path(), &path)?;
        // It has moved away from under its temporary name.
        drop(file.keep());
        Ok(path)
    }

    /// Moves a finished file to its place, replacing what was there.
    pub(super) fn put(&self, from: &Path, to: &Path) -> Result<(), KernelError> {
        let folder = to.parent().unwrap_or(&self.dir);
        fs::create_dir_all(folder).map_err(failed("create", folder))?;
        fs::set_permissions(from, Permissions::from_mode(0o644)).map_err(failed("make readable", from))?;
        fs::rename(from, to).map_err(failed("write", to))
    }

    /// Removes what killed processes left under way, and returns what it removed.
    pub fn sweep(&self) -> Result<Vec<PathBuf>, KernelError> {
        if !self.dir.is_dir() {
            return Ok(Vec::new());
        }
        let _lock = self.lock()?;
        self.remove_partial()
    }

    /// Waits for other processes that work here.
    fn lock(&self) -> Result<Flock<File>, KernelError> {
        let path = self.dir.join(".lock");
        let lock = File::create(&path).map_err(failed("create", &path))?;
        Flock::lock(lock, FlockArg::LockExclusive).map_err(|(_, errno)| failed("lock", &path)(errno.into()))
    }

    /// Under the lock: nobody is at work on what is there.
    fn remove_partial(&self) -> Result<Vec<PathBuf>, KernelError> {
        let entries = fs::read_dir(&self.dir).map_err(failed("read", &self.dir))?.flatten();
        let partial: Vec<PathBuf> = entries
            .filter(|entry| entry.file_name().as_encoded_bytes().starts_with(PARTIAL.as_bytes()))
            .map(|entry| entry.path())
            .collect();
        for path in &partial {
            fs::remove_dir_all(path).map_err(failed("remove", path))?;
        }
        Ok(partial)
    }

    /// A folder to work in, beside the final places so that a rename suffices. Waits for other
    /// processes that work here, and removes what killed ones have left.
    pub(super) fn workspace(&self) -> Result<Workspace, KernelError> {
        fs::create_dir_all(&self.dir).map_err(failed("create", &self.dir))?;
        let lock = self.lock()?;
        self.remove_partial()?;
        let dir = tempfile::Builder::new()
            .prefix(PARTIAL)
            .tempdir_in(&self.dir)
            .map_err(failed("write below", &self.dir))?;
        Ok(Workspace { dir, _lock: lock })
    }
}

/// A temporary folder in the cache and the lock on it; both end with this value.
#[derive(Debug)]
pub(super) struct Workspace {
    dir: TempDir,
    // After the folder: fields are dropped in order.
    _lock: Flock<File>,
}

impl Workspace {
    /// The folder.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }
}

fn read(path: &Path) -> Result<Vec<u8>, KernelError> {
    fs::read(path).map_err(|source| KernelError::Unreadable { path: path.to_owned(), source })
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> KernelError {
    let path = path.to_owned();
    move |source| KernelError::Cache { action, path, source }
}

/// The first half of the SHA-256, in hexadecimal: 128 bits, so that a name with two stays readable.
fn digest(data: &[u8]) -> String {
    hex(&Sha256::digest(data)[..16])
}
