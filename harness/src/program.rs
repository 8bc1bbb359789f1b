//! Finds a program of the user's and says, before anything is started, what keeps it from being run.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use container::Rootfs;
use microvm::elf::{self, ElfError};
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};

use crate::backend::Place;
use crate::executable::{is_executable, on_path};

/// Where a program without a slash is looked up below a root of the user's: execvp(3)'s places and those of administrators.
const PATH_INSIDE: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The longest first line of a script (BINPRM_BUF_SIZE of Linux).
const SHEBANG: usize = 256;

/// The program that the user typed, below `root` if there is one, ready to be handed to backends.
pub fn find(typed: &OsStr, root: Option<&Path>) -> Result<Place> {
    if typed.is_empty() {
        bail!("the name of the program is empty: `bench exec -- PROGRAM [ARGS]...`");
    }
    let place = match root {
        None => on_host(typed)?,
        Some(root) => below(typed, root)?,
    };
    let Found { mut file, path, .. } = place;
    let shown = path.display();
    let metadata = file.metadata().with_context(|| format!("look at {shown}"))?;
    if !metadata.is_file() {
        bail!("{shown} is no file that could be executed");
    }
    if !is_executable(&metadata) {
        bail!("{shown} is not executable; if it is a program: chmod +x {shown}");
    }
    check(&file, &path, root)?;
    if let Some(root) = root {
        let program = place.inside;
        // Says what a container lacks in it.
        Rootfs::of_dir(root, &program)?;
        return Ok(Place::Within { root: root.to_owned(), program, file: path });
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).with_context(|| format!("read {shown}"))?;
    let name = path.file_name().unwrap_or(typed).to_owned();
    Ok(Place::Alone { name, bytes })
}

/// The stable, dashed name of a program among the results.
pub fn workload_name(typed: &OsStr) -> String {
    let name = Path::new(typed).file_name().unwrap_or(typed).to_string_lossy().to_ascii_lowercase();
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let dashed = words.collect::<Vec<_>>().join("-");
    if dashed.is_empty() { "program".to_owned() } else { dashed }
}

/// A file that has been opened.
struct Found {
    file: File,
    /// Its path on the host.
    path: PathBuf,
    /// Its path as the program's root has it.
    inside: PathBuf,
}

fn has_slash(typed: &OsStr) -> bool {
    typed.as_bytes().contains(&b'/')
}

fn on_host(typed: &OsStr) -> Result<Found> {
    let path = if has_slash(typed) {
        PathBuf::from(typed)
    } else {
        on_path(typed).with_context(|| {
            let name = typed.display();
            format!("there is no program `{name}` in $PATH; a program of this folder is `./{name}`")
        })?
    };
    let file = File::open(&path).with_context(|| format!("cannot read the program {}", path.display()))?;
    Ok(Found { file, inside: path.clone(), path })
}

