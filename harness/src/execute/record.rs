//! What came of trials: into the journal, and to the user if something failed.

use anyhow::Result;
use results::series::{self, DENSITY_DETAIL};
use results::{BackendStatus, Key, Status};
use workloads::Workload;

use super::{Cell, Course, Executor};
use crate::experiment::density::{Reading, Series};
use crate::experiment::{Finding, Plan};
use crate::trial::TrialError;

/// Consecutive failures after which a cell is given up.
const PATIENCE: u32 = 2;

impl Executor<'_> {
    /// Records what came of a trial.
    pub(super) fn record(
        &mut self,
        plan: &dyn Plan,
        workload: &Workload,
        backend: &'static str,
        result: Result<Finding, TrialError>,
        block: u32,
        cell: &mut Cell,
    ) -> Result<Course> {
        let primary = plan.primary(workload);
        let key = |metric: &results::Metric| Key::new(plan.id(), workload.name, backend, metric.clone());
        // A signal reaches the instances too; what they say then is not a failure of theirs.
        if self.rig.interrupt.is_raised() {
            return Ok(Course::Interrupted);
        }
        match result {
            Ok(Finding::Observed(observations, flags)) => {
                cell.failures = 0;
                for observation in &observations {
                    match &observation.value {
                        Ok(value) => self.journal.sample(&key(&observation.metric), *value, block, &flags)?,
                        Err(why) => {
                            self.journal.status(&key(&observation.metric), Status::Unavailable, why)?
                        }
                    }
                    if observation.metric == primary
                        && let Ok(value) = observation.value
                    {
                        cell.samples.push(value);
                    }
                }
            }
            Ok(Finding::Series(series)) => {
                cell.failures = 0;
                self.record_series(plan, backend, &series, block)?;
                let values = series.readings.iter().filter(|reading| reading.metric == primary);
                cell.samples.extend(values.filter_map(|reading| reading.value.as_ref().ok()));
            }
            Ok(Finding::NotApplicable(reason)) => {
                cell.over = true;
                self.journal.status(&key(&primary), Status::NotApplicable, &reason)?;
            }
            Err(TrialError::Interrupted) => return Ok(Course::Interrupted),
            Err(error) => {
                cell.failures += 1;
                tracing::debug!("{backend}: {}: {error}", workload.name);
                let reason = cell.reason.insert(error.to_string());
                if cell.failures >= PATIENCE || error.is_final() {
                    cell.over = true;
                    self.give_up(plan, workload, backend, reason)?;
                }
            }
        }
        Ok(Course::Ended)
    }

    /// Writes what a round found, and says once what kept it from going as far as it was asked to.
    fn record_series(
        &mut self,
        plan: &dyn Plan,
        backend: &'static str,
        found: &Series,
        round: u32,
    ) -> Result<()> {
        for Reading { workload, metric, number, value, flags } in &found.readings {
            let key = Key::new(plan.id(), workload.as_str(), backend, metric.clone());
            match value {
                Ok(value) => self.journal.sample(&key, *value, series::block(round, *number), flags)?,
                Err((status, why)) => self.journal.status(&key, *status, why)?,
            }
        }
        let Some(mut record) = self.journal.run().backend(backend).cloned() else { return Ok(()) };
        let mut news = false;
        for (workload, why) in &found.remarks {
            let key = format!("{DENSITY_DETAIL}{}", workload.replace('-', "_"));
            match record.details.insert(key, why.clone()) {
                None => self.progress.note(&format!("{backend}: {workload} {why}")),
                Some(before) if before == *why => continue,
                Some(_) => {}
            }
            news = true;
        }
        if news {
            self.journal.backend(&record)?;
        }
        Ok(())
    }

    /// A cell without a single sample that was not given up, since the blocks ran out first, has failed too.
    pub(super) fn conclude(
        &mut self,
        plan: &dyn Plan,
        workload: &Workload,
        backend: &str,
        cell: &Cell,
    ) -> Result<()> {
        match &cell.reason {
            Some(reason) if cell.samples.is_empty() && !cell.over => {
                self.give_up(plan, workload, backend, reason)
            }
            _ => Ok(()),
        }
    }

    /// Says and records that a cell has failed.
    fn give_up(&mut self, plan: &dyn Plan, workload: &Workload, backend: &str, reason: &str) -> Result<()> {
        let key = Key::new(plan.id(), workload.name, backend, plan.primary(workload));
        self.progress.note(&format!("{backend}: {} failed: {reason}", workload.name));
        Ok(self.journal.status(&key, Status::Failed, reason)?)
    }
}

/// A backend that ran is `ok`, unless not one of its trials gave a number.
pub fn verdict(run: &results::Run, backend: &str) -> (BackendStatus, Option<String>) {
    let own = || run.measurements.iter().filter(|m| m.backend == backend);
    if own().any(|m| !m.samples.is_empty()) {
        return (BackendStatus::Ok, None);
    }
    match own().find(|m| m.status == Status::Failed) {
        Some(failed) => (BackendStatus::Failed, failed.reason.clone()),
        None => (BackendStatus::Ok, None),
    }
}
