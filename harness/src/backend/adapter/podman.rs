//! `podman`, with storage of its own below our folder: the user's containers and images are neither seen nor touched.

use std::ffi::OsString;
use std::path::Path;

use anyhow::{Result, anyhow};

use super::image;
use super::runtime::{Allowance, CgroupOf, Facts, Line, Marker, Order, Runtime, Site};
use super::tool::{PATIENT, call, find, words};
use crate::backend::{Details, Group};
use crate::host::cgroup_generation;

/// Containers and images, in the adapter's folder.
const STORAGE: &str = "storage";

/// Podman.
#[derive(Debug)]
pub struct Podman;

impl Podman {
    /// Options before the subcommand, with everything that podman keeps in `dir`.
    fn global(tool: &Path, dir: &Path) -> Vec<OsString> {
        let mut all: Vec<OsString> = vec![tool.into(), "--root".into(), dir.join(STORAGE).into()];
        all.extend(["--runroot".into(), dir.join("run").into()]);
        all.extend(words(&["--storage-driver=vfs", "--cgroup-manager=cgroupfs", "--events-backend=none"]));
        if let Some(runtime) = runtime() {
            all.extend(["--runtime".into(), runtime]);
        }
        all
    }

    fn call(tool: &Path, dir: &Path, args: &[OsString]) -> Result<String> {
        let line = Self::global(tool, dir);
        let args: Vec<_> = line.into_iter().skip(1).chain(args.iter().cloned()).collect();
        call(tool, &args, PATIENT).map_err(|why| anyhow!(why))
    }
}

/// Removes the containers of a run that was killed: podman numbers their locks for all users of the host together.
pub fn release(dir: &Path) {
    if dir.join(STORAGE).is_dir()
        && let Some(tool) = find(Path::new("podman"))
    {
        remove_all(&tool, dir);
    }
}

/// Removes containers and their mounts; the files go with the folder.
fn remove_all(tool: &Path, dir: &Path) {
    if let Err(error) = Podman::call(tool, dir, &words(&["rm", "--all", "--force", "--time=0"])) {
        tracing::debug!("{error}");
    }
}

/// Podman prefers crun, which refuses hosts with hybrid cgroups.
fn runtime() -> Option<OsString> {
    (cgroup_generation() != "v2").then(|| find(Path::new("runc"))).flatten().map(Into::into)
}

/// The cgroup above those of all its instances.
fn parent(site: &Site) -> String {
    format!("/{}.podman", site.token)
}

impl Runtime for Podman {
    fn facts(&self) -> Facts {
        Facts {
            name: "podman",
            summary: "podman run, storage of its own, the image prepared before",
            program: "podman".into(),
            provider: "apt-get install podman, or https://podman.io".to_owned(),
            version_args: Some(words(&["--version"])),
            // --pull=never and --cgroup-manager as used here.
            oldest: (3, 0),
            cgroup: CgroupOf::Runtime,
            needs_root: true,
            unequal: "its own default seccomp filter; conmon, which waits for the container, is in a cgroup of its own",
            kernel: None,
            groups: &[Group::Adapter],
            allowance: Allowance::default(),
            flag: None,
        }
    }

    fn check(&self, _tool: &Path) -> Result<Details, String> {
        let below = runtime().map_or("its default".to_owned(), |path| path.to_string_lossy().into_owned());
        Ok([("runtime_below".to_owned(), below)].into())
    }

    fn prepare(&mut self, tool: &Path, site: &Site) -> Result<()> {
        let archive = image::archive(site)?;
        Self::call(tool, &site.dir, &["import".into(), archive.into(), image::name(site).into()]).map(drop)
    }

    fn conclude(&self, tool: &Path, site: &Site) {
        remove_all(tool, &site.dir);
        let name = format!("{}.podman", site.token);
        if let Err(error) = container::cgroup::sweep(&name, |found| found == name) {
            tracing::debug!("{error}");
        }
    }

    fn command(&self, order: &Order) -> Line {
        let mut line = Self::global(order.tool, &order.site.dir);
        line.extend(words(&[
            "run",
            "--rm",
            "--interactive",
            "--pull=never",
            "--log-driver=none",
            "--network=none",
        ]));
        line.extend(words(&["--read-only", "--read-only-tmpfs=false", "--ipc=none", "--cap-drop=ALL"]));
        line.extend(words(&["--security-opt=no-new-privileges", "--hostname=container"]));
        line.push("--tmpfs=/tmp:rw,nosuid,nodev,size=64m".into());
        // Its own defaults are a million of each, and more than it may give where it runs in a container itself.
        line.extend(words(&["--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024"]));
        line.extend(image::limits(order));
        line.push(format!("--cgroup-parent={}", parent(order.site)).into());
        line.extend(["--cidfile".into(), image::cid_file(order).into(), "--name".into(), order.name.into()]);
        line.extend(order.env().map(|assignment| format!("--env={assignment}").into()));
        line.push(image::name(order.site).into());
        line.extend(order.agent());
        Line { words: line, ..Line::default() }
    }

    fn marker(&self, order: &Order) -> Marker {
        Marker::InFile(image::cid_file(order))
    }

    fn removal(&self, order: &Order) -> Vec<Vec<OsString>> {
        let mut line = Self::global(order.tool, &order.site.dir);
        line.extend(words(&["rm", "--force", "--time=0", order.name]));
        vec![line]
    }
}
