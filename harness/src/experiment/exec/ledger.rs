//! What a program did, trial by trial: the same everywhere, or who differed and how.
//!
//! Invariant: the first trial of a run that ends by an exit is what all others are held against. It happens while warming up,
//! in the order of the backends, so that it is the baseline's where that takes part.

use std::collections::BTreeMap;
use std::fmt;

use results::Evidence;
use results::evidence::{EXIT_STATUS, OUTPUT_DIFFERS, STDOUT_BYTES, STDOUT_SHA256};

use super::follow::{HASHED, Output};
use crate::backend::Ended;
use crate::trial::TrialError;

/// What can be seen of a program that has exited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Its exit status.
    pub status: i32,
    /// What it wrote.
    pub output: Output,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit status {}, {}", self.status, self.output)
    }
}

/// What a trial means.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It did what it should.
    Same,
    /// It asked for what this backend does not have, by design.
    Lacks(String),
}

/// All of it.
#[derive(Debug, Default)]
pub struct Ledger {
    reference: Option<(&'static str, Outcome)>,
    /// Whether the backend of the reference has contradicted itself.
    unstable: bool,
    /// The first outcome of each backend, and how often it ran.
    seen: BTreeMap<&'static str, (Outcome, u32)>,
    differing: BTreeMap<&'static str, String>,
    /// What went wrong for good before the first block.
    early: BTreeMap<&'static str, TrialError>,
}

impl Ledger {
    /// Judges one end on a backend.
    pub fn judge(
        &mut self,
        backend: &'static str,
        ended: &Ended,
        output: Output,
    ) -> Result<Verdict, TrialError> {
        let lacks = || {
            let needs = format!("needs {}", ended.lacking.join(", "));
            (!ended.lacking.is_empty()).then_some(Verdict::Lacks(needs))
        };
        let Some(status) = ended.status else {
            let how = ended.failure.clone().unwrap_or_else(|| "for no known reason".to_owned());
            return lacks().ok_or(TrialError::Ended { waiting_for: "an exit of its own", how });
        };
        let outcome = Outcome { status, output };
        let Some((of, expected)) = self.reference.clone() else {
            // Without anything to hold it against, a failure for want of calls would become what is expected.
            if status != 0
                && let Some(lacks) = lacks()
            {
                return Ok(lacks);
            }
            self.reference = Some((backend, outcome.clone()));
            self.note(backend, &outcome);
            return Ok(Verdict::Same);
        };
        if outcome == expected {
            self.note(backend, &outcome);
            return Ok(Verdict::Same);
        }
        self.unstable |= of == backend;
        if !self.unstable
            && let Some(lacks) = lacks()
        {
            return Ok(lacks);
        }
        let trial = self.note(backend, &outcome);
        let why = if of == backend {
            format!(
                "trial {trial} differs from the one before, so that nothing can be compared: {outcome}; before: {expected}"
            )
        } else if self.unstable {
            format!("differs, as it does from trial to trial in {of}: {outcome}; there: {expected}")
        } else {
            format!("trial {trial} differs from {of}: {outcome}; there: {expected}")
        };
        self.differing.entry(backend).or_insert_with(|| why.clone());
        Err(TrialError::Differs(why))
    }

    /// Counts an outcome; the number of this one.
    fn note(&mut self, backend: &'static str, outcome: &Outcome) -> u32 {
        let (_, trials) = self.seen.entry(backend).or_insert_with(|| (outcome.clone(), 0));
        *trials += 1;
        *trials
    }

    /// Keeps an error for the first block, where errors are recorded.
    pub fn keep(&mut self, backend: &'static str, error: TrialError) {
        self.early.insert(backend, error);
    }

    /// Takes it back out.
    pub fn kept(&mut self, backend: &str) -> Option<TrialError> {
        self.early.remove(backend)
    }

