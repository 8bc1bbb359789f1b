//! Adapters: container runtimes and machine monitors that others have written, behind the same trait as ours. Each runs the same agent under the
//! same terms, as far as it can be told to, and the clock stops at the same READY.
//!
//! An adapter is a `Runtime` (`runtime.rs`): a few facts and a command line, one file a family. What they share is here and beside: finding
//! the tool, starting it as a child of ours, observing what it has started, and leaving nothing behind.

mod bwrap;
mod custom;
mod docker;
mod image;
mod instance;
mod lxc;
mod nspawn;
mod oci;
mod podman;
mod processes;
mod proof;
mod runtime;
mod sweep;
mod tool;
mod vm;

use std::ffi::OsString;
use std::fs::{self, DirBuilder};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use container::cgroup::Cgroup;
use container::{Spec, Stdio, now_ns};
use results::Experiment;

use super::native::limits;
use super::{Backend, Details, Group, Instance, Job, JobLimits, Options};
use crate::output::chain;
use crate::scratch::{CgroupNames, Scratch, check_cgroups};

use instance::{Remains, Running};
use processes::Kin;
pub use runtime::Line;
use runtime::{CgroupOf, Facts, Marker, Order, Runtime, Site};

pub use custom::Custom;
pub use sweep::{release, sweep};
pub use vm::Accelerator;
use vm::Machine;

/// What the command line says about tools.
#[derive(Clone, Debug, Default)]
pub struct ToolOptions {
    /// Files to use instead of what is found on PATH, by the backend's name.
    pub tools: Vec<(String, PathBuf)>,
    /// gVisor's way to intercept system calls.
    pub gvisor_platform: Option<String>,
    /// What runs the instructions of QEMU's guests.
    pub qemu_accel: Accelerator,
    /// The user's own runtimes.
    pub runtimes: Vec<Custom>,
}

/// A runtime of somebody else's as a backend.
#[derive(Debug)]
pub struct Adapter {
    runtime: Box<dyn Runtime>,
    facts: Facts,
    /// Whether it would start what its root file system holds: `bench`'s own agent.
    runs_agent: bool,
    ready: Option<Ready>,
}

/// What is prepared once.
#[derive(Debug)]
struct Ready {
    tool: PathBuf,
    site: Site,
    names: CgroupNames,
    daemons: Vec<i32>,
}

/// All adapters, in the order of the tables.
pub fn all(options: &Options) -> Vec<Adapter> {
    let (kernel, options, runs_agent) = (&options.kernel, &options.tools, options.payload.is_agent());
    let mut runtimes: Vec<Box<dyn Runtime>> =
        vec![Box::new(bwrap::Bwrap), Box::new(lxc::Lxc), Box::new(nspawn::Nspawn)];
    for oci in oci::Oci::all(options.gvisor_platform.as_deref()) {
        runtimes.push(Box::new(oci));
    }
    runtimes.push(Box::new(podman::Podman));
    runtimes.push(Box::new(docker::Docker));
    for qemu in vm::Qemu::all(kernel.as_deref(), options.qemu_accel) {
        runtimes.push(Box::new(qemu));
    }
    runtimes.push(Box::new(vm::Firecracker::new(kernel.clone())));
    runtimes.push(Box::new(vm::CloudHypervisor::new(kernel.clone())));
    for own in &options.runtimes {
        runtimes.push(Box::new(own.clone()));
    }
    runtimes.into_iter().map(|runtime| Adapter::new(runtime, options, runs_agent)).collect()
}

impl Adapter {
    fn new(runtime: Box<dyn Runtime>, options: &ToolOptions, runs_agent: bool) -> Self {
        let mut facts = runtime.facts();
        if let Some((_, path)) = options.tools.iter().rev().find(|(name, _)| name == facts.name) {
            facts.program = path.clone();
        }
        Self { runtime, facts, runs_agent, ready: None }
    }

    /// The tool's file, or where to get it.
    fn tool(&self) -> Result<PathBuf, String> {
        let program = &self.facts.program;
        let missing = || {
            let place =
                if program.components().count() > 1 { "not an executable file" } else { "not on PATH" };
            format!(
                "{} is {place}: {} (or --tool {}=PATH)",
                program.display(),
                self.facts.provider,
                self.facts.name
            )
        };
        tool::find(program).ok_or_else(missing)
    }

    /// What the tool says of its version; an unknown one may take these command lines for something else.
    fn version(&self, tool: &Path) -> Result<Option<String>, String> {
        let Some(args) = &self.facts.version_args else { return Ok(None) };
        let said = tool::call(tool, args, tool::QUICK)?;
        let first = said.lines().next().unwrap_or_default();
        let (text, numbers) = tool::version(first)
            .ok_or_else(|| format!("{}: unknown version: it says {first:?}", tool.display()))?;
        let (major, minor) = self.facts.oldest;
        if numbers < self.facts.oldest {
            return Err(format!(
                "{} is version {text}; bench knows {major}.{minor} and later",
                tool.display()
            ));
        }
        Ok(Some(text))
    }

