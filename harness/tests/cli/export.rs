//! `bench export`: what it writes is read back as the receiving tool reads it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use results::{Better, Metric, Run, Status, load, write_run};
use serde_json::{Value, json};

use crate::common::Bench;

/// Every experiment, `n/a` workloads, disturbed trials; and an interrupted run with what could not be had.
const FIXTURES: [&str; 2] = ["run.json", "partial.json"];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../results/tests/data").join(name)
}

/// A run whose texts try to leave their field.
fn hostile(bench: &Bench) -> PathBuf {
    let evil = "=a,\"b\"\n\\c{}\r\u{7}\t# EOF\u{2028}ä";
    let mut run = load(&fixture("run.json")).unwrap();
    run.host.cpu_model = evil.to_owned();
    run.tool.git = Some(evil.to_owned());
    for backend in &mut run.backends {
        backend.name.push_str(evil);
    }
    for measurement in &mut run.measurements {
        measurement.backend.push_str(evil);
        measurement.workload.push_str(evil);
    }
    run.evidence.clear();
    let folder = bench.out.join("hostile");
    fs::create_dir_all(&folder).unwrap();
    write_run(&folder, &run).unwrap();
    folder
}

fn runs(bench: &Bench) -> Vec<PathBuf> {
    FIXTURES.map(fixture).into_iter().chain([hostile(bench)]).collect()
}

fn export(bench: &Bench, format: &str, args: &[&str], run: &Path) -> Output {
    bench.command(&["export", "--format", format]).args(args).arg(run).output().unwrap()
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The measurements that a format for single values shows.
fn shown(run: &Run, better: Option<Better>) -> usize {
    let whole = |m: &&results::Measurement| !m.samples.is_empty() && !m.metric.is_part();
    run.measurements.iter().filter(whole).filter(|m| better.is_none_or(|better| m.better == better)).count()
}

#[test]
fn csv_holds_every_sample_and_reads_back_as_it_was() {
    let bench = Bench::new();
    for path in runs(&bench) {
        let run = load(&path).unwrap();
        let text = text(&export(&bench, "csv", &[], &path));
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let header = reader.headers().unwrap().clone();
        let rows: Vec<BTreeMap<String, String>> = reader
            .records()
            .map(|record| {
                let record = record.unwrap();
                header.iter().zip(&record).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
            })
            .collect();
        let mut read = 0;
        for m in &run.measurements {
            let metric = m.metric.to_string();
            let key = [("metric", &metric), ("workload", &m.workload), ("backend", &m.backend)];
            let of_key =
                |row: &&BTreeMap<String, String>| key.iter().all(|(name, value)| row[*name] == **value);
            let rows: Vec<_> = rows.iter().filter(of_key).collect();
            assert_eq!(rows.len(), m.samples.len().max(1), "{key:?}");
            read += rows.len();
            for (index, row) in rows.into_iter().enumerate() {
                let same = |name: &str, value: &str| assert_eq!(row[name], value, "{name} of {row:?}");
                same("unit", &m.unit.to_string());
                same("cpu_model", &run.host.cpu_model);
                same("reason", m.reason.as_deref().unwrap_or_default());
                let Some(sample) = m.samples.get(index) else {
                    same("value", "");
                    assert!(m.status != Status::Ok && row["status"] != "ok");
                    continue;
                };
                assert_eq!(row["value"].parse::<f64>().unwrap(), *sample);
                same("block", &m.blocks[index].to_string());
                same("flags", &m.flags.as_ref().map_or(String::new(), |flags| flags[index].join(" ")));
            }
        }
        assert_eq!(read, rows.len());
    }
}

#[test]
fn several_runs_make_one_csv_and_no_other_format() {
    let bench = Bench::new();
    let [one, two] = FIXTURES.map(fixture);
    let both =
        |format: &str| bench.command(&["export", "--format", format]).args([&one, &two]).output().unwrap();
    let ids: std::collections::BTreeSet<String> = csv::Reader::from_reader(text(&both("csv")).as_bytes())
        .records()
        .map(|record| record.unwrap()[0].to_owned())
        .collect();
    assert_eq!(ids.len(), 2);
    for format in ["bencher", "github-action-benchmark", "openmetrics"] {
        let output = both(format);
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains("holds one run"));
    }
}

#[test]
fn bencher_finds_what_its_schema_and_names_ask_for() {
    // What https://bencher.dev/bmf.json asks for and the page beside it says of names, and nothing beyond that.
    let metric = json!({
        "type": "object",
        "properties": {
            "value": {"type": "number"}, "lower_value": {"type": "number"}, "upper_value": {"type": "number"}
        },
        "required": ["value"],
        "additionalProperties": false
    });
    let schema = json!({
        "type": "object",
        "propertyNames": {"minLength": 1, "maxLength": 1024},
        "additionalProperties": {
            "type": "object",
            "propertyNames": {"pattern": "^[a-z0-9]+(-[a-z0-9]+)*$", "maxLength": 64},
            "additionalProperties": metric
        }
    });
    let validator = jsonschema::validator_for(&schema).unwrap();
    assert!(!validator.is_valid(&json!({"a": {"startup_time": {"value": 1}}})));
    let bench = Bench::new();
    for path in runs(&bench) {
        let run = load(&path).unwrap();
        let json: Value = serde_json::from_str(&text(&export(&bench, "bencher", &[], &path))).unwrap();
        validator.validate(&json).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let metrics: Vec<&Value> =
            json.as_object().unwrap().values().flat_map(|of| of.as_object().unwrap().values()).collect();
        assert_eq!(metrics.len(), shown(&run, None));
        for metric in metrics {
            let value = |name: &str| metric[name].as_f64().unwrap();
            assert!(value("lower_value") <= value("value") && value("value") <= value("upper_value"));
        }
    }
}

