//! What about a host or a run may have bent the numbers of a claim without anybody's fault.

use super::{PartJudgement, Ratio};
use crate::{Run, RunState};

/// Sentences for whoever reads the ratios; none where there are no ratios.
pub(super) fn caveats(run: &Run, parts: &[PartJudgement]) -> Vec<String> {
    let ratios: Vec<&Ratio> = parts.iter().filter_map(|part| part.ratio.as_ref()).collect();
    if ratios.is_empty() {
        return Vec::new();
    }
    let mut said = Vec::new();
    if run.state == RunState::Interrupted {
        said.push("the run was interrupted; the ratios rest on what it had measured until then".to_owned());
    }
    let compared = |name: &str| ratios.iter().any(|ratio| ratio.of == name || ratio.to == name);
    let compared = || run.backends.iter().filter(|backend| compared(&backend.name));
    // Only backends that use KVM say what they found it to be.
    if let Some(below) = &run.host.hypervisor
        && compared().any(|backend| backend.details.contains_key("kvm"))
    {
        said.push(format!(
            "this host is itself a virtual machine, below it {below}: what makes a guest exit is dearer here than on bare \
             metal"
        ));
    }
    let other_kernel =
        compared().filter(|backend| backend.details.get("kernel_is_hosts").is_some_and(|is| is == "false"));
    for backend in other_kernel {
        said.push(format!(
            "{} runs another kernel than the host: the difference between the kernels is part of its numbers",
            backend.name
        ));
    }
    said
}
