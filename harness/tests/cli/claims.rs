//! `bench claims`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use results::{Run, load, write_run};
use serde_json::Value;

use crate::common::Bench;

/// A complete run without a Linux guest, and an interrupted one.
fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../results/tests/data").join(name)
}

fn saved(bench: &Bench, id: &str, change: impl FnOnce(&mut Run)) {
    let mut run = load(&fixture("run.json")).unwrap();
    run.run_id = id.to_owned();
    change(&mut run);
    fs::create_dir_all(bench.out.join(id)).unwrap();
    write_run(&bench.out.join(id), &run).unwrap();
}

fn claims(bench: &Bench, args: &[&str], run: &Path) -> Output {
    bench.command(&["claims"]).args(args).arg(run).output().unwrap()
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn every_claim_has_its_verdict_its_rule_and_its_reason() {
    let bench = Bench::new();
    for name in ["run.json", "partial.json"] {
        let shown = text(&claims(&bench, &[], &fixture(name)));
        for number in 1..=10 {
            assert!(shown.lines().any(|line| line.starts_with(&format!("│ C{number} "))), "{shown}");
            assert!(shown.lines().any(|line| line.starts_with(&format!(" C{number} "))), "{shown}");
        }
        let of = |label: &str| shown.matches(&format!("      {label} ")).count();
        assert!(of("hypothesis") == 10 && of("verdict") == 10 && of("rule") > 20, "{shown}");
        // No line is broken by the terminal; there is none here, so that a default holds.
        assert!(shown.lines().all(|line| line.chars().count() <= 120), "{shown}");
    }
}

#[test]
fn json_has_the_same_and_the_rule_by_which_parts_combine() {
    let bench = Bench::new();
    let json: Value =
        serde_json::from_str(&text(&claims(&bench, &["--json"], &fixture("run.json")))).unwrap();
    let all = json["claims"].as_array().unwrap();
    assert_eq!(all.iter().map(|claim| claim["id"].as_str().unwrap()).collect::<Vec<_>>()[..2], ["C1", "C2"]);
    assert!(json["how_parts_combine"].as_str().unwrap().contains("Asides decide nothing"));
    let aside = &all[0]["parts"][1];
    assert_eq!((&aside["role"], &aside["ratio"]["blocks"]), (&"aside".into(), &16.into()));
    assert!(aside["ratio"]["interval"][0].as_f64().unwrap() > 1.0, "{aside}");
    assert!(all[0]["reason"].as_str().unwrap().contains("microvm-linux is not part of this run"));
}

#[test]
fn a_name_below_the_results_folder_is_found_and_a_verdict_is_never_a_failure() {
    let bench = Bench::new();
    saved(&bench, "turned", |run| {
        let pid = run.evidence.iter_mut().find(|fact| fact.backend == "container" && fact.key == "pid");
        pid.unwrap().value = "4711".to_owned();
    });
    let output = claims(&bench, &["--results", bench.out.to_str().unwrap()], Path::new("turned"));
    assert_eq!(output.status.code(), Some(0));
    let shown = text(&output);
    assert!(
        shown.trim_end().ends_with("not measured here of turned.") && shown.contains("1 refuted"),
        "{shown}"
    );
}

#[test]
fn what_a_file_says_does_not_reach_the_terminal_as_a_command() {
    let bench = Bench::new();
    saved(&bench, "evil", |run| {
        run.host.hypervisor = Some("a\x1b[2Jb".to_owned());
        run.evidence.iter_mut().for_each(|fact| fact.value.push_str("\x1b[2J"));
        run.backends[2].status = results::BackendStatus::Failed;
        run.backends[2].reason = Some("\x1b]0;title\x07".to_owned());
    });
    assert!(!text(&claims(&bench, &[], &bench.out.join("evil"))).contains(['\x1b', '\x07']));
}

#[test]
fn bad_input_is_named_with_status_2() {
    let bench = Bench::new();
    let cut = bench.temp.path().join("run.json");
    fs::write(&cut, "{\"schema_version\": 1,").unwrap();
    for (run, wanted) in [(cut.as_path(), "cut off"), (Path::new("no-such-run"), "no-such-run")] {
        let output = claims(&bench, &[], run);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && error.contains(wanted), "{error}");
        assert!(output.stdout.is_empty());
    }
    assert_eq!(bench.command(&["claims"]).output().unwrap().status.code(), Some(2));
}
