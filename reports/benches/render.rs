//! Rendering is promised to take less than two seconds in all; here are its parts.

#[path = "../tests/support/mod.rs"]
mod support;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};

fn rendering(c: &mut Criterion) {
    let run = support::run(100);
    let charts = reports::charts(&run).expect("the example run can be drawn");
    let syscalls = charts.iter().find(|chart| chart.name == "syscalls").expect("it has system calls");
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let mut group = c.benchmark_group("rendering");
    group.sample_size(10);
    group.bench_function("page", |b| b.iter(|| reports::html(black_box(&run))));
    group.bench_function("one_chart_to_png", |b| b.iter(|| reports::png(black_box(&syscalls.svg))));
    group.bench_function("everything", |b| b.iter(|| reports::render(black_box(&run), folder.path())));
    group.finish();
}

criterion_group!(benches, rendering);
criterion_main!(benches);
