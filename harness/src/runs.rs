//! Finds runs as a user names them: a folder, a file, a name below the results folder, a saved baseline.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use results::{JOURNAL_FILE, RUN_FILE, Run};

use crate::arrange::arrange;
use crate::baseline::Baselines;

/// Folder of the results, unless the user names another.
pub const RESULTS: &str = "bench-results";

/// Marks the name of a baseline, which no run's name begins with.
pub const MARK: char = '@';

/// Folders nested deeper than this are not searched for runs.
const DEEPEST: usize = 8;

/// The path of one run: as named, or below `results` if there is no such file.
pub fn find(named: &Path, results: &Path) -> PathBuf {
    let below = results.join(named);
    if !named.exists() && below.exists() { below } else { named.to_owned() }
}

/// Reads one run.
pub fn load(named: &Path, results: &Path) -> Result<Run> {
    let mut run = results::load(&find(named, results))?;
    arrange(&mut run);
    Ok(run)
}

/// Reads the run that is named, or all of a baseline, `@NAME`.
pub fn load_all(named: &Path, results: &Path) -> Result<Vec<Run>> {
    match named.to_str().and_then(|name| name.strip_prefix(MARK)) {
        Some(name) => Ok(Baselines::of(results).load(name)?.into_iter().map(|(_, run)| run).collect()),
        None => Ok(vec![load(named, results)?]),
    }
}

/// The folders of runs at and below a folder, sorted by path. Links, such as that to the latest run, are not followed.
pub fn below(dir: &Path) -> Result<Vec<PathBuf>> {
    let (mut found, mut open) = (Vec::new(), vec![(dir.to_owned(), 0)]);
    while let Some((folder, depth)) = open.pop() {
        if [RUN_FILE, JOURNAL_FILE].iter().any(|file| folder.join(file).exists()) {
            found.push(folder);
            continue;
        }
        let denied = || format!("cannot search {} for runs", folder.display());
        for entry in fs::read_dir(&folder).with_context(denied)? {
            let entry = entry.with_context(denied)?;
            if depth < DEEPEST && entry.file_type().with_context(denied)?.is_dir() {
                open.push((entry.path(), depth + 1));
            }
        }
    }
    found.sort();
    Ok(found)
}
