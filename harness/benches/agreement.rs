//! Do our figures of other runtimes agree with hyperfine's? `cargo bench -p harness --bench agreement [-- ROUNDS] [BACKEND]...`
//!
//! Each round lets `hyperfine -N` run the very command line that an adapter uses, a few times, from the same bundle and in the
//! same cgroup, and then starts the adapter's own instances as often, all on one CPU, in an order that turns from round to
//! round. hyperfine times a life from spawn to its end; of ours the same stretch is compared. What `bench` counts beside it, since an
//! instance needs it, stands in columns of its own: cgroup and bundle before, and removal after.
//!
//! Needs hyperfine; a runtime that is missing is said to be. Without a daemon of Docker's this starts one, and ends it.
//! Units: nanoseconds. It asserts nothing, for it measures time.

#[expect(clippy::unwrap_used, reason = "a daemon that does not start ends the program as it ends a test")]
#[path = "../tests/cli/adapters/daemon.rs"]
mod daemon;

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use comfy_table::Table;
use container::now_ns;
use harness::backend::adapter::{self, Adapter, Staged};
use harness::backend::{self, Backend, Group, Instance, Job, JobLimits};
use harness::experiment::Rig;
use harness::experiment::density::Extent;
use harness::interrupt::Interrupt;
use harness::pin::Pin;
use harness::scratch::Scratch;
use harness::trial::Follower;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::{Whence, lseek};
use reports::format::{number, quantity};
use results::Unit;
use results::stats::{median, quantile};

const ROUNDS: usize = 20;
const RUNS: usize = 5;
const LIMIT: Duration = Duration::from_secs(60);
/// Between two of hyperfine's runs, as between two of ours: what the kernel still does for one would fall into the next.
const PAUSE: Duration = Duration::from_millis(5);
/// The word that makes this program put back what a start has used up.
const AGAIN: &str = "--again";
/// As in the experiment `startup`.
const JOB: Job = Job {
    args: &["noop"],
    env: &[],
    memory_bytes: 32 << 20,
    limits: JobLimits::USUAL,
    accounted: false,
    deadline: Some(LIMIT),
};

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [first, rest @ ..] = &args[..]
        && first == AGAIN
    {
        return again(rest);
    }
    // Cargo passes `--bench`; anything else (`cargo test --benches`) only wants to see it start.
    if !args.iter().any(|arg| arg == "--bench") {
        return Ok(());
    }
    let wanted: Vec<&String> =
        args.iter().filter(|arg| !arg.starts_with('-') && arg.parse::<usize>().is_err()).collect();
    let wants = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| *wanted == name);
    let listens = std::env::var_os("DOCKER_HOST").is_some() || Path::new("/var/run/docker.sock").exists();
    if !listens && wants("docker") && Command::new("dockerd").arg("--version").output().is_ok() {
        let daemon = daemon::Dockerd::start();
        // Once more, in an environment that says where it listens.
        let this = std::env::current_exe()?;
        let status = Command::new(this).args(&args).env("DOCKER_HOST", daemon.host()).status()?;
        return if status.success() { Ok(()) } else { bail!("{status}") };
    }
    let rounds = args.iter().find_map(|arg| arg.parse().ok()).unwrap_or(ROUNDS);
    measure(rounds, wants)
}

/// Before each of hyperfine's runs: a file that must not be there is removed, an inherited file is put at its beginning, and
/// the CPU is kept awake for a while.
fn again(args: &[String]) -> Result<()> {
    let until = Instant::now() + PAUSE;
    let (dir, files) = args.split_first().context("a folder")?;
    // Not every tool writes one.
    let _ = fs::remove_file(Path::new(dir).join("cid"));
    for file in files {
        let number = file.parse()?;
        // SAFETY: it is open for as long as this process lives: whoever started this has left it open for it.
        let file = unsafe { BorrowedFd::borrow_raw(number) };
        lseek(file, 0, Whence::SeekSet)?;
    }
    while Instant::now() < until {
        thread::yield_now();
    }
    Ok(())
}

/// What is compared.
struct Subject {
    backend: Box<dyn Backend>,
    /// hyperfine's side, where the backend is a program of its own.
    peer: Option<Peer>,
}

/// A command line for hyperfine.
struct Peer {
    command: String,
    staged: Option<Staged>,
}

/// One of our instances, from the call that starts it.
struct Life {
    ready: u64,
    /// Up to the spawn of its program: its cgroup and bundle are made.
    staging: u64,
    /// From there to the program's end.
    alive: u64,
    /// From there until nothing is left.
    removal: u64,
}

