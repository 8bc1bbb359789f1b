//! `bench export`: a run in the format of another tool.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::{fs, io};

use anyhow::{Context, Result, bail};
use results::Better;
use results::export::{Export, bencher, csv, github_action_benchmark, open_metrics};

use crate::cli::export::{Direction, ExportArgs, ExportFormat};
use crate::output::{note, print};
use crate::runs;

/// Reads, converts and writes; says on stderr what the format could not hold.
pub fn export(args: &ExportArgs) -> Result<()> {
    let load = |named: &PathBuf| runs::load_all(named, &args.results);
    let runs = args.runs.iter().map(load).collect::<Result<Vec<_>>>()?.concat();
    let Export { text, left_out } = match (args.format, runs.as_slice()) {
        (ExportFormat::Csv, runs) => Export { text: csv(runs)?, left_out: Vec::new() },
        (ExportFormat::Bencher, [run]) => bencher(run)?,
        (ExportFormat::GithubActionBenchmark, [run]) => github_action_benchmark(run, better(args.better))?,
        (ExportFormat::Openmetrics, [run]) => open_metrics(run),
        (_, runs) => {
            bail!("this format holds one run, not {}: export them one by one, or as csv", runs.len())
        }
    };
    for one in &left_out {
        note(&format!("left out: {} measurements that {}", one.count, one.reason));
    }
    match &args.out {
        None => print(text.trim_end()),
        Some(path) => replace(path, &text)
            .with_context(|| format!("cannot write {}: choose another file with --out", path.display())),
    }
}

fn better(direction: Direction) -> Better {
    match direction {
        Direction::Lower => Better::Lower,
        Direction::Higher => Better::Higher,
    }
}

/// Puts a complete file in place: a collector that reads meanwhile never sees half of one.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        // A device or pipe cannot be replaced, and need not be.
        return fs::write(path, text);
    }
    use std::os::unix::fs::PermissionsExt;
    let mut builder = tempfile::Builder::new();
    let prefix = format!(".{}-", name.to_string_lossy());
    let mut file =
        builder.prefix(&prefix).permissions(fs::Permissions::from_mode(0o666)).tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.persist(path)?;
    Ok(())
}
