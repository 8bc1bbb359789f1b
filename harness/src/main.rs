//! Entry of `bench`: parses, dispatches, and turns the outcome into an exit status.

use std::process::ExitCode;

use clap::Parser;
use harness::cli::{Cli, Command};
use harness::command::{
    ab, anchors, baseline, claims, clean, compare, doctor, exec, export, history, kernel, list, report, run,
};
use harness::status::{self, Outcome};
use tracing::level_filters::LevelFilter;

fn main() -> ExitCode {
    let cli = Cli::parse();
    log(cli.verbose);
    match dispatch(cli.command) {
        Ok(outcome) => outcome.into(),
        Err(error) => {
            harness::output::note(&format!("error: {}", harness::output::chain(&error)));
            status::of(&error).into()
        }
    }
}

fn dispatch(command: Command) -> anyhow::Result<Outcome> {
    match command {
        Command::All(args) => return run::run(&harness::experiment::ALL, &args),
        Command::Run { experiments, args } => {
            let experiments: Vec<_> = experiments.into_iter().map(Into::into).collect();
            return run::run(&experiments, &args);
        }
        Command::Exec(args) => return exec::exec(&args),
        Command::List(args) => list::list(&args)?,
        Command::Doctor(args) => doctor::doctor(&args)?,
        Command::Report(args) => report::report(&args)?,
        Command::Claims(args) => claims::claims(&args)?,
        Command::Anchors(args) => anchors::anchors(&args)?,
        Command::Compare(args) => return compare::compare(&args),
        Command::Ab(args) => return ab::ab(&args),
        Command::Baseline(command) => baseline::baseline(&command)?,
        Command::History(args) => history::history(&args)?,
        Command::Export(args) => export::export(&args)?,
        Command::Kernel(command) => return kernel::kernel(&command),
        Command::Clean(json) => clean::clean(json)?,
    }
    Ok(Outcome::Fine)
}

/// Diagnostics go to stderr, by default only warnings.
fn log(verbose: u8) {
    let level = match verbose {
        0 => LevelFilter::WARN,
        1 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).without_time().init();
}