fn measure(rounds: usize, wants: impl Fn(&str) -> bool) -> Result<()> {
    let interrupt = Interrupt::install()?;
    let scratch = Scratch::create()?;
    let extent = Extent { instances: 1, time: Duration::ZERO };
    let rig = Rig { pin: Pin::to(None)?, interrupt: &interrupt, extent };
    let mut subjects = subjects(&scratch, wants)?;
    let watcher = Watcher::start(rig.pin);
    rig.pin.enter()?;
    let mut samples: BTreeMap<(&'static str, &'static str), Vec<f64>> = BTreeMap::new();
    for round in 0..=rounds {
        for Subject { backend, peer } in &subjects {
            let mut taken: Vec<(&'static str, f64)> = Vec::new();
            if let Some(peer) = peer {
                taken.extend(hyperfine(peer)?.into_iter().map(|ns| ("hyperfine", ns)));
            }
            for _ in 0..RUNS {
                let life = live(&rig, backend.as_ref(), &watcher)?;
                let whole = life.staging + life.alive + life.removal;
                taken.extend(
                    [
                        ("ready", life.ready),
                        ("staging", life.staging),
                        ("alive", life.alive),
                        ("removal", life.removal),
                        ("whole", whole),
                    ]
                    .map(|(what, ns)| (what, ns as f64)),
                );
                rig.settle();
            }
            // The first round warms up.
            for (what, ns) in taken.into_iter().filter(|_| round > 0) {
                samples.entry((backend.name(), what)).or_default().push(ns);
            }
            if interrupt.is_raised() {
                bail!("interrupted");
            }
        }
        subjects.rotate_left(1);
    }
    show(&samples);
    subjects.into_iter().filter_map(|subject| subject.peer?.staged).for_each(Staged::clear);
    Ok(())
}

/// Those that this machine has, ready to be started.
fn subjects(scratch: &Scratch, wants: impl Fn(&str) -> bool) -> Result<Vec<Subject>> {
    let options = backend::Options::default();
    let mut subjects = Vec::new();
    // The smallest program shows what the two ways to time differ by; the container is compared with others below.
    for mut backend in backend::all(&options) {
        if ["process", "container"].contains(&backend.name()) && is_ready(backend.as_mut(), scratch) {
            let command = format!("{} noop", scratch.agent().display());
            let peer = (backend.name() == "process").then_some(Peer { command, staged: None });
            subjects.push(Subject { backend, peer });
        }
    }
    // A machine's monitor is not told to end by an input that ends.
    let is_wanted = |adapter: &Adapter| wants(adapter.name()) && !adapter.groups().contains(&Group::Vm);
    for mut adapter in adapter::all(&options).into_iter().filter(is_wanted) {
        if is_ready(&mut adapter, scratch) {
            let peer = Some(peer(&adapter)?);
            subjects.push(Subject { backend: Box::new(adapter), peer });
        }
    }
    Ok(subjects)
}

fn is_ready(backend: &mut dyn Backend, scratch: &Scratch) -> bool {
    let ready = backend.probe().and_then(|_| backend.prepare(scratch).map_err(|error| format!("{error:#}")));
    if let Err(why) = &ready {
        eprintln!("{} is left out: {why}", backend.name());
    }
    ready.is_ok()
}

/// The adapter's own command line, with all that it refers to in place.
fn peer(adapter: &Adapter) -> Result<Peer> {
    let staged = adapter.stage(&JOB)?;
    for file in &staged.line.files {
        // Through hyperfine to the tool.
        fcntl(file.as_ref(), FcntlArg::F_SETFD(FdFlag::empty()))?;
    }
    let words = staged.line.words.iter().map(|word| word.to_str().context("a word is no text"));
    let command = shlex::try_join(words.collect::<Result<Vec<_>>>()?)?;
    Ok(Peer { command, staged: Some(staged) })
}

/// Times of `RUNS` whole lives, by hyperfine without a shell.
fn hyperfine(Peer { command, staged }: &Peer) -> Result<Vec<f64>> {
    let file = tempfile::NamedTempFile::new()?;
    // It joins the instance's cgroup, if that is not the tool's doing, and so do its children.
    let mut call = Command::new("sh");
    call.args(["-c", "while [ \"$1\" != -- ]; do echo 0 >\"$1\"; shift; done; shift; exec \"$@\"", "sh"]);
    call.args(staged.iter().filter_map(|staged| staged.cgroup.as_ref()).flat_map(|c| c.join_files()));
    call.args(["--", "hyperfine", "-N", "--style", "none", "--warmup", "1", "--runs", &RUNS.to_string()]);
    let dir = staged.as_ref().map_or(Path::new("/nowhere"), |staged| &staged.dir);
    let this = std::env::current_exe()?;
    let mut words = vec![this.display().to_string(), AGAIN.to_owned(), dir.display().to_string()];
    let files = staged.iter().flat_map(|staged| &staged.line.files);
    words.extend(files.map(|file| file.as_raw_fd().to_string()));
    call.arg("--prepare").arg(shlex::try_join(words.iter().map(String::as_str))?);
    let output = call.arg("--export-json").arg(file.path()).arg(command).output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("hyperfine (apt-get install hyperfine) of {command}: {}", said.trim());
    }
    let found: serde_json::Value = serde_json::from_slice(&fs::read(file.path())?)?;
    let times = found["results"][0]["times"].as_array().context("hyperfine's times")?;
    Ok(times.iter().filter_map(|seconds| seconds.as_f64()).map(|seconds| seconds * 1e9).collect())
}

