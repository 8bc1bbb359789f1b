//! What lies where inside the lab: the content of its initramfs.
//!
//! Programs lie where they lie on the host, so that paths compiled into tests hold.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::archive::{self, Node};
use crate::error::Error;
use crate::job::Job;
use crate::kernel::Kernel;
use crate::{libraries, tools};

/// How a program begins (elf(5)).
const ELF_MAGIC: &[u8] = b"\x7fELF";

/// The content of the initramfs, by absolute path.
#[derive(Debug, Default)]
pub struct Image {
    nodes: BTreeMap<PathBuf, Node>,
    /// Programs that may need shared libraries.
    programs: Vec<PathBuf>,
}

impl Image {
    /// A machine that boots, with busybox in /bin and `kernel` in /boot.
    ///
    /// # Errors
    /// [`Error::MissingTools`] without a static busybox.
    pub fn new(kernel: &Kernel, job: Job) -> Result<Self, Error> {
        let mut image = Self::default();
        // Busybox without a dynamic loader: Debian has both kinds under one name.
        let busybox = ["/bin/busybox", "/usr/bin/busybox"].map(PathBuf::from);
        let is_static = |file: &PathBuf| {
            file.exists() && libraries::of(std::slice::from_ref(file)).is_ok_and(|found| found.is_empty())
        };
        let busybox = busybox.into_iter().find(is_static);
        let busybox = busybox.ok_or(Error::MissingTools(vec!["a static busybox"], vec!["busybox-static"]))?;
        image.add("/bin/busybox", Node::Copy(busybox, 0o755));
        image.add("/init", Node::Bytes(include_bytes!("init.sh").to_vec(), 0o755));
        image.add("/lab/job", Node::Bytes(job.into_script(), 0o644));
        for folder in ["/dev", "/lab/out", "/mnt", "/proc", "/root", "/run", "/sys"] {
            image.add(folder, Node::Folder(0o755));
        }
        image.add("/tmp", Node::Folder(0o1777));
        // For the first process; the rest comes with devtmpfs.
        image.add("/dev/console", Node::Device(5, 1));
        image.add(
            "/etc/passwd",
            Node::Bytes(b"root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n".to_vec(), 0o644),
        );
        // systemd-nspawn shows it to its containers.
        image.add("/usr/lib/os-release", Node::Bytes(b"ID=lab\n".to_vec(), 0o644));
        image.add("/etc/group", Node::Bytes(b"root:x:0:\nnogroup:x:65534:\n".to_vec(), 0o644));

        let mut names = String::new();
        for (number, module) in kernel.modules.iter().enumerate() {
            let name = format!("{number}.ko");
            image.add(Path::new("/lab/module").join(&name), Node::Copy(module.clone(), 0o644));
            names += &(name + "\n");
        }
        image.add("/lab/modules", Node::Bytes(names.into_bytes(), 0o644));
        let boot = format!("/boot/vmlinuz-{}", kernel.release);
        image.add(boot, Node::Copy(kernel.image.clone(), 0o644));
        Ok(image)
    }

    fn add(&mut self, path: impl Into<PathBuf>, node: Node) {
        self.nodes.insert(path.into(), node);
    }

    /// A file of the host at another place.
    pub fn file(&mut self, from: &Path, to: impl Into<PathBuf>) {
        self.add(to, Node::Copy(from.to_owned(), 0o644));
    }

    /// A program of the host at the same place.
    pub fn program(&mut self, path: &Path) {
        self.add(path, Node::Copy(path.to_owned(), 0o755));
        self.programs.push(path.to_owned());
    }

