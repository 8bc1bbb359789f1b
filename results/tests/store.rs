//! Writing a run, and reading it back whole, killed or contradicted.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use common::fixture;
use proptest::prelude::{ProptestConfig, prop};
use proptest::{prop_assert_eq, proptest};
use results::{
    Backend, BackendStatus, Better, Evidence, Experiment, JOURNAL_FILE, Journal, Key, LATEST_LINK, Metric,
    RUN_FILE, Run, RunState, Status, StoreError, Unit, load, update_latest, write_run,
};

/// A planned run without measurements.
fn header() -> Run {
    let run = load(&fixture("partial.json")).unwrap();
    Run { measurements: Vec::new(), evidence: Vec::new(), ..run }
}

fn startup_time(backend: &str) -> Key {
    Key::new(Experiment::Startup, "noop", backend, Metric::StartupTime)
}

fn evidence(backend: &str) -> Evidence {
    Evidence { backend: backend.into(), key: "pid".into(), value: "1".into() }
}

/// A journal with one entry of every kind but the last.
fn journal_of_every_kind(dir: &Path) -> Journal {
    let mut journal = Journal::create(dir, &header()).unwrap();
    let broken = Backend {
        name: "container".into(),
        status: BackendStatus::Failed,
        reason: Some("clone3: EPERM".into()),
        details: [("limits".into(), "none".into())].into(),
    };
    let execve = Key::new(Experiment::Syscalls, "execve", "microvm", Metric::TimePerOp);
    journal.sample(&startup_time("process"), 0.1, 0, &[]).unwrap();
    journal.status(&execve, Status::NotApplicable, "needs fork").unwrap();
    journal.sample(&startup_time("process"), 0.2, 1, &["steal".into()]).unwrap();
    journal.backend(&broken).unwrap();
    journal.evidence(&evidence("process")).unwrap();
    journal.sample(&startup_time("process"), 1e300, 2, &[]).unwrap();
    journal
}

fn names(dir: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<String> = fs::read_dir(dir).unwrap().map(name).collect();
    names.sort();
    names
}

#[test]
fn a_finished_run_reads_back_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let run = journal_of_every_kind(dir.path()).finish(RunState::Complete).unwrap();

    let startup = run.measurement(Experiment::Startup, "noop", "process", &Metric::StartupTime).unwrap();
    assert_eq!(startup.samples, [0.1, 0.2, 1e300]);
    assert_eq!(startup.blocks, [0, 1, 2]);
    assert_eq!(startup.flags, Some(vec![vec![], vec!["steal".to_owned()], vec![]]));
    let execve = run.measurement(Experiment::Syscalls, "execve", "microvm", &Metric::TimePerOp).unwrap();
    assert_eq!((execve.status, execve.reason.as_deref()), (Status::NotApplicable, Some("needs fork")));
    assert_eq!(run.backend("container").unwrap().status, BackendStatus::Failed);
    assert_eq!((run.backends.len(), run.evidence.len(), run.state), (3, 1, RunState::Complete));

    assert_eq!(load(dir.path()).unwrap(), run);
    assert_eq!(load(&dir.path().join(RUN_FILE)).unwrap(), run);
    assert_eq!(load(&dir.path().join(JOURNAL_FILE)).unwrap(), run);
}

#[test]
fn a_run_that_was_not_finished_is_interrupted() {
    let dir = tempfile::tempdir().unwrap();
    let mut planned = header();
    planned.state = RunState::Complete;
    drop(Journal::create(dir.path(), &planned).unwrap());
    let run = load(dir.path()).unwrap();
    assert_eq!((run.state, run.measurements.len()), (RunState::Interrupted, 0));
}

#[test]
fn a_run_killed_at_any_byte_loses_at_most_one_entry() {
    let dir = tempfile::tempdir().unwrap();
    drop(journal_of_every_kind(dir.path()));
    let path = dir.path().join(JOURNAL_FILE);
    let whole = fs::read(&path).unwrap();
    let header_len = whole.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    for len in header_len..=whole.len() {
        fs::write(&path, &whole[..len]).unwrap();
        let run = load(dir.path()).unwrap_or_else(|error| panic!("{len} bytes: {error}"));
        let written = run.evidence.len()
            + run.measurements.iter().map(|measurement| measurement.samples.len()).sum::<usize>()
            + run.measurements.iter().filter(|measurement| measurement.status != Status::Ok).count()
            + usize::from(run.backend("container").unwrap().status == BackendStatus::Failed);
        let lines = whole[header_len..len].iter().filter(|&&byte| byte == b'\n').count();
        // A line that lacks nothing but its end counts as well.
        assert!(written == lines || written == lines + 1, "{len} bytes: {written} entries of {lines} lines");
    }
}

#[test]
fn every_entry_is_in_the_file_as_soon_as_it_is_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::create(dir.path(), &header()).unwrap();
    for block in 0..5 {
        journal.sample(&startup_time("process"), 1.0, block, &[]).unwrap();
        let text = fs::read_to_string(dir.path().join(JOURNAL_FILE)).unwrap();
        assert_eq!((text.lines().count(), text.ends_with('\n')), (block as usize + 2, true));
    }
}

