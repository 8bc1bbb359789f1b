//! What identifies a measurement within a run.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Better, Experiment, Measurement, Metric, Status, Unit};

/// Identity of a measurement, and how to read its samples.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// The plan it belongs to.
    pub experiment: Experiment,
    /// Stable dashed name of the workload.
    pub workload: String,
    /// Name of the backend.
    pub backend: String,
    /// What is measured.
    pub metric: Metric,
    /// Unit of every sample.
    pub unit: Unit,
    /// Which direction is an improvement.
    pub better: Better,
}

impl Key {
    /// The key of a metric, with the metric's own unit and direction.
    pub fn new(
        experiment: Experiment,
        workload: impl Into<String>,
        backend: impl Into<String>,
        metric: Metric,
    ) -> Self {
        let (unit, better) = (metric.unit(), metric.better());
        Key { experiment, workload: workload.into(), backend: backend.into(), metric, unit, better }
    }

    /// A measurement without samples yet.
    pub(crate) fn measurement(self) -> Measurement {
        Measurement {
            experiment: self.experiment,
            workload: self.workload,
            backend: self.backend,
            metric: self.metric,
            unit: self.unit,
            better: self.better,
            status: Status::Ok,
            reason: None,
            samples: Vec::new(),
            blocks: Vec::new(),
            flags: None,
        }
    }
}

impl From<&Measurement> for Key {
    fn from(measurement: &Measurement) -> Self {
        Key {
            experiment: measurement.experiment,
            workload: measurement.workload.clone(),
            backend: measurement.backend.clone(),
            metric: measurement.metric.clone(),
            unit: measurement.unit,
            better: measurement.better,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} on {} ({})", self.metric, self.workload, self.backend, self.experiment)
    }
}
