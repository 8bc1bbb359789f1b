//! What the gate says of real runs between which nothing changed. Takes minutes, and the machine for itself:
//! `cargo test --release -p harness --test unchanged -- --ignored --nocapture`

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails; clippy sees only #[test] functions as tests"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use results::Run;
use results::compare::{Options, compare};

const PAIRS: usize = 20;

/// One run of everything but the slow half of the workloads.
fn measured(out: &Path) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bench"));
    command.args(["run", "startup", "syscalls", "cpu", "--samples", "15", "--json", "--out"]).arg(out);
    command.args(["--backends", "process,container,microvm"]);
    command.args([
        "--workloads",
        "noop,getpid,read-zero-4k,pipe-round-trip,mmap-touch-munmap,sha256,sort,memcpy,pointer-chase-256k",
    ]);
    let output = command.output().unwrap();
    let reason = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{reason}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
#[ignore = "takes some minutes; see the top of this file"]
fn of_20_real_pairs_at_most_1_in_100_measurements_is_called_regressed() {
    let folder = tempfile::tempdir().unwrap();
    let (mut verdicts, mut all, mut regressed) = (BTreeMap::new(), 0, 0);
    for pair in 1..=PAIRS {
        let (base, new) = (measured(folder.path()), measured(folder.path()));
        let comparison = compare(&[base], &new, &Options::default()).unwrap();
        for change in &comparison.changes {
            *verdicts.entry(change.verdict).or_insert(0) += 1;
            all += 1;
            if change.verdict == results::compare::Verdict::Regressed {
                regressed += 1;
                println!("pair {pair}: {change:?}");
            }
        }
        println!("{pair} of {PAIRS} pairs: {verdicts:?}");
    }
    assert!(regressed * 100 <= all, "{regressed} of {all}");
}
