//! The distribution's own kernel for virtual machines, through its package client, which checks the
//! signatures. The package is unpacked into the cache, not installed: no root is needed, and the
//! host's boot menu stays as it is.
//!
//! Invariant: only what is complete and looks like a kernel reaches the cache.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::places::Places;
use super::{Kernel, KernelError, Source};

/// Why the distribution's kernel could not be had.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Not Debian or Ubuntu.
    #[error(
        "`bench kernel fetch` knows Debian's and Ubuntu's packages, and {tool} is not here: install the kernel \
         package of your distribution, or take the vmlinuz out of it, and name it with `--kernel PATH`"
    )]
    NoTool {
        /// The program that is missing.
        tool: &'static str,
    },
    /// A distribution with apt, but without a known kernel package.
    #[error(
        "which package of {os} is a kernel for virtual machines is not known to `bench`; name it, as in \
         `bench kernel fetch --package linux-image-amd64`"
    )]
    UnknownDistribution {
        /// Its name.
        os: String,
    },
    /// Not a name that a package can have.
    #[error("{0:?} is no name of a package; `apt-cache search linux-image` lists them")]
    BadName(String),
    /// The package index does not have it.
    #[error(
        "there is no package {package} in apt's lists; bring them up to date by `apt-get update` as root"
    )]
    UnknownPackage {
        /// The package.
        package: String,
    },
    /// A program failed.
    #[error("{program} failed: {message}{}", advice(program))]
    Failed {
        /// The program.
        program: &'static str,
        /// What it wrote to stderr, or its status.
        message: String,
    },
    /// The package has no kernel in it.
    #[error("the package {package} has no file /boot/vmlinuz-*; name one that has by `--package`")]
    NoKernelInside {
        /// The package.
        package: String,
    },
}

fn advice(program: &str) -> &'static str {
    match program {
        "apt-get" => "; if its lists are old, run `apt-get update` as root",
        _ => "",
    }
}

/// A kernel package that apt knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Download {
    package: String,
}

impl Download {
    /// Finds the package: the one named, else the distribution's kernel for virtual machines. What
    /// only depends on the kernel of the day is followed to it.
    pub fn resolve(package: Option<&str>) -> Result<Self, KernelError> {
        let wanted = match package {
            Some(name) if !is_package_name(name) => return Err(FetchError::BadName(name.to_owned()).into()),
            Some(name) => name.to_owned(),
            None => {
                let os = fs::read_to_string("/etc/os-release").unwrap_or_default();
                distribution_package(&os).map(str::to_owned).ok_or_else(|| no_package(&os))?
            }
        };
        Ok(Self { package: follow(wanted, depends)? })
    }

    /// The package.
    pub fn package(&self) -> &str {
        &self.package
    }

    /// Downloads it and puts its kernel into the cache.
    pub fn fetch(&self) -> Result<Kernel, KernelError> {
        let places = Places::of_host()?;
        let work = places.cache.workspace()?;
        let dir = work.dir();
        run(
            "apt-get",
            Command::new("apt-get").arg("-q").arg("download").arg(&self.package).current_dir(dir),
        )?;
        let archive = only_file(dir, "deb").ok_or_else(|| FetchError::Failed {
            program: "apt-get",
            message: format!("it has left no .deb for {}", self.package),
        })?;
        let root = dir.join("root");
        run("dpkg-deb", Command::new("dpkg-deb").arg("-x").arg(&archive).arg(&root))?;
        let inside = kernel_in(&root.join("boot"))
            .ok_or_else(|| FetchError::NoKernelInside { package: self.package.clone() })?;
        let found = Kernel::identify(&inside, Source::Cache, &places.running)?;
        let path = places.cache.dir().join(&found.release).join("vmlinuz");
        places.cache.put(&inside, &path)?;
        Ok(Kernel { path, ..found })
    }
}

/// Runs a program to its end and returns its standard output.
fn run(program: &'static str, command: &mut Command) -> Result<Vec<u8>, FetchError> {
    // Plain English messages, and nobody to answer questions.
    let result = command.env("LC_ALL", "C").stdin(Stdio::null()).output();
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(FetchError::NoTool { tool: program }),
        Err(error) => Err(FetchError::Failed { program, message: error.to_string() }),
        Ok(output) if output.status.success() => Ok(output.stdout),
        Ok(output) => Err(FetchError::Failed { program, message: complaint(&output) }),
    }
}

/// The last lines of stderr, which is where programs say what was wrong, or the status.
fn complaint(output: &Output) -> String {
    const LINES: usize = 3;
    let text = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    match lines.as_slice() {
        [] => output.status.to_string(),
        all => all[all.len().saturating_sub(LINES)..].join("; "),
    }
}

/// Debian Policy, 5.6.1; the first character also keeps it from being taken for an option.
fn is_package_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    name.len() >= 2
        && name.bytes().next().is_some_and(plain)
        && name.bytes().all(|b| plain(b) || matches!(b, b'+' | b'-' | b'.'))
}

/// The package that depends on the current kernel for virtual machines, by `/etc/os-release`.
fn distribution_package(os_release: &str) -> Option<&'static str> {
    let families = [os_field(os_release, "ID"), os_field(os_release, "ID_LIKE")];
    families.iter().flat_map(|family| family.split_whitespace()).find_map(|family| match family {
        "ubuntu" => Some("linux-image-virtual"),
        "debian" => Some("linux-image-cloud-amd64"),
        _ => None,
    })
}

