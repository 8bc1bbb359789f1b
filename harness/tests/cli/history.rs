//! `bench history`.

use std::fs;
use std::path::Path;
use std::process::Output;

use results::stats::Rng;
use results::{Run, RunState, write_run};
use serde_json::Value;

use crate::common::Bench;
use crate::simulate;

/// Twenty runs, an hour apart, below `folder`; from the twelfth on a container takes 12 % longer.
fn runs(folder: &Path) -> Vec<Run> {
    let mut rng = Rng::new(5);
    let one = |number: u32| {
        let mut run = simulate::run(simulate::QUIET, 10, &mut rng);
        run.run_id = format!("run-{number}");
        run.started_at = format!("2026-11-24T{number:02}:00:00Z");
        if number >= 12 {
            simulate::slow_down(&mut run, "container", 1.12);
        }
        save(&folder.join(&run.run_id), &run);
        run
    };
    (0..20).map(one).collect()
}

fn save(folder: &Path, run: &Run) {
    fs::create_dir_all(folder).unwrap();
    write_run(folder, run).unwrap();
}

fn history(bench: &Bench, args: &[&str]) -> Output {
    bench.command(&["history"]).arg(&bench.out).args(args).output().unwrap()
}

fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_change_is_found_and_shown_in_every_form() {
    let bench = Bench::new();
    runs(&bench.out);
    let output = history(&bench, &[]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    let first = text.lines().nth(1).unwrap();
    assert!(first.contains("· container ·") && first.contains("1.1"), "{first}");
    assert!(text.contains("since 2026-11-24 12:00 UTC"), "{text}");
    assert!(fs::read_to_string(bench.out.join("history.html")).unwrap().contains("What changed?"));
    let png = fs::read(bench.out.join("history/startup-noop-startup_time.png")).unwrap();
    assert!(png.starts_with(b"\x89PNG\r\n\x1a\n"));

    let json = json(&history(&bench, &["--json"]));
    let series = json["history"]["series"].as_array().unwrap();
    let startup = |backend: &str| {
        let found = series.iter().find(|one| one["metric"] == "startup_time" && one["backend"] == backend);
        found.unwrap()["levels"].as_array().unwrap().clone()
    };
    assert_eq!((startup("process").len(), startup("container").len()), (1, 2));
    let level = &startup("container")[1];
    assert_eq!((&level["from"], &level["step"]["worse"]), (&12.into(), &true.into()), "{level}");
}

#[test]
fn a_run_that_is_also_in_a_baseline_counts_once_and_the_page_goes_where_it_is_wanted() {
    let bench = Bench::new();
    let runs = runs(&bench.out);
    save(&bench.out.join("baselines/main/run-3"), &runs[3]);
    let elsewhere = bench.out.join("page");
    let json = json(&history(&bench, &["--json", "--out", elsewhere.to_str().unwrap()]));
    assert_eq!(json["history"]["runs"].as_array().unwrap().len(), 20);
    assert!(elsewhere.join("history.html").exists() && !bench.out.join("history.html").exists());
}

#[test]
fn what_cannot_be_read_is_named_and_the_others_are_shown() {
    let bench = Bench::new();
    let mut run = runs(&bench.out).remove(0);
    run.state = RunState::Interrupted;
    save(&bench.out.join("run-0"), &run);
    for (name, text) in [("newer", r#"{"schema_version": 9}"#), ("cut", "{\"schema"), ("empty", "")] {
        fs::create_dir_all(bench.out.join(name)).unwrap();
        fs::write(bench.out.join(name).join("run.json"), text).unwrap();
    }
    let output = history(&bench, &["--json"]);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    let json = json(&output);
    assert_eq!(json["unread"].as_array().unwrap().len(), 3);
    assert!(error.contains("newer") && error.contains("update `bench`"), "{error}");
    assert_eq!(json["history"]["runs"][0]["state"], "interrupted");
    let page = fs::read_to_string(bench.out.join("history.html")).unwrap();
    assert!(page.contains("Could not be read") && page.contains("<td>interrupted</td>"));
}

#[test]
fn without_a_run_there_is_a_reason_and_no_page() {
    let bench = Bench::new();
    fs::create_dir_all(bench.out.join("bad")).unwrap();
    let refused = |reason: &str| {
        let output = history(&bench, &[]);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(reason), "{reason} is not in {error}");
        assert!(!bench.out.join("history.html").exists());
    };
    refused("no run in");
    fs::write(bench.out.join("bad/run.json"), "[]").unwrap();
    refused("bad/run.json");
    let missing = bench.command(&["history", "/nowhere"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("/nowhere"));
}
