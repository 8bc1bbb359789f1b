//! Whether a runtime of somebody else's gives the terms that `container` gives: by what the agent sees from inside, and by the
//! limits that stand in the instance's cgroup. A container with a network, or without a filter, is another thing to start.

use container::cgroup::{Cgroup, Error};
use results::evidence::{
    CAPABILITIES, CPU_LIMIT, CPUS, EQUAL_TERMS, LIMITED_BY, MEMORY_LIMIT, NETWORK, NO_LIMIT, PIDS_LIMIT,
    ROOT_ACCESS, SECCOMP, UID,
};

use crate::backend::Job;

/// What the agent sees in `container`.
const INSIDE: [(&str, &str); 5] = [
    (UID, "0"),
    (CAPABILITIES, "0000000000000000"),
    // SECCOMP_MODE_FILTER (seccomp(2)).
    (SECCOMP, "2"),
    (NETWORK, "lo"),
    (ROOT_ACCESS, "read-only"),
];

/// A memory limit from here on is v1's way to say that there is none: the largest number of whole pages.
const UNLIMITED: u64 = 1 << 62;

/// The limits that hold an instance, by the keys of the evidence: which cgroups are not visible inside of.
pub fn limits(cgroup: Option<&Cgroup>, whose: &str) -> Vec<(String, String)> {
    let mut facts = vec![(LIMITED_BY.to_owned(), whose.to_owned())];
    let mut add = |key: &str, of: &dyn Fn(&Cgroup) -> Result<Option<String>, Error>| {
        let value = match cgroup.map(of) {
            Some(Ok(limit)) => limit.unwrap_or_else(|| NO_LIMIT.to_owned()),
            Some(Err(error)) => format!("n/a: {error}"),
            None => "n/a: the instance has no cgroup of its own that the host sees".to_owned(),
        };
        facts.push((key.to_owned(), value));
    };
    add(CPU_LIMIT, &|cgroup| Ok(cgroup.cpu_limit()?.map(|cpus| cpus.to_string())));
    add(MEMORY_LIMIT, &|cgroup| {
        let bytes = cgroup.memory_limit()?;
        Ok((bytes < UNLIMITED).then(|| bytes.to_string()))
    });
    add(PIDS_LIMIT, &|cgroup| Ok(cgroup.pids_limit()?.map(|pids| pids.to_string())));
    facts
}

/// What such a job on so many CPUs got otherwise than in `container`; what is different is named with both values. `allowance` is
/// what a runtime needs for itself within the instance's limits: bytes of memory, and processes.
pub fn compared(facts: &[(String, String)], job: &Job, cpus: usize, allowance: (u64, u64)) -> String {
    let of = |wanted: &str| {
        facts.iter().find(|(key, _)| key == wanted).map_or("not known", |(_, value)| value.as_str())
    };
    let limits = [
        (CPUS, cpus.to_string()),
        (CPU_LIMIT, job.limits.cpu.to_string()),
        (MEMORY_LIMIT, (job.memory_bytes + allowance.0).to_string()),
        (PIDS_LIMIT, (job.limits.pids + allowance.1).to_string()),
    ];
    let different: Vec<String> = INSIDE
        .map(|(key, value)| (key, value.to_owned()))
        .into_iter()
        .chain(limits)
        .filter(|(key, wanted)| of(key) != wanted)
        .map(|(key, wanted)| format!("{key} is {} ({wanted} in container)", of(key)))
        .collect();
    if !different.is_empty() {
        return format!("other terms than container: {}", different.join(", "));
    }
    let more = match allowance {
        (0, 0) => String::new(),
        (bytes, pids) => format!(" ({} MiB and {pids} processes more for the runtime itself)", bytes >> 20),
    };
    format!("{EQUAL_TERMS}: user, capabilities, seccomp, network, read-only root, CPUs, limits{more}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::JobLimits;

    #[test]
    fn what_differs_is_named_with_both_values() {
        let (memory_bytes, limits) = (1 << 20, JobLimits::USUAL);
        let job = Job { args: &[], env: &[], memory_bytes, limits, accounted: true, deadline: None };
        let mut facts: Vec<(String, String)> = INSIDE
            .into_iter()
            .chain([(CPUS, "1"), (CPU_LIMIT, "1"), (MEMORY_LIMIT, "1048576"), (PIDS_LIMIT, "64")])
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        assert!(compared(&facts, &job, 1, (0, 0)).starts_with(EQUAL_TERMS));
        assert!(compared(&facts, &job, 1, (0, 1)).contains("pids-limit is 64 (65 in container)"));
        facts[8].1 = "65".to_owned();
        assert!(
            compared(&facts, &job, 1, (0, 1))
                .ends_with("limits (0 MiB and 1 processes more for the runtime itself)")
        );
        facts[2].1 = "0".to_owned();
        facts.pop();
        assert_eq!(
            compared(&facts, &job, 1, (0, 0)),
            "other terms than container: seccomp-mode is 0 (2 in container), pids-limit is not known (64 in container)"
        );
    }

    #[test]
    fn without_a_cgroup_the_limits_say_so() {
        let facts = limits(None, "nobody's");
        assert_eq!(facts[0], (LIMITED_BY.to_owned(), "nobody's".to_owned()));
        assert!(facts[1..].iter().all(|(_, value)| value.starts_with("n/a: ")), "{facts:?}");
    }
}
