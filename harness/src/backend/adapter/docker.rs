//! `docker`: the daemon must be running before; what it and containerd do and keep is not part of an instance.

use std::ffi::OsString;
use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use nix::sched::{CpuSet, sched_getaffinity};
use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::PeerCredentials;
use nix::unistd::Pid;
use procfs::process::Stat;

use super::super::footprint::Footprint;
use super::image;
use super::runtime::{Allowance, CgroupOf, Facts, Line, Marker, Order, Runtime, Site};
use super::tool::{PATIENT, QUICK, call, find, words};
use crate::backend::{Details, Group};

const NAME: &str = "docker";

/// Where the daemon listens if DOCKER_HOST does not say otherwise.
const SOCKET: &str = "/var/run/docker.sock";

/// How long a daemon may take to make a container that it was told to make.
const IN_FLIGHT: Duration = Duration::from_secs(3);

/// Docker.
#[derive(Debug)]
pub struct Docker;

impl Runtime for Docker {
    fn facts(&self) -> Facts {
        Facts {
            name: NAME,
            summary: "docker run, the daemon running and the image prepared before",
            program: NAME.into(),
            provider: "apt-get install docker.io, or https://docs.docker.com/engine/install".to_owned(),
            version_args: Some(words(&["--version"])),
            oldest: (20, 0),
            cgroup: CgroupOf::Runtime,
            needs_root: false,
            unequal: "its own default seccomp filter; CPU time of the daemon is apart (daemon_cpu_time), that of the shim, which it starts, in neither",
            kernel: None,
            groups: &[Group::Adapter],
            allowance: Allowance::default(),
            flag: None,
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
        Line { words: line, ..Line::default() }
    }

    fn removal(&self, order: &Order) -> Vec<Vec<OsString>> {
        vec![vec![order.tool.into(), "rm".into(), "--force".into(), order.name.into()]]
    }

    fn marker(&self, order: &Order) -> Marker {
        Marker::InFile(image::cid_file(order))
    }
}

/// Removes containers and images of stale runs, if a daemon listens; returns what it removed.
pub fn sweep(is_stale: &dyn Fn(&str) -> bool) -> Vec<PathBuf> {
    let listens = std::env::var_os("DOCKER_HOST").is_some() || Path::new(SOCKET).exists();
    let Some(tool) = listens.then(|| find(Path::new(NAME))).flatten() else { return Vec::new() };
    let ask = |args: &[&str]| call(&tool, args, QUICK).unwrap_or_default();
    let containers = || {
        let all = ask(&["ps", "--all", "--filter", "name=bench-", "--format", "{{.Names}}"]);
        all.lines().filter(|name| is_stale(name)).map(str::to_owned).collect::<Vec<_>>()
    };
    let mut removed = Vec::new();
    let mut awaited = begun(is_stale);
    let end = Instant::now() + IN_FLIGHT;
    loop {
        for name in containers() {
            ask(&["rm", "--force", &name]);
            awaited.retain(|other| *other != name);
            removed.push(Path::new(NAME).join(name));
        }
        if awaited.is_empty() || Instant::now() > end {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let images = ask(&["images", "--format", "{{.Repository}}"]);
    for name in images.lines().filter(|name| is_stale(name)) {
        ask(&["rmi", "--force", name]);
        removed.push(Path::new(NAME).join(name));
    }
    removed
}

/// Instances of stale runs whose container the daemon may still be making: their client was killed before it had an answer.
fn begun(is_stale: &dyn Fn(&str) -> bool) -> Vec<String> {
    let below = |dir: PathBuf| fs::read_dir(dir).into_iter().flatten().flatten();
    let runs = below(std::env::temp_dir()).filter(|run| run.file_name().to_str().is_some_and(is_stale));
    let instances = runs.flat_map(|run| below(run.path().join(NAME)));
    // The client makes the file before it asks.
    let is_answered =
        |of: &fs::DirEntry| of.path().join(image::CID).metadata().is_ok_and(|file| file.len() > 0);
    let unanswered = instances.filter(|of| of.path().is_dir() && !is_answered(of));
    unanswered.filter_map(|of| of.file_name().into_string().ok()).collect()
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
    let socket = host.as_deref().map_or(Some(SOCKET), |host| host.strip_prefix("unix://"));
    let peer = socket
        .and_then(|path| UnixStream::connect(path).ok())
        .and_then(|stream| getsockopt(&stream, PeerCredentials).ok());
    let Some(peer) = peer else { return Vec::new() };
    let stats = procfs::process::all_processes().into_iter().flatten().flatten();
    let stats: Vec<Stat> = stats.filter_map(|process| process.stat().ok()).collect();
    // A socket that systemd made says systemd.
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
