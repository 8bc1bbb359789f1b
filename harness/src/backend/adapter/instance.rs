//! An instance that another runtime has started: its tool runs in the foreground as our child, with the agent's streams.
//!
//! Invariant: whatever way it ends, what it had on disk, its cgroup and its processes are gone afterwards.

use std::cell::OnceCell;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use container::cgroup::Cgroup;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use results::Metric;

use super::super::footprint::Split;
use super::super::native::{charged, cpu_time};
use super::super::{Ended, Instance};
use super::processes::Kin;
use super::tool::{IMPATIENT, call, excerpt};
use super::vm::{END_OF_INPUT, Ending, Machine};

/// How long a tool gets to end by itself before it is made to.
const GRACE: Duration = Duration::from_secs(3);

/// What is to be removed with an instance.
#[derive(Debug, Default)]
pub struct Remains {
    /// Calls of the tool that remove it by force.
    pub calls: Vec<Vec<OsString>>,
    /// Folders.
    pub folders: Vec<PathBuf>,
    /// Of its cgroups, those that a killed runtime leaves: their names begin with this.
    pub name: String,
}

impl Remains {
    /// Removes the folders: what is left of an instance that has ended well.
    pub fn tidy(&self) {
        for folder in &self.folders {
            if let Err(error) = fs::remove_dir_all(folder)
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::debug!("cannot remove {}: {error}", folder.display());
            }
        }
    }
}

/// A running tool and the instance behind it.
#[derive(Debug)]
pub struct Running {
    // Before the cgroup: it must be gone when the cgroup is removed.
    tool: container::Instance,
    /// Made by us.
    cgroup: Option<Cgroup>,
    /// Made by the runtime; looked for when the agent runs.
    found: OnceCell<Cgroup>,
    /// Those whose CPU time is the instance's, once asked for.
    workers: OnceCell<Vec<i32>>,
    /// Ends of what was done before the tool was called.
    before: Vec<(String, u64)>,
    kin: Kin,
    remains: Option<Remains>,
    /// If it is a virtual machine.
    machine: Option<Machine>,
}

impl Running {
    /// Takes over a tool that has just been started.
    pub fn new(
        tool: container::Instance,
        cgroup: Option<Cgroup>,
        before: Vec<(String, u64)>,
        kin: Kin,
        remains: Remains,
        machine: Option<Machine>,
    ) -> Self {
        Self {
            tool,
            cgroup,
            found: OnceCell::new(),
            workers: OnceCell::new(),
            before,
            kin,
            remains: Some(remains),
            machine,
        }
    }

    /// Whether it is a virtual machine.
    pub fn is_machine(&self) -> bool {
        self.machine.is_some()
    }

