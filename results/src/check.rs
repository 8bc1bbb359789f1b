//! What holds for every run beyond its types, checked whenever one is written or read.
//!
//! Invariant: a run that passed can be rendered without looking for contradictions again.

use std::collections::HashSet;

use crate::{BackendStatus, Better, Key, Measurement, Metric, Run, SCHEMA_VERSION, Status, Unit};

/// A contradiction within a run.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum Invalid {
    /// Another layout than the one this build knows.
    #[error("schema_version is {0}, but this build of `bench` writes {SCHEMA_VERSION}")]
    SchemaVersion(u32),
    /// A run id that cannot name the run's folder.
    #[error(
        "run_id `{0}` cannot name a folder; use letters, digits, `-`, `_` and `.`, and begin with no `.`"
    )]
    RunId(String),
    /// A time in another format.
    #[error("started_at `{0}` is not an RFC 3339 time like 2026-11-24T00:15:00Z")]
    StartedAt(String),
    /// A number that JSON cannot hold.
    #[error("{0} is not a finite number")]
    NotFinite(&'static str),
    /// Two backends of one name.
    #[error("backend `{0}` is listed twice")]
    DuplicateBackend(String),
    /// A backend that did not run, with no word why.
    #[error("backend `{0}` is not ok, but has no reason")]
    BackendWithoutReason(String),
    /// A fact about a backend that the run does not list.
    #[error("evidence `{key}` is of backend `{backend}`, which the run does not list")]
    EvidenceOfUnknownBackend {
        /// What was looked at.
        key: String,
        /// The unknown name.
        backend: String,
    },
    /// A contradiction within one measurement.
    #[error("{key}: {problem}")]
    Measurement {
        /// Which one.
        key: Box<Key>,
        /// What is wrong with it.
        problem: Problem,
    },
}

/// A contradiction within one measurement.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum Problem {
    /// Its backend is unknown.
    #[error("the run does not list this backend")]
    UnknownBackend,
    /// Its metric's name could not be read back.
    #[error("`{0}` is no metric's name; a phase is named in a-z, 0-9 and _")]
    MetricName(Metric),
    /// A unit that its metric does not have.
    #[error("the unit is {found}, but this metric is in {expected}")]
    Unit {
        /// The metric's unit.
        expected: Unit,
        /// The unit given.
        found: Unit,
    },
    /// A direction that its metric does not have.
    #[error("{0:?} is not the better direction of this metric")]
    Better(Better),
    /// It stands in the run twice.
    #[error("it is listed twice")]
    Duplicate,
    /// Samples cannot be told their blocks or flags.
    #[error("there are {samples} samples, but {others} {what}")]
    Lengths {
        /// Number of samples.
        samples: usize,
        /// `blocks` or `flags`.
        what: &'static str,
        /// Their number.
        others: usize,
    },
    /// A sample that JSON cannot hold.
    #[error("the sample of block {0} is not a finite number")]
    NotFinite(u32),
    /// Two samples that would pair with the same sample of another backend.
    #[error("block {0} has two samples")]
    DuplicateBlock(u32),
    /// Status `ok` without a sample.
    #[error("it is ok, but has no samples")]
    NoSamples,
    /// Another status without a reason.
    #[error("it is not ok, but has no reason")]
    NoReason,
    /// A status entry that says `ok`, which only a sample can.
    #[error("only a sample makes it ok")]
    OkByStatus,
}

impl Problem {
    /// This problem, of that measurement.
    pub(crate) fn of(self, key: &Key) -> Invalid {
        Invalid::Measurement { key: Box::new(key.clone()), problem: self }
    }
}

impl Run {
    /// Checks that nothing in the run contradicts something else.
    ///
    /// # Errors
    /// The first contradiction found.
    pub fn check(&self) -> Result<(), Invalid> {
        if self.schema_version != SCHEMA_VERSION {
            return Err(Invalid::SchemaVersion(self.schema_version));
        }
        check_run_id(&self.run_id)?;
        if self.started_at.parse::<jiff::Timestamp>().is_err() {
            return Err(Invalid::StartedAt(self.started_at.clone()));
        }
        for (field, number) in [("load_1m", self.host.load_1m), ("time_budget_s", self.config.time_budget_s)]
        {
            if !number.is_finite() {
                return Err(Invalid::NotFinite(field));
            }
        }
        let mut backends = HashSet::new();
        for backend in &self.backends {
            if !backends.insert(backend.name.as_str()) {
                return Err(Invalid::DuplicateBackend(backend.name.clone()));
            }
            if backend.status != BackendStatus::Ok && is_blank(&backend.reason) {
                return Err(Invalid::BackendWithoutReason(backend.name.clone()));
            }
        }
        let mut keys = HashSet::new();
        for measurement in &self.measurements {
            let key = Key::from(measurement);
            measurement.check(&key).map_err(|problem| problem.of(&key))?;
            if !backends.contains(key.backend.as_str()) {
                return Err(Problem::UnknownBackend.of(&key));
            }
            if let Some(twice) = keys.replace(key) {
                return Err(Problem::Duplicate.of(&twice));
            }
        }
        match self.evidence.iter().find(|evidence| !backends.contains(evidence.backend.as_str())) {
            Some(evidence) => Err(Invalid::EvidenceOfUnknownBackend {
                key: evidence.key.clone(),
                backend: evidence.backend.clone(),
            }),
            None => Ok(()),
        }
    }
}

/// A run id becomes a folder's name and a link's target, so it must not leave the results folder.
pub(crate) fn check_run_id(run_id: &str) -> Result<(), Invalid> {
    let plain = run_id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if run_id.is_empty() || run_id.starts_with('.') || !plain {
        return Err(Invalid::RunId(run_id.to_owned()));
    }
    Ok(())
}

fn is_blank(reason: &Option<String>) -> bool {
    reason.as_ref().is_none_or(|reason| reason.trim().is_empty())
}

impl Key {
    /// Checks that unit and direction are those of the metric, and that its name can be read back.
    pub(crate) fn check(&self) -> Result<(), Problem> {
        if self.metric.to_string().parse::<Metric>().is_err() {
            return Err(Problem::MetricName(self.metric.clone()));
        }
        let expected = self.metric.unit();
        if self.unit != expected {
            return Err(Problem::Unit { expected, found: self.unit });
        }
        if self.better != self.metric.better() {
            return Err(Problem::Better(self.better));
        }
        Ok(())
    }
}

impl Measurement {
    fn check(&self, key: &Key) -> Result<(), Problem> {
        key.check()?;
        let samples = self.samples.len();
        let flags = self.flags.as_ref().map_or(samples, Vec::len);
        for (what, others) in [("blocks", self.blocks.len()), ("flags", flags)] {
            if others != samples {
                return Err(Problem::Lengths { samples, what, others });
            }
        }
        let mut blocks = HashSet::with_capacity(samples);
        for (sample, &block) in self.samples.iter().zip(&self.blocks) {
            if !sample.is_finite() {
                return Err(Problem::NotFinite(block));
            }
            if !blocks.insert(block) {
                return Err(Problem::DuplicateBlock(block));
            }
        }
        match self.status {
            Status::Ok if self.samples.is_empty() => Err(Problem::NoSamples),
            Status::Ok => Ok(()),
            _ if is_blank(&self.reason) => Err(Problem::NoReason),
            _ => Ok(()),
        }
    }
}
