//! The kernel of the lab: Debian's cloud kernel, downloaded once and unpacked, never installed.
//!
//! Invariant: a folder of the cache appears whole, by a rename, or not at all.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::Error;
use crate::tools;

/// The package that depends on the current cloud kernel of the distribution.
const META_PACKAGE: &str = "linux-image-cloud-amd64";
/// The modules to load; what they depend on is found in them.
const WANTED_MODULES: [&str; 2] = ["kvm-amd", "overlay"];

/// A kernel with modules for KVM on SVM and for roots of layers.
#[derive(Debug)]
pub struct Kernel {
    /// As `uname -r` will say.
    pub release: String,
    /// The bootable image.
    pub image: PathBuf,
    /// Module files, each after those that it depends on.
    pub modules: Vec<PathBuf>,
}

/// The newest kernel of the cache, or else the distribution's, which then is in the cache.
///
/// # Errors
/// What apt, dpkg or the file system refused.
pub fn get(cache: &Path) -> Result<Kernel, Error> {
    let kernels = cache.join("kernels");
    fs::create_dir_all(&kernels).map_err(Error::file("create", &kernels))?;
    let newest = fs::read_dir(&kernels)
        .map_err(Error::file("read", &kernels))?
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("linux-image-"))
        .max_by_key(|entry| entry.metadata().and_then(|metadata| metadata.modified()).ok());
    match newest {
        Some(entry) => open(&entry.path()),
        None => open(&download(&kernels)?),
    }
}

/// Downloads and unpacks the package that [`META_PACKAGE`] depends on; returns its folder.
fn download(kernels: &Path) -> Result<PathBuf, Error> {
    let depends = tools::output(Command::new("apt-cache").args(["depends", META_PACKAGE]), false)?;
    let depends = String::from_utf8_lossy(&depends);
    let package = dependency(&depends).ok_or(Error::NoKernelPackage(META_PACKAGE))?;
    eprintln!("lab: downloading {package} into {}", kernels.display());
    let temp = tempfile::tempdir_in(kernels).map_err(Error::file("create a folder in", kernels))?;
    let mut apt = Command::new("apt-get");
    // Otherwise apt, if it is root, wants to change to a user who cannot write to our cache.
    apt.args(["-q", "-q", "-o", "APT::Sandbox::User=", "download", package]).current_dir(temp.path());
    tools::output(&mut apt, false)?;
    let deb = files(temp.path()).into_iter().find(|file| file.extension().is_some_and(|e| e == "deb"));
    let missing = || Error::BadKernelPackage {
        package: package.to_owned(),
        what: "downloaded file".to_owned(),
        folder: temp.path().to_owned(),
    };
    let unpacked = temp.path().join("unpacked");
    tools::output(Command::new("dpkg-deb").arg("-x").arg(deb.ok_or_else(missing)?).arg(&unpacked), false)?;
    let folder = kernels.join(package);
    match fs::rename(&unpacked, &folder) {
        // Another lab was faster.
        Err(_) if folder.exists() => Ok(folder),
        result => result.map(|()| folder.clone()).map_err(Error::file("create", folder)),
    }
}

/// The kernel package in the output of `apt-cache depends`.
fn dependency(depends: &str) -> Option<&str> {
    let packages = depends.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
    packages.map(str::trim).find(|package| {
        package.starts_with("linux-image-")
            && package.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.+".contains(&b))
    })
}

/// What is in an unpacked kernel package.
fn open(folder: &Path) -> Result<Kernel, Error> {
    let bad = |what: String| Error::BadKernelPackage {
        package: folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        what,
        folder: folder.to_owned(),
    };
    let boot = files(&folder.join("boot"));
    let image = boot.into_iter().find_map(|file| {
        let release = file.file_name()?.to_str()?.strip_prefix("vmlinuz-")?.to_owned();
        Some((release, file))
    });
    let (release, image) = image.ok_or_else(|| bad("boot/vmlinuz-*".to_owned()))?;
    let mut modules = Vec::new();
    let all = all_files(&folder.join("lib/modules").join(&release));
    for name in WANTED_MODULES {
        add_module(name, &all, &mut modules, 0).map_err(|name| bad(format!("{name}.ko")))?;
    }
    Ok(Kernel { release, image, modules })
}

