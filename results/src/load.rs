//! Reads a run back, from its folder, its `run.json`, or its journal if it never got that far.
//!
//! Invariant: what is returned has passed [`Run::check`]; the only damage that is forgiven is a last journal line
//! without its end, the trial in which the run was killed.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::assembly::{Assembly, Entry};
use crate::journal::{JOURNAL_FILE, RUN_FILE};
use crate::{Invalid, Run, SCHEMA_VERSION};

/// Largest file that is read; a run of hours has some megabytes.
const MAX_BYTES: u64 = 256 << 20;

/// Why a run could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file system refused.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A folder that is not a run's.
    #[error("{} holds neither {RUN_FILE} nor {JOURNAL_FILE}; give the folder of one run, such as bench-results/latest", path.display())]
    NotARunFolder {
        /// The folder.
        path: PathBuf,
    },
    /// A device, pipe or socket.
    #[error("{} is not a file; give a run's folder or its {RUN_FILE}", path.display())]
    NotAFile {
        /// What was given.
        path: PathBuf,
    },
    /// More than a run can have.
    #[error("{} has {bytes} bytes; a run has at most {MAX_BYTES}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// Not JSON, cut off, or not the fields of a run.
    #[error("{}:{line}:{column}: {message}{hint}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong there.
        message: String,
        /// What to do about it, if something can be done.
        hint: &'static str,
    },
    /// JSON of something else.
    #[error("{} is JSON, but not a run of `bench`: it has no schema_version", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// Written by a newer `bench`.
    #[error("{} has schema_version {found}, but this `bench` reads only up to {SCHEMA_VERSION}; update `bench`", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u64,
    },
    /// The run contradicts itself.
    #[error("{}: {source}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// How.
        source: Invalid,
    },
    /// A journal entry contradicts the run before it.
    #[error("{}:{line}: {source}", path.display())]
    InvalidEntry {
        /// The journal.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// How.
        source: Invalid,
    },
}

/// Reads a run from its folder, its `run.json` or its `journal.jsonl`.
///
/// A folder without `run.json` is a run that was killed: its journal is read. A journal that does not say how the run
/// ended gives a run that is interrupted.
///
/// # Errors
/// See [`LoadError`]; each names the file and, within JSON, the line and column.
pub fn load(path: &Path) -> Result<Run, LoadError> {
    let metadata = fs::metadata(path).map_err(|source| LoadError::Io { path: path.to_owned(), source })?;
    if !metadata.is_dir() {
        return load_file(path);
    }
    for name in [RUN_FILE, JOURNAL_FILE] {
        let file = path.join(name);
        if file.exists() {
            return load_file(&file);
        }
    }
    Err(LoadError::NotARunFolder { path: path.to_owned() })
}

fn load_file(path: &Path) -> Result<Run, LoadError> {
    let text = read(path)?;
    if path.extension().is_some_and(|extension| extension == "jsonl") {
        return replay(path, &text);
    }
    let run = parse_run(path, &text)?;
    run.check().map_err(|source| LoadError::Invalid { path: path.to_owned(), source })?;
    Ok(run)
}

fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    let io_error = |source| LoadError::Io { path: path.to_owned(), source };
    // Asked before opening: to open a pipe would wait for its writer.
    let metadata = fs::metadata(path).map_err(io_error)?;
    if !metadata.is_file() {
        return Err(LoadError::NotAFile { path: path.to_owned() });
    }
    let mut text = Vec::new();
    File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut text)).map_err(io_error)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(LoadError::TooLarge { path: path.to_owned(), bytes: metadata.len() });
    }
    Ok(text)
}

/// Builds the run from the lines of a journal.
fn replay(path: &Path, text: &[u8]) -> Result<Run, LoadError> {
    let mut lines = text.split_inclusive(|&byte| byte == b'\n').zip(1..);
    let header = parse_run(path, lines.next().map_or(&[], |(header, _)| header.trim_ascii_end()))?;
    let mut assembly =
        Assembly::new(header).map_err(|source| LoadError::Invalid { path: path.to_owned(), source })?;
    for (line, number) in lines {
        let entry: Entry = match serde_json::from_slice(line.trim_ascii_end()) {
            Ok(entry) => entry,
            Err(_) if !line.ends_with(b"\n") => break,
            Err(error) => return Err(json_error(path, number - 1, error)),
        };
        assembly.apply(entry).map_err(|source| LoadError::InvalidEntry {
            path: path.to_owned(),
            line: number,
            source,
        })?;
    }
    Ok(assembly.into_run())
}

/// Parses a run. Its version is looked at first: the fields of a newer one would only look like mistakes.
fn parse_run(path: &Path, text: &[u8]) -> Result<Run, LoadError> {
    #[derive(Deserialize)]
    struct Version {
        schema_version: u64,
    }
    match serde_json::from_slice(text) {
        Ok(Version { schema_version: found }) if found > u64::from(SCHEMA_VERSION) => {
            return Err(LoadError::Newer { path: path.to_owned(), found });
        }
        Ok(_) => {}
        Err(error) if error.is_data() => return Err(LoadError::Foreign { path: path.to_owned() }),
        Err(error) => return Err(json_error(path, 0, error)),
    }
    serde_json::from_slice(text).map_err(|error| json_error(path, 0, error))
}

/// The error of text that begins after `lines_before` lines.
fn json_error(path: &Path, lines_before: usize, error: serde_json::Error) -> LoadError {
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    let message = text.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&text);
    let cut_off = error.is_eof() && path.file_name().is_some_and(|name| name == RUN_FILE);
    LoadError::Json {
        path: path.to_owned(),
        line: lines_before + line,
        column,
        message: message.to_owned(),
        hint: if cut_off { "; the file is cut off, try the journal.jsonl beside it" } else { "" },
    }
}
