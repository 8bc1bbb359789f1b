//! Baselines: runs that are kept under a name, for later ones to be compared with.
//!
//! A baseline is the folder `baselines/NAME` of the results folder, with a copy of each run's `run.json` in a folder of
//! the run's name. Invariant: its runs can be compared with each other.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use results::compare::{Difference, differences};
use results::{LoadError, RUN_FILE, Run, RunState, StoreError};

use crate::arrange::arrange;
use crate::runs::MARK;

/// Folder of all baselines, in the results folder.
const FOLDER: &str = "baselines";

/// Why a baseline cannot be saved or read.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// A name that would be a path, a hidden file or hard to type.
    #[error(
        "`{0}` is no name of a baseline: it takes letters, digits, `-`, `_` and `.`, and begins with a letter or digit"
    )]
    Name(String),
    /// Nothing was saved under this name.
    #[error("there is no baseline `{name}` in {}{}", folder.display(), others(.known))]
    Unknown {
        /// As asked for.
        name: String,
        /// Where it was looked for.
        folder: PathBuf,
        /// What is there.
        known: Vec<String>,
    },
    /// Half a run says less than it seems to.
    #[error("run {0} was interrupted; use --allow-interrupted to keep it all the same")]
    Interrupted(String),
    /// A baseline of incomparable runs is none.
    #[error(
        "run {run} differs from {kept} of baseline `{name}` in {}; use --replace to begin the baseline anew",
        fields.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    )]
    Different {
        /// The baseline.
        name: String,
        /// The run to save.
        run: String,
        /// One that is to stand beside it.
        kept: String,
        /// In what they differ.
        fields: Vec<Difference>,
    },
    /// A run of the baseline cannot be read.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A run cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

fn others(known: &[String]) -> String {
    match known {
        [] => "; `bench baseline save` makes one".to_owned(),
        known => format!(", only {}", known.join(", ")),
    }
}

/// How to save.
#[derive(Clone, Copy, Debug)]
pub struct Keep {
    /// How many runs a baseline holds; the newest stay.
    pub newest: usize,
    /// Forget what it held before.
    pub replace: bool,
    /// Also take runs that did not end by themselves.
    pub interrupted: bool,
}

/// All baselines of a results folder.
#[derive(Debug)]
pub struct Baselines {
    folder: PathBuf,
}

impl Baselines {
    /// Those of this results folder, which need not exist.
    pub fn of(results: &Path) -> Self {
        Self { folder: results.join(FOLDER) }
    }

    /// The names of all, sorted.
    ///
    /// # Errors
    /// The folder is there and cannot be read.
    pub fn names(&self) -> Result<Vec<String>, BaselineError> {
        let names = folders(&self.folder)?.into_iter().filter_map(|path| file_name(&path));
        Ok(names.filter(|name| check(name).is_ok()).collect())
    }

    /// The runs of a baseline with their folders, oldest first.
    ///
    /// # Errors
    /// The name is none, or nothing was saved under it, or a run of it cannot be read.
    pub fn load(&self, name: &str) -> Result<Vec<(PathBuf, Run)>, BaselineError> {
        let runs = self.kept(name)?;
        if runs.is_empty() {
            let known = self.names()?;
            return Err(BaselineError::Unknown { name: name.to_owned(), folder: self.folder.clone(), known });
        }
        Ok(runs)
    }

    /// Adds runs to a baseline, all or none, and drops the oldest beyond the number to keep.
    /// Returns the folders of its runs, oldest first.
    ///
    /// # Errors
    /// The name is none, a run was interrupted or cannot be compared with the others, or the disk refused.
    pub fn save(&self, name: &str, runs: &[Run], keep: Keep) -> Result<Vec<PathBuf>, BaselineError> {
        if let Some(run) = runs.iter().find(|run| run.state == RunState::Interrupted && !keep.interrupted) {
            return Err(BaselineError::Interrupted(run.run_id.clone()));
        }
        let before = self.kept(name)?;
        // What is to be replaced is not even compared with.
        let stay: Vec<&Run> = before.iter().map(|(_, run)| run).filter(|_| !keep.replace).collect();
        for (index, run) in runs.iter().enumerate() {
            if let Some(kept) = stay.iter().copied().chain(&runs[..index]).find(|kept| !comparable(kept, run))
            {
                return Err(BaselineError::Different {
                    name: name.to_owned(),
                    run: run.run_id.clone(),
                    kept: kept.run_id.clone(),
                    fields: differences(kept, run),
                });
            }
        }
        for run in runs {
            let folder = self.folder.join(name).join(&run.run_id);
            fs::create_dir_all(&folder).map_err(refused("create", &folder))?;
            results::write_run(&folder, run)?;
        }
        let is_new = |run: &Run| runs.iter().any(|new| new.run_id == run.run_id);
        for (path, _) in before.iter().filter(|(_, run)| keep.replace && !is_new(run)) {
            remove(path)?;
        }
        let mut kept = self.kept(name)?;
        for (path, _) in kept.drain(..kept.len().saturating_sub(keep.newest)) {
            remove(&path)?;
        }
        Ok(kept.into_iter().map(|(path, _)| path).collect())
    }

    /// The runs of a baseline, of which there may be none.
    fn kept(&self, name: &str) -> Result<Vec<(PathBuf, Run)>, BaselineError> {
        check(name)?;
        let folders = folders(&self.folder.join(name))?;
        let mut runs = folders
            .into_iter()
            // A folder without one is what a save left that was killed.
            .filter(|path| path.join(RUN_FILE).exists())
            .map(|path| {
                let mut run = results::load(&path)?;
                arrange(&mut run);
                Ok((path, run))
            })
            .collect::<Result<Vec<_>, LoadError>>()?;
        runs.sort_by_cached_key(|(_, run)| (started(run), run.run_id.clone()));
        Ok(runs)
    }
}

/// When a run began; one that does not tell counts as the oldest.
fn started(run: &Run) -> Option<jiff::Timestamp> {
    run.started_at.parse().ok()
}

fn comparable(a: &Run, b: &Run) -> bool {
    differences(a, b).is_empty()
}

/// A plain name never leads out of the folder, and is no option and no `@NAME`.
fn check(name: &str) -> Result<(), BaselineError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if begins && name.bytes().all(plain) && name.len() < 200 {
        return Ok(());
    }
    Err(BaselineError::Name(name.trim_start_matches(MARK).escape_debug().to_string()))
}

/// The folders in a folder, sorted by name; none if it is not there.
fn folders(path: &Path) -> Result<Vec<PathBuf>, BaselineError> {
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(refused("read", path))?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(refused("read", path))?;
        if entry.file_type().map_err(refused("read", &entry.path()))?.is_dir() {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// Removes a run that was saved here, and nothing that someone else put beside it.
fn remove(folder: &Path) -> Result<(), BaselineError> {
    let file = folder.join(RUN_FILE);
    fs::remove_file(&file).map_err(refused("remove", &file))?;
    // A folder with something else in it stays.
    let _ = fs::remove_dir(folder);
    Ok(())
}

fn file_name(path: &Path) -> Option<String> {
    path.file_name()?.to_str().map(str::to_owned)
}

fn refused(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BaselineError {
    let path = path.to_owned();
    move |source| BaselineError::Io { action, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        for good in ["main", "v1.2", "2026-11_x"] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "a/b", "/etc", "-x", "@main", "a b", "ä", "a\0", &"x".repeat(300)] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
