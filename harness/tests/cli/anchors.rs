//! `bench anchors`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use results::{Run, load, update_latest, write_run};
use serde_json::Value;

use crate::common::Bench;

/// A complete run of a process, a container and a microVM.
fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../results/tests/data/run.json")
}

fn saved(bench: &Bench, id: &str, change: impl FnOnce(&mut Run)) -> PathBuf {
    let mut run = load(&fixture()).unwrap();
    run.run_id = id.to_owned();
    change(&mut run);
    let dir = bench.out.join(id);
    fs::create_dir_all(&dir).unwrap();
    write_run(&dir, &run).unwrap();
    dir
}

/// Makes the container stand for runc and crun, and the second take a fifth of the first's time.
fn with_runtimes(run: &mut Run) {
    for (name, share) in [("runc", 1.0), ("crun", 0.2)] {
        let mut backend = run.backends[1].clone();
        backend.name = name.to_owned();
        backend.details.insert("version".to_owned(), "1.1.5".to_owned());
        run.backends.push(backend);
        let own = run.measurements.iter().filter(|m| m.backend == "container").cloned();
        let mut own: Vec<_> = own.collect();
        for m in &mut own {
            m.backend = name.to_owned();
            m.samples.iter_mut().for_each(|sample| *sample *= share);
        }
        run.measurements.extend(own);
    }
}

fn anchors(bench: &Bench, args: &[&str]) -> Output {
    bench.command(&["anchors", "--results", bench.out.to_str().unwrap()]).args(args).output().unwrap()
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn a_figure_beside_one_of_the_run_has_its_source_machine_and_stopping_point() {
    let bench = Bench::new();
    saved(&bench, "both", with_runtimes);
    let shown = text(&anchors(&bench, &["both"]));
    // Cells wrap: a column is read from top to bottom.
    let beside = shown.lines().skip_while(|line| !line.starts_with("│ verdict"));
    let rows: Vec<Vec<&str>> = beside.map(|line| line.trim_matches('│').split('┆').collect()).collect();
    let column = |number: usize| {
        let words = rows.iter().filter_map(|row| row.get(number)).flat_map(|cell| cell.split_whitespace());
        words.collect::<Vec<_>>().join(" ")
    };
    for (number, wanted) in [
        (1, "0.209 × runc’s 225 ms"),
        (1, "16 cores, 64 GB, Ubuntu 22.04"),
        (1, "youki, README, github.com/youki-dev/youki, collected 2026-11"),
        (2, "crun ÷ runc: 0.200 × (0.200–0.200), 16 blocks from the start call to READY"),
        (3, "but version: crun is version 1.15"),
    ] {
        assert!(column(number).contains(wanted), "{wanted}: {shown}");
    }
    assert!(shown.trim_end().ends_with("UTC)."), "{shown}");
    assert!(shown.contains("contradicted,") && shown.contains("of both (AMD EPYC 9R14, 2 CPUs below KVM"));
    // No line of a table is broken by the terminal; there is none here, so that a default holds.
    let rows = shown.lines().filter(|line| line.starts_with(['│', '╭', '╰']));
    assert!(rows.clone().count() > 50 && rows.into_iter().all(|line| line.chars().count() <= 120), "{shown}");
}

#[test]
fn json_has_every_figure_with_its_conditions_of_every_run() {
    let bench = Bench::new();
    saved(&bench, "a", |_| {});
    saved(&bench, "b", with_runtimes);
    let json: Value = serde_json::from_str(&text(&anchors(&bench, &["--json", "a", "b"]))).unwrap();
    assert!(json["how_differences_count"].as_str().unwrap().contains("contradicts only if"));
    let runs = json["runs"].as_array().unwrap();
    assert_eq!((&runs[0]["run_id"], &runs[1]["run_id"]), (&"a".into(), &"b".into()));
    for run in runs {
        assert_eq!(run["host"]["cpu_model"], "AMD EPYC 9R14");
        for anchor in run["anchors"].as_array().unwrap() {
            for key in
                ["figure", "stops", "conditions", "machine", "source", "place", "date", "collected", "reason"]
            {
                assert!(anchor[key].as_str().is_some_and(|text| !text.is_empty()), "{key}: {anchor}");
            }
        }
    }
    let of = |run: usize| {
        let all = runs[run]["anchors"].as_array().unwrap();
        all.iter().find(|anchor| anchor["id"] == "youki-crun").unwrap()
    };
    assert_eq!((&of(0)["about"], &of(0)["measured"]), (&"not-in-run".into(), &Value::Null));
    assert_eq!((&of(1)["verdict"], &of(1)["measured"]["to"]), (&"reproduced".into(), &"runc".into()));
    assert_eq!(of(1)["differs"][0]["about"], "conditions");
}

#[test]
fn without_a_name_it_is_the_latest_run_and_a_contradiction_is_no_failure() {
    let bench = Bench::new();
    let dir = saved(&bench, "slow", |run| {
        for m in run.measurements.iter_mut().filter(|m| m.backend == "process") {
            m.samples.iter_mut().for_each(|sample| *sample *= 100.0);
        }
    });
    update_latest(&bench.out, dir.file_name().unwrap().to_str().unwrap()).unwrap();
    let output = anchors(&bench, &[]);
    assert_eq!(output.status.code(), Some(0));
    let shown = text(&output);
    assert!(shown.contains("of slow (") && !shown.contains(" 0 contradicted"), "{shown}");
}

#[test]
fn what_a_file_says_does_not_reach_the_terminal_as_a_command() {
    let bench = Bench::new();
    saved(&bench, "evil", |run| {
        with_runtimes(run);
        run.host.hypervisor = Some("a\x1b[2Jb".to_owned());
        run.host.cpu_model.push('\x07');
        for backend in &mut run.backends {
            backend.details.insert("version".to_owned(), "9\x1b]0;title\x07".to_owned());
        }
        run.backends[2].reason = Some("\x1b[2J".to_owned());
    });
    assert!(!text(&anchors(&bench, &["evil"])).contains(['\x1b', '\x07']));
}

#[test]
fn bad_input_is_named_with_status_2() {
    let bench = Bench::new();
    for run in ["no-such-run", "latest"] {
        let output = anchors(&bench, &[run]);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && error.contains(run), "{error}");
        assert!(output.stdout.is_empty());
    }
}
