//! Start to exit, with and without isolation; the promise is that the full container is no slower than
//! `bwrap --unshare-all`, which does less.

use std::hint::black_box;

use container::cgroup::{Layout, Limits};
use container::{Rootfs, Spec, Stdio};
use criterion::{Criterion, criterion_group, criterion_main};

fn run(spec: &Spec) {
    let mut instance = container::start(spec).expect("starts");
    drop(instance.stdin.take());
    black_box(instance.wait().expect("ends"));
}

fn starts(criterion: &mut Criterion) {
    let Ok(program) = std::fs::read("/bin/busybox") else {
        eprintln!("SKIPPED: needs busybox-static");
        return;
    };
    let dir = tempfile::tempdir().expect("a temporary directory");
    let rootfs = Rootfs::prepare(&dir.path().join("rootfs"), "busybox", &program).expect("a rootfs");
    let quiet = |spec: Spec| Spec { stdout: Stdio::Null, ..spec.args(["true"]) };
    let process = quiet(Spec::process("/bin/busybox"));
    let full = quiet(Spec::container(&rootfs));

    let mut group = criterion.benchmark_group("container_start");
    group.bench_function("process", |bencher| bencher.iter(|| run(&process)));
    group.bench_function("container", |bencher| bencher.iter(|| run(&full)));
    let limits = Limits { memory: Some(256 << 20), cpu: Some(1.0), pids: Some(64) };
    let layout = Layout::detect().expect("reads /proc");
    match layout.create("container-bench-probe", &limits) {
        Ok(_) => group.bench_function("container_and_cgroup", |bencher| {
            bencher.iter(|| {
                let cgroup = layout.create("container-bench", &limits).expect("a cgroup");
                run(&full.clone().cgroup(&cgroup));
                cgroup.remove().expect("is empty");
            });
        }),
        Err(error) => {
            eprintln!("SKIPPED: container_and_cgroup: {error}");
            &mut group
        }
    };
    group.finish();
}

criterion_group!(benches, starts);
criterion_main!(benches);
