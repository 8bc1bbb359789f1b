//! Made-up runs of three machines, as a page puts them side by side.

use results::{BackendStatus, Experiment, Run, RunState};

use crate::support::seeded;

/// A is the usual example, B a faster bare machine whose run was interrupted before the computation, C has no Linux guest
/// and was asked for more samples.
pub fn runs(blocks: u32) -> Vec<Run> {
    vec![seeded(blocks, 7), bare(blocks), without_linux(blocks)]
}

fn bare(blocks: u32) -> Run {
    let mut run = seeded(blocks, 8);
    run.run_id = "20261125-080000-bare".to_owned();
    run.started_at = "2026-11-25T08:00:00Z".to_owned();
    run.state = RunState::Interrupted;
    run.host.cpu_model = "Intel Xeon Platinum 8370C".to_owned();
    run.host.cpus = 64;
    run.host.kernel = "6.12.9".to_owned();
    run.host.hypervisor = None;
    run.host.kvm = Some("API 12; VMX with EPT".to_owned());
    run.host.cgroups = "v2".to_owned();
    run.config.pinned_cpu = Some(63);
    run.measurements.retain(|m| m.experiment != Experiment::Cpu);
    run.measurements.iter_mut().flat_map(|m| &mut m.samples).for_each(|sample| *sample *= 0.5);
    run
}

fn without_linux(blocks: u32) -> Run {
    let mut run = seeded(blocks, 9);
    run.run_id = "20261126-090000-laptop".to_owned();
    run.started_at = "2026-11-26T09:00:00Z".to_owned();
    run.host.cpu_model = "AMD Ryzen 7 7840U".to_owned();
    run.host.cpus = 16;
    run.config.preset = "thorough".to_owned();
    run.measurements.retain(|m| m.backend != "microvm-linux");
    run.evidence.retain(|fact| fact.backend != "microvm-linux");
    for backend in run.backends.iter_mut().filter(|backend| backend.name == "microvm-linux") {
        backend.status = BackendStatus::Unavailable;
        backend.reason = Some("no kernel found".to_owned());
        backend.details.clear();
    }
    run
}
