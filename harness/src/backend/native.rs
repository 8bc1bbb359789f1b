//! An instance that the host's kernel serves: a bare process or a container. They start on the same
//! path (the `container` crate with nothing or everything isolated) and are observed alike.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use anyhow::Result;
use container::cgroup::{Cgroup, Limits};
use container::now_ns;
use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;
use results::Metric;

use super::footprint::Footprint;
use super::{Ended, Instance, Job};
use crate::scratch::CgroupNames;

/// The limits of every instance that sits in a cgroup, whatever the backend.
pub fn limits(job: &Job) -> Limits {
    Limits { memory: Some(job.memory_bytes), cpu: Some(job.limits.cpu), pids: Some(job.limits.pids) }
}

/// A started process or container and its cgroup.
#[derive(Debug)]
pub struct Native {
    // Before the cgroup: it must be gone when the cgroup is removed.
    instance: container::Instance,
    cgroup: Option<Cgroup>,
    /// When the cgroup, if there is one, had been created.
    created_ns: u64,
}

impl Native {
    /// Starts `spec` with the job's arguments and environment after its own.
    pub fn start(mut spec: container::Spec, job: &Job, cgroup: Option<Cgroup>) -> Result<Box<dyn Instance>> {
        let created_ns = now_ns();
        spec.args.extend(job.args.iter().map(Into::into));
        spec.env.extend(job.env.iter().map(|(name, value)| format!("{name}={value}").into()));
        spec.stderr = container::Stdio::Null;
        spec.cgroup = cgroup.as_ref().map(Cgroup::join);
        Ok(Box::new(Self { instance: container::start(&spec)?, cgroup, created_ns }))
    }
}

/// A new cgroup with the limits of the job.
pub fn new_cgroup(names: &CgroupNames, job: &Job) -> Result<Cgroup> {
    Ok(Cgroup::create(&names.next_name(), &limits(job))?)
}

/// A new cgroup for a backend that needs none, where the job wants it accounted. A host without cgroups can still
/// measure; the charge is then `unavailable`.
pub fn accounting_cgroup(names: &CgroupNames, job: &Job) -> Option<Cgroup> {
    if job.accounted { new_cgroup(names, job).ok() } else { None }
}

impl Instance for Native {
    fn stdout(&self) -> BorrowedFd<'_> {
        // Every spec here asks for the pipe.
        self.instance.stdout.as_ref().expect("standard output is a pipe").as_fd()
    }

    fn phases(&mut self) -> Vec<(String, u64)> {
        let created = self.cgroup.as_ref().map(|_| ("cgroup_create".to_owned(), self.created_ns));
        let started = self.instance.phases().iter().map(|phase| (phase.name.to_owned(), phase.end_ns));
        created.into_iter().chain(started).collect()
    }

    fn memory(&mut self) -> Vec<(Metric, Result<u64, String>)> {
        let footprint = Footprint::of(self.instance.pid());
        vec![
            (Metric::MemoryCurrent, charged(self.cgroup.as_ref())),
            (Metric::Pss, footprint.as_ref().map(|f| f.pss).map_err(Clone::clone)),
            (Metric::Uss, footprint.map(|f| f.uss)),
        ]
    }

    fn cgroup(&self) -> Option<&Cgroup> {
        self.cgroup.as_ref()
    }

    fn cpu_time(&self) -> Result<Duration, String> {
        cpu_time(self.instance.pid())
    }

    fn pidfd(&self) -> BorrowedFd<'_> {
        self.instance.pidfd()
    }

    fn reap(&mut self, deadline: Duration) -> Result<Ended> {
        let exit = match self.instance.wait_timeout(deadline)? {
            Some(exit) => exit,
            None => {
                self.instance.kill();
                self.instance.wait()?
            }
        };
        Ok(Ended {
            cpu_time: exit.user_time + exit.system_time,
            status: exit.status.code(),
            failure: (!exit.status.success()).then(|| exit.status.to_string()),
            unknown_syscalls: None,
            lacking: Vec::new(),
        })
    }

    fn stop(&mut self, deadline: Duration) -> Result<Ended> {
        drop(self.instance.stdin.take());
        let ended = self.reap(deadline)?;
        if let Some(cgroup) = self.cgroup.take() {
            cgroup.remove()?;
        }
        Ok(ended)
    }
}

/// CPU time of all threads of process `pid`, those that have ended included. Its own clock says it without the help of a
/// cgroup, whose counter v1 keeps in a hierarchy of its own, and to the nanosecond.
pub fn cpu_time(pid: i32) -> Result<Duration, String> {
    clock_getcpuclockid(Pid::from_raw(pid))
        .and_then(|clock| clock.now())
        .map(Duration::from)
        .map_err(|errno| format!("the CPU time of process {pid} cannot be read: {errno}"))
}

/// What a cgroup is charged, in bytes.
pub fn charged(cgroup: Option<&Cgroup>) -> Result<u64, String> {
    let cgroup = cgroup.ok_or("the instance has no cgroup of its own on this host")?;
    Ok(cgroup.memory().map_err(|error| error.to_string())?.current)
}
