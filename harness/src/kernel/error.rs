//! What can go wrong with kernels. Each message ends in what to do.

use std::io;
use std::path::PathBuf;

use super::{FetchError, ImageError, UnpackError};

/// Why there is no kernel.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}{}", path.display(), advice(source))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// A folder, a pipe, a device.
    #[error("{} is not a regular file; give the path of a bzImage or vmlinux", path.display())]
    NoFile {
        /// The path.
        path: PathBuf,
    },
    /// A file that is no kernel for this purpose.
    #[error("cannot boot {}: {why}", path.display())]
    NoKernelFile {
        /// The file.
        path: PathBuf,
        /// The reason.
        why: ImageError,
    },
    /// A bzImage whose kernel does not come out.
    #[error("cannot unpack {}: {why}", path.display())]
    Unpack {
        /// The file.
        path: PathBuf,
        /// The reason.
        why: UnpackError,
    },
    /// No kernel anywhere.
    #[error(
        "no kernel to boot: {}, and none is in {}; get one by `bench kernel fetch`, or name one with \
         `--kernel PATH`",
        hosts.as_ref().map_or_else(|| format!("no /boot/vmlinuz-{running} here"), ToString::to_string),
        cache.display()
    )]
    Nowhere {
        /// The host's release.
        running: String,
        /// What is wrong with the host's own kernel, if it is there.
        hosts: Option<Box<KernelError>>,
        /// The cache that was looked into.
        cache: PathBuf,
    },
    /// Nobody says where the cache is.
    #[error("no folder for kernels: set HOME, or XDG_CACHE_HOME to an absolute path")]
    NoCache,
    /// The cache cannot be used.
    #[error("cannot {action} {}: {source}; XDG_CACHE_HOME can name another folder", path.display())]
    Cache {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The distribution's kernel could not be had.
    #[error(transparent)]
    Fetch(#[from] FetchError),
}

/// Ubuntu's kernels are readable by root alone.
fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "; make it readable (`sudo chmod a+r`), or get one of your own by `bench kernel fetch`"
        }
        io::ErrorKind::NotFound => "; `bench kernel list` shows what there is",
        _ => "",
    }
}
