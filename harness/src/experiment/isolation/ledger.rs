//! What the trials of all backends add up to, as evidence.
//!
//! Invariant: a limit is said to hold only if it did in every trial.

use std::collections::BTreeMap;

use results::Evidence;
use results::evidence::{
    HELD, LIMIT_CPU, LIMIT_HOST, LIMIT_MEMORY, LIMIT_NEIGHBOUR, LIMIT_PIDS, NOT_APPLICABLE, NOT_HELD,
};

use super::Limit;
use super::judge::Verdict;
use crate::backend::Backend;
use crate::pin::Pin;

/// All trials of a run.
#[derive(Debug, Default)]
pub(super) struct Ledger(BTreeMap<&'static str, Page>);

/// Those of one backend.
#[derive(Debug, Default)]
struct Page {
    limited_by: &'static str,
    verdicts: BTreeMap<Limit, Vec<Verdict>>,
    not_applicable: BTreeMap<Limit, String>,
    neighbour: Option<String>,
    trials: usize,
    disturbances: Vec<String>,
}

impl Ledger {
    fn page(&mut self, backend: &dyn Backend) -> &mut Page {
        let page = self.0.entry(backend.name()).or_default();
        page.limited_by = backend.limited_by();
        page
    }

    /// A trial, and how it disturbed the host.
    pub fn tried(
        &mut self,
        pin: Pin,
        backend: &dyn Backend,
        limit: Limit,
        verdict: Result<Verdict, String>,
        disturbance: Option<String>,
    ) {
        let page = self.page(backend);
        match verdict {
            Ok(verdict) => page.verdicts.entry(limit).or_default().push(verdict),
            Err(why) => {
                page.not_applicable.insert(limit, why);
            }
        }
        page.neighbour = Some(places(pin.neighbour(), pin.cpu()));
        page.trials += 1;
        page.disturbances.extend(disturbance);
    }

    /// A limit that cannot be tried.
    pub fn not_applicable(&mut self, backend: &dyn Backend, limit: Limit, why: &str) {
        self.page(backend).not_applicable.insert(limit, why.to_owned());
    }

    /// Everything, backend by backend.
    pub fn evidence(&self) -> Vec<Evidence> {
        let of = |(backend, page): (&&'static str, &Page)| {
            let fact = |(key, value): (&str, String)| Evidence {
                backend: (*backend).to_owned(),
                key: key.to_owned(),
                value,
            };
            page.facts().into_iter().map(fact).collect::<Vec<_>>()
        };
        self.0.iter().flat_map(of).collect()
    }
}

impl Page {
    fn facts(&self) -> Vec<(&'static str, String)> {
        let limits = [(Limit::Memory, LIMIT_MEMORY), (Limit::Pids, LIMIT_PIDS), (Limit::Cpu, LIMIT_CPU)];
        let mut facts: Vec<(&str, String)> =
            limits.into_iter().filter_map(|(limit, key)| Some((key, self.of_limit(limit)?))).collect();
        facts.extend(self.neighbour.clone().map(|places| (LIMIT_NEIGHBOUR, places)));
        if self.trials > 0 {
            facts.push((LIMIT_HOST, self.host()));
        }
        facts
    }

    /// The trial in which the limit let most through speaks for all.
    fn of_limit(&self, limit: Limit) -> Option<String> {
        let Some(verdicts) = self.verdicts.get(&limit) else {
            return self.not_applicable.get(&limit).map(|why| format!("{NOT_APPLICABLE}{why}"));
        };
        let failed = verdicts.iter().filter(|verdict| !verdict.held).count();
        let worst = |held: bool| {
            let those = verdicts.iter().filter(move |verdict| verdict.held == held);
            those.max_by(|a, b| a.reach.total_cmp(&b.reach))
        };
        let (word, count) = if failed > 0 { (NOT_HELD, failed) } else { (HELD, verdicts.len()) };
        let text = &worst(failed == 0)?.text;
        Some(format!("{word}{text}; in {count} of {} trials ({})", verdicts.len(), self.limited_by))
    }

    fn host(&self) -> String {
        match self.disturbances.first() {
            None => format!(
                "not disturbed: nothing swapped out, nothing else killed for memory in {} trials",
                self.trials
            ),
            Some(first) => {
                format!("disturbed in {} of {} trials: {first}", self.disturbances.len(), self.trials)
            }
        }
    }
}

/// Where the neighbour ran, and where its company.
fn places(neighbour: Option<usize>, company: Option<usize>) -> String {
    match (neighbour, company) {
        (Some(own), Some(other)) if own == other => format!("on CPU {own}, as what tried the limits"),
        (Some(own), Some(other)) => format!("on CPU {own}; what tried the limits on CPU {other}"),
        _ => "wherever the kernel put it: nothing was pinned".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(verdicts: &[(bool, f64)]) -> Page {
        let verdict =
            |&(held, reach): &(bool, f64)| Verdict { held, reach, text: format!("reached {reach}") };
        let verdicts = verdicts.iter().map(verdict).collect();
        Page {
            limited_by: "limits of its cgroup",
            verdicts: [(Limit::Cpu, verdicts)].into(),
            ..Page::default()
        }
    }

    #[test]
    fn a_limit_that_gave_way_once_is_not_held() {
        let value = page(&[(true, 0.9), (false, 1.2), (false, 1.3)]).of_limit(Limit::Cpu).unwrap();
        assert_eq!(value, "not held: reached 1.3; in 2 of 3 trials (limits of its cgroup)");
    }

    #[test]
    fn a_limit_that_held_is_told_by_its_closest_trial() {
        let value = page(&[(true, 0.9), (true, 1.01), (true, 0.7)]).of_limit(Limit::Cpu).unwrap();
        assert_eq!(value, "held: reached 1.01; in 3 of 3 trials (limits of its cgroup)");
        assert_eq!(page(&[]).of_limit(Limit::Pids), None, "what was not tried is not said");
    }

    #[test]
    fn a_limit_that_cannot_be_tried_says_why() {
        let mut page = Page::default();
        page.not_applicable.insert(Limit::Pids, "needs fork".to_owned());
        assert_eq!(page.facts(), [(LIMIT_PIDS, "n/a: needs fork".to_owned())]);
    }

    #[test]
    fn a_disturbed_host_is_said() {
        let mut page = Page { trials: 3, ..Page::default() };
        assert!(page.host().starts_with("not disturbed"));
        page.disturbances.push("7 pages were swapped out".to_owned());
        assert_eq!(page.host(), "disturbed in 1 of 3 trials: 7 pages were swapped out");
    }
}
