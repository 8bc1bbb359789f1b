//! `bwrap` (bubblewrap): every namespace, a read-only root, no capabilities, the same seccomp filter as `container`. It knows
//! no cgroups, so that it is started in one of ours.

use std::fs::{self, File};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};

use super::runtime::{Allowance, CgroupOf, Facts, Line, Order, Runtime, Site};
use super::tool::words;
use crate::backend::Group;

/// The compiled filter.
const FILTER: &str = "seccomp.bpf";

/// bubblewrap.
#[derive(Debug)]
pub struct Bwrap;

impl Runtime for Bwrap {
    fn facts(&self) -> Facts {
        Facts {
            name: "bwrap",
            summary: "bubblewrap: the sandbox of Flatpak",
            program: "bwrap".into(),
            provider: "apt-get install bubblewrap, or https://github.com/containers/bubblewrap".to_owned(),
            version_args: Some(words(&["--version"])),
            // --clearenv came with 0.5.
            oldest: (0, 5),
            cgroup: CgroupOf::Bench,
            needs_root: false,
            unequal: "limits are those of a cgroup that bench makes and starts it in: it has none of its own",
            // bwrap itself waits in the same cgroup.
            kernel: None,
            groups: &[Group::Adapter],
            allowance: Allowance { memory_bytes: 0, pids: 1 },
            flag: None,
        }
    }

    fn prepare(&mut self, _tool: &Path, site: &Site) -> Result<()> {
        let path = site.dir.join(FILTER);
        fs::write(&path, container::seccomp::default_filter().to_bytes())
            .with_context(|| format!("write {}", path.display()))
    }

    fn command(&self, order: &Order) -> Line {
        let mut line = Line::default();
        line.words.push(order.tool.into());
        line.words.extend(words(&[
            "--unshare-all",
            "--as-pid-1",
            "--die-with-parent",
            "--new-session",
            "--clearenv",
        ]));
        for (name, value) in order.job.env {
            line.words.extend(words(&["--setenv", name, value]));
        }
        line.words.extend(words(&["--hostname", "container", "--cap-drop", "ALL", "--ro-bind"]));
        line.words.extend([order.site.rootfs.clone().into_os_string(), "/".into()]);
        line.words.extend(words(&["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--chdir", "/"]));
        // Opened for each instance: bwrap reads it to its end, and the position belongs to the open file.
        line.words.push("--seccomp".into());
        match File::open(order.site.dir.join(FILTER)) {
            Ok(file) => {
                line.words.push(file.as_raw_fd().to_string().into());
                line.files.push(Arc::new(OwnedFd::from(file)));
            }
            // A line to be shown and not to be run, or else one that bwrap will refuse.
            Err(_) => line.words.push("FD".into()),
        }
        line.words.push("--".into());
        line.words.extend(order.agent());
        line
    }
}
