//! What is done again and again: after every block the harness asks for an interval, for every trial it writes a line, and
//! every report reads a run.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use results::stats::{Rng, bootstrap_median, paired_ratio};
use results::{Experiment, Journal, Key, Metric, Run, load, write_run};

fn fixture() -> Run {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/run.json");
    load(path.as_ref()).expect("the committed fixture is valid")
}

/// `n` numbers between 0 and 1.
fn samples(n: usize) -> Vec<f64> {
    let mut rng = Rng::new(1);
    (0..n).map(|_| rng.next_u64() as f64 / u64::MAX as f64).collect()
}

fn statistics(c: &mut Criterion) {
    for n in [20, 200] {
        let samples = samples(n);
        c.bench_function(&format!("bootstrap_median/{n}"), |b| {
            b.iter(|| bootstrap_median(black_box(&samples), 7));
        });
    }
    let run = fixture();
    let startup = |backend| run.measurement(Experiment::Startup, "noop", backend, &Metric::StartupTime);
    let (container, process) = (startup("container"), startup("process"));
    if let (Some(container), Some(process)) = (container, process) {
        c.bench_function("paired_ratio/16", |b| b.iter(|| paired_ratio(black_box(container), process, 7)));
    }
}

fn store(c: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let mut run = fixture();
    for measurement in run.measurements.iter_mut().filter(|measurement| !measurement.samples.is_empty()) {
        measurement.samples = samples(1000);
        measurement.blocks = (0..1000).collect();
        measurement.flags = None;
    }
    write_run(dir.path(), &run).expect("the run is valid");
    c.bench_function("load/100000_samples", |b| b.iter(|| load(dir.path())));

    let header = Run { measurements: Vec::new(), evidence: Vec::new(), ..run };
    let mut journal = Journal::create(&dir.path().join("run"), &header).expect("the folder is new");
    let key = Key::new(Experiment::Startup, "noop", "process", Metric::StartupTime);
    let mut blocks = 0..;
    c.bench_function("journal/sample", |b| {
        b.iter_batched(
            || blocks.next().unwrap_or_default(),
            |block| journal.sample(&key, 394_241.0, block, &[]),
            BatchSize::SmallInput,
        );
    });
}

criterion_group!(benches, statistics, store);
criterion_main!(benches);
