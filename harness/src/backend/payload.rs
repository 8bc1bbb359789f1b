//! The payload: what the instances of a run execute. Usually `bench`'s agent, whose arguments come with every job; for
//! `bench exec` a program of the user's, with arguments of its own.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use container::{Rootfs, Spec, Stdio};

use crate::scratch::Scratch;

/// A program and what it gets from whoever starts it.
#[derive(Debug, Default)]
pub struct Payload {
    /// Argument 0, if it is not to be the path that a backend gives the program.
    pub arg0: Option<OsString>,
    /// The arguments before those of the job.
    pub args: Vec<OsString>,
    /// Environment before that of the job: names and values.
    pub env: Vec<(OsString, OsString)>,
    /// What each instance opens as its standard input; without it, a pipe that the job's owner closes.
    pub stdin: Option<PathBuf>,
    /// Where it is.
    pub place: Place,
}

/// Where a program is, and what it needs around it.
#[derive(Debug, Default)]
pub enum Place {
    /// It is the agent.
    #[default]
    Agent,
    /// A program that needs no other file: a backend puts it where it likes.
    Alone {
        /// Its file name.
        name: OsString,
        /// Its ELF file.
        bytes: Vec<u8>,
    },
    /// A program among its files.
    Within {
        /// The directory that it takes for `/`.
        root: PathBuf,
        /// Its path as seen inside.
        program: PathBuf,
        /// The same file as seen by `bench`.
        file: PathBuf,
    },
}

impl Payload {
    /// Whether it says READY and speaks the agent's protocol.
    pub fn is_agent(&self) -> bool {
        matches!(self.place, Place::Agent)
    }

    /// A file on the host with the program; for all backends of a run the same.
    pub fn file(&self, scratch: &Scratch) -> Result<PathBuf> {
        match &self.place {
            Place::Agent => Ok(scratch.agent().to_owned()),
            Place::Within { file, .. } => Ok(file.clone()),
            Place::Alone { name, bytes } => {
                let dir = scratch.dir().join("program");
                let path = dir.join(name);
                if !path.exists() {
                    let written = fs::create_dir_all(&dir)
                        .and_then(|()| fs::write(&path, bytes))
                        .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o755)));
                    written.with_context(|| format!("write {}", path.display()))?;
                }
                Ok(path)
            }
        }
    }

    /// A root file system with it for containers, made in `dir` unless the user has given one.
    pub fn rootfs(&self, dir: &Path) -> Result<Rootfs> {
        let made = |name: &OsStr, bytes: &[u8]| Rootfs::prepare(dir, name, bytes);
        let rootfs = match &self.place {
            Place::Agent => made(OsStr::new("workload"), workloads::AGENT),
            Place::Alone { name, bytes } => made(name, bytes),
            Place::Within { root, program, .. } => Rootfs::of_dir(root, program),
        };
        rootfs.context("prepare the root file system")
    }

    /// Completes a spec by what holds for all instances.
    pub fn complete(&self, spec: Spec) -> Spec {
        let variable =
            |(name, value): &(OsString, OsString)| [name, value].map(|s| s.as_os_str()).join(OsStr::new("="));
        Spec {
            arg0: self.arg0.clone(),
            args: self.args.clone(),
            env: self.env.iter().map(variable).collect(),
            // Children that a user's program leaves behind must not outlive its trial. The agent has none.
            new_session: spec.new_session || !self.is_agent(),
            ..spec
        }
    }

    /// Its standard input, opened for one instance: positions are not shared.
    pub fn input(&self) -> Result<Option<Arc<OwnedFd>>> {
        let Some(path) = &self.stdin else { return Ok(None) };
        let file = File::open(path).with_context(|| format!("open {}", path.display()))?;
        Ok(Some(Arc::new(file.into())))
    }

    /// Gives an instance its standard input.
    pub fn connect(&self, spec: Spec) -> Result<Spec> {
        Ok(match self.input()? {
            Some(file) => Spec { stdin: Stdio::File(file), ..spec },
            None => spec,
        })
    }
}
