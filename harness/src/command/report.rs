//! `bench report`: renders saved results again.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use reports::{Picture, Published, Theme};
use serde_json::json;

use crate::cli::report::ReportArgs;
use crate::output::{note, plain, print, print_json};
use crate::{runs as run_files, table};

/// Renders what the arguments ask for.
pub fn report(args: &ReportArgs) -> Result<()> {
    match &args.chart {
        Some(name) => chart(args, name),
        None if args.each || names_one(&args.runs) => each(args),
        None => together(args),
    }
}

/// Whether it is a single run that is named, and no baseline.
fn names_one(runs: &[PathBuf]) -> bool {
    matches!(runs, [only] if !only.to_string_lossy().starts_with(run_files::MARK))
}

/// Each run into its folder, or a single one into another.
fn each(args: &ReportArgs) -> Result<()> {
    if args.out.is_some() && args.runs.len() > 1 {
        bail!(
            "--out takes a single run or, without --each, one page for all {}; the report of each goes into its \
             own folder",
            args.runs.len()
        );
    }
    // All are read before anything is written: a bad one among them leaves nothing half-done.
    let loaded = args.runs.iter().map(|path| load(path)).collect::<Result<Vec<_>>>()?;
    let published = args.import_nsdi.as_deref().map(Published::read).transpose()?;
    let mut rendered = Vec::new();
    for (dir, run) in &loaded {
        let dir = args.out.as_deref().unwrap_or(dir);
        reports::render_in(run, published.as_ref(), dir, args.theme.into())
            .with_context(|| cannot_write(dir))?;
        if args.out.is_some() {
            results::write_run(dir, run)?;
        }
        rendered.push(dir.join("report.html"));
        if !args.json.json {
            print(&table::tables(run))?;
            print(&format!("Report: {}", dir.join("report.html").display()))?;
        }
    }
    if args.json.json { print_json(&json!({ "reports": rendered })) } else { Ok(()) }
}

/// All on one page.
fn together(args: &ReportArgs) -> Result<()> {
    let results = Path::new(run_files::RESULTS);
    let load = |named: &PathBuf| run_files::load_all(named, results);
    let runs = args.runs.iter().map(load).collect::<Result<Vec<_>>>()?.concat();
    let (runs, repeated) = reports::side_by_side::distinct(runs);
    for id in &repeated {
        note(&format!("given more than once, shown once: {}", plain(id)));
    }
    let dir = args.out.as_deref().unwrap_or(results);
    let rendered = reports::side_by_side::render(&runs, dir, args.theme.into())?;
    if args.json.json {
        return print_json(&json!({ "html": rendered.html, "charts": rendered.charts }));
    }
    print(&format!("Side by side: {}", rendered.html.display()))
}

/// One chart of one run, alone.
fn chart(args: &ReportArgs, name: &str) -> Result<()> {
    let [run] = args.runs.as_slice() else {
        bail!("--chart takes a single run, not {}: draw them one by one", args.runs.len());
    };
    // Before anything is read or drawn: a name that cannot be written is known at once.
    let format = args.out.as_deref().map(Format::of).transpose()?;
    let (_, run) = load(run)?;
    let style = Picture { size: args.size, theme: Theme::from(args.theme) };
    let chart = reports::chart(&run, name, style)?;
    let (Some(path), Some(format)) = (&args.out, format) else { return print(chart.svg.trim_end()) };
    let bytes = match format {
        Format::Svg => chart.svg.into_bytes(),
        Format::Png => reports::png(&chart.svg)?,
    };
    reports::replace(path, &bytes)?;
    print(&format!("Chart: {}", path.display()))
}

/// A format of pictures.
#[derive(Clone, Copy)]
enum Format {
    Svg,
    Png,
}

impl Format {
    /// By the end of a file's name.
    fn of(path: &Path) -> Result<Self> {
        let end = path.extension().map(|end| end.to_string_lossy().to_ascii_lowercase());
        match end.as_deref() {
            Some("svg") => Ok(Self::Svg),
            Some("png") => Ok(Self::Png),
            _ => bail!("{}: a chart's file ends in .svg or .png", path.display()),
        }
    }
}

fn cannot_write(dir: &Path) -> String {
    format!("write the report to {}: is there space, may it be written?", dir.display())
}

/// A run and the folder it is in.
fn load(named: &Path) -> Result<(PathBuf, results::Run)> {
    let results = Path::new(run_files::RESULTS);
    let path = run_files::find(named, results);
    let dir = if path.is_dir() { &path } else { path.parent().unwrap_or(Path::new(".")) };
    Ok((dir.to_owned(), run_files::load(named, results)?))
}
