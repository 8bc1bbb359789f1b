//! `bench baseline`, and comparing with one.

use std::fs;
use std::path::Path;
use std::process::Output;

use results::stats::Rng;
use results::{Run, RunState, update_latest, write_run};
use serde_json::Value;

use crate::common::Bench;
use crate::simulate;

/// Run `number`, an hour after the one before.
fn saved(bench: &Bench, number: u64, change: impl FnOnce(&mut Run)) -> String {
    let mut run = simulate::run(simulate::QUIET, 12, &mut Rng::new(number));
    run.run_id = format!("run-{number}");
    run.started_at = format!("2026-11-24T{:02}:00:00Z", number);
    change(&mut run);
    let folder = bench.out.join(&run.run_id);
    fs::create_dir_all(&folder).unwrap();
    write_run(&folder, &run).unwrap();
    update_latest(&bench.out, &run.run_id).unwrap();
    run.run_id
}

fn bench(bench: &Bench, args: &[&str]) -> Output {
    bench.command(args).arg("--results").arg(&bench.out).output().unwrap()
}

fn fine(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn refused(output: &Output, reason: &str) {
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains(reason), "{reason} is not in {error}");
}

fn kept(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn the_newest_runs_are_kept_and_compared_with() {
    let b = Bench::new();
    assert!(fine(&bench(&b, &["baseline", "list"])).contains("No baseline"));
    for number in 1..=4 {
        saved(&b, number, |_| {});
        fine(&bench(&b, &["baseline", "save", "main", "--keep", "3"]));
    }
    let folder = b.out.join("baselines/main");
    assert_eq!(kept(&folder), ["run-2", "run-3", "run-4"]);
    // An older run than those does not displace them.
    fine(&bench(&b, &["baseline", "save", "main", "run-1", "--keep", "3"]));
    assert_eq!(kept(&folder), ["run-2", "run-3", "run-4"]);

    saved(&b, 5, |run| simulate::slow_down(run, "container", 1.25));
    let compared = bench(&b, &["compare", "@main", "latest", "--json"]);
    assert_eq!(compared.status.code(), Some(1), "{}", String::from_utf8_lossy(&compared.stderr));
    let json: Value = serde_json::from_slice(&compared.stdout).unwrap();
    assert_eq!(json["base"].as_array().unwrap().len(), 3);

    let listed = fine(&bench(&b, &["baseline", "list"]));
    assert!(listed.starts_with("@main\n  run-2  2026-11-24T02"), "{listed}");
    let json: Value = serde_json::from_str(&fine(&bench(&b, &["baseline", "list", "--json"]))).unwrap();
    assert_eq!(json["baselines"][0]["runs"][2]["run_id"], "run-4");
    // The runs themselves may go.
    for number in 1..=4 {
        fs::remove_dir_all(b.out.join(format!("run-{number}"))).unwrap();
    }
    assert_eq!(bench(&b, &["compare", "@main", "run-5"]).status.code(), Some(1));
    fine(&bench(&b, &["baseline", "save", "release-1", "@main"]));
    assert_eq!(kept(&b.out.join("baselines/release-1")), ["run-2", "run-3", "run-4"]);
}

#[test]
fn a_run_that_cannot_stand_beside_the_others_is_refused_and_changes_nothing() {
    let b = Bench::new();
    saved(&b, 1, |_| {});
    fine(&bench(&b, &["baseline", "save", "main"]));
    saved(&b, 2, |run| run.host.kernel = "7.0".into());
    refused(&bench(&b, &["baseline", "save", "main"]), "host.kernel");
    saved(&b, 3, |run| run.state = RunState::Interrupted);
    refused(&bench(&b, &["baseline", "save", "main"]), "--allow-interrupted");
    // Of several that are refused none is kept.
    refused(&bench(&b, &["baseline", "save", "both", "run-1", "run-2"]), "host.kernel");
    assert!(!b.out.join("baselines/both").exists());
    assert_eq!(kept(&b.out.join("baselines/main")), ["run-1"]);

    fine(&bench(&b, &["baseline", "save", "main", "run-3", "--allow-interrupted"]));
    fine(&bench(&b, &["baseline", "save", "main", "run-2", "--replace"]));
    assert_eq!(kept(&b.out.join("baselines/main")), ["run-2"]);
}

#[test]
fn names_and_damaged_baselines_are_refused() {
    let b = Bench::new();
    refused(&bench(&b, &["baseline", "save", "main"]), "cannot read");
    saved(&b, 1, |_| {});
    for name in ["../main", ".", "a/b", "@main", ""] {
        refused(&bench(&b, &["baseline", "save", name]), "no name of a baseline");
    }
    refused(&bench(&b, &["baseline", "save", "main", "--keep", "0"]), "--keep");
    fine(&bench(&b, &["baseline", "save", "main"]));
    refused(&bench(&b, &["compare", "@mian", "run-1"]), "only main");
    fs::write(b.out.join("baselines/main/run-1/run.json"), "{").unwrap();
    refused(&bench(&b, &["compare", "@main", "run-1"]), "run.json");
    refused(&bench(&b, &["baseline", "list"]), "run.json");
}
