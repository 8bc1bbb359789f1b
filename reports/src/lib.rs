//! Charts and pages rendered from benchmark results.
//!
//! [`render`] turns a [`Run`](results::Run) into one self-contained `report.html` and its charts as SVG and PNG files.
//! Everything comes from the run alone: rendering never measures, needs no network and no system font, and the same
//! run always gives the same bytes. Invariant: every string of a run, which may come from a hostile file, is escaped.

mod analysis;
mod axis;
mod canvas;
mod charts;
mod family;
pub mod format;
pub mod history;
mod nsdi;
mod page;
mod palette;
mod png;
pub mod side_by_side;
mod words;
mod write;

pub use charts::{Chart, Picture, Size, chart, charts, names};
pub use nsdi::{Published, PublishedError};
pub use page::html;
pub use palette::Theme;
pub use png::png;
pub use write::{Rendered, render, render_in, replace};

use std::io;
use std::path::PathBuf;

use results::Experiment;

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
    /// There is no chart of this name.
    #[error("there is no chart `{name}`; there are {known}")]
    UnknownChart {
        /// As asked for.
        name: String,
        /// The names of all charts.
        known: String,
    },
    /// A run without what a chart shows.
    #[error("this run has nothing to show in `{name}`, which needs the experiment `{needs}`")]
    NothingToShow {
        /// The chart.
        name: &'static str,
        /// What would have to be measured.
        needs: Experiment,
    },
    /// A picture that its chart does not fit into.
    #[error("{asked} is too small for this chart, which needs {least} or more")]
    TooSmall {
        /// As asked for.
        asked: Size,
        /// The smallest of this width, or of all.
        least: Size,
    },
    /// A picture that no screen shows.
    #[error("{asked} is too large: neither side may be longer than {most} pixels")]
    TooLarge {
        /// As asked for.
        asked: Size,
        /// The longest side, in CSS pixels.
        most: u32,
    },
    /// One run has nothing beside it.
    #[error("side by side takes two different runs or more")]
    TooFewRuns,
    /// More runs than can be told apart.
    #[error(
        "{many} runs are too many for one page, which holds {most}; `bench history` shows how many developed"
    )]
    TooManyRuns {
        /// As asked for.
        many: usize,
        /// The most that a page holds.
        most: usize,
    },
    /// The page's template failed.
    #[error("cannot fill in the page: {0}")]
    Template(#[from] askama::Error),
}
