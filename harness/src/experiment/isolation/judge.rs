//! Whether a limit held: from what the hog said, how it ended, and what its cgroup counted.
//!
//! Units: bytes, processes, CPUs. Invariant: an end that no limit explains is an error of the trial and never counts as held.

use container::cgroup::Cgroup;

use super::tried::Said;
use super::{Limit, MIB, PIDS, QUOTA};
use crate::trial::TrialError;

/// A quota is kept if it is not exceeded by more than this share of it.
const TOLERANCE: f64 = 0.05;

/// What a kernel may charge beyond a limit for a moment, in bytes (cgroup-v2.rst, "memory.max").
const SLACK: u64 = MIB;

/// Counters of a hog's cgroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Figures {
    /// The most memory it was charged, and its limit.
    pub memory: Result<(u64, u64), String>,
    /// Processes killed in it for want of memory, where that is counted.
    pub oom_kills: Option<u64>,
    /// Forks that its limit refused, where that is counted.
    pub refused_forks: Option<u64>,
}

impl Figures {
    /// Of a cgroup, while it is there.
    pub fn of(cgroup: Option<&Cgroup>) -> Self {
        let memory = || -> Result<(u64, u64), String> {
            let cgroup = cgroup.ok_or("the instance has no cgroup of its own on this host")?;
            let peak = cgroup.memory().map_err(|error| error.to_string())?.peak;
            let peak =
                peak.ok_or("the kernel does not tell the peak of a cgroup (memory.peak, Linux 5.19)")?;
            Ok((peak, cgroup.memory_limit().map_err(|error| error.to_string())?))
        };
        Self {
            memory: memory(),
            oom_kills: cgroup.and_then(|cgroup| cgroup.oom_kills().ok().flatten()),
            refused_forks: cgroup.and_then(Cgroup::refused_forks),
        }
    }

    /// These, and for each that is not known the other's.
    pub fn or(self, other: Self) -> Self {
        Self {
            memory: self.memory.or(other.memory),
            oom_kills: self.oom_kills.or(other.oom_kills),
            refused_forks: self.refused_forks.or(other.refused_forks),
        }
    }
}

/// Whether a limit held in one trial.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Verdict {
    pub held: bool,
    /// How far the limit let it go, as a share of the limit.
    pub reach: f64,
    /// How it went, in words.
    pub text: String,
}

/// A verdict, and the figure behind it in the unit of the limit's metric.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Judged {
    /// Whether it held, or why that cannot be told.
    pub verdict: Result<Verdict, String>,
    pub reached: Result<f64, String>,
}

/// Judges a trial; `failure` is how the instance ended, if not by exit status 0.
pub(super) fn judge(
    limit: Limit,
    said: &Said,
    figures: &Figures,
    failure: Option<&str>,
) -> Result<Judged, TrialError> {
    match limit {
        Limit::Memory => memory(said, figures, failure),
        Limit::Pids => pids(said, figures, failure),
        Limit::Cpu => cpu(said, failure),
    }
}

fn memory(said: &Said, figures: &Figures, failure: Option<&str>) -> Result<Judged, TrialError> {
    let charged = match &figures.memory {
        Ok((peak, limit)) => format!("charged {} of {}", mib(*peak), mib(*limit)),
        Err(_) => "what it was charged is not known".to_owned(),
    };
    let (stopped, text) = match (failure, said.ceiling_mib, &said.refused) {
        (None, Some(ceiling), _) => (false, format!("took {ceiling} MiB, its own ceiling; {charged}")),
        (None, None, Some(how)) => {
            (true, format!("refused more from inside at {} MiB ({how}); {charged}", said.touched_mib))
        }
        (Some(how), ..) if figures.oom_kills.is_some_and(|kills| kills > 0) => {
            let kills = figures.oom_kills.unwrap_or(0);
            (true, format!("stopped by the kernel, {charged} ({how}, oom_kill {kills})"))
        }
        (Some(how), ..) if is_out_of_memory(how) => (
            true,
            format!("stopped by the guest's own kernel past {} MiB; {charged} ({how})", said.touched_mib),
        ),
        (how, ..) => return Err(unexplained("the memory limit to stop the hog", how)),
    };
    let exceeded = matches!(figures.memory, Ok((peak, limit)) if peak > limit.saturating_add(SLACK));
    let reach = figures.memory.as_ref().map_or(0.0, |(peak, limit)| *peak as f64 / *limit as f64);
    Ok(Judged {
        verdict: Ok(Verdict { held: stopped && !exceeded, reach, text }),
        reached: figures.memory.clone().map(|(peak, _)| peak as f64),
    })
}

