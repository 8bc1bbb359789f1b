//! `bench compare`: judges a run against others.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use results::compare::{Comparison, Options};

use crate::cli::CompareArgs;
use crate::cli::judge::{Format, JudgeArgs, OutputArgs};
use crate::output::{print, print_json};
use crate::runs;
use crate::status::Outcome;
use crate::verdict::{junit, markdown, text};

/// Reads, compares, prints and judges.
pub fn compare(args: &CompareArgs) -> Result<Outcome> {
    let Some((new, base)) = args.runs.split_last() else { bail!("give a base and a new run") };
    let load_all = |named: &PathBuf| runs::load_all(named, &args.results);
    let base = base.iter().map(load_all).collect::<Result<Vec<_>>>()?.concat();
    let new = match runs::load_all(new, &args.results)?.as_slice() {
        [new] => new.clone(),
        many => {
            bail!("{} holds {} runs; the new one, which comes last, must be one", new.display(), many.len())
        }
    };
    let options = options(&args.judge, args.allow_different, false);
    let comparison = results::compare::compare(&base, &new, &options)?;
    present(&comparison, &args.output)
}

/// How to compare, as the command line says.
pub fn options(judge: &JudgeArgs, allow_different: bool, paired: bool) -> Options {
    Options { threshold: judge.threshold, alpha: judge.alpha, allow_different, paired }
}

/// Prints and writes a comparison in the forms that are wanted.
pub fn present(comparison: &Comparison, output: &OutputArgs) -> Result<Outcome> {
    if let Some(path) = &output.markdown {
        write(path, &markdown::render(comparison))?;
    }
    if let Some(path) = &output.junit {
        write(path, &junit::render(comparison)?)?;
    }
    match output.format() {
        Format::Text => print(&text::render(comparison))?,
        Format::Markdown => print(markdown::render(comparison).trim_end())?,
        Format::Json => print_json(comparison)?,
        Format::Junit => print(junit::render(comparison)?.trim_end())?,
    }
    Ok(if comparison.has_regressed() { Outcome::Regressed } else { Outcome::Fine })
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}: choose another file", path.display()))
}
