//! The promise that a full container, cgroup included, starts no slower than `bwrap --unshare-all`.
//!
//! Start to exit of the same static program, in pairs of alternating order so that drift hits both; prints
//! medians in microseconds and the median of the pairs' ratios.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use container::cgroup::{Layout, Limits};
use container::{Rootfs, Spec, Stdio};

type Error = Box<dyn std::error::Error>;

const PAIRS: usize = 300;

fn main() -> Result<(), Error> {
    // `cargo test --benches` asks for a run without measuring.
    let pairs = if std::env::args().any(|arg| arg == "--bench") { PAIRS } else { 1 };
    let program = match std::fs::read("/bin/busybox") {
        Ok(program) if Path::new("/usr/bin/bwrap").exists() => program,
        _ => {
            eprintln!("SKIPPED: needs busybox-static and bubblewrap");
            return Ok(());
        }
    };
    let dir = tempfile::tempdir()?;
    let rootfs = Rootfs::prepare(&dir.path().join("rootfs"), "busybox", &program)?;
    let spec = Spec::container(&rootfs).args(["true"]);
    let spec = Spec { stdin: Stdio::Null, stdout: Stdio::Null, ..spec };
    let bare = Spec::process("/bin/busybox").args(["true"]);
    let bare = Spec { stdin: Stdio::Null, stdout: Stdio::Null, ..bare };
    let limits = Limits { memory: Some(256 << 20), cpu: Some(1.0), pids: Some(64) };
    let layout = Layout::detect()?;

    let mut times = [const { Vec::new() }; 4];
    for pair in 0..pairs {
        for turn in 0..times.len() {
            let which = (turn + pair) % times.len();
            let begin = Instant::now();
            match which {
                0 => run(&spec)?,
                1 => {
                    let cgroup = layout.create("container-versus-bwrap", &limits)?;
                    run(&spec.clone().cgroup(&cgroup))?;
                    cgroup.remove()?;
                }
                2 => bwrap(rootfs.dir())?,
                _ => run(&bare)?,
            }
            times[which].push(begin.elapsed().as_secs_f64() * 1e6);
        }
    }
    let names = ["container", "container with cgroup", "bwrap --unshare-all", "process"];
    for (name, times_of) in names.iter().zip(&times) {
        let ratios = times_of.iter().zip(&times[2]).map(|(time, bwrap)| time / bwrap).collect();
        println!("{name:<22} {:>8.0} us   {:.2} x bwrap", median(times_of.clone()), median(ratios));
    }
    Ok(())
}

fn run(spec: &Spec) -> Result<(), Error> {
    let exit = container::start(spec)?.wait()?;
    exit.status.success().then_some(()).ok_or_else(|| exit.status.to_string().into())
}

fn bwrap(root: &Path) -> Result<(), Error> {
    let status = Command::new("/usr/bin/bwrap")
        .args(["--unshare-all", "--ro-bind"])
        .arg(root)
        .args(["/", "/busybox", "true"])
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .status()?;
    status.success().then_some(()).ok_or_else(|| status.to_string().into())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
