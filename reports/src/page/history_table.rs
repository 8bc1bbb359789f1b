//! The article's history beside this run: for each system what stands for it, and whether this run measured that.
//!
//! Invariant: a number stands only where this run has it; everything else is `not measured`, with the reason if there is
//! one.

use results::ladder::RUNG_PREFIX;
use results::{BackendStatus, Unit};

use super::ladder;
use super::systems::{SYSTEMS, Stand};
use crate::analysis::Analysis;
use crate::canvas::shorten;
use crate::format::quantity;

/// One system.
pub(super) struct Line {
    pub name: &'static str,
    pub year: &'static str,
    /// What stands for it in `bench`.
    pub stand: String,
    /// What this run says.
    pub here: String,
    /// Whether that is a measurement.
    pub measured: bool,
}

/// Reasons longer than this are cut; the list of backends has them in full.
const LONGEST_REASON: usize = 80;

/// Every system, in the article's order.
pub(super) fn lines(analysis: &Analysis<'_>) -> Vec<Line> {
    let line = |&(name, year, stand): &(&'static str, &'static str, Stand)| {
        let (stand, found) = told(analysis, stand);
        let measured = found.is_ok();
        let here = found.unwrap_or_else(|why| match why {
            Some(why) => format!("not measured: {why}"),
            None => "not measured".to_owned(),
        });
        Line { name, year, stand, here, measured }
    };
    SYSTEMS.iter().map(line).collect()
}

/// What this run found, or why it has nothing.
type Found = Result<String, Option<String>>;

fn told(analysis: &Analysis<'_>, stand: Stand) -> (String, Found) {
    match stand {
        Stand::Backends(names) => {
            let word = if names.len() == 1 { "backend" } else { "backends" };
            (format!("{word} {}", names.join(", ")), of_backends(analysis, names))
        }
        Stand::Step(step, of) => {
            let whole = || {
                let of = of?;
                Some(format!("not apart; in {of}, which starts in {}", started(analysis, of)?))
            };
            let here = ladder::adds(analysis, &format!("{RUNG_PREFIX}{step}")).or_else(whole);
            (format!("step {step} of the ladder"), here.ok_or(None))
        }
        Stand::OtherKernel(same) => {
            (format!("same mechanism: {same}"), Err(Some("needs another kernel".to_owned())))
        }
        Stand::Ended(lives_on) => {
            (format!("same mechanism: {lives_on}"), Err(Some("ended project".to_owned())))
        }
        Stand::Below(name) => {
            let below = analysis.run.host.hypervisor.as_deref().unwrap_or("no hypervisor found");
            let here = if below.starts_with(name) {
                Ok(format!("this machine runs under it: {}", shorten(below, LONGEST_REASON)))
            } else {
                Err(Some(format!("not below this machine ({})", shorten(below, LONGEST_REASON))))
            };
            ("the layer below, found by bench doctor".to_owned(), here)
        }
        Stand::Nothing(why) => ("nothing".to_owned(), Err(Some(why.to_owned()))),
    }
}

/// The start of each of these backends that this run has, else why there is none.
fn of_backends(analysis: &Analysis<'_>, names: &[&str]) -> Found {
    let times: Vec<String> = names
        .iter()
        .filter_map(|name| Some(format!("{name} starts in {}", started(analysis, name)?)))
        .collect();
    if !times.is_empty() {
        return Ok(times.join(", "));
    }
    let asked = names.iter().find_map(|name| analysis.run.backend(name));
    Err(asked.map(|backend| match (backend.status, &backend.reason) {
        (BackendStatus::Ok, _) => "this run has no startup time of it".to_owned(),
        (_, Some(reason)) => shorten(reason, LONGEST_REASON),
        (_, None) => "it could not run here".to_owned(),
    }))
}

/// The startup time of a backend that ran.
fn started(analysis: &Analysis<'_>, name: &str) -> Option<String> {
    analysis.backends().find(|(_, backend)| backend.name == name)?;
    Some(quantity(analysis.startup(name)?.estimate?.median, Unit::Nanoseconds))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_system_of_the_article_is_there_once() {
        let names: HashSet<_> = SYSTEMS.iter().map(|system| system.0).collect();
        assert_eq!(names.len(), SYSTEMS.len());
        for named in [
            "chroot",
            "Jail",
            "Zones",
            "WPARs",
            "Sysjail",
            "vkernel",
            "iCore",
            "Drawbridge",
            "Virtuozzo",
            "OpenVZ",
            "VServer",
            "cgroups",
            "LXC",
            "nspawn",
            "Warden",
            "Garden",
            "lmctfy",
            "rkt",
            "Docker",
            "libcontainer",
            "runc",
            "OCI",
            "AUFS",
            "OverlayFS",
            "Singularity",
            "Apptainer",
            "Xen",
            "SPARC",
            "Hyper-V",
            "ESXi",
            "QEMU",
            "VirtualBox",
            "Workstation",
            "Parallels",
            "Firecracker",
            "Cloud Hypervisor",
        ] {
            assert!(names.iter().any(|name| name.contains(named)), "{named}");
        }
    }
}
