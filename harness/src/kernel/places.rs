//! Where kernels are looked for, and which one is taken.

use std::cmp::Ordering;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Cache, Kernel, KernelError, Source};

/// The folders that are searched, and the release that the host runs.
#[derive(Clone, Debug)]
pub struct Places {
    /// With kernels as `vmlinuz-*`: `/boot`.
    pub boot: PathBuf,
    /// With kernels as `RELEASE/vmlinuz`: `/lib/modules`.
    pub modules: PathBuf,
    /// What was fetched.
    pub cache: Cache,
    /// The host's release, as `uname -r` says it.
    pub running: String,
}

impl Places {
    /// Those of this host and user.
    pub fn of_host() -> Result<Self, KernelError> {
        Ok(Self {
            boot: "/boot".into(),
            modules: "/lib/modules".into(),
            cache: Cache::of_user()?,
            running: running()?,
        })
    }

    /// The kernel to boot: the `given` one, else the host's own, else the newest one in the cache.
    pub fn choose(&self, given: Option<&Path>) -> Result<Kernel, KernelError> {
        if let Some(path) = given {
            return Kernel::identify(path, Source::Given, &self.running);
        }
        let (installed, refused) = split(self.installed());
        if let Some(own) = installed.into_iter().find(|kernel| kernel.is_hosts) {
            return Ok(own);
        }
        let hosts = refused.into_iter().find(|error| self.is_about_hosts(error));
        let (cached, _) = split(self.cached());
        match cached.into_iter().next() {
            Some(kernel) => {
                if let Some(error) = hosts {
                    tracing::warn!("the host's own kernel is not used: {error}");
                }
                Ok(kernel)
            }
            None => Err(KernelError::Nowhere {
                running: self.running.clone(),
                hosts: hosts.map(Box::new),
                cache: self.cache.dir().to_owned(),
            }),
        }
    }

    /// Every kernel: installed ones, then cached ones, each the host's own first, then newest first.
    pub fn list(&self) -> Vec<Result<Kernel, KernelError>> {
        let mut all = self.installed();
        all.extend(self.cached());
        all
    }

    fn installed(&self) -> Vec<Result<Kernel, KernelError>> {
        let mut paths: Vec<PathBuf> = Vec::new();
        for path in entries(&self.boot) {
            let named = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"vmlinuz-"));
            // A link points at one of the others.
            if named && !path.is_symlink() {
                paths.push(path);
            }
        }
        paths.extend(entries(&self.modules).map(|dir| dir.join("vmlinuz")).filter(|path| path.is_file()));
        self.look(paths, Source::HostBoot)
    }

    fn cached(&self) -> Vec<Result<Kernel, KernelError>> {
        self.look(self.cache.fetched(), Source::Cache)
    }

    fn look(&self, paths: Vec<PathBuf>, source: Source) -> Vec<Result<Kernel, KernelError>> {
        let mut found: Vec<_> =
            paths.iter().map(|path| Kernel::identify(path, source, &self.running)).collect();
        found.sort_by(|a, b| match (a, b) {
            (Ok(a), Ok(b)) => b.is_hosts.cmp(&a.is_hosts).then_with(|| by_version(&b.release, &a.release)),
            (a, b) => b.is_ok().cmp(&a.is_ok()),
        });
        found
    }

    /// Whether it is the host's own kernel that cannot be used, judged by its name.
    fn is_about_hosts(&self, error: &KernelError) -> bool {
        let (KernelError::Unreadable { path, .. } | KernelError::NoKernelFile { path, .. }) = error else {
            return false;
        };
        *path == self.boot.join(format!("vmlinuz-{}", self.running))
            || *path == self.modules.join(&self.running).join("vmlinuz")
    }
}

/// The host's release.
pub(super) fn running() -> Result<String, KernelError> {
    let path = PathBuf::from("/proc/sys/kernel/osrelease");
    match fs::read_to_string(&path) {
        Ok(release) => Ok(release.trim().to_owned()),
        Err(source) => Err(KernelError::Unreadable { path, source }),
    }
}

/// A folder that is not there has no entries.
fn entries(dir: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => Some(entries),
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound {
                tracing::warn!("cannot look for kernels in {}: {error}", dir.display());
            }
            None
        }
    };
    entries.into_iter().flatten().flatten().map(|entry| entry.path())
}

fn split(found: Vec<Result<Kernel, KernelError>>) -> (Vec<Kernel>, Vec<KernelError>) {
    let mut kernels = Vec::new();
    let mut errors = Vec::new();
    for one in found {
        match one {
            Ok(kernel) => kernels.push(kernel),
            Err(error) => errors.push(error),
        }
    }
    (kernels, errors)
}

/// Compares releases so that 6.10 comes after 6.9: numbers as numbers, all else as text.
fn by_version(a: &str, b: &str) -> Ordering {
    let pieces = |text: &str| -> Vec<(u64, String)> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (number, after) = rest.split_at(digits);
            let others = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
            let (word, after) = after.split_at(others);
            pieces.push((number.parse().unwrap_or(u64::MAX), word.to_owned()));
            rest = after;
        }
        pieces
    };
    pieces(a).cmp(&pieces(b)).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_ordered_by_number_not_by_letter() {
        let mut releases =
            ["6.10.1", "6.9.12-amd64", "6.1.0-9", "6.1.0-56", "6.1.0-56-cloud", "5.99", "6.10"];
        releases.sort_by(|a, b| by_version(a, b));
        assert_eq!(
            releases,
            ["5.99", "6.1.0-9", "6.1.0-56", "6.1.0-56-cloud", "6.9.12-amd64", "6.10", "6.10.1"]
        );
    }
}
