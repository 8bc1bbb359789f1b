//! `bench all` and `bench run`: measures, saves, renders. [`carry_out`] does so for every command that measures.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use results::{
    Backend as BackendRecord, BackendStatus, Config, Experiment, Journal, Run, RunState, SCHEMA_VERSION, Tool,
};

use crate::ab::turns::{Common, Turns};
use crate::announce::announce;
use crate::arrange::arrange;
use crate::backend::{self, Group, delayed::Delay};
use crate::cli::RunArgs;
use crate::cli::measure::{MeasureArgs, PinChoice};
use crate::evidence;
use crate::execute::{Contestant, Course, Executor, verdict};
use crate::experiment::{ALL, Plan, Rig, plans};
use crate::host::fingerprint;
use crate::interrupt::Interrupt;
use crate::kernel;
use crate::output::{chain, note, print, print_json};
use crate::pin::Pin;
use crate::preset::Preset;
use crate::progress::Progress;
use crate::scratch::{self, Scratch};
use crate::select::{self, Chosen};
use crate::status::{Outcome, RequiredMissing};
use crate::table;

/// What a command wants to be measured.
pub struct Order<'a> {
    /// In the order in which they are carried out.
    pub plans: Vec<Box<dyn Plan>>,
    /// How.
    pub measure: &'a MeasureArgs,
    /// How much.
    pub preset: Preset,
    /// Names of the workloads wanted; empty means all.
    pub workloads: &'a [String],
    /// What the command says about backends.
    pub backends: backend::Options,
    /// The version of the protocol by which another run takes turns with this one, if one does.
    pub turns: Option<u32>,
}

/// Measures `experiments` as `args` say, and writes results and report.
pub fn run(experiments: &[Experiment], args: &RunArgs) -> Result<Outcome> {
    carry_out(Order {
        plans: plans(&in_order(experiments)),
        measure: &args.measure,
        preset: Preset::of(&args.measure, args.instances, 1.0),
        workloads: &args.workloads,
        backends: backend::Options {
            kernel: args.kernel.clone(),
            tools: args.tools.options()?,
            ..Default::default()
        },
        turns: args.turns,
    })
}

/// Measures what is ordered, and writes results and report.
pub fn carry_out(order: Order) -> Result<Outcome> {
    let Order { mut plans, measure: args, preset, workloads, backends, turns } = order;
    // First of all, so that the leader soon knows whom it has to do with.
    let interrupt = Interrupt::install()?;
    let mut turns = match turns {
        Some(version) => match Turns::greet(version, &interrupt)? {
            Some(turns) => Some(turns),
            None => return Ok(Outcome::Interrupted),
        },
        None => None,
    };
    check_names(args, workloads, &backends)?;
    let delay = Delay::from_environment()?;
    let pin = match args.pin {
        Some(PinChoice::None) => Pin::none()?,
        Some(PinChoice::Cpu(cpu)) => Pin::to(Some(cpu))?,
        None => Pin::to(None)?,
    };
    check_workloads_fit(&plans, workloads)?;
    if let Some(path) = &backends.kernel {
        // Named by the user, so a bad one is wrong usage and not a backend that cannot run here.
        kernel::choose(Some(path))?;
    }
    sweep();

    if let Some(delay) = &delay {
        note(&delay.to_string());
    }
    let default = if turns.is_some() { select::DEFAULT_OF_PAIR } else { select::DEFAULT };
    let (mut contestants, records) = contestants(&plans, args, default, &backends, delay.as_ref());
    require(args, &records)?;
    let header = header(&plans, args, workloads, &preset, &pin, records);
    let folder = RunFolder::create(&args.out, &header.run_id)?;
    let scratch = Scratch::create()?;
    let mut journal = Journal::create(&folder.dir, &header)?;
    let mut course = Course::Interrupted;
    contestants.retain_mut(|contestant| {
        interrupt.is_raised() || prepared(contestant, &scratch, &header, &mut journal)
    });
    if !interrupt.is_raised() {
        let mut progress = if turns.is_some() { Progress::Off } else { Progress::on_stderr() };
        let rig = Rig { pin, interrupt: &interrupt, extent: preset.extent };
        if backends.payload.is_agent() {
            evidence::gather(&rig, &mut contestants, &mut journal)?;
        }
        if turns.is_none() && contestants.iter().any(|of| !of.backend.groups().contains(&Group::Builtin)) {
            announce(&preset, &plans, &contestants).iter().for_each(|line| note(line));
        }
        let goes_on = match &mut turns {
            Some(turns) => {
                let names: Vec<&str> = contestants.iter().map(|of| of.backend.name()).collect();
                let common = turns.ready(&interrupt, &header.run_id, &header.config.experiments, &names)?;
                if let Some(common) = &common {
                    restrict(common, &mut plans, &mut contestants, &mut journal)?;
                }
                common.is_some()
            }
            None => true,
        };
        if goes_on {
            let mut executor = Executor {
                rig,
                preset: &preset,
                wanted: workloads,
                seed: header.config.seed,
                journal: &mut journal,
                progress: &mut progress,
                turns: turns.as_mut(),
            };
            let result = executor.run(&plans, &mut contestants);
            progress.finish();
            course = result?;
        }
    }
    // Rendering is free to use every CPU again.
    pin.leave()?;
    drop(contestants);
    drop(scratch);
    finish(journal, course, &folder, args)
}

