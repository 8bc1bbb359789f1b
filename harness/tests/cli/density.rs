//! `bench run density`: many instances, what ends a ramp, and that nothing is left of them.
//!
//! As many as a machine of 24 GiB holds, a few minutes:
//! `cargo test --release -p harness --test cli density -- --ignored --nocapture --test-threads 1`

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use results::series::{ROUND, block};
use results::{Experiment, Metric, Run, RunState, Status};

use crate::common::{Bench, can_run_everything, cgroups_of, processes_with};

/// What is on the machine and should be there again afterwards.
#[derive(Debug, PartialEq)]
struct Machine {
    mounts: usize,
    /// Namespaces that are kept by a mount and not by a process.
    kept_namespaces: usize,
}

impl Machine {
    fn now() -> Self {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let kept_namespaces = mounts.lines().filter(|line| line.contains(" nsfs ")).count();
        Self { mounts: mounts.lines().count(), kept_namespaces }
    }
}

/// Memory in use without page cache, in bytes.
fn memory_in_use() -> f64 {
    // Each CPU keeps tens of MiB of free pages at hand, which MemFree leaves out.
    fs::write("/proc/sys/vm/stat_refresh", "1").unwrap();
    let zones = fs::read_to_string("/proc/zoneinfo").unwrap();
    let counts = zones.lines().filter_map(|line| line.trim().strip_prefix("count:"));
    let at_hand = counts.map(|count| count.trim().parse::<f64>().unwrap()).sum::<f64>() * 4.0;
    let text = fs::read_to_string("/proc/meminfo").unwrap();
    let kib = |name: &str| -> f64 {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    };
    let cache = kib("Buffers") + kib("Cached") + kib("SReclaimable") - kib("Shmem");
    (kib("MemTotal") - kib("MemFree") - at_hand - cache) * 1024.0
}

/// Virtual machines that KVM has, where debugfs tells.
fn virtual_machines(bench: u32) -> usize {
    let entries = fs::read_dir("/sys/kernel/debug/kvm").into_iter().flatten().flatten();
    let own = |pid: i32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1)?.parse().ok()) == Some(bench)
    };
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.split('-').next()?.parse().ok());
    pids.filter(|&pid| own(pid)).count()
}

/// Processes that hold a descriptor of KVM and have this folder on their command line.
fn holders_of_kvm(scratch: &str) -> Vec<i32> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(scratch) && holds_kvm(Path::new(&format!("/proc/{pid}/fd")))
    })
    .collect()
}

fn holds_kvm(fds: &Path) -> bool {
    let links =
        fs::read_dir(fds).into_iter().flatten().flatten().filter_map(|fd| fs::read_link(fd.path()).ok());
    links.into_iter().any(|link| link.to_string_lossy().contains("kvm"))
}

/// Runs one round of `backend` with so many instances, and checks that nothing is left of them.
fn come_and_go(backend: &str, instances: u32) -> Run {
    let bench = Bench::new();
    let before = Machine::now();
    let count = instances.to_string();
    let args = [
        "run",
        "density",
        "--backends",
        backend,
        "--samples",
        "1",
        "--time-budget",
        "20m",
        "--instances",
        &count,
    ];
    let mut child = bench
        .command(&args)
        .arg("--out")
        .arg(&bench.out)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let pid = child.id();
    assert!(child.wait().unwrap().success());

    let scratch = bench.temp.path().display().to_string();
    assert_eq!(processes_with(&scratch), [] as [String; 0]);
    assert_eq!(holders_of_kvm(&scratch), [] as [i32; 0]);
    assert_eq!(virtual_machines(pid), 0);
    assert_eq!(cgroups_of(pid), [] as [std::path::PathBuf; 0]);
    assert_eq!(bench.scratch_folders(), [] as [std::path::PathBuf; 0]);
    assert_eq!(Machine::now(), before);

    let run = results::load(&bench.latest()).unwrap();
    let starts = run.measurement(Experiment::Density, "serial", backend, &Metric::StartupTime).unwrap();
    let wanted: Vec<u32> = (1..=instances).map(|n| block(0, n)).collect();
    assert_eq!(starts.blocks, wanted, "{backend}: {:?}", run.backend(backend).unwrap().details);
    run
}

