//! `runc`, `crun`, `youki` and `gvisor`: runtimes of the Open Container Initiative, which take a folder with a `config.json`. One
//! adapter for all; what differs is a few words of the command line.

mod config;

use std::ffi::OsString;
use std::path::Path;

use anyhow::{Context, Result};
use config::Config;

use super::runtime::{Allowance, CgroupOf, Facts, Line, Order, Runtime};
use super::tool::words;
use crate::backend::{Details, Group};
use crate::host::cgroup_generation;

/// Where the runtimes keep what they know of their containers: in our folder, not in the host's /run.
const STATE: &str = "state";

/// Before youki: 0.7 ignores SIGCHLD until it begins to wait for it (commands/run.rs, `handle_foreground`), and then waits for
/// ever for a container that has ended before; a blocked signal is kept for it. Of coreutils since 8.31.
const UNLOST: [&str; 2] = ["/usr/bin/env", "--block-signal=CHLD"];

/// One of the runtimes.
#[derive(Clone, Debug)]
pub struct Oci {
    kind: Kind,
    /// gVisor's way to intercept system calls, if not its default.
    platform: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Runc,
    Crun,
    Youki,
    Gvisor,
}

impl Oci {
    /// All of them.
    pub fn all(gvisor_platform: Option<&str>) -> Vec<Self> {
        let one = |kind| Self { kind, platform: None };
        let gvisor = Self { platform: gvisor_platform.map(str::to_owned), ..one(Kind::Gvisor) };
        vec![one(Kind::Runc), one(Kind::Crun), one(Kind::Youki), gvisor]
    }

    /// Options before the subcommand.
    fn global(&self, order: &Order) -> Vec<OsString> {
        let mut all = vec![order.tool.into(), "--root".into(), order.site.dir.join(STATE).into()];
        if self.kind == Kind::Gvisor {
            all.push("--network=none".into());
            all.extend(self.platform.iter().map(|platform| format!("--platform={platform}").into()));
        }
        all
    }

    fn config(&self, order: &Order) -> Config {
        let config = config::config(order, self.facts().allowance);
        // It executes nothing without one (libcontainer/src/workload/default.rs).
        if self.kind == Kind::Youki { config.with_path() } else { config }
    }
}

impl Runtime for Oci {
    fn facts(&self) -> Facts {
        let (name, summary, program, provider, oldest) = match self.kind {
            Kind::Runc => (
                "runc",
                "runc, the runtime below Docker and Kubernetes, called by itself",
                "runc",
                "apt-get install runc, or https://github.com/opencontainers/runc",
                (1, 0),
            ),
            Kind::Crun => (
                "crun",
                "crun, the runtime below Podman, called by itself",
                "crun",
                "apt-get install crun, or https://github.com/containers/crun",
                (1, 0),
            ),
            Kind::Youki => (
                "youki",
                "youki, an OCI runtime in Rust",
                "youki",
                "cargo install youki, or https://github.com/youki-dev/youki (Debian has no package)",
                (0, 3),
            ),
            Kind::Gvisor => (
                "gvisor",
                "gVisor (runsc): a kernel in user space between the program and the host's",
                "runsc",
                "apt-get install runsc, or https://gvisor.dev",
                (0, 0),
            ),
        };
        let unequal = match self.kind {
            Kind::Gvisor => {
                "its sentry sits in the cgroup, which gets 96 MiB and 128 threads more; seccomp filters the sentry, not the \
                 agent"
            }
            Kind::Youki => {
                "paths of /proc are masked one by one, where `container` mounts it read-only; the agent has a PATH, without \
                 which it is not started; `env`, without which youki may miss the agent's end, takes half a millisecond"
            }
            _ => "paths of /proc are masked one by one, where `container` mounts it read-only",
        };
        let allowance = match self.kind {
            Kind::Gvisor => Allowance { memory_bytes: 96 << 20, pids: 128 },
            _ => Allowance::default(),
        };
        Facts {
            name,
            summary,
            program: program.into(),
            provider: provider.to_owned(),
            version_args: Some(words(&["--version"])),
            oldest,
            cgroup: CgroupOf::Runtime,
            needs_root: true,
            unequal,
            kernel: (self.kind == Kind::Gvisor).then_some("gVisor's sentry, on the host's"),
            groups: &[Group::Adapter, Group::Oci],
            allowance,
            flag: None,
        }
    }

    fn check(&self, _tool: &Path) -> Result<Details, String> {
        if self.kind == Kind::Crun && cgroup_generation() == "hybrid" {
            return Err(
                "crun refuses hosts with hybrid cgroups: boot with systemd.unified_cgroup_hierarchy=1 \
                        (--force-backend crun tries all the same)"
                    .to_owned(),
            );
        }
        let platform = self.platform.clone().unwrap_or_else(|| "the default of its version".to_owned());
        let gvisor = self.kind == Kind::Gvisor;
        Ok(gvisor.then(|| ("platform".to_owned(), platform)).into_iter().collect())
    }

    fn files(&self, order: &Order) -> Result<Vec<(&'static str, String)>> {
        let config =
            serde_json::to_string(&self.config(order)).context("compose the bundle's config.json")?;
        Ok(vec![("config.json", config)])
    }

    fn configuration(&self, order: &Order) -> Option<String> {
        let config = self.config(order);
        serde_json::to_string(&config.with_seccomp("the filter of `container`, rule by rule")).ok()
    }

    fn command(&self, order: &Order) -> Line {
        let mut line = if self.kind == Kind::Youki { words(&UNLOST) } else { Vec::new() };
        line.extend(self.global(order));
        line.extend(["run".into(), "--bundle".into(), order.dir().into(), order.name.into()]);
        Line { words: line, ..Line::default() }
    }

    fn removal(&self, order: &Order) -> Vec<Vec<OsString>> {
        let mut line = self.global(order);
        // gVisor and the others agree on this one.
        line.extend(["delete".into(), "--force".into(), order.name.into()]);
        vec![line]
    }
}
