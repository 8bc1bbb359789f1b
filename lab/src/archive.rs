//! Archives of the form `newc`: the initramfs going in, the results coming out.
//!
//! Invariant: unpacking shows names to its caller only if they cannot lead out of a folder that they are joined
//! to, and a cut-off archive is an error, not a smaller one.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use cpio::NewcBuilder;
use cpio::newc::{self, ModeFileType};

/// One file system object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A folder with its permissions.
    Folder(u32),
    /// A file of the host, with permissions.
    Copy(PathBuf, u32),
    /// A file of these bytes, with permissions.
    Bytes(Vec<u8>, u32),
    /// A character device: major, minor.
    Device(u32, u32),
}

/// Writes an archive of `nodes`, which are in order: a folder before what it holds.
///
/// # Errors
/// Reading a file of the host, or writing.
pub fn pack<'a>(
    nodes: impl IntoIterator<Item = (&'a Path, &'a Node)>,
    mut writer: impl Write,
) -> io::Result<()> {
    for (ino, (path, node)) in (1..).zip(nodes) {
        let name = path.to_str().ok_or_else(|| io::Error::other(format!("{path:?} is not UTF-8")))?;
        let entry = NewcBuilder::new(name.trim_start_matches('/')).ino(ino);
        let (content, kind, mode) = match node {
            Node::Folder(mode) => (Vec::new(), ModeFileType::Directory, *mode),
            Node::Copy(from, mode) => {
                let content = fs::read(from)
                    .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", from.display())))?;
                (content, ModeFileType::Regular, *mode)
            }
            Node::Bytes(content, mode) => (content.clone(), ModeFileType::Regular, *mode),
            Node::Device(major, minor) => {
                let entry = entry.rdev_major(*major).rdev_minor(*minor).mode(0o600);
                writer = entry.set_mode_file_type(ModeFileType::Char).write(writer, 0).finish()?;
                continue;
            }
        };
        let size =
            u32::try_from(content.len()).map_err(|_| io::Error::other(format!("{name} is too big")))?;
        let mut file = entry.mode(mode).set_mode_file_type(kind).write(writer, size);
        file.write_all(&content)?;
        writer = file.finish()?;
    }
    newc::trailer(writer)?.flush()
}