    /// The call that starts an instance, with names in the place of paths that are different in every run.
    fn sample(&self, tool: &Path) -> (String, Option<String>) {
        let dir = PathBuf::from("SCRATCH");
        let site = Site { rootfs: dir.join("rootfs"), dir, token: "RUN".to_owned() };
        let (memory_bytes, limits) = (32 << 20, JobLimits::USUAL);
        let job =
            Job { args: &["WORKLOAD"], env: &[], memory_bytes, limits, accounted: false, deadline: None };
        let order = Order { tool, site: &site, job: &job, name: "NAME" };
        (tool::line(self.runtime.command(&order).words), self.runtime.configuration(&order))
    }

    fn ready(&self) -> Result<&Ready> {
        self.ready.as_ref().context("the backend was not prepared")
    }

    /// Makes everything that an instance needs but for starting it.
    ///
    /// # Errors
    /// What the host refused, or that the backend was not prepared.
    pub fn stage(&self, job: &Job) -> Result<Staged> {
        let ready = self.ready()?;
        let name = ready.names.next_name();
        let order = Order { tool: &ready.tool, site: &ready.site, job, name: &name };
        let mut before = Vec::new();
        let mut done = |step: &str| before.push((step.to_owned(), now_ns()));
        let mut remains = Remains {
            calls: self.runtime.removal(&order),
            folders: self.runtime.traces(&order),
            name: name.clone(),
        };
        let cgroup = match self.facts.cgroup {
            CgroupOf::BenchIfAccounted if !job.accounted => None,
            CgroupOf::Bench | CgroupOf::BenchIfAccounted => {
                let mut limits = limits(job);
                limits.memory = limits.memory.map(|bytes| bytes + self.facts.allowance.memory_bytes);
                limits.pids = limits.pids.map(|pids| pids + self.facts.allowance.pids);
                let cgroup = Cgroup::create(&name, &limits);
                // A host that lets nobody but root make one can still measure; the details say so.
                let cgroup = if nix::unistd::geteuid().is_root() { Some(cgroup?) } else { cgroup.ok() };
                done("cgroup_create");
                cgroup
            }
            CgroupOf::Runtime => None,
        };
        let dir = order.dir();
        fs::create_dir(&dir).with_context(|| format!("create {}", dir.display()))?;
        remains.folders.push(dir.clone());
        for (file, text) in self.runtime.files(&order)? {
            let path = dir.join(file);
            fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
        }
        done("bundle");
        let (line, marker) = (self.runtime.command(&order), self.runtime.marker(&order));
        let machine = self.runtime.machine(&order);
        Ok(Staged { line, cgroup, dir, before, marker, remains, machine })
    }

    fn launch(&self, job: &Job) -> Result<Running> {
        let staged = self.stage(job)?;
        let mut words = staged.line.words.into_iter();
        let mut spec = Spec::process(words.next().context("a command line is empty")?);
        spec.args = words.collect();
        spec.env = environment();
        spec.env.extend(staged.line.env);
        spec.files = staged.line.files;
        spec.stderr = Stdio::Pipe;
        spec.cgroup = staged.cgroup.as_ref().map(Cgroup::join);
        let tool = container::start(&spec)?;
        let kin = Kin { tool: Some(tool.pid()), marker: staged.marker };
        Ok(Running::new(tool, staged.cgroup, staged.before, kin, staged.remains, staged.machine))
    }
}

/// An instance that wants only to be started: what stands on its command line is in its place. Whoever has several run from
/// it, one after the other, puts back what a start uses up.
#[derive(Debug)]
pub struct Staged {
    /// Program, arguments, and the open files that they name by number.
    pub line: Line,
    /// The cgroup in which the program is to be started, if it makes none itself.
    pub cgroup: Option<Cgroup>,
    /// The instance's own folder.
    pub dir: PathBuf,
    before: Vec<(String, u64)>,
    marker: Marker,
    remains: Remains,
    machine: Option<Machine>,
}

impl Staged {
    /// Removes what was made.
    pub fn clear(self) {
        self.remains.tidy();
    }
}

