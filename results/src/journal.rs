//! Writes a run's folder: `journal.jsonl` while it measures, `run.json` when it ends.
//!
//! The journal's first line is the run as it was planned, every further one an entry. Invariant: an entry is one
//! `write(2)` of one whole line, so that a run killed at any moment loses at most the trial it was in.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::assembly::{Assembly, Entry};
use crate::check::check_run_id;
use crate::layout::LinePerItem;
use crate::{Backend, Evidence, Invalid, Key, Run, RunState, Status};

/// File name of the journal within a run's folder.
pub const JOURNAL_FILE: &str = "journal.jsonl";
/// File name of the finished run within its folder.
pub const RUN_FILE: &str = "run.json";
/// Name of the link to the newest run within the results folder.
pub const LATEST_LINK: &str = "latest";

/// Why a run could not be stored.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system refused; give another folder with `--out`.
    #[error("cannot {action} {}: {source}; choose a folder that can be written with --out", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The folder holds a run already.
    #[error("{} exists: the folder holds a run already; choose another one", path.display())]
    Exists {
        /// The journal found.
        path: PathBuf,
    },
    /// What was to be stored contradicts the run.
    #[error("cannot record this: {0}")]
    Invalid(#[from] Invalid),
    /// What was to be stored has no JSON form.
    #[error("cannot write this as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// For `map_err`: says what was tried on which file.
fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    move |source| StoreError::Io { action, path: path.to_owned(), source }
}

/// The open journal of a run that is measuring.
#[derive(Debug)]
pub struct Journal {
    dir: PathBuf,
    path: PathBuf,
    file: File,
    /// Bytes of whole lines in the file.
    len: u64,
    assembly: Assembly,
}

impl Journal {
    /// Starts the journal of the run `header` in `dir`, which is created if need be.
    ///
    /// The header holds everything known before the first trial, including the backends. Until [`Journal::finish`]
    /// says otherwise the run counts as interrupted.
    ///
    /// # Errors
    /// `dir` cannot be written or has a journal, or the header contradicts itself.
    pub fn create(dir: &Path, header: &Run) -> Result<Self, StoreError> {
        let header = Run { state: RunState::Interrupted, ..header.clone() };
        let assembly = Assembly::new(header)?;
        let line = line(assembly.run())?;
        fs::create_dir_all(dir).map_err(io_error("create", dir))?;
        let path = dir.join(JOURNAL_FILE);
        let file = match OpenOptions::new().append(true).create_new(true).open(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                return Err(StoreError::Exists { path });
            }
            opened => opened.map_err(io_error("create", &path))?,
        };
        let mut journal = Journal { dir: dir.to_owned(), path, file, len: 0, assembly };
        journal.write(&line)?;
        Ok(journal)
    }

    /// Records the value of one trial and what disturbed it.
    ///
    /// # Errors
    /// The value is not finite, the block has a sample of this key already, the key contradicts its metric or names an
    /// unlisted backend, or the file cannot be written.
    pub fn sample(&mut self, key: &Key, value: f64, block: u32, flags: &[String]) -> Result<(), StoreError> {
        self.record(Entry::Sample { key: key.clone(), block, value, flags: flags.to_vec() })
    }

    /// Records why a measurement has no samples, or no more than it has.
    ///
    /// # Errors
    /// The status is `ok`, the reason is empty, the key is wrong, or the file cannot be written.
    pub fn status(&mut self, key: &Key, status: Status, reason: &str) -> Result<(), StoreError> {
        self.record(Entry::Status { key: key.clone(), status, reason: reason.to_owned() })
    }

    /// Records a backend, in place of the one of its name if there is one.
    ///
    /// # Errors
    /// It is not ok without a reason, or the file cannot be written.
    pub fn backend(&mut self, backend: &Backend) -> Result<(), StoreError> {
        self.record(Entry::Backend(backend.clone()))
    }

    /// Records a fact observed from inside an instance.
    ///
    /// # Errors
    /// Its backend is not listed, or the file cannot be written.
    pub fn evidence(&mut self, evidence: &Evidence) -> Result<(), StoreError> {
        self.record(Entry::Evidence(evidence.clone()))
    }

    /// The run so far.
    pub fn run(&self) -> &Run {
        self.assembly.run()
    }

    /// Ends the run and writes its `run.json`; the journal stays beside it.
    ///
    /// # Errors
    /// A file cannot be written; an old `run.json` is then left as it was.
    pub fn finish(mut self, state: RunState) -> Result<Run, StoreError> {
        self.record(Entry::State(state))?;
        self.file.sync_all().map_err(io_error("flush", &self.path))?;
        let run = self.assembly.into_run();
        write_run(&self.dir, &run)?;
        Ok(run)
    }

    fn record(&mut self, entry: Entry) -> Result<(), StoreError> {
        let line = line(&entry)?;
        self.assembly.apply(entry)?;
        self.write(&line)
    }

    /// Appends one line, whole or not at all. It is not flushed to the disk: that would take milliseconds between
    /// trials, and only a crash of the whole machine could lose it.
    fn write(&mut self, line: &[u8]) -> Result<(), StoreError> {
        let written = loop {
            match self.file.write(line) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                written => break written,
            }
        };
        let error = match written {
            Ok(count) if count == line.len() => {
                self.len += count as u64;
                return Ok(());
            }
            Ok(_) => ErrorKind::StorageFull.into(),
            Err(error) => error,
        };
        // Half a line in the middle would make the rest unreadable. If even this fails, the first error tells why.
        let _ = self.file.set_len(self.len);
        Err(io_error("append to", &self.path)(error))
    }
}

