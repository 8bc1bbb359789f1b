//! `bench exec`: a program of the user's in every backend.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};

use crate::backend::{Options, Payload};
use crate::cli::exec::ExecArgs;
use crate::command::run::{Order, carry_out};
use crate::experiment::exec::Exec;
use crate::preset::Preset;
use crate::program;
use crate::status::Outcome;

/// Of the time that all experiments take, for this one alone.
const SHARE: f64 = 0.3;

/// Finds the program, measures it, and writes results and report.
pub fn exec(args: &ExecArgs) -> Result<Outcome> {
    let (typed, rest) = args.command.split_first().context("give a program: `bench exec -- PROGRAM`")?;
    let payload = Payload {
        arg0: Some(typed.clone()),
        args: rest.to_vec(),
        env: args.env.clone(),
        stdin: Some(input(args.stdin.as_deref())?),
        place: program::find(typed, args.rootfs.as_deref())?,
    };
    let plan = Exec::new(program::workload_name(typed), args.memory, args.timeout);
    carry_out(Order {
        plans: vec![Box::new(plan)],
        measure: &args.measure,
        preset: Preset::of(&args.measure, None, SHARE),
        workloads: &[],
        backends: Options { payload: Arc::new(payload), ..Options::default() },
        turns: None,
    })
}

/// A file that every instance can read from its beginning.
fn input(given: Option<&Path>) -> Result<PathBuf> {
    let Some(path) = given else { return Ok("/dev/null".into()) };
    let metadata = path.metadata().with_context(|| format!("cannot read {}", path.display()))?;
    if !metadata.is_file() {
        bail!(
            "--stdin wants a file, which every instance reads from its beginning: {} is none",
            path.display()
        );
    }
    std::fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(path.to_owned())
}
