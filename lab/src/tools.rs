//! The programs of other packages that the lab needs, and running them.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::error::Error;

/// The programs, and the Debian package of each.
const NEEDED: [(&str, &str); 7] = [
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("apt-get", "apt"),
    ("dpkg-deb", "dpkg"),
    ("ldd", "libc-bin"),
    ("cc", "gcc"),
    ("strip", "binutils"),
    // The package busybox has a program of the same name that is not static; `image` finds out.
    ("busybox", "busybox-static"),
];

/// Makes sure that all programs are there.
///
/// # Errors
/// [`Error::MissingTools`] with the command that installs what is missing.
pub fn check() -> Result<(), Error> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    missing(&path)
}

fn missing(path: &OsStr) -> Result<(), Error> {
    let absent: Vec<_> = NEEDED.iter().filter(|(program, _)| find_in(path, program).is_none()).collect();
    if absent.is_empty() {
        return Ok(());
    }
    let (programs, packages) = absent.into_iter().copied().unzip();
    Err(Error::MissingTools(programs, packages))
}

fn find_in(path: &OsStr, program: &str) -> Option<PathBuf> {
    std::env::split_paths(path).map(|dir| dir.join(program)).find(|file| file.is_file())
}

/// Runs a program to its end and returns what it wrote to standard output. Its messages go to ours if `loud`.
///
/// # Errors
/// [`Error::Start`] and [`Error::Failed`].
pub fn output(command: &mut Command, loud: bool) -> Result<Vec<u8>, Error> {
    let program = command.get_program().to_string_lossy().into_owned();
    let stderr = if loud { Stdio::inherit() } else { Stdio::piped() };
    let output = command.stdin(Stdio::null()).stderr(stderr).output();
    let output = output.map_err(|source| Error::Start { program: program.clone(), source })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let first: Vec<_> = command.get_args().take(2).map(OsStr::to_string_lossy).collect();
    let message = String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
    Err(Error::Failed { program: format!("{program} {}", first.join(" ")), status: output.status, message })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_tools_are_named_with_the_command_that_installs_them() {
        let dir = tempfile::tempdir().unwrap();
        for present in ["apt-get", "dpkg-deb", "ldd", "cc", "strip"] {
            std::fs::write(dir.path().join(present), "").unwrap();
        }
        let error = missing(dir.path().as_os_str()).unwrap_err().to_string();
        let wanted = "missing here: qemu-system-x86_64, busybox; \
                      install: apt-get install --no-install-recommends qemu-system-x86 busybox-static";
        assert_eq!(error, wanted);
    }

    #[test]
    fn a_failing_program_is_named_with_its_message() {
        let error = output(Command::new("sh").args(["-c", "echo why >&2; exit 3"]), false).unwrap_err();
        assert_eq!(error.to_string(), "sh -c echo why >&2; exit 3 failed (exit status: 3):\nwhy");
    }
}
