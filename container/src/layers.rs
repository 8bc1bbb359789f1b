//! A root file system made of layers, as images are: a skeleton, the program on top of it, and a layer per instance for
//! what that writes, united by overlayfs (Linux' filesystems/overlayfs.rst).
//!
//! Invariant: the lower layers are never written to, and an instance's own layer lies on a tmpfs that only its mount
//! namespace holds, so that the kernel frees it with the last of its processes, however that ends.

use std::ffi::CStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::rootfs::{self, Devices, RootfsError};

/// Layers below the folder, the topmost last. Paths in the options of the mount are relative to it, so that no character
/// of its name can be mistaken for a separator there.
const BASE: &str = "base";
const PROGRAM: &str = "program";
/// Where an instance mounts the tmpfs that holds its layer and the united root: for everyone else an empty folder.
pub(crate) const INSTANCE: &CStr = c"instance";
pub(crate) const UPPER: &CStr = c"instance/upper";
pub(crate) const WORK: &CStr = c"instance/work";
pub(crate) const UNITED: &CStr = c"instance/root";

/// The layers in words of overlayfs.
pub(crate) const OPTIONS: &CStr = c"lowerdir=program:base,upperdir=instance/upper,workdir=instance/work";
/// In a user namespace nobody may write the attributes `trusted.overlay.*`.
pub(crate) const USER_OPTIONS: &CStr =
    c"lowerdir=program:base,upperdir=instance/upper,workdir=instance/work,userxattr";

/// Prepared layers. The directory belongs to the caller, who removes it when no instance needs it.
#[derive(Clone, Debug)]
pub struct Layers {
    dir: PathBuf,
    program: PathBuf,
    devices: Devices,
}

impl Layers {
    /// Makes two layers in `dir`, created if need be: a skeleton, and one executable at `/NAME`. Doing it again only
    /// replaces the program.
    ///
    /// # Errors
    /// [`RootfsError`] names the path that could not be made.
    pub fn prepare(dir: &Path, name: impl AsRef<Path>, program: &[u8]) -> Result<Self, RootfsError> {
        let (_, devices) = rootfs::skeleton(&dir.join(BASE))?;
        for sub in [PROGRAM, "instance"] {
            let path = dir.join(sub);
            fs::create_dir_all(&path).map_err(|source| RootfsError::Prepare { path, source })?;
        }
        let path = dir.join(PROGRAM).join(&name);
        rootfs::install(&path, program).map_err(|source| RootfsError::Prepare { path, source })?;
        let dir =
            fs::canonicalize(dir).map_err(|source| RootfsError::Prepare { path: dir.to_owned(), source })?;
        Ok(Self { dir, program: Path::new("/").join(name), devices })
    }

    /// The directory of the layers on the host, absolute.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The program's path as seen inside.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// What every instance has to bind from the host's /dev. What is mounted in a user namespace has no device nodes of
    /// its own (SB_I_NODEV), whatever the layers hold.
    pub(crate) fn binds(&self, in_user_namespace: bool) -> rootfs::DeviceBinds {
        if in_user_namespace { Devices::Binds.binds() } else { self.devices.binds() }
    }
}