fn below(typed: &OsStr, root: &Path) -> Result<Found> {
    let dir = File::open(root).with_context(|| format!("cannot open {}", root.display()))?;
    let places: Vec<PathBuf> = if has_slash(typed) {
        vec![Path::new("/").join(typed)]
    } else {
        PATH_INSIDE.split(':').map(|dir| Path::new(dir).join(typed)).collect()
    };
    for inside in places {
        match open_inside(&dir, &inside) {
            Ok(file) => {
                // As the kernel has resolved it, links included.
                let link = format!("/proc/self/fd/{}", file.as_raw_fd());
                let path = std::fs::read_link(&link).with_context(|| format!("read {link}"))?;
                return Ok(Found { file, path, inside });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound && !has_slash(typed) => {}
            Err(error) => {
                let (inside, root) = (inside.display(), root.display());
                return Err(error).with_context(|| format!("cannot read the program {inside} in {root}"));
            }
        }
    }
    bail!("there is no program `{}` in {PATH_INSIDE} of {}", typed.display(), root.display())
}

/// Opens a file as a program whose root is `dir` would: absolute links lead into it, not out of it.
fn open_inside(dir: &File, path: &Path) -> io::Result<File> {
    let how = OpenHow::new().flags(OFlag::O_RDONLY | OFlag::O_CLOEXEC).resolve(ResolveFlag::RESOLVE_IN_ROOT);
    Ok(openat2(dir, path, how)?.into())
}

/// Whether it is a program at all, and has what it needs.
fn check(file: &File, path: &Path, root: Option<&Path>) -> Result<()> {
    let shown = path.display();
    let needed = match elf::check(file, u64::MAX) {
        // What only the embedded guest cannot do, that backend says.
        Ok(_) | Err(ElfError::Damaged(_) | ElfError::OutOfRoom { .. }) => return Ok(()),
        Err(ElfError::NeedsInterpreter(interpreter)) => {
            if root.is_none() {
                bail!(
                    "{shown} is dynamically linked: it needs {interpreter} and its libraries, which a container or a \
                     virtual machine does not have. Link it statically (`gcc -static`, `RUSTFLAGS='-C \
                     target-feature=+crt-static'`, `CGO_ENABLED=0`), or name a directory that holds all of it: \
                     `--rootfs DIR` (process and container only)"
                );
            }
            interpreter
        }
        Err(ElfError::NotElf) => {
            let Some(interpreter) = shebang(file) else {
                bail!("{shown} is no program: not an ELF file");
            };
            if root.is_none() {
                bail!(
                    "{shown} is a script: it needs {interpreter}. Name that, with a directory that holds both: \
                     `bench exec --rootfs DIR -- {interpreter} SCRIPT`"
                );
            }
            interpreter
        }
        Err(error @ (ElfError::Read(_) | ElfError::WrongKind { .. })) => bail!("cannot run {shown}: {error}"),
    };
    let Some(root) = root else { return Ok(()) };
    let dir = File::open(root).with_context(|| format!("cannot open {}", root.display()))?;
    open_inside(&dir, Path::new(&needed))
        .map(drop)
        .with_context(|| format!("{shown} needs {needed}, which {} does not have", root.display()))
}

/// What a script's first line names.
fn shebang(file: &File) -> Option<String> {
    let mut head = [0; SHEBANG];
    let count = file.read_at(&mut head, 0).ok()?;
    let line = head[..count].strip_prefix(b"#!")?.split(|&byte| byte == b'\n').next()?;
    let text = String::from_utf8_lossy(line);
    text.split_whitespace().next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn refused(typed: &OsStr, root: Option<&Path>, wanted: &[&str]) {
        let message = format!("{:#}", find(typed, root).map(|_| ()).unwrap_err());
        for text in wanted {
            assert!(message.contains(text), "`{text}` is not in: {message}");
        }
    }

    fn executable(dir: &Path, name: &str, content: &[u8]) -> PathBuf {
        let path = dir.join(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn a_static_program_is_taken_as_it_is() {
        let temp = tempfile::tempdir().unwrap();
        let path = executable(temp.path(), "agent", workloads::AGENT);
        let Ok(Place::Alone { name, bytes }) = find(path.as_os_str(), None) else { panic!("not alone") };
        assert!(name == "agent" && bytes == workloads::AGENT);
    }

    #[test]
    fn what_cannot_run_is_refused_with_what_to_do() {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path();
        let script = executable(dir, "script", b"#! /usr/bin/env python3\nprint(1)\n");
        refused(script.as_os_str(), None, &["is a script", "/usr/bin/env", "--rootfs"]);
        let mut other = workloads::AGENT.to_vec();
        other[18] = 183;
        let other = executable(dir, "other", &other);
        refused(other.as_os_str(), None, &["not an x86-64 executable"]);
        refused(executable(dir, "text", b"hello").as_os_str(), None, &["no program", "ELF"]);
        refused(executable(dir, "empty", b"").as_os_str(), None, &["no program", "ELF"]);
        refused(dir.as_os_str(), None, &["no file"]);
        refused(dir.join("none").as_os_str(), None, &["none", "No such file"]);
        std::fs::write(dir.join("plain"), workloads::AGENT).unwrap();
        refused(dir.join("plain").as_os_str(), None, &["chmod +x"]);
        refused(OsStr::new(""), None, &["PROGRAM"]);
        refused(OsStr::new("no-such-program-anywhere"), None, &["$PATH", "./no-such-program"]);
    }

    #[test]
    fn a_test_of_this_crate_is_dynamic_and_gets_two_ways_out() {
        let this = std::env::current_exe().unwrap();
        refused(this.as_os_str(), None, &["/lib64/ld-linux-x86-64.so.2", "gcc -static", "--rootfs DIR"]);
    }

    #[test]
    fn a_root_must_hold_the_interpreter_and_the_mount_points() {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path();
        let this = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        std::fs::create_dir(root.join("bin")).unwrap();
        executable(root, "bin/this", &this);
        executable(root, "bin/static", workloads::AGENT);
        // An absolute link leads into the root and not out of it.
        std::os::unix::fs::symlink("/bin/static", root.join("bin/link")).unwrap();
        refused(OsStr::new("this"), Some(root), &["/lib64/ld-linux-x86-64.so.2", "does not have"]);
        refused(OsStr::new("link"), Some(root), &["'proc'", "mkdir"]);
        for sub in ["proc", "dev", "tmp"] {
            std::fs::create_dir(root.join(sub)).unwrap();
        }
        let Ok(Place::Within { program, file, .. }) = find(OsStr::new("link"), Some(root)) else {
            panic!("not within")
        };
        assert_eq!(program, Path::new("/bin/link"));
        assert_eq!(file, root.canonicalize().unwrap().join("bin/static"));
        refused(OsStr::new("/bin/none"), Some(root), &["/bin/none", "No such file"]);
        refused(OsStr::new("none"), Some(root), &["`none`", "/usr/bin"]);
        refused(OsStr::new("x"), Some(&root.join("missing")), &["missing"]);
    }

    #[test]
    fn a_name_among_results_is_dashed() {
        for (typed, name) in [
            ("/bin/busybox", "busybox"),
            ("./My_Tool-2.0", "my-tool-2-0"),
            ("__", "program"),
            ("ä", "program"),
        ] {
            assert_eq!(workload_name(OsStr::new(typed)), name);
        }
    }
}
