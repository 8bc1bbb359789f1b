//! `docker`: the daemon must be running before; what it and containerd do and keep is not part of an instance.

use std::ffi::OsString;
use std::os::unix::net::UnixStream;
use std::path::Path;

use anyhow::{Result, anyhow};
use nix::sched::{CpuSet, sched_getaffinity};
use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::PeerCredentials;
use nix::unistd::Pid;
use procfs::process::Stat;

use super::super::footprint::Footprint;
use super::image;
use super::runtime::{Allowance, CgroupOf, Facts, Line, Marker, Order, Runtime, Site};
use super::tool::{PATIENT, QUICK, call, words};
use crate::backend::Details;

/// Where the daemon listens if DOCKER_HOST does not say otherwise.
const SOCKET: &str = "unix:///var/run/docker.sock";

/// Docker.
#[derive(Debug)]
pub struct Docker;

impl Runtime for Docker {
    fn facts(&self) -> Facts {
        Facts {
            name: "docker",
            summary: "docker run, the daemon running and the image prepared before",
            program: "docker".into(),
            provider: "apt-get install docker.io, or https://docs.docker.com/engine/install".to_owned(),
            version_args: Some(words(&["--version"])),
            oldest: (20, 0),
            cgroup: CgroupOf::Runtime,
            needs_root: false,
            unequal: "its own default seccomp filter; CPU time of the daemon is apart (daemon_cpu_time), that of the shim, which it starts, in neither",
            kernel: None,
            is_oci: false,
            allowance: Allowance::default(),
        }
    }

    fn check(&self, tool: &Path) -> Result<Details, String> {
        let format = "{{.Server.Version}}";
        let server = call(tool, &["version", "--format", format], QUICK).map_err(|why| {
            format!("its daemon does not answer, start it (systemctl start docker, or dockerd): {why}")
        })?;
        let mut details = Details::from([("daemon_version".to_owned(), server.trim().to_owned())]);
        details.extend(daemon_memory().map(|text| ("daemon_memory".to_owned(), text)));
        Ok(details)
    }

    fn daemons(&self) -> Vec<i32> {
        daemons().into_iter().map(|(_, pid)| pid).collect()
    }

    fn prepare(&mut self, tool: &Path, site: &Site) -> Result<()> {
        let archive = image::archive(site)?;
        call(tool, &["import".into(), archive.into(), OsString::from(image::name(site))], PATIENT)
            .map(drop)
            .map_err(|why| anyhow!(why))
    }

    fn conclude(&self, tool: &Path, site: &Site) {
        if let Err(error) = call(tool, &["rmi", "--force", &image::name(site)], PATIENT) {
            tracing::debug!("{error}");
        }
    }

    fn command(&self, order: &Order) -> Line {
        let mut line: Vec<OsString> = vec![order.tool.into()];
        line.extend(words(&[
            "run",
            "--rm",
            "--interactive",
            "--pull=never",
            "--log-driver=none",
            "--network=none",
        ]));
        line.extend(words(&[
            "--read-only",
            "--ipc=none",
            "--cap-drop=ALL",
            "--security-opt=no-new-privileges",
        ]));
        line.extend(words(&["--hostname=container", "--tmpfs=/tmp:rw,nosuid,nodev,size=64m"]));
        line.extend(image::limits(order));
        // The others inherit where this thread may run; a daemon's children do not.
        line.extend(cpus().map(|cpus| format!("--cpuset-cpus={cpus}").into()));
        line.extend(["--cidfile".into(), image::cid_file(order).into(), "--name".into(), order.name.into()]);
        line.extend(order.env().map(|assignment| format!("--env={assignment}").into()));
        line.push(image::name(order.site).into());
        line.extend(order.agent());
        Line { words: line, files: Vec::new() }
    }

    fn removal(&self, order: &Order) -> Vec<Vec<OsString>> {
        vec![vec![order.tool.into(), "rm".into(), "--force".into(), order.name.into()]]
    }

    fn marker(&self, order: &Order) -> Marker {
        Marker::InFile(image::cid_file(order))
    }
}

/// The CPUs that the calling thread may use, as a list; `None` if that is any.
fn cpus() -> Option<String> {
    let set = sched_getaffinity(Pid::from_raw(0)).ok()?;
    let chosen: Vec<String> = (0..CpuSet::count())
        .filter(|&cpu| set.is_set(cpu).unwrap_or(false))
        .map(|cpu| cpu.to_string())
        .collect();
    let online = nix::unistd::sysconf(nix::unistd::SysconfVar::_NPROCESSORS_ONLN).ok()??;
    (i64::try_from(chosen.len()).ok()? < online).then(|| chosen.join(","))
}

/// The daemon that listens where the client asks, and the containerd that it uses: its child, or else one of the host's own.
/// None if the daemon is on another machine.
fn daemons() -> Vec<(String, i32)> {
    let host = std::env::var("DOCKER_HOST");
    let socket = host.as_deref().unwrap_or(SOCKET).strip_prefix("unix://").map(Path::new);
    let peer = socket
        .and_then(|path| UnixStream::connect(path).ok())
        .and_then(|stream| getsockopt(&stream, PeerCredentials).ok());
    let stats = procfs::process::all_processes().into_iter().flatten().flatten();
    let stats: Vec<Stat> = stats.filter_map(|process| process.stat().ok()).collect();
    // A socket that systemd made says systemd.
    let Some(peer) = peer else { return Vec::new() };
    let is_daemon = |of: &&Stat| of.comm == "dockerd";
    let daemon = stats.iter().filter(is_daemon).find(|of| of.pid == peer.pid());
    let Some(daemon) = daemon.or_else(|| stats.iter().find(is_daemon)) else { return Vec::new() };
    let is_containerd = |of: &&Stat| of.comm == "containerd";
    let own = stats.iter().filter(is_containerd).find(|of| of.ppid == daemon.pid);
    let containerd = own.or_else(|| stats.iter().filter(is_containerd).find(|of| of.ppid == 1));
    [Some(daemon), containerd].into_iter().flatten().map(|of| (of.comm.clone(), of.pid)).collect()
}

/// What they occupy now, apart from any container.
fn daemon_memory() -> Option<String> {
    let of = |(name, pid): (String, i32)| {
        let pss = Footprint::of(pid).ok()?.pss;
        Some(format!("{name} {:.1} MiB PSS", pss as f64 / f64::from(1 << 20)))
    };
    let found: Vec<String> = daemons().into_iter().filter_map(of).collect();
    (!found.is_empty())
        .then(|| format!("{}, before the run and shared by all its containers", found.join(", ")))
}
