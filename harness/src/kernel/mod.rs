//! Kernels for guests: which there are, which one to boot, and the uncompressed form of it, which
//! starts sooner. Sizes are bytes.
//!
//! `image` knows what a kernel file is, `unpack` takes the kernel out of a bzImage, `cache` keeps
//! what was unpacked or fetched, `fetch` gets one from the distribution.
//!
//! Invariant: a [`Kernel`] was looked at: its file was there, complete by its own header, and its
//! release is a plain word that may become a file name.

mod cache;
mod error;
mod fetch;
mod image;
mod places;
mod unpack;

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use image::BzImage;
use serde::Serialize;

pub use cache::Cache;
pub use error::KernelError;
pub use fetch::{Download, FetchError};
pub use image::{Format, ImageError};
pub use places::Places;
pub use unpack::{Compression, UnpackError};

/// Where a kernel was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// Named by the user.
    Given,
    /// Installed on this host, below `/boot` or `/lib/modules`.
    HostBoot,
    /// In the cache, by `bench kernel fetch`.
    Cache,
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Given => "given",
            Self::HostBoot => "installed",
            Self::Cache => "cache",
        })
    }
}

/// A kernel that a guest can boot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Kernel {
    /// The file, as an absolute path.
    pub path: PathBuf,
    /// What `uname -r` says under it.
    pub release: String,
    /// The form of the file.
    pub format: Format,
    /// Size of the file.
    pub size_bytes: u64,
    /// Where it was found.
    pub source: Source,
    /// Whether this host runs the same release.
    pub is_hosts: bool,
}

impl Kernel {
    /// Looks at a kernel file; `running` is the host's own release.
    fn identify(path: &Path, source: Source, running: &str) -> Result<Self, KernelError> {
        let unreadable = |source| KernelError::Unreadable { path: path.to_owned(), source };
        let unusable = |why| KernelError::NoKernelFile { path: path.to_owned(), why };
        let path = std::path::absolute(path).map_err(unreadable)?;
        // Asked before it is opened: opening a pipe would wait for its writer.
        if !fs::metadata(&path).map_err(unreadable)?.is_file() {
            return Err(KernelError::NoFile { path });
        }
        let mut file = File::open(&path).map_err(unreadable)?;
        let size_bytes = file.metadata().map_err(unreadable)?.len();
        let mut head = Vec::new();
        (&mut file).take(image::SETUP_MAX).read_to_end(&mut head).map_err(unreadable)?;
        let (format, release) = if image::is_elf(&head) {
            if size_bytes > unpack::MAX_UNPACKED {
                return Err(unusable(ImageError::Elf("it is over 1 GiB: strip its debug information")));
            }
            file.take(unpack::MAX_UNPACKED).read_to_end(&mut head).map_err(unreadable)?;
            (Format::Elf, image::elf_release(&head).map_err(unusable)?)
        } else {
            (Format::BzImage, BzImage::parse(&head, size_bytes).map_err(unusable)?.release)
        };
        let is_hosts = release == running;
        Ok(Self { path, release, format, size_bytes, source, is_hosts })
    }
}

/// The kernel to boot: the `given` one, else the host's own, else the newest one in the cache.
pub fn choose(given: Option<&Path>) -> Result<Kernel, KernelError> {
    match given {
        // Works without a cache, for users without a home.
        Some(path) => Kernel::identify(path, Source::Given, &places::running()?),
        None => Places::of_host()?.choose(None),
    }
}

/// Every kernel on this host, the host's own first, and what looked like one but cannot be used.
pub fn list() -> Result<Vec<Result<Kernel, KernelError>>, KernelError> {
    Ok(Places::of_host()?.list())
}

/// The uncompressed form of a kernel: its own file if that is an ELF, else one in the cache, where
/// it is put at the first time.
pub fn uncompressed(kernel: &Kernel) -> Result<PathBuf, KernelError> {
    Cache::of_user()?.uncompressed(kernel)
}

/// Gets a kernel from the distribution into the cache; `package` instead of the distribution's own
/// kernel for virtual machines.
pub fn fetch(package: Option<&str>) -> Result<Kernel, KernelError> {
    Download::resolve(package)?.fetch()
}
