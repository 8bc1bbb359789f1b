//! The shared libraries of programs that go into the lab.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::Error;

/// All shared libraries of these programs, and their dynamic loader, as absolute paths.
///
/// # Errors
/// [`Error::Start`] if there is no `ldd`.
pub fn of(programs: &[PathBuf]) -> Result<BTreeSet<PathBuf>, Error> {
    // Its status says that one of them is static, which is fine.
    let output = Command::new("ldd").args(programs).output();
    let output = output.map_err(|source| Error::Start { program: "ldd".to_owned(), source })?;
    Ok(parse(&String::from_utf8_lossy(&output.stdout)))
}

/// The paths in `ldd`'s output: `libc.so.6 => /lib/libc.so.6 (0x…)`, `/lib64/ld-linux-x86-64.so.2 (0x…)`.
fn parse(text: &str) -> BTreeSet<PathBuf> {
    let paths = text.lines().filter_map(|line| {
        let (library, _) = line.trim().rsplit_once(" (0x")?;
        let path = library.rsplit(" => ").next()?;
        Path::new(path).is_absolute().then(|| PathBuf::from(path))
    });
    paths.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_and_what_has_none_is_left_out() {
        let text = "/a/program:\n\tlinux-vdso.so.1 (0x00007ffe)\n\tlibc.so.6 => /lib/libc.so.6 (0x00007f)\n\
                    \t/lib64/ld-linux-x86-64.so.2 (0x00007f)\n/b/static:\n\tnot a dynamic executable\n";
        let found: Vec<_> = parse(text).into_iter().collect();
        assert_eq!(found, [Path::new("/lib/libc.so.6"), Path::new("/lib64/ld-linux-x86-64.so.2")]);
    }

    #[test]
    fn this_very_test_has_libraries() {
        let found = of(&[std::env::current_exe().unwrap()]).unwrap();
        assert!(found.iter().any(|path| path.to_string_lossy().contains("libc.so")), "{found:?}");
    }
}