/// Adds a module behind those that it depends on; the error is the name of the one that is missing.
fn add_module(name: &str, all: &[PathBuf], modules: &mut Vec<PathBuf>, depth: u32) -> Result<(), String> {
    // The kernel's tools write - where its files have _, and the other way round.
    let plain = |name: &str| name.replace('-', "_");
    let named = |file: &&PathBuf| {
        file.extension().is_some_and(|extension| extension == "ko")
            && file.file_stem().is_some_and(|stem| plain(&stem.to_string_lossy()) == plain(name))
    };
    let file = all.iter().find(named).filter(|_| depth < 16).ok_or(name)?;
    if modules.contains(file) {
        return Ok(());
    }
    let content = fs::read(file).map_err(|_| name)?;
    for needed in depends(&content) {
        add_module(&needed, all, modules, depth + 1)?;
    }
    modules.push(file.clone());
    Ok(())
}

/// The entry `depends` of a module's section `.modinfo`, whose entries are strings that end in NUL.
fn depends(module: &[u8]) -> Vec<String> {
    let entries = module.split(|&byte| byte == 0);
    let names = entries.filter_map(|entry| entry.strip_prefix(b"depends=")).next().unwrap_or_default();
    let names = String::from_utf8_lossy(names);
    names.split(',').filter(|name| !name.is_empty()).map(String::from).collect()
}

/// The files in a folder; none if it cannot be read.
fn files(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

/// The files in a folder and below.
fn all_files(folder: &Path) -> Vec<PathBuf> {
    let (folders, mut found): (Vec<_>, Vec<_>) =
        files(folder).into_iter().partition(|path| path.is_dir() && !path.is_symlink());
    found.extend(folders.iter().flat_map(|folder| all_files(folder)));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_the_dependency_that_is_an_image() {
        let text =
            "linux-image-cloud-amd64\n  Depends: linux-base\n  Depends: linux-image-6.1.0-56-cloud-amd64\n";
        assert_eq!(dependency(text), Some("linux-image-6.1.0-56-cloud-amd64"));
        assert_eq!(dependency("linux-image-cloud-amd64\n  Depends: <linux-image-x>\n"), None);
        assert_eq!(dependency(""), None);
    }

    #[test]
    fn modules_come_after_what_they_depend_on() {
        let temp = tempfile::tempdir().unwrap();
        let modules = temp.path().join("lib/modules/6.1/kernel");
        fs::create_dir_all(modules.join("deep")).unwrap();
        fs::create_dir(temp.path().join("boot")).unwrap();
        fs::write(temp.path().join("boot/vmlinuz-6.1"), "").unwrap();
        let error = open(temp.path()).unwrap_err().to_string();
        assert!(error.contains("kvm-amd.ko"), "{error}");
        fs::write(modules.join("kvm-amd.ko"), b"ELF\0license=GPL\0depends=kvm,irq_bypass\0").unwrap();
        fs::write(modules.join("deep/kvm.ko"), b"depends=irq_bypass\0").unwrap();
        fs::write(modules.join("irq-bypass.ko"), b"\0depends=\0").unwrap();
        let error = open(temp.path()).unwrap_err().to_string();
        assert!(error.contains("overlay.ko"), "{error}");
        fs::write(modules.join("overlay.ko"), b"depends=\0").unwrap();
        let kernel = open(temp.path()).unwrap();
        let names: Vec<_> = kernel.modules.iter().map(|file| file.file_name().unwrap()).collect();
        assert_eq!(names, ["irq-bypass.ko", "kvm.ko", "kvm-amd.ko", "overlay.ko"]);
        assert_eq!(kernel.release, "6.1");
    }

    #[test]
    fn modules_that_depend_on_each_other_are_no_endless_loop() {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("kvm-amd.ko");
        fs::write(&file, b"depends=kvm-amd\0").unwrap();
        assert!(add_module("kvm-amd", &[file], &mut Vec::new(), 0).is_err());
    }
}