/// Closes the journal, renders, prints, and judges.
fn finish(mut journal: Journal, course: Course, folder: &RunFolder, args: &MeasureArgs) -> Result<Outcome> {
    for mut record in journal.run().backends.clone() {
        if record.status == BackendStatus::Ok {
            (record.status, record.reason) = verdict(journal.run(), &record.name);
            journal.backend(&record)?;
        }
    }
    let state = match course {
        Course::Ended => RunState::Complete,
        Course::Interrupted => RunState::Interrupted,
    };
    let mut run = journal.finish(state)?;
    arrange(&mut run);
    results::write_run(&folder.dir, &run)?;
    reports::render(&run, &folder.dir).context("write the report")?;
    results::update_latest(&args.out, &run.run_id)?;
    if args.json {
        print_json(&run)?;
    } else {
        print(&table::tables(&run))?;
        print(&format!("\nReport: {}", folder.dir.join("report.html").display()))?;
    }
    if course == Course::Interrupted {
        note("interrupted: what was measured is kept and rendered");
        return Ok(Outcome::Interrupted);
    }
    require(args, &run.backends)?;
    Ok(Outcome::Fine)
}

/// Each once, in the order of `bench all`.
fn in_order(experiments: &[Experiment]) -> Vec<Experiment> {
    ALL.into_iter().filter(|experiment| experiments.contains(experiment)).collect()
}

fn check_names(args: &MeasureArgs, workloads: &[String], options: &backend::Options) -> Result<()> {
    let backends: Vec<&str> = backend::all(options).iter().map(|backend| backend.name()).collect();
    let choices: Vec<&str> = backends.iter().copied().chain(select::PRESETS).collect();
    select::check("backend", &args.backends, &choices)?;
    select::check("backend", &args.require, &backends)?;
    select::check("backend", &args.force_backend, &backends)?;
    let known: Vec<&str> = workloads::CATALOGUE.iter().map(|workload| workload.name).collect();
    select::check("workload", workloads, &known)
}

/// Workloads that no chosen experiment runs would give an empty report.
fn check_workloads_fit(plans: &[Box<dyn Plan>], wanted: &[String]) -> Result<()> {
    let runs = |name: &String| plans.iter().any(|plan| plan.workloads().iter().any(|w| w.name == name));
    if !wanted.is_empty() && !wanted.iter().any(runs) {
        bail!("none of the chosen experiments runs {}: `bench list` shows which does", wanted.join(", "));
    }
    Ok(())
}

/// Removes what killed runs left behind; being unable to is no reason not to measure.
fn sweep() {
    match scratch::sweep() {
        Ok(removed) if removed.is_empty() => {}
        Ok(removed) => note(&format!("removed what a killed run left behind ({})", removed.len())),
        Err(error) => note(&format!("cannot remove leftovers of a killed run: {}", chain(&error))),
    }
}

/// The chosen backends that this host can run, and the record of all chosen ones. One that nobody asked for by name is
/// chosen if some experiment has a use for it.
fn contestants(
    plans: &[Box<dyn Plan>],
    args: &MeasureArgs,
    default: &[&str],
    options: &backend::Options,
    delay: Option<&Delay>,
) -> (Vec<Contestant>, Vec<BackendRecord>) {
    let mut missing = Vec::new();
    let mut contestants = Vec::new();
    let mut records = Vec::new();
    for backend in backend::all(options) {
        let backend = match delay {
            Some(delay) => delay.apply(backend),
            None => backend,
        };
        let named = |names: &[String]| names.iter().any(|name| name == backend.name());
        let forced = named(&args.force_backend);
        let chosen = select::chosen(&args.backends, default, backend.as_ref());
        let asked_for = chosen == Chosen::ByName || named(&args.require);
        let has_a_use = plans.iter().any(|plan| backend.joins(plan.id()));
        if (chosen == Chosen::Not || !has_a_use) && !asked_for {
            if has_a_use && backend.groups().contains(&Group::Adapter) && !backend.is_installed() {
                missing.push(backend.name());
            }
            continue;
        }
        let name = backend.name().to_owned();
        match backend.probe() {
            Ok(details) => {
                records.push(BackendRecord { name, status: BackendStatus::Ok, reason: None, details });
                contestants.push(Contestant { backend, asked_for, life: Duration::ZERO });
            }
            Err(reason) if forced => {
                note(&format!("{name} is tried although it should not work here: {reason}"));
                let mut details = backend.forced();
                details.insert("forced".to_owned(), reason);
                records.push(BackendRecord { name, status: BackendStatus::Ok, reason: None, details });
                contestants.push(Contestant { backend, asked_for, life: Duration::ZERO });
            }
            Err(reason) => {
                let (status, details) = (BackendStatus::Unavailable, BTreeMap::new());
                records.push(BackendRecord { name, status, reason: Some(reason), details });
            }
        }
    }
    // A row of the results each would be noise on the many hosts that have none of them.
    if args.backends.is_empty() && default == select::DEFAULT && !missing.is_empty() {
        note(&format!(
            "not on this host, so not measured: {} (bench list says where to get them)",
            missing.join(", ")
        ));
    }
    (contestants, records)
}