/// Unpacks files, folders and symbolic links to where `place` says, or not if it says nothing, replacing files
/// and links that are there.
///
/// # Errors
/// `InvalidData` if this is no archive or it has a name that would lead out of a folder; `UnexpectedEof` if it
/// is cut off; what the file system refused.
pub fn unpack(mut reader: impl Read, place: impl Fn(&Path) -> Option<PathBuf>) -> io::Result<()> {
    let mut links = Vec::new();
    loop {
        let mut entry = newc::Reader::new(reader)?;
        if entry.entry().is_trailer() {
            break;
        }
        let Some(path) = place(&inside(entry.entry().name())?) else {
            reader = entry.finish()?;
            continue;
        };
        let (mode, size) = (entry.entry().mode(), u64::from(entry.entry().file_size()));
        match mode & libc_mode::KIND {
            libc_mode::FOLDER => fs::create_dir_all(&path)?,
            libc_mode::FILE => {
                remove_file(&path)?;
                if let Some(parent) = path.parent() {
                    fs::create_dir_all(parent)?;
                }
                let mut file = fs::File::create_new(&path)?;
                if io::copy(&mut entry, &mut file)? != size {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                file.set_permissions(fs::Permissions::from_mode(mode & 0o755))?;
            }
            libc_mode::LINK => {
                let mut target = String::new();
                if entry.read_to_string(&mut target)? as u64 != size {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                links.push((path, inside(&target)?));
            }
            // Sockets, pipes and devices mean nothing outside of the machine.
            _ => {}
        }
        reader = entry.finish()?;
    }
    // At the end, so that no file is written through one of them.
    for (path, target) in links {
        remove_file(&path)?;
        std::os::unix::fs::symlink(target, path)?;
    }
    Ok(())
}

/// The file kinds of a mode (inode(7), "The file type and mode").
mod libc_mode {
    pub const KIND: u32 = 0o170_000;
    pub const FOLDER: u32 = 0o040_000;
    pub const FILE: u32 = 0o100_000;
    pub const LINK: u32 = 0o120_000;
}

/// A relative path that cannot leave the folder it is joined to.
fn inside(name: &str) -> io::Result<PathBuf> {
    let parts = Path::new(name).components();
    let plain = parts.clone().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if !plain || name.is_empty() {
        let message = format!("the archive has the name {name:?}");
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    Ok(parts.collect())
}

fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unpack_into(archive: &[u8], folder: &Path) -> io::Result<()> {
        unpack(archive, |name| Some(folder.join(name)))
    }

    fn packed(nodes: &[(&str, Node)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        pack(nodes.iter().map(|(path, node)| (Path::new(*path), node)), &mut bytes).unwrap();
        bytes
    }

    /// An archive of one symbolic link, without a trailer: more may follow.
    fn link(name: &str, target: &str) -> Vec<u8> {
        let entry = NewcBuilder::new(name).set_mode_file_type(ModeFileType::Symlink);
        let mut writer = entry.write(Vec::new(), target.len() as u32);
        writer.write_all(target.as_bytes()).unwrap();
        writer.finish().unwrap()
    }

    fn example() -> Vec<u8> {
        let rest = packed(&[
            ("/run", Node::Folder(0o755)),
            ("/run/a.txt", Node::Bytes(b"hello".to_vec(), 0o644)),
            ("/run/tool", Node::Bytes(vec![7; 4097], 0o755)),
            ("/null", Node::Device(1, 3)),
        ]);
        [link("latest", "run"), rest].concat()
    }

    #[test]
    fn what_goes_in_comes_out() {
        let temp = tempfile::tempdir().unwrap();
        // Twice: what is there is replaced.
        for _ in 0..2 {
            unpack_into(&example(), temp.path()).unwrap();
        }
        let at = |name: &str| temp.path().join(name);
        assert_eq!(fs::read(at("latest/a.txt")).unwrap(), b"hello");
        assert_eq!(fs::read(at("run/tool")).unwrap(), [7; 4097]);
        assert_eq!(fs::metadata(at("run/tool")).unwrap().permissions().mode() & 0o777, 0o755);
        assert_eq!(fs::read_link(at("latest")).unwrap(), Path::new("run"));
        assert!(!at("null").exists());
    }

    #[test]
    fn a_file_of_the_host_is_copied_and_a_missing_one_named() {
        let temp = tempfile::tempdir().unwrap();
        let from = temp.path().join("from");
        fs::write(&from, "text").unwrap();
        unpack_into(&packed(&[("to", Node::Copy(from.clone(), 0o644))]), temp.path()).unwrap();
        assert_eq!(fs::read(temp.path().join("to")).unwrap(), b"text");
        fs::remove_file(&from).unwrap();
        let node = Node::Copy(from, 0o644);
        let error = pack([(Path::new("to"), &node)], io::sink()).unwrap_err();
        assert!(error.to_string().contains("from"), "{error}");
    }

    #[test]
    fn only_what_has_a_place_is_unpacked() {
        let temp = tempfile::tempdir().unwrap();
        unpack(&example()[..], |name| (name == "run/a.txt").then(|| temp.path().join("x/y"))).unwrap();
        assert_eq!(fs::read(temp.path().join("x/y")).unwrap(), b"hello");
        assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_archive_that_is_cut_off_anywhere_is_an_error() {
        let temp = tempfile::tempdir().unwrap();
        let whole = example();
        // The last bytes are the padding of the trailer.
        for end in (0..whole.len() - 4).step_by(7) {
            assert!(unpack_into(&whole[..end], temp.path()).is_err(), "{end}");
        }
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        let temp = tempfile::tempdir().unwrap();
        let folder = temp.path().join("folder");
        fs::create_dir(&folder).unwrap();
        for name in ["../x", "a/../../x"] {
            let file = packed(&[(name, Node::Bytes(Vec::new(), 0o644))]);
            assert_eq!(unpack_into(&file, &folder).unwrap_err().kind(), io::ErrorKind::InvalidData, "{name}");
        }
        for target in ["/etc", "../x", ""] {
            let link = [link("link", target), packed(&[])].concat();
            assert!(unpack_into(&link, &folder).is_err(), "{target}");
        }
        assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 1);
    }

    proptest! {
        #[test]
        fn no_flipped_byte_is_a_panic_or_leads_out(at in 0usize..600, value: u8) {
            let temp = tempfile::tempdir().unwrap();
            let folder = temp.path().join("a/b");
            fs::create_dir_all(&folder).unwrap();
            let mut bytes = example();
            bytes[at] = value;
            let _ = unpack_into(&bytes, &folder);
            prop_assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 1);
            prop_assert_eq!(fs::read_dir(temp.path().join("a")).unwrap().count(), 1);
        }
    }
}
