//! The root file system of instances: a skeleton that is made once, or a directory of the caller's; bound read-only by
//! every instance.
//!
//! Invariant: nothing in it is mounted or changed by an instance, so any number can share it at a time, and
//! removing a skeleton is `remove_dir_all`. A directory of the caller's is not written to at all.

use std::ffi::{CStr, OsStr};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use nix::sys::stat::{Mode, SFlag, makedev, mknod};

/// A prepared root. The directory belongs to the caller, who removes it when no instance needs it.
#[derive(Clone, Debug)]
pub struct Rootfs {
    dir: PathBuf,
    program: PathBuf,
    devices: Devices,
}

/// Why there is no root to start anything in.
#[derive(Debug, thiserror::Error)]
pub enum RootfsError {
    /// The skeleton could not be made.
    #[error("cannot prepare {}: {source}; choose a directory that can be written to", .path.display())]
    Prepare {
        /// What could not be made.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The caller's directory cannot be used.
    #[error("cannot use {} as a root: {source}", .path.display())]
    Open {
        /// The directory.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The caller's directory has no place for what every container mounts.
    #[error(
        "{} has no directory '{missing}', on which a container mounts its own; make it: mkdir {}",
        .dir.display(),
        .dir.join(.missing).display()
    )]
    NoMountPoint {
        /// The directory.
        dir: PathBuf,
        /// What is missing in it.
        missing: &'static str,
    },
}

/// Paths of the host to bind, and where, relative to the root.
pub(crate) type DeviceBinds = &'static [(&'static CStr, &'static CStr)];

/// Where an instance's device nodes come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Devices {
    /// Nodes in the skeleton itself: no mount per instance.
    Nodes,
    /// The host's nodes, each bound over an empty file: without CAP_MKNOD, or where the skeleton's file
    /// system is mounted nodev, as many a /tmp is.
    Binds,
    /// A file system in memory over /dev, with the host's nodes bound into it: where the directory is not ours to write to.
    Memory,
}

impl Devices {
    /// What every instance has to bind from the host's /dev.
    pub(crate) fn binds(self) -> DeviceBinds {
        match self {
            Self::Nodes => &[],
            Self::Binds | Self::Memory => &BINDS,
        }
    }
}

/// Name and minor number; all have major number 1 ("mem") but tty, 5 (Linux' admin-guide/devices.txt).
const NODES: [(&str, u64, u64); 6] =
    [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)];

/// The same nodes for `mount(2)`: on the host, and relative to the root.
const BINDS: [(&CStr, &CStr); 6] = [
    (c"/dev/null", c"dev/null"),
    (c"/dev/zero", c"dev/zero"),
    (c"/dev/full", c"dev/full"),
    (c"/dev/random", c"dev/random"),
    (c"/dev/urandom", c"dev/urandom"),
    (c"/dev/tty", c"dev/tty"),
];

/// What programs expect beside the nodes: where it leads, and its path relative to the root.
pub(crate) const LINKS: [(&CStr, &CStr); 4] = [
    (c"/proc/self/fd", c"dev/fd"),
    (c"/proc/self/fd/0", c"dev/stdin"),
    (c"/proc/self/fd/1", c"dev/stdout"),
    (c"/proc/self/fd/2", c"dev/stderr"),
];

/// What a container mounts something on.
const MOUNT_POINTS: [&str; 3] = ["proc", "dev", "tmp"];

impl Rootfs {
    /// Makes the skeleton in `dir`, created if need be, with one executable at `/NAME`. Doing it again only
    /// replaces the program.
    ///
    /// # Errors
    /// [`RootfsError`] names the path that could not be made.
    pub fn prepare(dir: &Path, name: impl AsRef<Path>, program: &[u8]) -> Result<Self, RootfsError> {
        let (dir, devices) = skeleton(dir)?;
        let path = dir.join(&name);
        install(&path, program).map_err(at(&path))?;
        Ok(Self { dir, program: Path::new("/").join(name), devices })
    }