/// Starts one of ours as `startup` does, and asks it to end as soon as it is READY.
fn live(rig: &Rig, backend: &dyn Backend, watcher: &Watcher) -> Result<Life> {
    let mut follower = Follower::new(rig.interrupt, LIMIT);
    let started = now_ns();
    let mut instance = backend.start(&JOB)?;
    watcher.watch(&*instance)?;
    let ready = follower.ready(&*instance)?;
    let before = |name: &str| ["cgroup_create", "bundle"].contains(&name);
    let staged = instance.phases().into_iter().filter(|(name, _)| before(name)).map(|(_, end)| end).max();
    let ended = instance.stop(LIMIT)?;
    let gone = now_ns();
    if let Some(how) = ended.failure {
        bail!("{}: {how}", backend.name());
    }
    let (spawned, dead) = (staged.unwrap_or(started), watcher.end()?);
    Ok(Life {
        ready: ready - started,
        staging: spawned - started,
        alive: dead.saturating_sub(spawned),
        removal: gone.saturating_sub(dead),
    })
}

/// A thread on another CPU that sees programs end.
struct Watcher {
    fds: Sender<OwnedFd>,
    ends: Receiver<Result<u64>>,
}

impl Watcher {
    fn start(pin: Pin) -> Self {
        let (fds, watched) = channel::<OwnedFd>();
        let (seen, ends) = channel();
        thread::spawn(move || {
            // On a machine with one CPU there is no other.
            let _ = pin.leave();
            for fd in watched {
                let mut fds = [PollFd::new(fd.as_fd(), PollFlags::POLLIN)];
                let end = poll(&mut fds, PollTimeout::NONE).map(|_| now_ns()).map_err(Into::into);
                if seen.send(end).is_err() {
                    break;
                }
            }
        });
        Self { fds, ends }
    }

    fn watch(&self, instance: &dyn Instance) -> Result<()> {
        Ok(self.fds.send(instance.pidfd().try_clone_to_owned()?)?)
    }

    fn end(&self) -> Result<u64> {
        self.ends.recv()?
    }
}

fn show(samples: &BTreeMap<(&'static str, &'static str), Vec<f64>>) {
    let of = |name, what| samples.get(&(name, what)).and_then(|values| median(values));
    let time = |ns: Option<f64>| ns.map_or("—".to_owned(), |ns| quantity(ns, Unit::Nanoseconds));
    let mut names: Vec<&'static str> = samples.keys().map(|(name, _)| *name).collect();
    names.dedup();
    let mut table = Table::new();
    table.set_header([
        "medians",
        "hyperfine -N",
        "ours, spawn to end",
        "ratio",
        "of fastest tenths",
        "cgroup, bundle",
        "removal",
        "all of ours",
        "ratio",
        "to READY",
        "n",
    ]);
    for name in &names {
        let ratio = |what| {
            let (ours, peer) = (of(name, what)?, of(name, "hyperfine")?);
            Some(number(ours / peer))
        };
        let fastest = |what| quantile(samples.get(&(*name, what))?, 0.1);
        let of_fastest = fastest("alive").zip(fastest("hyperfine")).map(|(ours, peer)| number(ours / peer));
        let or_none = |text: Option<String>| text.unwrap_or("—".to_owned());
        table.add_row([
            (*name).to_owned(),
            time(of(name, "hyperfine")),
            time(of(name, "alive")),
            or_none(ratio("alive")),
            or_none(of_fastest),
            time(of(name, "staging")),
            time(of(name, "removal")),
            time(of(name, "whole")),
            or_none(ratio("whole")),
            time(of(name, "ready")),
            samples.get(&(*name, "alive")).map_or(0, Vec::len).to_string(),
        ]);
    }
    println!("{table}");
    println!("wanted: the first ratio from 0.9 to 1.1");
    for (peer, wanted) in [("lxc", 1.0 / 3.0), ("runc", 1.0 / 6.0)] {
        if let Some((ours, theirs)) = of("container", "ready").zip(of(peer, "ready")) {
            let ratio = number(ours / theirs);
            println!("container / {peer}, to READY: {ratio}; wanted: at most {}", number(wanted));
        }
    }
}
