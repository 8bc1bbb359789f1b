//! Finds runs as a user names them: a folder, a file, a name below the results folder, a saved baseline.

use std::path::{Path, PathBuf};

use anyhow::Result;
use results::Run;

use crate::arrange::arrange;
use crate::baseline::Baselines;

/// Folder of the results, unless the user names another.
pub const RESULTS: &str = "bench-results";

/// Marks the name of a baseline, which no run's name begins with.
pub const MARK: char = '@';

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
