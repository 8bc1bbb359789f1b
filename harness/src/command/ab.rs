//! `bench ab`: two builds in turns on one machine, then the verdict of `bench compare`.

use std::ffi::OsString;
use std::hash::{BuildHasher, RandomState};
use std::path::{Component, Path};

use anyhow::{Context, Result, bail};
use clap::Parser;
use results::Run;

use super::compare::{options, present};
use crate::ab::protocol::VERSION;
use crate::ab::{AbError, Lead, Side};
use crate::arrange::arrange;
use crate::cli::ab::AbArgs;
use crate::cli::{Cli, Command, RunArgs};
use crate::interrupt::Interrupt;
use crate::output::note;
use crate::progress::Progress;
use crate::status::{Outcome, RequiredMissing};

/// Folders of the two sides below `--out`.
const FOLDERS: [&str; 2] = ["ab-A", "ab-B"];

/// Runs both, compares and judges.
pub fn ab(args: &AbArgs) -> Result<Outcome> {
    let (subcommand, run_args) = what_to_run(&args.args)?;
    // The same for both: then both draw the same orders.
    let seed = run_args.measure.seed.unwrap_or_else(|| RandomState::new().hash_one("seed") >> 32);
    let interrupt = Interrupt::install()?;
    let arguments = |folder: &str| {
        let mut all = vec![OsString::from(subcommand)];
        all.extend(args.args.iter().cloned());
        all.extend(["--out".into(), args.out.join(folder).into()]);
        all.extend(["--turns".into(), VERSION.to_string().into()]);
        if run_args.measure.seed.is_none() {
            all.extend(["--seed".into(), seed.to_string().into()]);
        }
        all
    };
    let mut progress = Progress::on_stderr();
    let a = Side::start("A", &args.a, &arguments(FOLDERS[0]));
    let b = Side::start("B", &args.b, &arguments(FOLDERS[1]));
    let led = match (a, b) {
        (Ok(a), Ok(b)) => Lead::new([a, b], seed, &interrupt, &mut progress).run(),
        (Err(error), _) | (_, Err(error)) => Err(error),
    };
    progress.finish();
    let [a, b] = match led {
        Ok([a, b]) => {
            [args.out.join(FOLDERS[0]).join(plain(&a)?), args.out.join(FOLDERS[1]).join(plain(&b)?)]
        }
        Err(AbError::Interrupted) => {
            note(&format!(
                "interrupted: what was measured is in {} and {} of {}",
                FOLDERS[0],
                FOLDERS[1],
                args.out.display()
            ));
            return Ok(Outcome::Interrupted);
        }
        Err(error @ AbError::RequiredMissing { .. }) => return Err(RequiredMissing(error.to_string()).into()),
        Err(error) => return Err(error.into()),
    };
    note(&format!("A is {}, B is {}", a.display(), b.display()));
    let (base, new) = (load(&a)?, load(&b)?);
    // The agents may differ, since a build is what is compared; that they do is part of what is said.
    let comparison = results::compare::compare(&[base], &new, &options(&args.judge, true, true))?;
    present(&comparison, &args.output)
}

/// The subcommand that takes these arguments, and how it reads them.
fn what_to_run(args: &[OsString]) -> Result<(&'static str, RunArgs)> {
    if args.iter().any(|arg| arg == "--out" || arg.as_encoded_bytes().starts_with(b"--out=")) {
        bail!("--out stands before the `--`: it is where the runs of both builds go");
    }
    let read = |subcommand| {
        let line = ["bench", subcommand].map(OsString::from).into_iter().chain(args.iter().cloned());
        Cli::try_parse_from(line).map(|cli| cli.command)
    };
    let is_option = |arg: &OsString| arg.as_encoded_bytes().starts_with(b"-");
    let error = match (read("run"), read("all")) {
        (Ok(Command::Run { args, .. }), _) if args.turns.is_none() => return Ok(("run", args)),
        (_, Ok(Command::All(args))) if args.turns.is_none() => return Ok(("all", args)),
        // Without an experiment in the first place, the complaint that there is none would miss the point.
        (_, Err(error)) if args.first().is_some_and(is_option) => error,
        (Err(error), _) => error,
        _ => bail!("these are no arguments of `bench run`"),
    };
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
    bail!("after the `--` stand arguments of `bench run` or `bench all`: {first}")
}

/// A run's name as the name of a folder, which is all that it may be.
fn plain(run_id: &str) -> Result<&Path> {
    let mut components = Path::new(run_id).components();
    match (components.next(), components.next()) {
        (Some(Component::Normal(_)), None) => Ok(Path::new(run_id)),
        _ => bail!("`{}` is no name of a run: give two builds of bench", run_id.escape_debug()),
    }
}

fn load(dir: &Path) -> Result<Run> {
    let mut run =
        results::load(dir).with_context(|| format!("read what was measured from {}", dir.display()))?;
    arrange(&mut run);
    Ok(run)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(args: &[&str]) -> Result<(&'static str, RunArgs)> {
        what_to_run(&args.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn without_an_experiment_all_are_meant() {
        assert_eq!(read(&[]).unwrap().0, "all");
        let (subcommand, args) = read(&["--quick", "--seed", "7"]).unwrap();
        assert_eq!((subcommand, args.measure.quick, args.measure.seed), ("all", true, Some(7)));
        for args in [&["startup", "cpu", "--samples", "3"], &["--samples", "3", "startup", "cpu"]] {
            assert_eq!(read(args).unwrap().0, "run");
        }
    }

    #[test]
    fn arguments_that_no_run_takes_are_refused_before_anything_starts() {
        for (args, wanted) in [
            (&["--quik"][..], "--quik"),
            (&["startup", "--samples", "0"], "--samples"),
            (&["strtup"], "strtup"),
            (&["--quick", "strtup"], "strtup"),
            (&["--out", "here"], "before the `--`"),
            (&["startup", "--out=here"], "before the `--`"),
        ] {
            let message = read(args).unwrap_err().to_string();
            assert!(message.contains(wanted), "{wanted} is not in {message}");
        }
    }

    #[test]
    fn a_run_is_a_folder_below_and_nothing_else() {
        assert!(plain("20261124-093000-1a2b").is_ok());
        for bad in ["", ".", "..", "/etc", "a/b", "../a"] {
            assert!(plain(bad).is_err(), "{bad}");
        }
    }
}