/// One line of a journal, with its end.
fn line(value: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(line)
}

/// Writes `run.json` into `dir`: either the whole new file is there afterwards, or what was there before.
///
/// # Errors
/// The run contradicts itself, or the folder cannot be written.
pub fn write_run(dir: &Path, run: &Run) -> Result<(), StoreError> {
    run.check()?;
    let mut text = Vec::new();
    run.serialize(&mut serde_json::Serializer::with_formatter(&mut text, LinePerItem::default()))?;
    text.push(b'\n');
    let path = dir.join(RUN_FILE);
    replace(dir, &path, &text).map_err(io_error("write", &path))
}

fn replace(dir: &Path, path: &Path, text: &[u8]) -> io::Result<()> {
    // A temporary file is private by default; a result is as public as the umask lets any file be.
    let permissions = Permissions::from_mode(0o666);
    let mut file = tempfile::Builder::new().prefix(".run.json.").permissions(permissions).tempfile_in(dir)?;
    file.write_all(text)?;
    // The content must be on the disk before the name is, and the name before we say that it is done.
    file.as_file().sync_all()?;
    file.persist(path)?;
    File::open(dir)?.sync_all()
}

/// Points the link `latest` in `results_dir` at the run `run_id`, at no moment at nothing.
///
/// # Errors
/// The run id is no folder name, or the link cannot be replaced (something else has its name).
pub fn update_latest(results_dir: &Path, run_id: &str) -> Result<(), StoreError> {
    check_run_id(run_id)?;
    let link = results_dir.join(LATEST_LINK);
    tempfile::Builder::new()
        .prefix(".latest.")
        .make_in(results_dir, |path| symlink(run_id, path))
        .and_then(|temporary| temporary.persist(&link).map_err(|error| error.error))
        .map_err(io_error("replace the link", &link))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Experiment, Metric, load};

    #[test]
    fn a_full_disk_is_an_error_that_names_the_journal() {
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/partial.json");
        let path = PathBuf::from("/dev/full");
        let mut journal = Journal {
            dir: PathBuf::from("/dev"),
            file: OpenOptions::new().append(true).open(&path).unwrap(),
            path,
            len: 0,
            assembly: Assembly::new(load(&fixture).unwrap()).unwrap(),
        };
        let key = Key::new(Experiment::Startup, "noop", "process", Metric::TeardownTime);
        let error = journal.sample(&key, 1.0, 0, &[]).unwrap_err().to_string();
        assert!(error.starts_with("cannot append to /dev/full: No space left on device"), "{error}");
    }
}
