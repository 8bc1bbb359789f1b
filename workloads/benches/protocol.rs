//! What the host does per trial besides waiting: parsing the agent's events. It must stay far below a batch
//! (1 ms).

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use workloads::protocol::Parser;

fn parse(criterion: &mut Criterion) {
    let samples = (1..=256).map(|n| format!("sample {n}000 1000{n:03}\n"));
    let output = format!("ready\nbegin 1000\n{}end 2000\ndone\n", samples.collect::<String>());
    let mut group = criterion.benchmark_group("protocol");
    group.throughput(Throughput::Bytes(output.len() as u64));
    group.bench_function("parse the longest output of an agent", |bencher| {
        bencher.iter(|| Parser::new().push(black_box(output.as_bytes())));
    });
    group.finish();
}

fn digest(criterion: &mut Criterion) {
    criterion.bench_function("digest of the agent", |bencher| bencher.iter(workloads::agent_sha256));
}

criterion_group!(benches, parse, digest);
criterion_main!(benches);
