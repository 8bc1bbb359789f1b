//! Charts and pages rendered from benchmark results.
//!
//! [`render`] turns a [`Run`](results::Run) into one self-contained `report.html` and its charts as SVG and PNG files.
//! Everything comes from the run alone: rendering never measures, needs no network and no system font, and the same
//! run always gives the same bytes. Invariant: every string of a run, which may come from a hostile file, is escaped.

mod analysis;
mod axis;
mod canvas;
mod charts;
pub mod format;
pub mod history;
mod nsdi;
mod page;
mod palette;
mod png;
mod words;
mod write;

pub use charts::{Chart, charts};
pub use nsdi::{Published, PublishedError};
pub use page::html;
pub use png::png;
pub use write::{Rendered, render, render_beside};

use std::io;
use std::path::PathBuf;

/// Why a report could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder could not be written.
    #[error("cannot write {path}: {source}; choose another folder with --out, or free some space")]
    Write {
        /// What was being written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A chart could not be drawn.
    #[error("cannot draw a chart: {0}")]
    Draw(String),
    /// A chart could not be turned into a PNG.
    #[error("cannot make a PNG: {0}")]
    Png(String),
    /// The page's template failed.
    #[error("cannot fill in the page: {0}")]
    Template(#[from] askama::Error),
}
