//! `bench report`: renders saved results again.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use reports::Published;
use serde_json::json;

use crate::cli::JsonArg;
use crate::output::{print, print_json};
use crate::{runs as run_files, table};

/// Renders each run into its folder, or a single one into `out`, together with the run that the page links to; beside it
/// the data of the Firecracker paper in `nsdi`.
pub fn report(runs: &[PathBuf], out: Option<&Path>, nsdi: Option<&Path>, args: JsonArg) -> Result<()> {
    if out.is_some() && runs.len() > 1 {
        bail!("--out takes a single run, not {}: each run's report goes into its own folder", runs.len());
    }
    // All are read before anything is written: a bad one among them leaves nothing half-done.
    let loaded = runs.iter().map(|path| load(path)).collect::<Result<Vec<_>>>()?;
    let published = nsdi.map(Published::read).transpose()?;
    let mut rendered = Vec::new();
    for (dir, run) in &loaded {
        let dir = out.unwrap_or(dir);
        reports::render_beside(run, published.as_ref(), dir).with_context(|| {
            format!("write the report to {}: is there space, may it be written?", dir.display())
        })?;
        if out.is_some() {
            results::write_run(dir, run)?;
        }
        rendered.push(dir.join("report.html"));
        if !args.json {
            print(&table::tables(run))?;
            print(&format!("Report: {}", dir.join("report.html").display()))?;
        }
    }
    if args.json { print_json(&json!({ "reports": rendered })) } else { Ok(()) }
}

/// A run and the folder it is in.
fn load(named: &Path) -> Result<(PathBuf, results::Run)> {
    let results = Path::new(run_files::RESULTS);
    let path = run_files::find(named, results);
    let dir = if path.is_dir() { &path } else { path.parent().unwrap_or(Path::new(".")) };
    Ok((dir.to_owned(), run_files::load(named, results)?))
}
