//! A backend whose agent waits before READY, for tests of comparisons: its user asks for it by the environment variable
//! `BENCH_TEST_DELAY=[BACKEND:]NANOSECONDS` of `bench`, and the agent gets the number in a variable of the same name.
//!
//! Unit: nanoseconds. Invariant: every sample of such a backend carries the flag [`TEST_DELAY_FLAG`], so that it can never pass for
//! what the backend costs.

use std::env;

use anyhow::{Context, Result, bail};
use results::{Experiment, TEST_DELAY_FLAG};
use workloads::{LONGEST_TEST_DELAY_NS, TEST_DELAY};

use super::{Backend, Details, Group, Instance, Job, names};
use crate::scratch::Scratch;
use crate::select;

/// A delay, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delay {
    /// Of this backend only, or of all.
    backend: Option<String>,
    ns: u64,
}

impl Delay {
    /// What the environment of `bench` asks for, which is nothing outside of tests.
    pub fn from_environment() -> Result<Option<Self>> {
        let Some(value) = env::var_os(TEST_DELAY) else { return Ok(None) };
        let delay = value.to_str().map(Self::parse).with_context(|| format!("{TEST_DELAY} is no text"))?;
        delay.map(Some)
    }

    fn parse(text: &str) -> Result<Self> {
        let (backend, number) = match text.split_once(':') {
            Some((backend, number)) => (Some(backend.to_owned()), number),
            None => (None, text),
        };
        let ns = number.parse().ok().filter(|ns| *ns <= LONGEST_TEST_DELAY_NS);
        let Some(ns) = ns else {
            bail!(
                "{TEST_DELAY} is for tests and wants [BACKEND:]NANOSECONDS, at most {LONGEST_TEST_DELAY_NS}, not `{text}`"
            )
        };
        select::check("backend", backend.as_slice(), &names())?;
        Ok(Self { backend, ns })
    }

    /// The backend with the delay, if it is meant.
    pub fn apply(&self, backend: Box<dyn Backend>) -> Box<dyn Backend> {
        match &self.backend {
            Some(name) if name != backend.name() => backend,
            _ => Box::new(Delayed { backend, ns: self.ns.to_string() }),
        }
    }
}

impl std::fmt::Display for Delay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let whom = self.backend.as_deref().unwrap_or("every backend");
        write!(
            f,
            "{TEST_DELAY} makes {whom} {} ns slower to start: these are no results, but a test",
            self.ns
        )
    }
}

/// A backend that is slower to start than it is.
struct Delayed {
    backend: Box<dyn Backend>,
    ns: String,
}

impl Backend for Delayed {
    fn name(&self) -> &'static str {
        self.backend.name()
    }

    fn summary(&self) -> &'static str {
        self.backend.summary()
    }

    fn probe(&self) -> Result<Details, String> {
        self.backend.probe()
    }

    fn forced(&self) -> Details {
        self.backend.forced()
    }

    fn prepare(&mut self, scratch: &Scratch) -> Result<()> {
        self.backend.prepare(scratch)
    }

    fn start(&self, job: &Job) -> Result<Box<dyn Instance>> {
        self.backend.start(&Job { env: &[(TEST_DELAY, &self.ns)], ..*job })
    }

    fn joins(&self, experiment: Experiment) -> bool {
        self.backend.joins(experiment)
    }

    fn groups(&self) -> &'static [Group] {
        self.backend.groups()
    }

    fn is_installed(&self) -> bool {
        self.backend.is_installed()
    }

    fn limited_by(&self) -> &'static str {
        self.backend.limited_by()
    }

    fn allowance(&self) -> (u64, u64) {
        self.backend.allowance()
    }

    fn daemons(&self) -> &[i32] {
        self.backend.daemons()
    }

    fn flag(&self) -> Option<&'static str> {
        Some(TEST_DELAY_FLAG)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_of_one_backend_or_of_all() {
        let all = Delay::parse("2000000").unwrap();
        let one = Delay::parse("container:2000000").unwrap();
        let flagged = |delay: &Delay| {
            let backends = super::super::all(&Default::default()).into_iter().map(|b| delay.apply(b));
            backends.filter(|b| b.flag() == Some(TEST_DELAY_FLAG)).map(|b| b.name()).collect::<Vec<_>>()
        };
        assert_eq!(flagged(&all), names());
        assert_eq!(flagged(&one), ["container"]);
    }

    #[test]
    fn a_senseless_delay_is_refused_with_what_is_wanted() {
        for bad in ["", "soon", "container:", ":5", "-1", "99999999999999"] {
            assert!(Delay::parse(bad).is_err(), "{bad}");
        }
        let message = Delay::parse("contaner:5").unwrap_err().to_string();
        assert!(message.contains("did you mean `container`"), "{message}");
    }
}
