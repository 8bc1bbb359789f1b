//! `bench baseline`: keeps runs under a name, and shows them.

use std::path::PathBuf;

use anyhow::Result;
use results::Run;
use serde_json::{Value, json};

use crate::baseline::{BaselineError, Baselines, Keep};
use crate::cli::baseline::{BaselineCommand, ListArgs, SaveArgs};
use crate::output::{print, print_json};
use crate::runs;

/// Carries it out.
pub fn baseline(command: &BaselineCommand) -> Result<()> {
    match command {
        BaselineCommand::Save(args) => save(args),
        BaselineCommand::List(args) => list(args),
    }
}

fn save(args: &SaveArgs) -> Result<()> {
    let results = &args.list.results;
    // All of another baseline may be kept under a second name.
    let load = |named: &PathBuf| runs::load_all(named, results);
    let runs = args.runs.iter().map(load).collect::<Result<Vec<_>>>()?.concat();
    let keep = Keep { newest: args.keep.into(), replace: args.replace, interrupted: args.allow_interrupted };
    let kept = Baselines::of(results).save(&args.name, &runs, keep)?;
    if args.list.json.json {
        return print_json(&json!({ "name": args.name, "runs": kept }));
    }
    let noun = if kept.len() == 1 { "run" } else { "runs" };
    print(&format!(
        "Baseline {} holds {} {noun}; compare with it: bench compare @{0} NEW",
        args.name,
        kept.len()
    ))
}

fn list(args: &ListArgs) -> Result<()> {
    let baselines = Baselines::of(&args.results);
    let names = baselines.names()?;
    let mut all = Vec::new();
    for name in names {
        match baselines.load(&name) {
            Ok(runs) => all.push((name, runs)),
            // The folder is there, of a save that was killed before it had written anything.
            Err(BaselineError::Unknown { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    if args.json.json {
        let runs = |runs: &[(PathBuf, Run)]| runs.iter().map(as_json).collect::<Value>();
        let each = all.iter().map(|(name, kept)| json!({ "name": name, "runs": runs(kept) }));
        return print_json(&json!({ "baselines": each.collect::<Value>() }));
    }
    if all.is_empty() {
        return print(&format!(
            "No baseline in {}; `bench baseline save NAME` makes one.",
            args.results.display()
        ));
    }
    all.iter().try_for_each(|(name, runs)| {
        print(&format!("@{name}"))?;
        runs.iter().try_for_each(|(_, run)| {
            let commit = run.tool.git.as_deref().unwrap_or("no commit known");
            print(&format!("  {}  {}  bench {} ({commit})", run.run_id, run.started_at, run.tool.version))
        })
    })
}

fn as_json((path, run): &(PathBuf, Run)) -> Value {
    json!({
        "run_id": run.run_id, "started_at": run.started_at, "version": run.tool.version, "git": run.tool.git,
        "path": path,
    })
}