fn pids(said: &Said, figures: &Figures, failure: Option<&str>) -> Result<Judged, TrialError> {
    const WANTED: &str = "the count of the storm's processes";
    let processes = match (failure, said.processes, figures.refused_forks) {
        (None, Some(processes), _) => processes,
        // A runtime whose own threads count may not survive that it gets no more.
        (Some(how), None, Some(refused)) if refused > 0 => {
            let text = format!(
                "nothing came past it, and the runtime itself ended there ({how}; {refused} forks refused)"
            );
            let verdict = Ok(Verdict { held: true, reach: 1.0, text });
            let why = "the runtime ended at the limit before its processes were counted".to_owned();
            return Ok(Judged { verdict, reached: Err(why) });
        }
        (how, ..) => return Err(unexplained(WANTED, how)),
    };
    let refused = match figures.refused_forks {
        Some(count @ 1..) => format!("{count} forks refused by the limit"),
        // Of a cgroup below, older kernels count there (kernel/cgroup/pids.c).
        Some(0) | None => "the kernel does not tell what refused the others".to_owned(),
    };
    let text = format!("{processes} processes of {PIDS}, {refused}");
    let reach = processes as f64 / PIDS as f64;
    Ok(Judged {
        verdict: Ok(Verdict { held: processes <= PIDS, reach, text }),
        reached: Ok(processes as f64),
    })
}

fn cpu(said: &Said, failure: Option<&str>) -> Result<Judged, TrialError> {
    if failure.is_some() || !said.is_done {
        return Err(unexplained("the end of the computation", failure));
    }
    let Some((begin, end)) = &said.cpu else {
        return Err(unexplained("the beginning of the computation", None));
    };
    let (begin, end) = match (begin, end) {
        (Ok(begin), Ok(end)) => (begin, end),
        (Err(why), _) | (_, Err(why)) => {
            return Ok(Judged { verdict: Err(why.clone()), reached: Err(why.clone()) });
        }
    };
    let wall = end.at_ns.saturating_sub(begin.at_ns).max(1) as f64;
    let share = end.used.saturating_sub(begin.used).as_nanos() as f64 / wall;
    let held = share <= QUOTA * (1.0 + TOLERANCE);
    // A quota is what may be had, not what must be.
    let less =
        if share < QUOTA * (1.0 - TOLERANCE) { "; less than it may have: the CPU was busy" } else { "" };
    let text = format!("{share:.3} of {QUOTA:.3} CPUs over {:.0} ms{less}", wall / 1e6);
    Ok(Judged { verdict: Ok(Verdict { held, reach: share / QUOTA, text }), reached: Ok(share) })
}

fn unexplained(waiting_for: &'static str, how: Option<&str>) -> TrialError {
    TrialError::Ended { waiting_for, how: how.unwrap_or("exit status 0").to_owned() }
}

/// Whether the end of a guest is its own kernel's answer to a lack of memory (mm/oom_kill.c: "Out of memory", "System is
/// deadlocked on memory").
fn is_out_of_memory(how: &str) -> bool {
    let how = how.to_ascii_lowercase();
    ["out of memory", "deadlocked on memory"].iter().any(|sign| how.contains(sign))
}

fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / MIB as f64)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::tried::Reading;
    use super::*;

    fn figures(peak_mib: u64, oom_kills: u64) -> Figures {
        Figures { memory: Ok((peak_mib * MIB, 32 * MIB)), oom_kills: Some(oom_kills), refused_forks: Some(9) }
    }

    fn hog(said: &Said, figures: &Figures, failure: Option<&str>) -> Result<Verdict, TrialError> {
        judge(Limit::Memory, said, figures, failure).map(|judged| judged.verdict.unwrap())
    }

    #[test]
    fn a_hog_that_the_kernel_kills_in_its_cgroup_was_held() {
        let said = Said { touched_mib: 28, ..Said::default() };
        let verdict = hog(&said, &figures(32, 1), Some("signal: 9 (SIGKILL)")).unwrap();
        assert!(verdict.held);
        assert_eq!(
            verdict.text,
            "stopped by the kernel, charged 32.0 MiB of 32.0 MiB (signal: 9 (SIGKILL), oom_kill 1)"
        );
    }

    #[test]
    fn a_hog_that_is_refused_memory_was_held_and_one_that_reaches_its_ceiling_was_not() {
        let refused = Said { refused: Some("mmap failed with errno 12".into()), ..Said::default() };
        assert!(hog(&refused, &figures(20, 0), None).unwrap().held);
        let ceiling = Said { ceiling_mib: Some(256), ..Said::default() };
        let verdict = hog(&ceiling, &figures(258, 0), None).unwrap();
        assert!(!verdict.held && verdict.text.starts_with("took 256 MiB"), "{verdict:?}");
    }

    #[test]
    fn a_charge_beyond_the_limit_is_not_held_however_the_hog_ended() {
        assert!(!hog(&Said::default(), &figures(40, 1), Some("signal: 9 (SIGKILL)")).unwrap().held);
    }

    #[test]
    fn an_end_that_no_limit_explains_is_an_error() {
        let error = hog(&Said::default(), &figures(8, 0), Some("signal: 11 (SIGSEGV)")).unwrap_err();
        assert!(error.to_string().contains("SIGSEGV"), "{error}");
        assert!(hog(&Said::default(), &figures(8, 0), None).is_err());
        let panic = "its kernel panicked: System is deadlocked on memory";
        assert!(hog(&Said::default(), &figures(20, 0), Some(panic)).unwrap().held);
    }

    #[test]
    fn a_storm_is_held_up_to_its_limit() {
        let storm = |count| {
            let said = Said { processes: Some(count), is_done: true, ..Said::default() };
            judge(Limit::Pids, &said, &figures(1, 0), None).unwrap().verdict.unwrap()
        };
        assert_eq!((storm(64).held, storm(65).held), (true, false));
        assert_eq!(storm(64).text, "64 processes of 64, 9 forks refused by the limit");
    }

    #[test]
    fn a_runtime_that_ends_at_the_limit_of_processes_was_held_and_one_that_just_ends_failed() {
        let ended = |refused_forks| {
            let figures = Figures { refused_forks, ..figures(1, 0) };
            judge(Limit::Pids, &Said::default(), &figures, Some("exit status: 2"))
        };
        let judged = ended(Some(3)).unwrap();
        let verdict = judged.verdict.unwrap();
        assert!(verdict.held && verdict.text.contains("exit status: 2; 3 forks refused"), "{verdict:?}");
        assert!(judged.reached.is_err());
        assert!(ended(Some(0)).is_err() && ended(None).is_err());
    }

    #[test]
    fn what_is_not_known_is_taken_from_what_was_seen_before() {
        let gone = Figures { memory: Err("gone".to_owned()), oom_kills: None, refused_forks: Some(9) };
        assert_eq!(gone.or(figures(32, 1)), figures(32, 1));
        let other = Figures { refused_forks: Some(1), ..figures(1, 0) };
        assert_eq!(figures(32, 1).or(other), figures(32, 1));
    }

    #[test]
    fn a_quota_is_held_within_five_per_cent() {
        let spin = |used_ms: u64| {
            let at =
                |ms, at_ms: u64| Ok(Reading { used: Duration::from_millis(ms), at_ns: at_ms * 1_000_000 });
            let cpu = Some((at(10, 1000), at(10 + used_ms, 1600)));
            let said = Said { cpu, is_done: true, ..Said::default() };
            judge(Limit::Cpu, &said, &figures(1, 0), None).unwrap().verdict.unwrap()
        };
        assert_eq!((spin(300).held, spin(314).held, spin(320).held), (true, true, false));
        assert!(spin(200).held && spin(200).text.contains("less than it may have"), "{:?}", spin(200));
    }
}