#[test]
fn what_contradicts_the_run_is_refused_and_not_written() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::create(dir.path(), &header()).unwrap();
    let good = startup_time("process");
    journal.sample(&good, 1.0, 7, &[]).unwrap();
    let before = (journal.run().clone(), fs::read(dir.path().join(JOURNAL_FILE)).unwrap());

    let refused = [
        journal.sample(&good, 2.0, 7, &[]),
        journal.sample(&good, f64::NAN, 8, &[]),
        journal.sample(&good, f64::INFINITY, 8, &[]),
        journal.sample(&startup_time("docker"), 1.0, 8, &[]),
        journal.sample(&Key { unit: Unit::Bytes, ..good.clone() }, 1.0, 8, &[]),
        journal.sample(&Key { better: Better::Higher, ..good.clone() }, 1.0, 8, &[]),
        journal.sample(&Key { metric: Metric::Phase("Not A Name".into()), ..good.clone() }, 1.0, 8, &[]),
        journal.status(&good, Status::Ok, "fine"),
        journal.status(&good, Status::Failed, " "),
        journal.backend(&Backend {
            name: "process".into(),
            status: BackendStatus::Failed,
            reason: None,
            details: Default::default(),
        }),
        journal.evidence(&evidence("docker")),
    ];
    for (index, result) in refused.into_iter().enumerate() {
        assert!(matches!(result, Err(StoreError::Invalid(_))), "{index}: {result:?}");
    }
    assert_eq!((journal.run().clone(), fs::read(dir.path().join(JOURNAL_FILE)).unwrap()), before);
}

#[test]
fn a_run_id_that_would_leave_the_results_folder_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    for run_id in ["", ".", "..", ".hidden", "../x", "a/b", "a b", "a\nb", "a\0b"] {
        let run = Run { run_id: run_id.to_owned(), ..header() };
        assert!(Journal::create(&dir.path().join("run"), &run).is_err(), "{run_id:?}");
        assert!(update_latest(dir.path(), run_id).is_err(), "{run_id:?}");
    }
    assert_eq!(names(dir.path()), [""; 0]);
}

#[test]
fn a_folder_takes_only_one_run() {
    let dir = tempfile::tempdir().unwrap();
    let first = Journal::create(dir.path(), &header()).unwrap();
    let second = Journal::create(dir.path(), &header());
    assert!(matches!(second, Err(StoreError::Exists { .. })), "{second:?}");
    first.finish(RunState::Complete).unwrap();
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let error = Journal::create(Path::new("/dev/null/results"), &header()).unwrap_err().to_string();
    assert!(error.contains("/dev/null/results") && error.contains("--out"), "{error}");
}

#[test]
fn run_json_replaces_an_older_one_and_leaves_nothing_else_behind() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(RUN_FILE), "old").unwrap();
    write_run(dir.path(), &header()).unwrap();
    assert_eq!(names(dir.path()), [RUN_FILE]);
    assert_eq!(load(dir.path()).unwrap(), header());
    // As readable as any other new file here, whatever the umask.
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
    fs::write(dir.path().join("other"), "").unwrap();
    assert_eq!(mode(&dir.path().join(RUN_FILE)), mode(&dir.path().join("other")));
}

#[test]
fn the_fixtures_are_laid_out_as_the_store_writes_them() {
    for name in ["run.json", "partial.json"] {
        let dir = tempfile::tempdir().unwrap();
        write_run(dir.path(), &load(&fixture(name)).unwrap()).unwrap();
        let written = fs::read_to_string(dir.path().join(RUN_FILE)).unwrap();
        assert!(written == fs::read_to_string(fixture(name)).unwrap(), "{name}");
    }
}

#[test]
fn latest_points_at_the_newest_run() {
    let dir = tempfile::tempdir().unwrap();
    for run_id in ["first", "second"] {
        let mut run = header();
        run.run_id = run_id.to_owned();
        Journal::create(&dir.path().join(run_id), &run).unwrap();
        update_latest(dir.path(), run_id).unwrap();
        assert_eq!(load(&dir.path().join(LATEST_LINK)).unwrap().run_id, run_id);
    }
    assert_eq!(names(dir.path()), ["first", LATEST_LINK, "second"]);
}

#[test]
fn latest_does_not_replace_what_is_no_link() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join(LATEST_LINK)).unwrap();
    assert!(matches!(update_latest(dir.path(), "run"), Err(StoreError::Io { .. })));
    assert_eq!(names(dir.path()), [LATEST_LINK]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn every_finite_sample_reads_back_bit_by_bit(
        samples in prop::collection::vec(prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO, 1..20),
        reason in "\\PC*[a-z]\\PC*",
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::create(dir.path(), &header()).unwrap();
        for (block, &value) in (0..).zip(&samples) {
            journal.sample(&startup_time("process"), value, block, std::slice::from_ref(&reason)).unwrap();
        }
        journal.status(&startup_time("microvm"), Status::Failed, &reason).unwrap();
        let run = journal.finish(RunState::Complete).unwrap();
        let bits = |samples: &[f64]| samples.iter().map(|sample| sample.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&run.measurements[0].samples), bits(&samples));
        for file in [RUN_FILE, JOURNAL_FILE] {
            let loaded = load(&dir.path().join(file)).unwrap();
            prop_assert_eq!(bits(&loaded.measurements[0].samples), bits(&samples));
            prop_assert_eq!(&loaded, &run);
        }
    }
}
