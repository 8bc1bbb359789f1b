//! Arguments of the commands that judge, `compare` and `ab`: what matters, and how to say it.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// What counts as a change.
#[derive(Clone, Copy, Debug, PartialEq, Args)]
pub struct JudgeArgs {
    /// The smallest change that matters, such as `5%`: what is certain and may be as large is called, what is
    /// surely smaller is unchanged.
    #[arg(long, value_name = "SHARE", default_value = "5%", value_parser = parse_share)]
    pub threshold: f64,

    /// The share of false alarms to accept, such as `0.01`; intervals have confidence 1 - alpha.
    #[arg(long, value_name = "SHARE", default_value = "0.01", value_parser = parse_share)]
    pub alpha: f64,
}

/// How to say what was found.
#[derive(Clone, Debug, Args)]
pub struct OutputArgs {
    /// What to print.
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Text)]
    pub format: Format,

    /// Print JSON: the same as `--format json`.
    #[arg(long, conflicts_with = "format")]
    pub json: bool,

    /// Write Markdown, for a pull request, to this file as well.
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,

    /// Write JUnit XML, for a CI's list of tests, to this file as well.
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
}

impl OutputArgs {
    /// What to print.
    pub fn format(&self) -> Format {
        if self.json { Format::Json } else { self.format }
    }
}

/// A form of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A table for a terminal.
    Text,
    /// A summary with tables, for a pull request.
    Markdown,
    /// Everything, for programs.
    Json,
    /// A test case per measurement.
    Junit,
}

/// `5%` or `0.05`.
fn parse_share(text: &str) -> Result<f64, String> {
    const WANTED: &str = "expected a share such as `5%` or `0.05`";
    let share = match text.strip_suffix('%') {
        Some(percent) => percent.trim_end().parse::<f64>().map(|percent| percent / 100.0),
        None => text.parse(),
    };
    match share.map_err(|_| WANTED)? {
        share if !share.is_finite() || share < 0.0 => Err(WANTED.to_owned()),
        share if share > 1.0 && !text.ends_with('%') => Err(format!("{WANTED}; {share} % is `{share}%`")),
        share => Ok(share),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_per_cent_or_fractions() {
        assert_eq!(parse_share("5%"), Ok(0.05));
        assert_eq!(parse_share("2.5 %"), Ok(0.025));
        assert_eq!(parse_share("0.05"), Ok(0.05));
        assert_eq!(parse_share("150%"), Ok(1.5));
        for bad in ["", "%", "five", "-1%", "nan", "inf%", "5", "0,05"] {
            assert!(parse_share(bad).is_err(), "{bad}");
        }
    }
}