    /// What the host has at `path`, at the same place: a program, another file, or a folder with all below it.
    ///
    /// # Errors
    /// [`Error::File`] if something of it cannot be read.
    pub fn bring(&mut self, path: &Path) -> Result<(), Error> {
        let read = || -> std::io::Result<(fs::Metadata, bool)> {
            let metadata = fs::metadata(path)?;
            let mut magic = Vec::new();
            if metadata.is_file() {
                fs::File::open(path)?.take(ELF_MAGIC.len() as u64).read_to_end(&mut magic)?;
            }
            Ok((metadata, magic == ELF_MAGIC))
        };
        match read().map_err(Error::file("read", path))? {
            (metadata, _) if metadata.is_dir() => self.folder(path, path)?,
            (_, true) => self.program(path),
            (metadata, _) => {
                self.add(path, Node::Copy(path.to_owned(), metadata.permissions().mode() & 0o777));
            }
        }
        Ok(())
    }

    /// A folder of the host, with all below it, at another place.
    ///
    /// # Errors
    /// [`Error::File`] if something in it cannot be read.
    pub fn folder(&mut self, from: &Path, to: &Path) -> Result<(), Error> {
        self.add(to, Node::Folder(0o755));
        for entry in fs::read_dir(from).map_err(Error::file("read", from))? {
            let entry = entry.map_err(Error::file("read", from))?;
            let (path, to) = (entry.path(), to.join(entry.file_name()));
            // Through symbolic links.
            let metadata = fs::metadata(&path).map_err(Error::file("read", &path))?;
            if metadata.is_dir() {
                self.folder(&path, &to)?;
            } else if !metadata.is_file() {
                // Reading from a device or a pipe might never end.
                let source = std::io::Error::other("neither a file nor a folder");
                return Err(Error::file("copy", &path)(source));
            } else {
                self.add(to, Node::Copy(path, metadata.permissions().mode() & 0o777));
            }
        }
        Ok(())
    }

    /// Writes the initramfs to `file`, with programs stripped, which quarters it, and the shared libraries that
    /// they need. `scratch` is a folder for that.
    ///
    /// # Errors
    /// [`Error::File`] for a file that cannot be read or written.
    pub fn write(mut self, file: &Path, scratch: &Path) -> Result<(), Error> {
        for library in libraries::of(&self.programs)? {
            let node = Node::Copy(library.clone(), 0o755);
            self.add(library, node);
        }
        for (number, program) in self.programs.iter().enumerate() {
            let stripped = scratch.join(format!("stripped-{number}"));
            tools::output(Command::new("strip").arg("-g").arg("-o").arg(&stripped).arg(program), false)?;
            self.nodes.insert(program.clone(), Node::Copy(stripped, 0o755));
        }
        let folders: BTreeSet<PathBuf> =
            self.nodes.keys().flat_map(|path| path.ancestors().skip(1)).map(PathBuf::from).collect();
        for folder in folders {
            if folder != Path::new("/") {
                self.nodes.entry(folder).or_insert(Node::Folder(0o755));
            }
        }
        let out = fs::File::create(file).map_err(Error::file("create", file))?;
        let nodes = self.nodes.iter().map(|(path, node)| (path.as_path(), node));
        archive::pack(nodes, std::io::BufWriter::new(out)).map_err(Error::file("write", file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_has_the_folders_programs_and_libraries_that_its_files_need() {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("image");
        let this = std::env::current_exe().unwrap();
        let mut image = Image::default();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        image.folder(&source, Path::new("/a/b")).unwrap();
        let data = temp.path().join("data");
        fs::create_dir(&data).unwrap();
        fs::write(data.join("text"), "no program").unwrap();
        for path in [&this, &data, &source.join("init.sh")] {
            image.bring(path).unwrap();
        }
        image.write(&file, temp.path()).unwrap();
        let out = temp.path().join("out");
        archive::unpack(fs::File::open(&file).unwrap(), |name| Some(out.join(name))).unwrap();
        let brought = |path: &Path| out.join(path.strip_prefix("/").unwrap());
        assert!(out.join("a/b/init.sh").is_file() && brought(&source.join("init.sh")).is_file());
        assert_eq!(fs::read_to_string(brought(&data.join("text"))).unwrap(), "no program");
        assert!(brought(&this).is_file());
        assert!(out.join("lib64/ld-linux-x86-64.so.2").is_file());
    }
}
