//! Arguments of `bench report`.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};
use reports::{Size, Theme};

use super::JsonArg;

/// What to render, and where to.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Run folders, `run.json` or `journal.jsonl` files, or names below `bench-results`. Several, usually of several
    /// machines, are put side by side on one page below `bench-results`; `@NAME` stands for all of a baseline.
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<PathBuf>,

    /// Of several runs, a report for each in its own folder instead of one page for all.
    #[arg(long, conflicts_with = "chart")]
    pub each: bool,

    /// One chart alone instead of the report, for an article: an SVG on the standard output, or what `--out` names.
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(reports::names()))]
    #[arg(conflicts_with = "json")]
    pub chart: Option<String>,

    /// Lay the chart out for this many CSS pixels, e.g. `640x400`; a PNG gets twice as many each way [default: 960 wide,
    /// as tall as it needs].
    #[arg(long, value_name = "WIDTHxHEIGHT", requires = "chart", value_parser = parse_size)]
    #[arg(allow_hyphen_values = true)]
    pub size: Option<Size>,

    /// Colours of SVG and PNG files; pages follow their reader's.
    #[arg(long, value_enum, default_value_t = ThemeName::Light)]
    pub theme: ThemeName,

    /// Draw the data of the Firecracker paper (NSDI 2020) beside the run's density: a checkout of
    /// github.com/firecracker-microvm/nsdi2020-data, or the folder of one machine in it.
    #[arg(long, value_name = "DIR", conflicts_with = "chart")]
    pub import_nsdi: Option<PathBuf>,

    /// Folder to write to instead of the run's own (not with `--each`); of a chart: a file
    /// whose name ends in `.svg` or `.png`.
    #[arg(long, value_name = "PATH")]
    pub out: Option<PathBuf>,

    /// Output.
    #[command(flatten)]
    pub json: JsonArg,
}

/// Colours, as typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ThemeName {
    /// On white.
    Light,
    /// On near-black.
    Dark,
}

impl From<ThemeName> for Theme {
    fn from(name: ThemeName) -> Self {
        match name {
            ThemeName::Light => Theme::Light,
            ThemeName::Dark => Theme::Dark,
        }
    }
}

/// `640x400`.
fn parse_size(text: &str) -> Result<Size, String> {
    let sides = text.split_once(['x', '×']).and_then(|(width, height)| {
        let side = |text: &str| text.parse::<u32>().ok();
        Some(Size { width: side(width)?, height: side(height)? })
    });
    sides.ok_or_else(|| "expected width and height in pixels, such as `640x400`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_two_numbers_with_an_x_between() {
        assert_eq!(parse_size("640x400"), Ok(Size { width: 640, height: 400 }));
        for bad in ["", "x", "640", "640x", "x400", "axb", "640x400x3", "-1x5", "6.5x4", "99999999999x1"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }
}
