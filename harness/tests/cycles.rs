//! Starting and stopping instances over and over takes nothing from the process that does it: no memory, no descriptors,
//! no time.
//!
//! Thousands of cycles, about three minutes:
//! `cargo test --release -p harness --test cycles -- --ignored --nocapture`

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails; clippy sees only #[test] functions as tests"
)]

use std::fs;
use std::time::Duration;

use container::now_ns;
use harness::backend::{self, Backend, Job, JobLimits};
use harness::interrupt::Interrupt;
use harness::scratch::Scratch;
use harness::trial::Follower;
use results::stats::{Estimate, median, slope};

const LIMIT: Duration = Duration::from_secs(60);

/// Readings over the cycles; each point is the median of a block of cycles, since neighbours resemble each other.
const POINTS: usize = 50;

/// What grew over all cycles.
struct Course {
    latency: Vec<f64>,
    resident: Vec<f64>,
    descriptors: Vec<f64>,
}

/// Growth per cycle with its interval, and the median.
fn trend(values: &[f64]) -> (Estimate, f64) {
    let block = (values.len() / POINTS).max(1);
    let blocks = values.chunks_exact(block).enumerate();
    let points: Vec<(f64, f64)> =
        blocks.map(|(place, values)| ((place * block) as f64, median(values).unwrap())).collect();
    (slope(&points).unwrap(), median(values).unwrap())
}

/// Resident pages of this process that are no file's, in bytes.
fn resident() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() * 1024.0
}

fn descriptors() -> f64 {
    fs::read_dir("/proc/self/fd").unwrap().count() as f64
}

/// Kernel objects that outlive what they were made for until memory runs short: reported, since only the kernel frees them.
fn memory_cgroups() -> String {
    let text = fs::read_to_string("/proc/cgroups").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("memory\t"));
    line.and_then(|line| line.split('\t').nth(2)).unwrap_or("?").to_owned()
}

fn cycle(backend: &dyn Backend, interrupt: &Interrupt) -> f64 {
    let job = Job {
        args: &["noop"],
        env: &[],
        memory_bytes: 32 << 20,
        limits: JobLimits::USUAL,
        accounted: false,
        deadline: Some(LIMIT),
    };
    let begun = now_ns();
    let mut instance = backend.start(&job).unwrap();
    let ready = Follower::new(interrupt, LIMIT).ready(&*instance).unwrap();
    assert_eq!(instance.stop(LIMIT).unwrap().failure, None);
    (ready - begun) as f64
}

/// Backends in turns, so that what the machine does meanwhile hits all alike.
fn cycles(count: usize, interrupt: &Interrupt) -> Vec<(&'static str, Course)> {
    let scratch = Scratch::create().unwrap();
    let mut backends = backend::all(&backend::Options::default());
    // A guest that boots takes seconds: its cycles are those of the same launcher.
    backends.retain(|backend| ["process", "container", "microvm"].contains(&backend.name()));
    backends.iter_mut().for_each(|backend| backend.prepare(&scratch).unwrap());
    let mut courses: Vec<(&str, Course)> = backends
        .iter()
        // Room for all, or the readings themselves would be what grows.
        .map(|backend| (backend.name(), [(); 3].map(|()| Vec::with_capacity(count))))
        .map(|(name, [latency, resident, descriptors])| (name, Course { latency, resident, descriptors }))
        .collect();
    // Touch that room: a page counts when it is written.
    for (_, course) in &mut courses {
        for values in [&mut course.latency, &mut course.resident, &mut course.descriptors] {
            values.resize(count, 1.0);
            values.clear();
        }
    }
    for turn in 0..count + count / 10 {
        for (backend, (_, course)) in backends.iter().zip(&mut courses) {
            let latency = cycle(&**backend, interrupt);
            // The first tenth warms up.
            if turn >= count / 10 {
                course.latency.push(latency);
                course.resident.push(resident());
                course.descriptors.push(descriptors());
            }
        }
    }
    courses
}

/// Whether this machine can start all of them.
fn can_run() -> bool {
    let kvm = fs::OpenOptions::new().read(true).write(true).open("/dev/kvm").is_ok();
    if kvm && nix::unistd::geteuid().is_root() {
        return true;
    }
    println!("SKIPPED: needs root and /dev/kvm");
    assert!(std::env::var_os("BENCH_NO_SKIP").is_none_or(|v| v.is_empty()), "nothing may skip");
    false
}

/// Says what grew over `count` cycles, and by what share of the median with which ends.
fn growth(name: &str, what: &str, values: &[f64]) -> (f64, f64) {
    let (slope, median) = trend(values);
    let all = values.len() as f64;
    let share = |per_cycle: f64| per_cycle * all / median;
    println!(
        "{name}: {what} {median:.0}, over {all} cycles {:+.3} % [{:+.3}, {:+.3}]",
        share(slope.median) * 100.0,
        share(slope.low) * 100.0,
        share(slope.high) * 100.0
    );
    (share(slope.low), share(slope.high))
}

#[test]
fn a_hundred_cycles_leave_no_descriptor_and_no_process() {
    if !can_run() {
        return;
    }
    let interrupt = Interrupt::install().unwrap();
    for (name, course) in cycles(100, &interrupt) {
        let first = course.descriptors[0];
        assert!(course.descriptors.iter().all(|count| *count == first), "{name}: {:?}", course.descriptors);
        // A page here and there is the allocator's; a leak of one a cycle is not.
        let (first, last) = (course.resident[0], course.resident[99]);
        assert!(last - first < 50.0 * 4096.0, "{name}: from {first} to {last} bytes");
    }
    let children = fs::read_to_string("/proc/thread-self/children").unwrap();
    assert_eq!(children, "");
}

#[test]
#[ignore = "five thousand cycles of each backend: minutes"]
fn five_thousand_cycles_grow_nothing() {
    assert!(can_run());
    let interrupt = Interrupt::install().unwrap();
    println!("memory cgroups that the kernel keeps: {} before", memory_cgroups());
    for (name, course) in cycles(5000, &interrupt) {
        let (low, high) = growth(name, "descriptors", &course.descriptors);
        assert_eq!((low, high), (0.0, 0.0), "{name}: descriptors");
        // The interval of a reading that hardly scatters is a point: less than a page in a hundred cycles is no leak of
        // anything that is kept per instance.
        let (low, _) = growth(name, "anonymous memory", &course.resident);
        let pages = low * median(&course.resident).unwrap() / 4096.0;
        assert!(low <= 0.0 || pages < 50.0, "{name}: memory grew by {pages} pages");
        // What a machine does besides drifts; 3 % over all cycles is below what any reader would call growth.
        let (low, _) = growth(name, "start latency, ns,", &course.latency);
        assert!(low <= 0.03, "{name}: starts get slower");
    }
    println!("memory cgroups that the kernel keeps: {} after", memory_cgroups());
}