impl Backend for Adapter {
    fn name(&self) -> &'static str {
        self.facts.name
    }

    fn summary(&self) -> &'static str {
        self.facts.summary
    }

    fn groups(&self) -> &'static [Group] {
        self.facts.groups
    }

    fn is_installed(&self) -> bool {
        self.tool().is_ok()
    }

    fn probe(&self) -> Result<Details, String> {
        if !self.runs_agent {
            return Err("a runtime of others, in which bench starts its own program only".to_owned());
        }
        let tool = self.tool()?;
        if self.facts.needs_root && !nix::unistd::geteuid().is_root() {
            return Err("needs root, as it is called here: run bench as root".to_owned());
        }
        let version = self.version(&tool)?;
        let mut details = self.runtime.check(&tool)?;
        let sha256 =
            tool::sha256(&tool).map_err(|error| format!("{} cannot be read: {error}", tool.display()))?;
        let (command, configuration) = self.sample(&tool);
        let cgroup = match (self.facts.cgroup, check_cgroups()) {
            (CgroupOf::Runtime, _) => "the runtime's own".to_owned(),
            (CgroupOf::Bench, Ok(())) => "one of bench's, around the tool".to_owned(),
            (CgroupOf::BenchIfAccounted, Ok(())) => {
                "one of bench's, around the tool, but for startup, where its size is its limit".to_owned()
            }
            (CgroupOf::Bench | CgroupOf::BenchIfAccounted, Err(error)) => format!("none: {}", chain(&error)),
        };
        let kernel = self.facts.kernel.unwrap_or("the host's");
        let given = [
            ("tool", tool.display().to_string()),
            ("sha256", sha256),
            ("command", command),
            ("cgroup", cgroup),
            ("kernel", kernel.to_owned()),
            ("not_equal", self.facts.unequal.to_owned()),
            ("version", version.unwrap_or_else(|| "not asked for".to_owned())),
        ];
        details.extend(given.map(|(key, value)| (key.to_owned(), value)));
        details.extend(configuration.map(|text| ("configuration".to_owned(), text)));
        Ok(details)
    }

    fn prepare(&mut self, scratch: &Scratch) -> Result<()> {
        let tool = self.tool().map_err(anyhow::Error::msg)?;
        let dir = scratch.dir().join(self.facts.name);
        DirBuilder::new().mode(0o755).create(&dir).with_context(|| format!("create {}", dir.display()))?;
        let site = Site { rootfs: rootfs(scratch.dir())?, dir, token: scratch.token().to_owned() };
        self.runtime.prepare(&tool, &site)?;
        let daemons = self.runtime.daemons();
        self.ready = Some(Ready { tool, site, names: scratch.cgroup_names(), daemons });
        proof::prove(|job| self.launch(job))
    }

    fn start(&self, job: &Job) -> Result<Box<dyn Instance>> {
        Ok(Box::new(self.launch(job)?))
    }

    fn joins(&self, experiment: Experiment) -> bool {
        match experiment {
            Experiment::Startup | Experiment::Memory => true,
            // Elsewhere the host's kernel would be measured over again, for as long as starting the tool takes; with a kernel of
            // its own there is something to see.
            Experiment::Syscalls => self.facts.kernel.is_some(),
            _ => false,
        }
    }

    fn allowance(&self) -> (u64, u64) {
        (self.facts.allowance.memory_bytes, self.facts.allowance.pids)
    }

    fn daemons(&self) -> &[i32] {
        self.ready.as_ref().map_or(&[], |ready| &ready.daemons)
    }

    fn limited_by(&self) -> &'static str {
        match self.facts.cgroup {
            CgroupOf::Bench => "limits of a cgroup that bench made around the tool",
            CgroupOf::BenchIfAccounted => "limits of the guest's size and of its monitor's cgroup",
            CgroupOf::Runtime => "limits of the cgroup that the runtime made",
        }
    }

    fn flag(&self) -> Option<&'static str> {
        self.facts.flag
    }
}

impl Drop for Adapter {
    fn drop(&mut self) {
        if let Some(ready) = &self.ready {
            self.runtime.conclude(&ready.tool, &ready.site);
        }
    }
}

/// The root file system of all adapters, made by the first: the agent, and folders for what runtimes mount.
fn rootfs(scratch: &Path) -> Result<PathBuf> {
    let dir = scratch.join(runtime::ROOTFS);
    if dir.is_dir() {
        return Ok(dir);
    }
    // Whole or not at all: the next adapter takes what it finds.
    let unfinished = scratch.join("rootfs.new");
    let made = fill(&unfinished).and_then(|()| Ok(fs::rename(&unfinished, &dir)?));
    if made.is_err() {
        // The folder goes with the run's own at the latest.
        let _ = fs::remove_dir_all(&unfinished);
    }
    made.with_context(|| format!("write the root file system {}", dir.display()))?;
    Ok(dir)
}

fn fill(dir: &Path) -> Result<()> {
    use std::io::Write;
    // systemd-nspawn takes a folder without /usr and os-release for no root file system.
    for folder in ["", "proc", "dev", "sys", "tmp", "run", "var", "usr", "etc"] {
        DirBuilder::new().mode(0o755).create(dir.join(folder))?;
    }
    fs::write(dir.join("etc/os-release"), "")?;
    let agent = dir.join(runtime::PROGRAM.trim_start_matches('/'));
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o755).open(agent)?;
    Ok(file.write_all(workloads::AGENT)?)
}

/// The tool is the user's and gets his environment; what the agent gets is composed for each.
fn environment() -> Vec<OsString> {
    let assignment = |(name, value): (OsString, OsString)| {
        let mut bytes = name.into_vec();
        bytes.push(b'=');
        bytes.extend(value.into_vec());
        OsString::from_vec(bytes)
    };
    std::env::vars_os().map(assignment).collect()
}
