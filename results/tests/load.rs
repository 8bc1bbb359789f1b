//! Reading files that are damaged, foreign or newer: each is refused with a message that says where and what to do.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::path::Path;

use common::fixture;
use proptest::prelude::{ProptestConfig, any, prop};
use proptest::{prop_assert, proptest};
use results::{BackendStatus, Experiment, JOURNAL_FILE, Metric, RUN_FILE, RunState, Status, load};
use serde_json::{Value, json};

/// The message for a file of this name and content.
fn refused(name: &str, content: impl AsRef<[u8]>) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    fs::write(&path, content).unwrap();
    let message = load(&path).expect_err("it was read").to_string();
    assert!(message.contains(path.to_str().unwrap()), "the file is not named: {message}");
    message
}

/// The message for the fixture with one value changed.
fn refused_with(pointer: &str, new: Value) -> String {
    let mut run: Value = serde_json::from_slice(&fs::read(fixture("partial.json")).unwrap()).unwrap();
    *run.pointer_mut(pointer).unwrap() = new;
    refused(RUN_FILE, run.to_string())
}

#[test]
fn an_interrupted_journal_without_its_last_end_is_read() {
    let run = load(&fixture("interrupted.jsonl")).unwrap();
    assert_eq!(run.state, RunState::Interrupted);
    assert_eq!(run.backend("microvm").unwrap().status, BackendStatus::Unavailable);
    let startup = run.measurement(Experiment::Startup, "noop", "process", &Metric::StartupTime).unwrap();
    assert_eq!(startup.blocks, [0, 1, 2, 3]);
    // The sample of block 2 was being written.
    let getpid = run.measurement(Experiment::Syscalls, "getpid", "process", &Metric::TimePerOp).unwrap();
    assert_eq!(getpid.blocks, [0, 1]);
    let microvm = run.measurement(Experiment::Startup, "noop", "microvm", &Metric::StartupTime).unwrap();
    assert_eq!(microvm.status, Status::Unavailable);
}

#[test]
fn the_fixtures_are_read() {
    let run = load(&fixture("run.json")).unwrap();
    assert_eq!((run.backends.len(), run.state), (3, RunState::Complete));
    let partial = load(&fixture("partial.json")).unwrap();
    assert_eq!((partial.backends.len(), partial.state), (3, RunState::Interrupted));
}

#[test]
fn a_missing_file_is_named() {
    let message = load(Path::new("/nonexistent/run.json")).unwrap_err().to_string();
    assert!(message.contains("/nonexistent/run.json: No such file"), "{message}");
}

#[test]
fn a_folder_without_a_run_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let message = load(dir.path()).unwrap_err().to_string();
    assert!(message.contains("holds neither run.json nor journal.jsonl"), "{message}");
}

#[test]
fn a_device_is_refused_before_it_is_read() {
    let message = load(Path::new("/dev/zero")).unwrap_err().to_string();
    assert!(message.contains("is not a file"), "{message}");
}