/// Leaves out what the other run of a pair cannot measure, and puts the backends into the order of both.
fn restrict(
    common: &Common,
    plans: &mut Vec<Box<dyn Plan>>,
    contestants: &mut Vec<Contestant>,
    journal: &mut Journal,
) -> Result<()> {
    plans.retain(|plan| common.experiments.contains(&plan.id().to_string()));
    let place = |backend: &str| common.backends.iter().position(|name| name == backend);
    for contestant in contestants.iter().filter(|contestant| place(contestant.backend.name()).is_none()) {
        let record = journal.run().backend(contestant.backend.name()).cloned();
        if let Some(record) = record {
            let reason = Some("left out: the other build cannot run it".to_owned());
            journal.backend(&BackendRecord { status: BackendStatus::Unavailable, reason, ..record })?;
        }
    }
    contestants.retain(|contestant| place(contestant.backend.name()).is_some());
    contestants.sort_by_key(|contestant| place(contestant.backend.name()));
    Ok(())
}

/// One-time work of a backend. One that breaks here fails alone.
fn prepared(contestant: &mut Contestant, scratch: &Scratch, header: &Run, journal: &mut Journal) -> bool {
    let Err(error) = contestant.backend.prepare(scratch) else { return true };
    let name = contestant.backend.name();
    let reason = chain(&error);
    note(&format!("{name} failed: {reason}"));
    if let Some(record) = header.backends.iter().find(|record| record.name == name) {
        let record = BackendRecord { status: BackendStatus::Failed, reason: Some(reason), ..record.clone() };
        if let Err(error) = journal.backend(&record) {
            note(&format!("cannot record that: {error}"));
        }
    }
    false
}

/// An error if a required backend, or every chosen one, could not run.
fn require(args: &MeasureArgs, records: &[BackendRecord]) -> Result<()> {
    let why = |record: &BackendRecord| record.reason.clone().unwrap_or_else(|| "no reason known".to_owned());
    let bad = |record: &&BackendRecord| record.status != BackendStatus::Ok;
    if let Some(record) = records.iter().filter(bad).find(|record| args.require.contains(&record.name)) {
        let text = format!("required backend {} cannot run: {}", record.name, why(record));
        return Err(RequiredMissing(text).into());
    }
    if records.iter().all(|record| bad(&record)) {
        let each: Vec<String> = records.iter().map(|r| format!("{}: {}", r.name, why(r))).collect();
        return Err(RequiredMissing(format!("no backend has run; {}", each.join("; "))).into());
    }
    Ok(())
}

fn header(
    plans: &[Box<dyn Plan>],
    args: &MeasureArgs,
    workloads: &[String],
    preset: &Preset,
    pin: &Pin,
    backends: Vec<BackendRecord>,
) -> Run {
    let experiments: Vec<Experiment> = plans.iter().map(|plan| plan.id()).collect();
    let now = jiff::Timestamp::now();
    // Two runs may begin within one second.
    let unique = RandomState::new().hash_one(now);
    Run {
        schema_version: SCHEMA_VERSION,
        run_id: format!("{}-{:04x}", now.strftime("%Y%m%d-%H%M%S"), unique as u16),
        started_at: format!("{now:.0}"),
        state: RunState::Interrupted,
        tool: Tool {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            git: option_env!("BENCH_GIT").map(str::to_owned),
            agent_sha256: workloads::agent_sha256(),
        },
        host: fingerprint(),
        config: Config {
            // A seed that survives JSON readers which keep numbers as doubles.
            seed: args.seed.unwrap_or(unique >> 32),
            preset: preset.name.to_owned(),
            samples: args.samples,
            time_budget_s: preset.budget.as_secs_f64(),
            workloads: workloads.to_vec(),
            pinned_cpu: pin.cpu().map(|cpu| cpu as u32),
            memory_limit_bytes: plans.iter().map(|plan| (plan.id(), plan.memory_bytes())).collect(),
            command: std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect(),
            instances: experiments.contains(&Experiment::Density).then_some(preset.extent.instances),
            experiments,
        },
        backends,
        measurements: Vec::new(),
        evidence: Vec::new(),
    }
}

/// The run's folder; removed again if nothing came to be written into it.
struct RunFolder {
    dir: PathBuf,
}

impl RunFolder {
    fn create(out: &Path, run_id: &str) -> Result<Self> {
        let dir = out.join(run_id);
        fs::create_dir_all(&dir).with_context(|| {
            format!("cannot write results to {}: choose another folder with --out", out.display())
        })?;
        Ok(Self { dir })
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        // Fails, as it should, once there is a file inside.
        let _ = fs::remove_dir(&self.dir);
    }
}
