//! What disturbed a trial: time stolen by the hypervisor, other work on the machine, a change of
//! frequency. A disturbed trial is marked, never deleted.

use std::fs;

use procfs::{Current, CurrentSI, KernelStats, LoadAverage};

/// A frequency that differs by more than this share of the other is a change.
const FREQUENCY_TOLERANCE: f64 = 0.05;

/// The state of the machine when a trial began.
#[derive(Debug)]
pub struct Watch {
    cpu: Option<usize>,
    steal: Option<u64>,
    khz: Option<f64>,
    others: bool,
}

impl Watch {
    /// Looks at the machine before a trial on `cpu`.
    pub fn begin(cpu: Option<usize>) -> Self {
        // More tasks want to run than there are CPUs, this one included: somebody has to wait.
        let cpus = std::thread::available_parallelism().map_or(1, |n| n.get() as u32);
        let others = LoadAverage::current().is_ok_and(|load| load.cur > cpus);
        Self { cpu, steal: steal(cpu), khz: khz(cpu), others }
    }

    /// Looks again, and names what happened in between.
    pub fn end(self) -> Vec<String> {
        let mut flags = Vec::new();
        if let (Some(before), Some(after)) = (self.steal, steal(self.cpu))
            && after > before
        {
            flags.push("steal".to_owned());
        }
        if let (Some(before), Some(after)) = (self.khz, khz(self.cpu))
            && (before - after).abs() > FREQUENCY_TOLERANCE * before.max(after)
        {
            flags.push("frequency".to_owned());
        }
        if self.others {
            flags.push("load".to_owned());
        }
        flags
    }
}

/// Ticks that the hypervisor gave to somebody else.
fn steal(cpu: Option<usize>) -> Option<u64> {
    let stats = KernelStats::current().ok()?;
    cpu.map_or(Some(&stats.total), |cpu| stats.cpu_time.get(cpu))?.steal
}

fn khz(cpu: Option<usize>) -> Option<f64> {
    let cpu = cpu.unwrap_or(0);
    let path = format!("/sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_cur_freq");
    fs::read_to_string(path).ok()?.trim().parse().ok()
}