#[test]
fn json_of_something_else_is_refused() {
    for foreign in ["{}", "[]", "42", "null", r#"{"schema_version":"one"}"#, r#"{"results":[{"mean":1.0}]}"#]
    {
        let message = refused(RUN_FILE, foreign);
        assert!(message.contains("not a run of `bench`"), "{foreign}: {message}");
    }
}

#[test]
fn text_that_is_not_json_is_refused_with_its_place() {
    assert!(refused(RUN_FILE, "hello\n").contains("run.json:1:1: expected value"));
    assert!(refused(RUN_FILE, b"{\"schema_version\":1,\n\"run_id\":\"\xff\"}").contains("run.json:2:"));
    assert!(refused(RUN_FILE, format!("{{\"host\":{}", "[".repeat(100_000))).contains("run.json:1:"));
}

#[test]
fn an_unknown_field_is_refused_with_its_place() {
    let text = fs::read_to_string(fixture("partial.json")).unwrap();
    let text = text.replacen("\"smt\":", "\"colour\": \"grey\",\n    \"smt\":", 1);
    let line = text.lines().position(|line| line.contains("colour")).unwrap() + 1;
    let message = refused(RUN_FILE, text);
    assert!(message.contains(&format!("run.json:{line}:12: unknown field `colour`")), "{message}");
}

#[test]
fn a_newer_schema_version_is_refused_as_such_even_with_fields_unknown_here() {
    let text = r#"{"schema_version":2,"planets":[]}"#;
    for name in [RUN_FILE, JOURNAL_FILE] {
        let message = refused(name, text);
        assert!(message.contains("schema_version 2") && message.contains("update `bench`"), "{message}");
    }
}

#[test]
fn contradictions_are_refused() {
    let samples = json!([1.0, 2.0, 3.0, 4.0, 5.0]);
    let cases = [
        ("/schema_version", json!(0), "schema_version is 0"),
        ("/run_id", json!("../../etc"), "cannot name a folder"),
        ("/started_at", json!("yesterday"), "RFC 3339"),
        ("/host/load_1m", json!(null), "expected f64"),
        ("/backends/1/name", json!("process"), "listed twice"),
        ("/backends/2/reason", json!(null), "has no reason"),
        ("/evidence/0/backend", json!("docker"), "does not list"),
        ("/measurements/0/backend", json!("docker"), "does not list this backend"),
        ("/measurements/1/backend", json!("process"), "it is listed twice"),
        ("/measurements/0/metric", json!("latency"), "unknown metric `latency`"),
        ("/measurements/0/unit", json!("bytes"), "the unit is bytes, but this metric is in ns"),
        ("/measurements/0/better", json!("higher"), "not the better direction"),
        ("/measurements/0/samples", samples, "5 samples, but 4 blocks"),
        ("/measurements/0/flags", json!([[]]), "4 samples, but 1 flags"),
        ("/measurements/0/blocks/1", json!(0), "block 0 has two samples"),
        ("/measurements/0/samples/1", json!(null), "expected f64"),
        ("/measurements/2/status", json!("ok"), "it is ok, but has no samples"),
        ("/measurements/2/reason", json!(""), "it is not ok, but has no reason"),
    ];
    for (pointer, new, expected) in cases {
        let message = refused_with(pointer, new);
        assert!(message.contains(expected), "{pointer}: {message}");
    }
}

#[test]
fn a_run_json_cut_off_anywhere_is_refused_with_a_hint() {
    let text = fs::read(fixture("partial.json")).unwrap();
    for len in (0..text.len() - 2).step_by(97) {
        let message = refused(RUN_FILE, &text[..len]);
        assert!(message.contains("cut off, try the journal.jsonl"), "{len}: {message}");
    }
}

#[test]
fn a_broken_line_within_a_journal_is_refused_with_its_number() {
    let text = fs::read_to_string(fixture("interrupted.jsonl")).unwrap();
    let with_line_3 = |new: &str| {
        let mut lines: Vec<&str> = text.lines().collect();
        lines[2] = new;
        refused(JOURNAL_FILE, lines.join("\n"))
    };
    for (line, expected) in [
        ("", "jsonl:3:"),
        (r#"{"sample":{"#, "jsonl:3:"),
        (r#"{"colour":"grey"}"#, "jsonl:3:9: unknown variant `colour`"),
        (r#"{"evidence":{"backend":"docker","key":"pid","value":"1"}}"#, "jsonl:3: evidence `pid`"),
    ] {
        let message = with_line_3(line);
        assert!(message.contains(expected), "{line}: {message}");
    }
}

#[test]
fn a_journal_cut_off_within_its_first_line_is_refused() {
    let text = fs::read(fixture("interrupted.jsonl")).unwrap();
    for len in [0, 1, 100] {
        assert!(refused(JOURNAL_FILE, &text[..len]).contains("jsonl:1:"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_change_of_bytes_makes_reading_panic(
        journal: bool,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let source = if journal { "interrupted.jsonl" } else { "partial.json" };
        let mut text = fs::read(fixture(source)).unwrap();
        for (index, byte) in changes {
            let at = index.index(text.len());
            text[at] = byte;
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(source);
        fs::write(&path, text).unwrap();
        if let Ok(run) = load(&path) {
            prop_assert!(run.check().is_ok());
        }
    }
}