#[test]
fn a_run_measures_one_after_another_several_at_once_and_sizes() {
    if !can_run_everything() {
        return;
    }
    let bench = Bench::new();
    let args = ["density", "--samples", "2", "--instances", "5", "--seed", "7"];
    let output = bench.run(&args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let run = results::load(&bench.latest()).unwrap();
    assert_eq!(run.config.instances, Some(5));
    for backend in ["process", "container", "microvm"] {
        let blocks = |workload: &str, metric: &Metric| {
            let found = run.measurement(Experiment::Density, workload, backend, metric);
            found.map(|m| m.blocks.clone()).unwrap_or_else(|| panic!("{backend} {workload} {metric}"))
        };
        let each: Vec<u32> = (0..2).flat_map(|round| (1..=5).map(move |n| block(round, n))).collect();
        assert_eq!(blocks("serial", &Metric::StartupTime), each);
        assert_eq!(blocks("serial", &Metric::MemoryInUse), each, "few are read one by one");
        assert_eq!(blocks("parallel-1", &Metric::StartupTime), each);
        for (workload, metric) in [
            ("serial", Metric::MarginalMemory),
            ("serial", Metric::StopAllTime),
            ("parallel-1", Metric::StartRate),
            ("parallel-1", Metric::StopAllTime),
            ("size-32m", Metric::Uss),
            ("size-512m", Metric::Uss),
        ] {
            assert_eq!(blocks(workload, &metric), [0, ROUND], "{backend} {workload} {metric}");
        }
        // More starts at once than instances are wanted make no sense.
        let most =
            run.measurements.iter().filter_map(|m| m.workload.strip_prefix("parallel-")?.parse::<u32>().ok());
        assert!(most.max() <= Some(5));
    }
    assert!(run.measurements.iter().all(|m| m.status == Status::Ok));
    let touched = run.measurement(Experiment::Density, "size-512m", "microvm", &Metric::GuestRam).unwrap();
    assert!(touched.samples.iter().all(|bytes| *bytes < 64.0 * 1024.0 * 1024.0), "{touched:?}");
    for chart in ["density-start", "density-memory", "density-size"] {
        assert!(bench.latest().join(format!("charts/{chart}.png")).is_file(), "{chart}");
    }
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(table.contains("serial startup_time") && table.contains("parallel-1 start_rate"), "{table}");
    assert!(!table.contains("memory_in_use") && !table.contains("size-32m"), "{table}");
}

#[test]
fn nothing_is_left_of_twenty_instances_of_each() {
    if !can_run_everything() {
        return;
    }
    for backend in ["process", "container", "microvm"] {
        come_and_go(backend, 20);
    }
}

#[test]
#[ignore = "a thousand processes, hundreds of containers and machines: minutes, and most of the memory of a small host"]
fn nothing_is_left_of_a_thousand_processes_and_hundreds_of_containers_and_machines() {
    assert!(can_run_everything());
    for (backend, instances) in [("process", 1000), ("container", 300), ("microvm", 300)] {
        let before = memory_in_use();
        let run = come_and_go(backend, instances);
        // Namespaces and machines are freed after their last process; others use the machine too.
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut after = memory_in_use();
        while after > before * 1.01 && Instant::now() < deadline {
            sleep(Duration::from_millis(200));
            after = after.min(memory_in_use());
        }
        let of = |workload: &str, metric| run.measurement(Experiment::Density, workload, backend, &metric);
        let last = |m: &results::Measurement| m.samples.last().copied();
        println!(
            "{instances} of {backend}: memory in use {:.1} MiB before, {:.1} after ({:+.2} %); all {:?} bytes, marginal {:?} bytes, stopped in {:?} ns",
            before / 1048576.0,
            after / 1048576.0,
            (after / before - 1.0) * 100.0,
            of("serial", Metric::MemoryInUse).and_then(last),
            of("serial", Metric::MarginalMemory).and_then(last),
            of("serial", Metric::StopAllTime).and_then(last),
        );
        for m in run.measurements.iter().filter(|m| m.metric == Metric::StartRate) {
            println!("    {}: {:?} instances a second", m.workload, m.samples);
        }
        assert!(after <= before * 1.01, "{backend}: memory did not come back");
    }
}

/// A run that is in the midst of its instances, which one thread has started or several.
fn many(bench: &Bench, backend: &str, threads: usize) -> std::process::Child {
    let args = ["run", "density", "--backends", backend, "--instances", "60", "--samples", "1000", "--out"];
    let mut command = bench.command(&args);
    let child = command.arg(&bench.out).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(120);
    while !is_midway(&children_by_thread(child.id()), threads) {
        assert!(Instant::now() < deadline, "the run does not get going");
        sleep(Duration::from_millis(1));
    }
    child
}

fn is_midway(children: &[usize], threads: usize) -> bool {
    let starters = children.iter().filter(|children| **children > 2).count();
    starters >= threads && children.iter().sum::<usize>() > 12
}

/// How many children each thread of a process has.
fn children_by_thread(pid: u32) -> Vec<usize> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists.map(|list| list.split_whitespace().count()).collect()
}

