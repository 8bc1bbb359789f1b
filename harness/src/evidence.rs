//! Who each instance is, seen from inside: facts that the agent's workload `identity` reports once per
//! backend, before anything is measured. They show what a container shares with its host and a virtual
//! machine does not.

use std::time::{Duration, Instant};

use anyhow::Result;
use results::evidence::{EQUAL_TERMS, TERMS};
use results::{Evidence, Journal};
use workloads::Group as Kind;
use workloads::protocol::Event;

use crate::backend::{Backend, Group, Instance, Job, JobLimits};
use crate::execute::Contestant;
use crate::experiment::{LAST_WORDS, MIB, Rig, explain};
use crate::output::{chain, note};
use crate::terms;
use crate::trial::{Follower, TrialError, unexpected};

const LIMIT: Duration = Duration::from_secs(60);

/// The workload that says READY and waits for the end of its input.
const IDLE: &str = "noop";

/// Asks every contestant. One that does not answer says so and stays in the run: its trials will tell.
pub fn gather(rig: &Rig, contestants: &mut [Contestant], journal: &mut Journal) -> Result<()> {
    let cpus = if rig.pin.cpu().is_some() { 1 } else { rig.pin.cpus() };
    for workload in workloads::CATALOGUE.iter().filter(|workload| workload.group == Kind::Evidence) {
        for contestant in &mut *contestants {
            let backend = contestant.backend.name();
            match ask(rig, contestant.backend.as_mut(), workload.name) {
                Ok(mut facts) => {
                    let begun = Instant::now();
                    facts.extend(limits(rig, contestant.backend.as_mut()));
                    contestant.life = begun.elapsed();
                    let is = |group| contestant.backend.groups().contains(&group);
                    // Inside of a machine there is another kernel, and nothing of it is the host's to give.
                    if !is(Group::Builtin) && !is(Group::Vm) {
                        let terms = terms::compared(&facts, &job(&[]), cpus, contestant.backend.allowance());
                        if !terms.starts_with(EQUAL_TERMS) {
                            note(&format!("{backend}: {terms}"));
                        }
                        facts.push((TERMS.to_owned(), terms));
                    }
                    for (key, value) in facts {
                        journal.evidence(&Evidence { backend: backend.to_owned(), key, value })?;
                    }
                }
                Err(TrialError::Interrupted) => return Ok(()),
                Err(error) => note(&format!("{backend} does not say who it is: {error}")),
            }
        }
    }
    Ok(())
}

fn ask(rig: &Rig, backend: &mut dyn Backend, workload: &str) -> Result<Vec<(String, String)>, TrialError> {
    const WANTED: &str = "facts";
    let (mut instance, mut follower) = started(rig, backend, workload)?;
    let mut facts = Vec::new();
    loop {
        let next = match follower.next(&*instance, WANTED)? {
            Some(stamped) => Ok(stamped.event),
            None => Err(TrialError::Ended { waiting_for: WANTED, how: String::new() }),
        };
        match explain(next, &mut *instance)? {
            Event::Fact { key, value } => facts.push((key, value)),
            Event::Done => break,
            other => return Err(unexpected(WANTED, &other)),
        }
    }
    instance.stop(LIMIT).map_err(TrialError::Backend)?;
    Ok(facts)
}

/// The limits of an instance, read while it idles: an agent that tells its facts may be gone before they are. Best effort: without
/// them its trials can do.
fn limits(rig: &Rig, backend: &mut dyn Backend) -> Vec<(String, String)> {
    let whose = backend.limited_by();
    match started(rig, backend, IDLE) {
        Ok((mut instance, _)) => {
            let limits = terms::limits(instance.cgroup(), whose);
            if let Err(error) = instance.stop(LIMIT) {
                note(&format!("{}: {}", backend.name(), chain(&error)));
            }
            limits
        }
        Err(error) => {
            note(&format!("{}: its limits cannot be read: {error}", backend.name()));
            Vec::new()
        }
    }
}

/// An instance after READY, where and under what limits trials run, too.
fn started<'r>(
    rig: &Rig<'r>,
    backend: &mut dyn Backend,
    workload: &str,
) -> Result<(Box<dyn Instance>, Follower<'r>), TrialError> {
    rig.pin.enter().map_err(TrialError::Backend)?;
    let mut follower = Follower::new(rig.interrupt, LIMIT + LAST_WORDS);
    let mut instance = backend.start(&job(&[workload])).map_err(TrialError::Backend)?;
    let ready = follower.ready(&*instance);
    explain(ready, &mut *instance)?;
    Ok((instance, follower))
}

fn job<'a>(args: &'a [&'a str]) -> Job<'a> {
    let (memory_bytes, limits) = (32 * MIB, JobLimits::USUAL);
    Job { args, env: &[], memory_bytes, limits, accounted: true, deadline: Some(LIMIT) }
}
