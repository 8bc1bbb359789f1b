//! Our starts against programs that nobody here wrote, interleaved in one run on one machine:
//! `cargo bench -p harness --bench peers [ROUNDS]`. It prints the promises of the project with what was
//! measured; it asserts nothing, for it measures time.
//!
//! Needs hyperfine, bubblewrap and runc (Debian packages); a peer that is missing is said to be.
//! Units: nanoseconds. hyperfine times a whole life, from spawn to reaped; ours is split at READY.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use comfy_table::Table;
use harness::backend::{self, Backend};
use harness::experiment::density::Extent;
use harness::experiment::{Finding, Rig, plan};
use harness::interrupt::Interrupt;
use harness::pin::Pin;
use harness::scratch::Scratch;
use reports::format::{number, quantity};
use results::stats::median;
use results::{Experiment, Metric, Unit};

const ROUNDS: usize = 20;
const RUNS: usize = 5;

fn main() -> Result<()> {
    // Cargo passes `--bench`; anything else (`cargo test --benches`) only wants to see it start.
    let args: Vec<String> = std::env::args().skip(1).collect();
    if !args.iter().any(|arg| arg == "--bench") {
        return Ok(());
    }
    let rounds = args.iter().find_map(|arg| arg.parse().ok()).unwrap_or(ROUNDS);
    let interrupt = Interrupt::install()?;
    let scratch = Scratch::create()?;
    let peers = peers(&scratch)?;
    let mut ours = backend::all(&backend::Options::default());
    ours.retain(|backend| backend.joins(Experiment::Startup));
    ours.retain(|backend| match backend.probe() {
        Ok(_) => true,
        Err(why) => {
            eprintln!("{} unavailable: {why}", backend.name());
            false
        }
    });
    for backend in &mut ours {
        backend.prepare(&scratch)?;
    }
    let extent = Extent { instances: 1, time: Duration::ZERO };
    // Peers inherit the CPU that ours are pinned to.
    let rig = Rig { pin: Pin::to(None)?, interrupt: &interrupt, extent };
    rig.pin.enter()?;
    let mut samples: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for round in 0..=rounds {
        if interrupt.is_raised() {
            bail!("interrupted");
        }
        let mut taken: Vec<(String, Vec<f64>)> = Vec::new();
        for backend in &mut ours {
            let (ready, whole) = starts(&rig, backend.as_mut())?;
            taken.push((format!("{} to READY", backend.name()), ready));
            taken.push((format!("{} to reaped", backend.name()), whole));
        }
        for (name, command) in &peers {
            taken.push((name.clone(), hyperfine(command)?));
        }
        // The first round warms up.
        if round > 0 {
            taken.into_iter().for_each(|(name, values)| samples.entry(name).or_default().extend(values));
        }
    }
    show(&samples);
    Ok(())
}

/// Times of `RUNS` starts, taken as `bench` takes them: to READY, and until nothing is left.
fn starts(rig: &Rig, backend: &mut dyn Backend) -> Result<(Vec<f64>, Vec<f64>)> {
    let startup = plan(Experiment::Startup).context("startup has a plan")?;
    let noop = workloads::find("noop").context("the workload noop")?;
    let (mut ready, mut whole) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let Finding::Observed(found, _) = startup.trial(rig, backend, noop)? else {
            bail!("{} cannot run noop", backend.name());
        };
        let of = |metric| found.iter().find(|o| o.metric == metric).and_then(|o| o.value.clone().ok());
        let (up, down) = of(Metric::StartupTime).zip(of(Metric::TeardownTime)).context("no times")?;
        ready.push(up);
        whole.push(up + down);
        rig.settle();
    }
    Ok((ready, whole))
}

/// The peers that this machine has, with the same agent and arguments.
fn peers(scratch: &Scratch) -> Result<Vec<(String, String)>> {
    let agent = scratch.agent().display().to_string();
    let root = scratch.dir().join("peer-root");
    for dir in ["proc", "dev", "tmp", "sys"] {
        fs::create_dir_all(root.join(dir))?;
    }
    fs::copy(scratch.agent(), root.join("workload"))?;
    let mut peers = vec![("hyperfine -N process".to_owned(), format!("{agent} noop"))];
    if has("bwrap") {
        let command = format!("bwrap --unshare-all --ro-bind {} / /workload noop", root.display());
        peers.push(("bwrap --unshare-all".to_owned(), command));
    }
    if has("runc") {
        let bundle = runc_bundle(scratch.dir(), &root)?;
        let command = format!("runc run -b {} bench-peer-{}", bundle.display(), std::process::id());
        peers.push(("runc run".to_owned(), command));
    }
    peers.push(("bare KVM calls".to_owned(), bare_kvm()?.display().to_string()));
    Ok(peers)
}

fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if found.is_err() {
        eprintln!("{program} is missing: apt-get install hyperfine bubblewrap runc");
    }
    found.is_ok()
}

/// An OCI bundle from runc's own template, with our root and agent.
fn runc_bundle(dir: &Path, root: &Path) -> Result<PathBuf> {
    let bundle = dir.join("peer-bundle");
    fs::create_dir_all(&bundle)?;
    let status = Command::new("runc").args(["spec", "-b"]).arg(&bundle).status()?;
    if !status.success() {
        bail!("runc spec: {status}");
    }
    let path = bundle.join("config.json");
    let mut config: serde_json::Value = serde_json::from_slice(&fs::read(&path)?)?;
    config["process"]["terminal"] = false.into();
    config["process"]["args"] = serde_json::json!(["/workload", "noop"]);
    config["root"]["path"] = root.display().to_string().into();
    fs::write(&path, serde_json::to_vec(&config)?)?;
    Ok(bundle)
}

/// The yardstick of the VMM: a bare program that only does the KVM calls.
fn bare_kvm() -> Result<PathBuf> {
    let build = ["build", "--release", "-q", "-p", "microvm", "--example", "bare_kvm"];
    let status = Command::new(env!("CARGO")).args(build).status().context("run cargo")?;
    if !status.success() {
        bail!("cargo build of the example bare_kvm: {status}");
    }
    // This program is target/release/deps/peers-HASH.
    let here = std::env::current_exe()?;
    let target = here.ancestors().nth(2).context("the target folder")?;
    Ok(target.join("examples/bare_kvm"))
}

/// Times of `RUNS` whole lives, by hyperfine without a shell.
fn hyperfine(command: &str) -> Result<Vec<f64>> {
    let runs = RUNS.to_string();
    let file = tempfile::NamedTempFile::new()?;
    let output = Command::new("hyperfine")
        .args(["-N", "--style", "none", "--warmup", "1", "--runs", &runs, "--export-json"])
        .arg(file.path())
        .arg(command)
        .output()
        .context("run hyperfine: apt-get install hyperfine")?;
    if !output.status.success() {
        bail!("hyperfine {command}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let found: serde_json::Value = serde_json::from_slice(&fs::read(file.path())?)?;
    let times = found["results"][0]["times"].as_array().context("hyperfine's times")?;
    Ok(times.iter().filter_map(|seconds| seconds.as_f64()).map(|seconds| seconds * 1e9).collect())
}

fn show(samples: &BTreeMap<String, Vec<f64>>) {
    let of = |name: &str| samples.get(name).and_then(|values| median(values));
    let mut table = Table::new();
    table.set_header(["what", "median", "n"]);
    for (name, values) in samples {
        let value = of(name).map_or("—".to_owned(), |ns| quantity(ns, Unit::Nanoseconds));
        table.add_row([name.clone(), value, values.len().to_string()]);
    }
    println!("{table}");
    let promises = [
        ("process to READY", "hyperfine -N process", "0.9 to 1.1"),
        // Idles until it is asked to stop, which hyperfine's does not.
        ("process to reaped", "hyperfine -N process", "no promise"),
        ("container to READY", "bwrap --unshare-all", "at most 1"),
        ("container to reaped", "bwrap --unshare-all", "at most 1"),
        ("container to READY", "runc run", "at most 0.167"),
        ("container to reaped", "runc run", "at most 0.167"),
        ("microvm to READY", "bare KVM calls", "at most 1.5"),
        ("microvm to reaped", "bare KVM calls", "at most 1.5"),
    ];
    let mut table = Table::new();
    table.set_header(["ours", "peer", "ratio", "wanted"]);
    for (ours, peer, wanted) in promises {
        let ratio = of(ours).zip(of(peer)).map_or("n/a".to_owned(), |(a, b)| number(a / b));
        table.add_row([ours, peer, &ratio, wanted]);
    }
    println!("{table}");
}
