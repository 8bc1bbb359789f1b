//! What an idle instance occupies over the memory that it may have: a guest's size is not its footprint. Unit: bytes.

use results::Metric;

use super::serial::start;
use super::{Reading, Series, end};
use crate::backend::{Backend, Job};
use crate::experiment::host_memory::available;
use crate::experiment::{MIB, Rig};
use crate::trial::TrialError;

/// Sizes in MiB. The smaller ones of the Firecracker paper's, and two that only a guest without Linux fits into.
const SIZES: [u64; 5] = [32, 64, 128, 256, 512];

/// What tells the instance's own memory from the guest's.
const METRICS: [Metric; 3] = [Metric::Uss, Metric::GuestRam, Metric::VmmOverhead];

pub(super) fn sizes(rig: &Rig, backend: &dyn Backend, job: &Job) -> Result<Series, TrialError> {
    rig.pin.enter().map_err(TrialError::Backend)?;
    let mut series = Series::default();
    for size in SIZES {
        let name = format!("size-{size}m");
        if size * MIB > available().map_err(TrialError::Backend)? / 2 {
            series.remark(&name, "left out: it is more than half of the free memory".to_owned());
            continue;
        }
        let (_, mut instance) = start(rig, backend, &Job { memory_bytes: size * MIB, ..*job })?;
        rig.settle();
        for (metric, bytes) in instance.memory() {
            if let (true, Ok(bytes)) = (METRICS.contains(&metric), bytes) {
                series.push(Reading::of(&name, metric, 0, bytes as f64, Vec::new()));
            }
        }
        end(&mut *instance)?;
    }
    Ok(series)
}
