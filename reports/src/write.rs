//! The files of a report.
//!
//! Invariant: a file with its final name is complete; each is written under a temporary name and renamed. The page comes
//! last, so that a page that exists has its charts.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use results::Run;

use crate::analysis::Analysis;
use crate::charts::{self, Chart};
use crate::nsdi::Published;
use crate::palette::Theme;
use crate::{Error, page, png};

/// Where the files of a report are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The page.
    pub html: PathBuf,
    /// The charts: an SVG and a PNG each.
    pub charts: Vec<PathBuf>,
}

/// A report is there to be published, so everyone may read it (less the umask).
const MODE: u32 = 0o666;

/// Writes `report.html`, `charts/*.svg` and `charts/*.png` into a run's folder, replacing older ones.
pub fn render(run: &Run, dir: &Path) -> Result<Rendered, Error> {
    render_in(run, None, dir, Theme::Light)
}

/// The same with published data, if there is any, drawn beside the run's own, and with the SVG and PNG files in these
/// colours; the page follows its reader's.
pub fn render_in(
    run: &Run,
    published: Option<&Published>,
    dir: &Path,
    theme: Theme,
) -> Result<Rendered, Error> {
    let mut analysis = Analysis::new(run);
    analysis.published = published;
    let page = page::page(&analysis)?;
    write(&page, &charts::files(&analysis, theme)?, &dir.join("report.html"), &dir.join("charts"))
}

/// Writes a page and the pictures of its charts into a folder, which is made.
pub(crate) fn write(page: &str, charts: &[Chart], html: &Path, folder: &Path) -> Result<Rendered, Error> {
    fs::create_dir_all(folder).map_err(|source| Error::Write { path: folder.to_owned(), source })?;
    let mut files = Vec::new();
    for chart in charts {
        for (extension, bytes) in [("svg", chart.svg.clone().into_bytes()), ("png", png(&chart.svg)?)] {
            let path = folder.join(format!("{}.{extension}", chart.name));
            replace(&path, &bytes)?;
            files.push(path);
        }
    }
    replace(html, page.as_bytes())?;
    Ok(Rendered { html: html.to_owned(), charts: files })
}

/// Puts a complete file in place of whatever is there.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let write = || {
        let mut builder = tempfile::Builder::new();
        builder.prefix(".report-").permissions(Permissions::from_mode(MODE));
        // In the same folder: a rename does not cross file systems.
        let mut file = builder.tempfile_in(path.parent().unwrap_or(Path::new(".")))?;
        file.write_all(bytes)?;
        file.persist(path)?;
        Ok(())
    };
    write().map_err(|source| Error::Write { path: path.to_owned(), source })
}