fn no_package(os_release: &str) -> FetchError {
    // Where there is no apt, its name would be no help.
    match Command::new("apt-get").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status() {
        Ok(_) => FetchError::UnknownDistribution { os: os_field(os_release, "ID").to_owned() },
        Err(_) => FetchError::NoTool { tool: "apt-get" },
    }
}

fn os_field<'a>(os_release: &'a str, key: &str) -> &'a str {
    let value = os_release.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    value.map_or("", |value| value.trim_matches(['"', '\'']))
}

/// From a package that only depends on the kernel of the day to that kernel.
fn follow(
    mut package: String,
    depends: impl Fn(&str) -> Result<Vec<String>, FetchError>,
) -> Result<String, FetchError> {
    /// Ubuntu's `linux-virtual` needs two.
    const STEPS: usize = 4;
    for _ in 0..STEPS {
        let next = depends(&package)?;
        let mut images = next.into_iter().filter(|name| name.starts_with(IMAGE));
        match images.next() {
            Some(image) if !is_image(&package) => package = image,
            _ => break,
        }
    }
    Ok(package)
}

const IMAGE: &str = "linux-image-";

/// Whether it is a kernel's own package, as in `linux-image-6.1.0-1-amd64`, and not `linux-image-amd64`.
fn is_image(package: &str) -> bool {
    let name = package.strip_prefix(IMAGE).unwrap_or("");
    name.strip_prefix("unsigned-").unwrap_or(name).starts_with(|first: char| first.is_ascii_digit())
}

/// What a package depends on, as apt's lists say.
fn depends(package: &str) -> Result<Vec<String>, FetchError> {
    let shown = run("apt-cache", Command::new("apt-cache").args(["show", "--no-all-versions", package]));
    match shown {
        Ok(text) => Ok(parse_depends(&String::from_utf8_lossy(&text))),
        Err(FetchError::Failed { .. }) => Err(FetchError::UnknownPackage { package: package.to_owned() }),
        Err(error) => Err(error),
    }
}

/// Names in the field `Depends`, of alternatives the first (Debian Policy, 7.1).
fn parse_depends(stanza: &str) -> Vec<String> {
    let field = stanza.lines().find_map(|line| line.strip_prefix("Depends:")).unwrap_or("");
    let name = |one: &str| one.trim().split([' ', '(', '|', ':']).next().map(str::to_owned);
    field.split(',').filter_map(name).filter(|name| is_package_name(name)).collect()
}

/// The one file with this extension.
fn only_file(dir: &Path, extension: &str) -> Option<PathBuf> {
    let mut files = fs::read_dir(dir).ok()?.flatten().map(|entry| entry.path());
    files.find(|path| path.extension() == Some(OsStr::new(extension)))
}

fn kernel_in(boot: &Path) -> Option<PathBuf> {
    let mut files = fs::read_dir(boot).ok()?.flatten();
    files
        .find(|entry| {
            entry.file_name().as_encoded_bytes().starts_with(b"vmlinuz-")
                && entry.file_type().is_ok_and(|kind| kind.is_file())
        })
        .map(|entry| entry.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distribution_is_known_by_its_id_or_by_what_it_is_like() {
        let package = |text| distribution_package(text).unwrap_or("none");
        assert_eq!(package("NAME=\"Debian GNU/Linux\"\nID=debian\n"), "linux-image-cloud-amd64");
        assert_eq!(package("ID=ubuntu\nID_LIKE=debian\n"), "linux-image-virtual");
        assert_eq!(package("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n"), "linux-image-virtual");
        assert_eq!(package("ID=\"fedora\"\n"), "none");
        assert_eq!(package(""), "none");
    }

    #[test]
    fn dependencies_are_the_first_alternatives_without_versions() {
        let stanza =
            "Package: x\nDepends: linux-image-6.1.0-1-cloud-amd64 (= 6.1.1-1), kmod:any | x, a(>= 2)\n";
        assert_eq!(parse_depends(stanza), ["linux-image-6.1.0-1-cloud-amd64", "kmod"]);
        assert_eq!(parse_depends("Package: x\n"), [] as [&str; 0]);
    }

    #[test]
    fn a_package_is_followed_to_the_kernel_it_stands_for_and_no_further() {
        let depends = |package: &str| {
            Ok(match package {
                "linux-virtual" => vec!["linux-headers-virtual", "linux-image-virtual"],
                "linux-image-virtual" => vec!["linux-image-5.15.0-9-generic", "linux-firmware"],
                "linux-image-5.15.0-9-generic" => vec!["kmod", "linux-modules-5.15.0-9-generic"],
                "linux-image-virtual-hwe-22.04" => vec!["linux-image-6.8.0-9-generic"],
                "linux-image-loop" => vec!["linux-image-loop"],
                _ => vec![],
            }
            .into_iter()
            .map(str::to_owned)
            .collect())
        };
        let end = |package: &str| follow(package.to_owned(), depends).unwrap();
        assert_eq!(end("linux-virtual"), "linux-image-5.15.0-9-generic");
        assert_eq!(end("linux-image-5.15.0-9-generic"), "linux-image-5.15.0-9-generic");
        assert_eq!(end("linux-image-virtual-hwe-22.04"), "linux-image-6.8.0-9-generic");
        assert_eq!(end("linux-image-loop"), "linux-image-loop");
        assert_eq!(end("vmlinux-of-mine"), "vmlinux-of-mine");
    }

    #[test]
    fn names_that_a_shell_or_an_option_parser_would_misread_are_no_packages() {
        assert!(is_package_name("linux-image-6.1.0+x"));
        for bad in ["", "a", "-o", "A-b", "a b", "a/b", "../x", "a=1", "a;b", "ä"] {
            assert!(!is_package_name(bad), "{bad}");
        }
    }
}