    /// What each backend's program did first, and where that did not hold.
    pub fn evidence(&self) -> Vec<Evidence> {
        let fact = |backend: &str, key: &str, value: String| Evidence {
            backend: backend.to_owned(),
            key: key.to_owned(),
            value,
        };
        let mut facts = Vec::new();
        for (backend, (Outcome { status, output }, _)) in &self.seen {
            facts.push(fact(backend, EXIT_STATUS, status.to_string()));
            facts.push(fact(backend, STDOUT_BYTES, output.bytes.to_string()));
            let of = if output.bytes > HASHED { format!(" (first {HASHED} bytes)") } else { String::new() };
            facts.push(fact(backend, STDOUT_SHA256, format!("{}{of}", output.sha256)));
        }
        facts.extend(self.differing.iter().map(|(backend, why)| fact(backend, OUTPUT_DIFFERS, why.clone())));
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exited(status: i32, lacking: &[&str]) -> Ended {
        let lacking = lacking.iter().map(ToString::to_string).collect();
        Ended { status: Some(status), lacking, ..Ended::default() }
    }

    fn output(sha256: &str) -> Output {
        Output { bytes: 1, sha256: sha256.to_owned() }
    }

    #[test]
    fn the_first_exit_is_what_all_others_are_held_against() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.judge("process", &exited(3, &[]), output("a")).unwrap(), Verdict::Same);
        assert_eq!(ledger.judge("container", &exited(3, &[]), output("a")).unwrap(), Verdict::Same);
        let error = ledger.judge("container", &exited(0, &[]), output("a")).unwrap_err();
        let wanted = "trial 2 differs from process: exit status 0, 1 bytes, sha256 a; there: exit status 3, 1 bytes, sha256 a";
        assert_eq!(error.to_string(), wanted);
        let facts = ledger.evidence();
        assert!(
            facts.iter().any(|f| f.backend == "container" && f.key == OUTPUT_DIFFERS && f.value == wanted)
        );
        // What it did first is kept beside that.
        assert!(facts.iter().any(|f| f.backend == "container" && f.key == EXIT_STATUS && f.value == "3"));
    }

    #[test]
    fn a_guest_that_lacks_calls_and_does_something_else_is_not_to_blame() {
        let mut ledger = Ledger::default();
        ledger.judge("process", &exited(0, &[]), output("a")).unwrap();
        let needs = Verdict::Lacks("needs pipe, vfork".to_owned());
        assert_eq!(ledger.judge("microvm", &exited(2, &["pipe", "vfork"]), output("b")).unwrap(), needs);
        // One that does the same without them does not need them.
        assert_eq!(ledger.judge("microvm", &exited(0, &["statx"]), output("a")).unwrap(), Verdict::Same);
        assert!(ledger.judge("microvm", &exited(0, &[]), output("b")).unwrap_err().is_final());
    }

    #[test]
    fn a_failure_for_want_of_calls_is_never_what_is_expected() {
        let mut ledger = Ledger::default();
        let needs = Verdict::Lacks("needs vfork".to_owned());
        assert_eq!(ledger.judge("microvm", &exited(1, &["vfork"]), output("")).unwrap(), needs);
        assert_eq!(ledger.judge("process", &exited(0, &[]), output("a")).unwrap(), Verdict::Same);
    }

    #[test]
    fn a_program_that_contradicts_itself_is_told_from_a_backend_that_does() {
        let mut ledger = Ledger::default();
        ledger.judge("process", &exited(0, &[]), output("a")).unwrap();
        let error = ledger.judge("process", &exited(0, &[]), output("b")).unwrap_err().to_string();
        assert!(error.starts_with("trial 2 differs from the one before"), "{error}");
        let error = ledger.judge("microvm", &exited(0, &["prctl"]), output("c")).unwrap_err().to_string();
        assert!(error.contains("as it does from trial to trial in process"), "{error}");
    }

    #[test]
    fn a_death_by_a_signal_is_a_failure_and_says_which() {
        let mut ledger = Ledger::default();
        let killed = Ended { failure: Some("signal: 11 (SIGSEGV)".to_owned()), ..Ended::default() };
        let error = ledger.judge("process", &killed, output("")).unwrap_err();
        assert!(error.to_string().contains("SIGSEGV") && !error.is_final(), "{error}");
        assert_eq!(ledger.evidence(), []);
    }
}
