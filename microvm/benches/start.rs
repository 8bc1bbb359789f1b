//! The two promises that are ours to keep: a machine starts hardly slower than the KVM calls it cannot do without
//! (`examples/bare_kvm.rs` is the yardstick), and a system call is served without leaving the guest.
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

#[path = "../tests/common/mod.rs"]
mod common;

use std::io::Read;
use std::time::{Duration, Instant};

use common::{has_kvm, write_elf};
use criterion::{Criterion, criterion_group, criterion_main};
use microvm::{Config, Launcher};

/// Calls between the two bytes of [`CALLS`].
const CALLS_MADE: u32 = 100_000;

/// write(1, .., 1): one byte of the program itself.
const WRITE: &[u8] =
    &[0xb8, 1, 0, 0, 0, 0xbf, 1, 0, 0, 0, 0xbe, 0x78, 0, 0x40, 0, 0xba, 1, 0, 0, 0, 0x0f, 0x05];
/// exit_group(0)
const EXIT: &[u8] = &[0xb8, 231, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05];

/// One byte, [`CALLS_MADE`] times getpid, another byte.
fn calls() -> Vec<u8> {
    // mov ebx, count; again: mov eax, 39; syscall; dec ebx; jnz again
    let count = [&[0xbb][..], &CALLS_MADE.to_le_bytes()].concat();
    [WRITE, &count, &[0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0xff, 0xcb, 0x75, 0xf5], WRITE, EXIT].concat()
}

fn start_to_first_doorbell(criterion: &mut Criterion) {
    if !has_kvm() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let config = Config::new(write_elf(folder.path(), &[WRITE, EXIT].concat()));
    let launcher = Launcher::new().unwrap();
    criterion.bench_function("machine/start_to_first_doorbell", |bencher| {
        bencher.iter_custom(|iterations| {
            (0..iterations)
                .map(|_| {
                    let start = Instant::now();
                    let mut instance = launcher.start(&config).unwrap();
                    instance.stdout.read_exact(&mut [0]).unwrap();
                    // Teardown is waited for, but not counted.
                    let took = start.elapsed();
                    instance.wait().unwrap();
                    took
                })
                .sum()
        })
    });
    criterion.bench_function("machine/start_to_exit", |bencher| {
        bencher.iter(|| launcher.start(&config).unwrap().wait().unwrap())
    });
}

fn system_call(criterion: &mut Criterion) {
    if !has_kvm() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let config = Config::new(write_elf(folder.path(), &calls()));
    let launcher = Launcher::new().unwrap();
    criterion.bench_function("unikernel/getpid", |bencher| {
        bencher.iter_custom(|iterations| {
            let mut total = Duration::ZERO;
            // Whole guests, then scaled to what was asked for.
            let guests = iterations.div_ceil(CALLS_MADE.into());
            for _ in 0..guests {
                let mut instance = launcher.start(&config).unwrap();
                instance.stdout.read_exact(&mut [0]).unwrap();
                let start = Instant::now();
                instance.stdout.read_exact(&mut [0]).unwrap();
                total += start.elapsed();
                instance.wait().unwrap();
            }
            total.mul_f64(iterations as f64 / (guests * u64::from(CALLS_MADE)) as f64)
        })
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(30).measurement_time(Duration::from_secs(3));
    targets = start_to_first_doorbell, system_call
}
criterion_main!(benches);
