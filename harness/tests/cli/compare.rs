//! `bench compare` on runs with a known truth, made from the fixture of a run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use results::stats::Rng;
use results::{Run, write_run};
use serde_json::Value;

use crate::common::Bench;
use crate::simulate;

/// A run of 12 blocks on a quiet machine, with `change` applied.
fn saved(bench: &Bench, id: &str, change: impl FnOnce(&mut Run)) -> PathBuf {
    let mut run = simulate::run(simulate::QUIET, 12, &mut Rng::new(1));
    run.run_id = id.to_owned();
    change(&mut run);
    let folder = bench.out.join(id);
    fs::create_dir_all(&folder).unwrap();
    write_run(&folder, &run).unwrap();
    folder
}

fn slower(run: &mut Run) {
    simulate::slow_down(run, "container", 1.25);
}

fn compare(bench: &Bench, args: &[&str], runs: &[&Path]) -> Output {
    bench.command(&["compare"]).args(args).args(runs).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_regression_ends_with_1_and_stands_in_every_form() {
    let bench = Bench::new();
    let (base, new) = (saved(&bench, "base", |_| {}), saved(&bench, "new", slower));
    let (markdown, junit) = (bench.temp.path().join("c.md"), bench.temp.path().join("c.xml"));
    let written = ["--markdown", markdown.to_str().unwrap(), "--junit", junit.to_str().unwrap()];
    let output = compare(&bench, &written, &[&base, &new]);
    let table = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{table}\n{}", text(&output.stderr));
    assert!(table.contains("regressed: startup · noop · container · startup_time ×1.25"), "{table}");
    assert!(fs::read_to_string(markdown).unwrap().contains("**regressed**"));
    assert!(fs::read_to_string(junit).unwrap().contains("<failure "));

    let output = compare(&bench, &["--json"], &[&base, &new]);
    assert_eq!(output.status.code(), Some(1));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let changes = json["changes"].as_array().unwrap();
    assert!(
        changes.iter().all(|c| (c["verdict"] == "regressed") == (c["backend"] == "container")),
        "{json:#}"
    );

    // The other way round it is an improvement, which fails nothing.
    assert_eq!(compare(&bench, &[], &[&new, &base]).status.code(), Some(0));
}

#[test]
fn the_same_run_is_unchanged_and_a_wide_threshold_lets_a_change_pass() {
    let bench = Bench::new();
    let (base, new) = (saved(&bench, "base", |_| {}), saved(&bench, "new", slower));
    let output = compare(&bench, &["--format", "markdown"], &[&base, &base]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("Nothing regressed or improved."));
    assert_eq!(compare(&bench, &["--threshold", "50%"], &[&base, &new]).status.code(), Some(0));
    // Names below the results folder will do.
    let output = bench.command(&["compare", "base", "new", "--results"]).arg(&bench.out).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn runs_that_cannot_be_compared_end_with_2_and_a_reason() {
    let bench = Bench::new();
    let base = saved(&bench, "base", |_| {});
    let damaged = |id: &str, from: &str, to: &str| {
        let folder = saved(&bench, id, |_| {});
        let file = folder.join("run.json");
        let json = fs::read_to_string(&file).unwrap();
        assert!(json.contains(from), "{from}");
        fs::write(&file, json.replacen(from, to, 1)).unwrap();
        folder
    };
    let cases = [
        (saved(&bench, "host", |run| run.host.cpu_model = "Other".into()), "host.cpu_model"),
        (saved(&bench, "agent", |run| run.tool.agent_sha256 = "00".into()), "tool.agent_sha256"),
        (saved(&bench, "preset", |run| run.config.preset = "thorough".into()), "config.preset"),
        (
            saved(&bench, "disjoint", |run| {
                run.measurements.iter_mut().for_each(|m| m.workload = format!("x-{}", m.workload));
            }),
            "no measurement in common",
        ),
        (
            saved(&bench, "single", |run| {
                for m in &mut run.measurements {
                    m.samples.truncate(1);
                    m.blocks.truncate(1);
                }
            }),
            "it takes at least 2",
        ),
        (damaged("newer", "\"schema_version\": 1", "\"schema_version\": 2"), "update `bench`"),
        (damaged("older", "\"schema_version\": 1", "\"schema_version\": 0"), "schema_version is 0"),
        (damaged("nan", "\"samples\":[", "\"samples\":[NaN,"), "run.json:"),
        (damaged("infinite", "\"samples\":[", "\"samples\":[1e999,"), "run.json:"),
        (damaged("lengths", "\"samples\":[", "\"samples\":[1.0,"), "13 samples, but 12 blocks"),
        (bench.out.join("nowhere"), "cannot read"),
    ];
    for (new, reason) in &cases {
        for runs in [[&base, new], [new, &base]] {
            let output = compare(&bench, &[], &[runs[0], runs[1]]);
            let error = text(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{}: {error}", new.display());
            assert!(error.contains(reason), "{}: {error}", new.display());
            assert_eq!(text(&output.stdout), "", "no verdict: {}", new.display());
        }
    }
    let empty = saved(&bench, "empty", |_| {});
    let file = empty.join("run.json");
    let mut json: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    json["measurements"][0]["samples"] = Value::Array(Vec::new());
    json["measurements"][0]["blocks"] = Value::Array(Vec::new());
    fs::write(&file, json.to_string()).unwrap();
    let output = compare(&bench, &[], &[&base, &empty]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("no samples"), "{}", text(&output.stderr));
    let allowed = compare(&bench, &["--allow-different"], &[&base, &cases[0].0]);
    assert_eq!(allowed.status.code(), Some(0), "{}", text(&allowed.stderr));
    assert!(text(&allowed.stdout).contains("differs: host.cpu_model"));
}

#[test]
fn wrong_usage_ends_with_2() {
    let bench = Bench::new();
    let base = saved(&bench, "base", |_| {});
    let base = base.to_str().unwrap();
    for args in [
        &["compare"][..],
        &["compare", base],
        &["compare", base, base, "--threshold", "five"],
        &["compare", base, base, "--threshold", "5000%"],
        &["compare", base, base, "--alpha", "0"],
        &["compare", base, base, "--alpha", "2"],
        &["compare", base, base, "--json", "--format", "junit"],
        &["compare", base, base, "--markdown", "/nowhere/c.md"],
        &["compare", "@", base],
        &["compare", "@../x", base],
        &["compare", base, "@none"],
    ] {
        let output = bench.command(args).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", text(&output.stderr));
        assert!(!output.stderr.is_empty(), "{args:?}");
    }
}