    /// The directory `dir` of the caller's as it is, and the executable at `program` inside.
    ///
    /// # Errors
    /// [`RootfsError`] says what is missing in it.
    pub fn of_dir(dir: &Path, program: &Path) -> Result<Self, RootfsError> {
        // As for a skeleton.
        let dir =
            fs::canonicalize(dir).map_err(|source| RootfsError::Open { path: dir.to_path_buf(), source })?;
        let is_there = |sub: &&str| fs::symlink_metadata(dir.join(sub)).is_ok_and(|meta| meta.is_dir());
        match MOUNT_POINTS.into_iter().find(|sub| !is_there(sub)) {
            Some(missing) => Err(RootfsError::NoMountPoint { dir, missing }),
            None => Ok(Self { dir, program: program.to_path_buf(), devices: Devices::Memory }),
        }
    }

    /// Its directory on the host, absolute.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The program's path as seen inside.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// What every instance has to bind from the host's /dev.
    pub(crate) fn binds(&self) -> DeviceBinds {
        self.devices.binds()
    }

    /// Whether every instance has to make a /dev to bind them into.
    pub(crate) fn needs_dev(&self) -> bool {
        self.devices == Devices::Memory
    }

    /// Whether it is a skeleton that nodes could not be made in.
    pub(crate) fn lacks_nodes(&self) -> bool {
        self.devices == Devices::Binds
    }
}

/// Makes everything but the program in `dir`; returns its absolute path and where its devices come from.
pub(crate) fn skeleton(dir: &Path) -> Result<(PathBuf, Devices), RootfsError> {
    for sub in MOUNT_POINTS {
        let path = dir.join(sub);
        fs::create_dir_all(&path).map_err(at(&path))?;
    }
    // Mounts are resolved by the child, whatever its working directory.
    let dir = fs::canonicalize(dir).map_err(at(dir))?;
    let mode = Permissions::from_mode(0o755);
    for path in [&dir, &dir.join("dev"), &dir.join("proc"), &dir.join("tmp")] {
        fs::set_permissions(path, mode.clone()).map_err(at(path))?;
    }
    for (target, link) in LINKS {
        let (target, path) =
            (OsStr::from_bytes(target.to_bytes()), dir.join(OsStr::from_bytes(link.to_bytes())));
        if let Err(error) = symlink(target, &path)
            && error.kind() != io::ErrorKind::AlreadyExists
        {
            return Err(at(&path)(error));
        }
    }
    let mut devices = Devices::Nodes;
    for (node, major, minor) in NODES {
        let path = dir.join("dev").join(node);
        if device(&path, major, minor).map_err(at(&path))? == Devices::Binds {
            devices = Devices::Binds;
        }
    }
    Ok((dir, devices))
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> RootfsError + use<> {
    let path = path.to_path_buf();
    move |source| RootfsError::Prepare { path, source }
}

/// Makes a device node that works, or else an empty file to bind the host's node over.
fn device(path: &Path, major: u64, minor: u64) -> io::Result<Devices> {
    // What a former run left may be of either kind, depending on who ran it.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mode = Mode::from_bits_truncate(0o666);
    let made = mknod(path, SFlag::S_IFCHR, mode, makedev(major, minor))
        .map_err(io::Error::from)
        // The umask has been at the mode.
        .and_then(|()| fs::set_permissions(path, Permissions::from_mode(0o666)));
    // Opening it tells a nodev mount (EACCES). A tty that is not there is ENXIO and still a node.
    if made.is_ok() {
        match OpenOptions::new().read(true).custom_flags(libc::O_NOCTTY | libc::O_NONBLOCK).open(path) {
            Ok(_) => return Ok(Devices::Nodes),
            Err(error) if error.raw_os_error() == Some(libc::ENXIO) => return Ok(Devices::Nodes),
            Err(_) => fs::remove_file(path)?,
        }
    }
    File::create(path).map(|_| Devices::Binds)
}

/// Puts the executable in place by rename, for a file that is being executed cannot be written to.
pub(crate) fn install(path: &Path, program: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("new");
    fs::write(&temporary, program)?;
    fs::set_permissions(&temporary, Permissions::from_mode(0o755))?;
    fs::rename(&temporary, path)
}