#[test]
fn github_action_benchmark_finds_entries_of_one_direction() {
    let bench = Bench::new();
    for path in runs(&bench) {
        let run = load(&path).unwrap();
        for (name, better) in [("lower", Better::Lower), ("higher", Better::Higher)] {
            let output = export(&bench, "github-action-benchmark", &["--better", name], &path);
            let entries: Vec<BTreeMap<String, Value>> = serde_json::from_str(&text(&output)).unwrap();
            assert_eq!(entries.len(), shown(&run, Some(better)));
            let mut names: Vec<&str> = entries.iter().map(|entry| entry["name"].as_str().unwrap()).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), entries.len(), "the action joins the points of a chart by name");
            for entry in &entries {
                assert!(
                    entry["value"].is_number() && entry["unit"].is_string() && entry["extra"].is_string()
                );
                let range = entry["range"].as_str().unwrap().strip_prefix("± ").unwrap();
                assert!(range.parse::<f64>().unwrap() >= 0.0);
            }
        }
    }
}

/// Reads standard input with the parsers of Prometheus' own Python client and prints what it found.
const PARSE: &str = r"
import sys
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client import parser as older
text = sys.stdin.read()
for families in (openmetrics.text_string_to_metric_families, older.text_string_to_metric_families):
    found = list(families(text))
    samples = [sample for family in found for sample in family.samples]
    assert all(family.type == 'gauge' for family in found), found
    by_name = {sample.labels['metric'] for sample in samples if sample.name == 'bench_samples'}
    print(len(found), len(samples), len(by_name))
    for sample in samples:
        if sample.name == 'bench_run_facts':
            print(repr(sample.labels['cpu_model']))
";

/// Debian's own Python, whose packages are Debian's packages.
const PYTHON: &str = "/usr/bin/python3";

#[test]
fn prometheus_reads_openmetrics_with_both_of_its_parsers() {
    let there = Command::new(PYTHON).args(["-c", "import prometheus_client"]).output();
    if !there.is_ok_and(|output| output.status.success()) {
        println!("SKIPPED: needs python3-prometheus-client");
        assert!(std::env::var_os("BENCH_NO_SKIP").is_none_or(|v| v.is_empty()), "nothing may skip");
        return;
    }
    let bench = Bench::new();
    for path in runs(&bench) {
        let run = load(&path).unwrap();
        let text = text(&export(&bench, "openmetrics", &[], &path));
        let mut python = Command::new(PYTHON)
            .args(["-c", PARSE])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        python.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let found = python.wait_with_output().unwrap();
        assert!(found.status.success(), "{}", path.display());
        let found = String::from_utf8(found.stdout).unwrap();
        let lines: Vec<&str> = found.lines().collect();
        assert_eq!(lines.len(), 4, "{found}");
        // Both read the same.
        assert_eq!(lines[..2], lines[2..]);
        let with_samples = run.measurements.iter().filter(|m| !m.samples.is_empty()).count();
        let samples: usize = lines[0].split(' ').nth(1).unwrap().parse().unwrap();
        // Median, two ends and a number of samples each; the facts and the time of the run.
        assert_eq!(samples, 4 * with_samples + 2, "{}", path.display());
    }
}

#[test]
fn times_are_seconds_for_prometheus() {
    let bench = Bench::new();
    let run = load(&fixture("run.json")).unwrap();
    let is_startup = |m: &&results::Measurement| m.metric == Metric::StartupTime && m.backend == "container";
    let samples = &run.measurements.iter().find(is_startup).unwrap().samples;
    let median = results::stats::median(samples).unwrap() / 1e9;
    let text = text(&export(&bench, "openmetrics", &[], &fixture("run.json")));
    let line = text
        .lines()
        .find(|line| {
            line.starts_with("bench_startup_time_seconds{") && line.contains("backend=\"container\"")
        })
        .unwrap();
    let value: f64 = line.rsplit(' ').next().unwrap().parse().unwrap();
    assert!((value / median - 1.0).abs() < 1e-12, "{line}, not {median}");
}

#[test]
fn what_a_format_cannot_hold_is_said_and_files_are_complete() {
    let bench = Bench::new();
    let out = bench.temp.path().join("bench.json");
    let output = export(&bench, "bencher", &["--out", out.to_str().unwrap()], &fixture("partial.json"));
    assert!(text(&output).is_empty());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("left out") && said.contains("have no sample"), "{said}");
    assert!(serde_json::from_slice::<Value>(&fs::read(&out).unwrap()).unwrap().is_object());
    // Nothing else was left in the folder.
    let beside = fs::read_dir(bench.temp.path()).unwrap().flatten().filter(|entry| entry.path() != out);
    assert_eq!(beside.map(|entry| entry.file_name()).collect::<Vec<_>>(), Vec::<std::ffi::OsString>::new());
}

#[test]
fn bad_input_ends_with_2_and_a_reason() {
    let bench = Bench::new();
    let cases: [(&[&str], &str); 5] = [
        (&["export", "--format", "csv", "nowhere"], "cannot read"),
        (&["export", "--format", "csv", "@none"], "no baseline"),
        (&["export", "--format", "xml", "nowhere"], "possible values"),
        (&["export", "nowhere"], "--format"),
        (&["export", "--format", "csv"], "RUN"),
    ];
    for (args, reason) in cases {
        let output = bench.command(args).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(reason), "{args:?}: {said}");
    }
    let output = export(&bench, "csv", &["--out", "/nowhere/x.csv"], &fixture("run.json"));
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("choose another file"));
}