    /// What its tool said on standard error; what it left running may hold the pipe open.
    fn said(&mut self) -> String {
        let Some(mut stderr) = self.tool.stderr.take() else { return String::new() };
        if fcntl(&stderr, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).is_err() {
            return String::new();
        }
        let mut bytes = Vec::new();
        // Ends at what there is now: that nothing more has come is no error here.
        let _ = Read::by_ref(&mut stderr).take(64 << 10).read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Removes what a tool that has ended well leaves behind.
    fn tidy(&mut self) {
        if let Some(remains) = self.remains.take() {
            remains.tidy();
        }
    }

    /// Ends and removes everything, in whatever state it is. What cannot be removed, `bench clean` finds by its name.
    fn destroy(&mut self) {
        let Some(remains) = &self.remains else { return };
        // Without input the agent ends, and the tool with it: in the middle of a start, too, when a daemon that has been told to
        // make a container can be told nothing about it yet.
        drop(self.tool.stdin.take());
        let ended = self.tool.wait_timeout(GRACE);
        if let Ok(Some(_)) = ended {
            // Reaped: from here on the number may be another process's.
            self.kin.tool = None;
        }
        if !ended.is_ok_and(|exit| exit.is_some_and(|exit| exit.status.success())) {
            for line in &remains.calls {
                let Some((program, args)) = line.split_first() else { continue };
                if let Err(why) = call(program.as_ref(), args, IMPATIENT) {
                    // Not there any more, most likely.
                    tracing::debug!("{why}");
                }
            }
            self.kin.kill();
            self.tool.kill();
            if let Err(error) = self.tool.wait() {
                tracing::debug!("{error}");
            }
        }
        // Only now is there nobody left who makes cgroups.
        let name = &remains.name;
        let is_its = |found: &str| {
            found.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        if self.cgroup.is_none()
            && let Err(error) = container::cgroup::sweep(name, is_its)
        {
            tracing::debug!("{error}");
        }
        self.tidy();
    }
}

impl Instance for Running {
    fn stdout(&self) -> BorrowedFd<'_> {
        // Every tool is started with the pipe.
        self.tool.stdout.as_ref().expect("standard output is a pipe").as_fd()
    }

    fn phases(&mut self) -> Vec<(String, u64)> {
        let tool = self.tool.phases().iter().map(|phase| (format!("tool_{}", phase.name), phase.end_ns));
        let machine = self.machine.as_ref().map(Machine::phases).unwrap_or_default();
        self.before.iter().cloned().chain(tool).chain(machine).collect()
    }

    fn memory(&mut self) -> Vec<(Metric, Result<u64, String>)> {
        let footprint = self.kin.footprint();
        let mut found = vec![
            (Metric::MemoryCurrent, charged(self.cgroup())),
            (Metric::Pss, footprint.as_ref().map(|f| f.pss).map_err(Clone::clone)),
            (Metric::Uss, footprint.map(|f| f.uss)),
        ];
        if let Some(machine) = &self.machine {
            let split = Split::of_largest(self.tool.pid(), machine.ram_bytes);
            found.push((Metric::GuestRam, split.as_ref().map(|s| s.inside).map_err(Clone::clone)));
            found.push((Metric::VmmOverhead, split.map(|s| s.uss_outside)));
        }
        found
    }

    fn cgroup(&self) -> Option<&Cgroup> {
        if self.cgroup.is_some() {
            return self.cgroup.as_ref();
        }
        if self.found.get().is_none() {
            let members = self.kin.members();
            // The agent itself, where the host sees it; of gVisor, the sentry.
            let inside = || members.iter().filter(|member| member.is_inside);
            let agent = inside().find(|member| member.is_agent).or_else(|| inside().next())?;
            // Lost only if somebody else was quicker, with the same.
            let _ = self.found.set(Cgroup::of_process(agent.pid).ok()?);
        }
        self.found.get()
    }

    fn cpu_time(&self) -> Result<Duration, String> {
        if self.is_machine() {
            // The monitor is the whole of it.
            return cpu_time(self.tool.pid());
        }
        if self.workers.get().is_none_or(Vec::is_empty) {
            let found = self.kin.workers();
            if found.is_empty() {
                return Err("no process of the instance was found".to_owned());
            }
            // Lost only if somebody else was quicker, with the same.
            let _ = self.workers.set(found);
        }
        // Looking for them takes longer than they may live after their last word; they stay the same.
        self.workers.get().into_iter().flatten().map(|pid| cpu_time(*pid)).sum()
    }

    fn owners(&self) -> Vec<(String, u64)> {
        self.kin.owners()
    }

    fn pidfd(&self) -> BorrowedFd<'_> {
        self.tool.pidfd()
    }

    fn reap(&mut self, deadline: Duration) -> Result<Ended> {
        let (exit, in_time) = match self.tool.wait_timeout(deadline)? {
            Some(exit) => (exit, true),
            None => {
                self.destroy();
                (self.tool.wait()?, false)
            }
        };
        // Reaped: from here on the number may be another process's.
        self.kin.tool = None;
        let success = exit.status.success();
        if success {
            self.tidy();
        } else {
            self.destroy();
        }
        let failure = match (success, in_time) {
            (true, _) => None,
            (false, true) => Some(format!("{}, {}", exit.status, excerpt(&self.said()))),
            (false, false) => Some(format!("it did not stop within {} s and was killed", deadline.as_secs())),
        };
        Ok(Ended {
            cpu_time: exit.user_time + exit.system_time,
            status: exit.status.code(),
            failure,
            unknown_syscalls: None,
            lacking: Vec::new(),
        })
    }

    fn stop(&mut self, deadline: Duration) -> Result<Ended> {
        // What has gone already shows in how the tool ended.
        match (self.tool.stdin.take(), self.machine.as_ref().map(|machine| machine.ending)) {
            // A console does not end with the pipe.
            (Some(mut stdin), Some(Ending::Input)) => drop(stdin.write_all(&END_OF_INPUT)),
            // Not reaped yet, so the number is still the tool's.
            (_, Some(Ending::Signal)) if self.kin.tool.is_some() => {
                let _ = kill(Pid::from_raw(self.tool.pid()), Signal::SIGTERM);
            }
            _ => {}
        }
        let ended = self.reap(deadline)?;
        if let Some(cgroup) = self.cgroup.take() {
            cgroup.remove()?;
        }
        Ok(ended)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.destroy();
    }
}
