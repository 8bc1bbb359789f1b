//! Builds a run from its header and the entries of its journal.
//!
//! Invariant: writing a journal and reading it back go through the same [`Assembly::apply`], so that both end in the
//! same run, and an entry that would contradict the run is refused before it is written.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::check::Problem;
use crate::{Backend, BackendStatus, Evidence, Invalid, Key, Measurement, Run, RunState, Status};

/// One line of a journal after the first.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Entry {
    /// One trial's value.
    Sample {
        key: Key,
        block: u32,
        value: f64,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        flags: Vec<String>,
    },
    /// Why a measurement has no samples, or no more.
    Status { key: Key, status: Status, reason: String },
    /// A backend, new or in place of the one of its name.
    Backend(Backend),
    /// A fact observed from inside an instance.
    Evidence(Evidence),
    /// How the run ended.
    State(RunState),
}

/// A run under construction.
#[derive(Debug)]
pub(crate) struct Assembly {
    run: Run,
    /// Index of each measurement, and the blocks it has.
    index: HashMap<Key, (usize, HashSet<u32>)>,
}

impl Assembly {
    /// Starts from a run that usually has no measurements yet.
    pub fn new(header: Run) -> Result<Self, Invalid> {
        header.check()?;
        let entry = |(index, measurement): (usize, &Measurement)| {
            (Key::from(measurement), (index, measurement.blocks.iter().copied().collect()))
        };
        let index = header.measurements.iter().enumerate().map(entry).collect();
        Ok(Assembly { run: header, index })
    }

    /// The run so far.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// The run, given away.
    pub fn into_run(self) -> Run {
        self.run
    }

    /// Adds one entry, or refuses it and changes nothing.
    pub fn apply(&mut self, entry: Entry) -> Result<(), Invalid> {
        match entry {
            Entry::Sample { key, block, value, flags } => {
                if !value.is_finite() {
                    return Err(Problem::NotFinite(block).of(&key));
                }
                if self.index.get(&key).is_some_and(|(_, blocks)| blocks.contains(&block)) {
                    return Err(Problem::DuplicateBlock(block).of(&key));
                }
                let (measurement, blocks) = self.measurement(key)?;
                blocks.insert(block);
                measurement.push(value, block, flags);
            }
            Entry::Status { key, status, reason } => {
                if status == Status::Ok {
                    return Err(Problem::OkByStatus.of(&key));
                }
                if reason.trim().is_empty() {
                    return Err(Problem::NoReason.of(&key));
                }
                let (measurement, _) = self.measurement(key)?;
                measurement.status = status;
                measurement.reason = Some(reason);
            }
            Entry::Backend(backend) => self.backend(backend)?,
            Entry::Evidence(evidence) => {
                if self.run.backend(&evidence.backend).is_none() {
                    let Evidence { key, backend, .. } = evidence;
                    return Err(Invalid::EvidenceOfUnknownBackend { key, backend });
                }
                self.run.evidence.push(evidence);
            }
            Entry::State(state) => self.run.state = state,
        }
        Ok(())
    }

    /// The measurement of this key, new if there is none.
    fn measurement(&mut self, key: Key) -> Result<(&mut Measurement, &mut HashSet<u32>), Invalid> {
        if !self.index.contains_key(&key) {
            key.check().map_err(|problem| problem.of(&key))?;
            if self.run.backend(&key.backend).is_none() {
                return Err(Problem::UnknownBackend.of(&key));
            }
            self.run.measurements.push(key.clone().measurement());
        }
        let newest = self.run.measurements.len() - 1;
        let (index, blocks) = self.index.entry(key).or_insert_with(|| (newest, HashSet::new()));
        Ok((&mut self.run.measurements[*index], blocks))
    }

    fn backend(&mut self, backend: Backend) -> Result<(), Invalid> {
        let has_reason = backend.reason.as_ref().is_some_and(|reason| !reason.trim().is_empty());
        if backend.status != BackendStatus::Ok && !has_reason {
            return Err(Invalid::BackendWithoutReason(backend.name));
        }
        match self.run.backends.iter_mut().find(|known| known.name == backend.name) {
            Some(known) => *known = backend,
            None => self.run.backends.push(backend),
        }
        Ok(())
    }
}

impl Measurement {
    fn push(&mut self, value: f64, block: u32, flags: Vec<String>) {
        if self.flags.is_none() && !flags.is_empty() {
            self.flags = Some(vec![Vec::new(); self.samples.len()]);
        }
        if let Some(all) = &mut self.flags {
            all.push(flags);
        }
        self.samples.push(value);
        self.blocks.push(block);
    }
}