#[test]
fn an_interrupt_ends_many_instances_at_once_and_leaves_nothing() {
    if !can_run_everything() {
        return;
    }
    for (backend, threads) in [("container", 1), ("microvm", 2)] {
        let bench = Bench::new();
        let mut child = many(&bench, backend, threads);
        let pid = child.id();
        kill(Pid::from_raw(pid as i32), Signal::SIGINT).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130), "{backend}");
        let run = results::load(&bench.latest().join("run.json")).unwrap();
        assert_eq!(run.state, RunState::Interrupted);
        assert!(
            run.measurements.iter().all(|m| m.status != Status::Failed),
            "the signal is nobody's failure"
        );
        assert_eq!(processes_with(&bench.temp.path().display().to_string()), [] as [String; 0]);
        assert_eq!(cgroups_of(pid).len(), 0);
        assert_eq!(bench.scratch_folders().len(), 0);
    }
}

#[test]
fn a_killed_run_takes_its_instances_with_it_whichever_thread_started_them() {
    if !can_run_everything() {
        return;
    }
    let bench = Bench::new();
    let mut child = many(&bench, "container", 2);
    let pid = child.id();
    child.kill().unwrap();
    child.wait().unwrap();
    let scratch = bench.temp.path().display().to_string();
    let deadline = Instant::now() + Duration::from_secs(20);
    while !processes_with(&scratch).is_empty() {
        assert!(Instant::now() < deadline, "an instance outlived the run");
        sleep(Duration::from_millis(20));
    }
    assert!(bench.command(&["clean"]).stdout(Stdio::null()).status().unwrap().success());
    assert_eq!((cgroups_of(pid).len(), bench.scratch_folders().len()), (0, 0));
}

#[test]
fn what_ends_a_ramp_early_is_said_and_recorded() {
    let bench = Bench::new();
    // Descriptors for a dozen instances, whatever the user would like.
    let inner = [
        "run",
        "density",
        "--backends",
        "process",
        "--samples",
        "1",
        "--instances",
        "500",
        "--out",
        "results",
    ];
    let inner = bench.command(&inner);
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -n 360 && exec \"$@\"", "sh"])
        .arg(inner.get_program())
        .args(inner.get_args());
    let output = command.env("TMPDIR", bench.temp.path()).current_dir(bench.temp.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("of 500 instances: file descriptors"), "{said}");
    let run = results::load(&bench.latest()).unwrap();
    let why = &run.backend("process").unwrap().details["density_serial"];
    assert!(why.contains("stopped at") && why.contains("ulimit -Hn"), "{why}");
    let starts = run.measurement(Experiment::Density, "serial", "process", &Metric::StartupTime).unwrap();
    assert!((4..100).contains(&starts.samples.len()), "{}", starts.samples.len());
}

#[test]
fn published_data_is_drawn_beside_a_run_and_a_folder_without_it_is_bad_input() {
    let bench = Bench::new();
    let args =
        ["run", "density", "--backends", "process", "--samples", "1", "--instances", "4", "--out", "results"];
    assert!(bench.command(&args).output().unwrap().status.success());
    let data = bench.temp.path().join("data");
    fs::create_dir(&data).unwrap();
    let report = || bench.command(&["report", "results/latest", "--import-nsdi", "data"]).output().unwrap();
    let output = report();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("nsdi2020-data"));

    fs::write(data.join("boot-serial-fc-api-cdf.dat"), "150000 0.5\n190000 1.0\n").unwrap();
    assert!(report().status.success());
    let page = fs::read_to_string(bench.latest().join("report.html")).unwrap();
    assert!(page.contains("Firecracker (published)"));
}
