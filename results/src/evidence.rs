//! Names of the evidence that others read: what the experiment `isolation` says of each limit, and `exec` of how the program
//! ended.
//!
//! Invariant: a value under one of the `LIMIT_*` keys begins with [`HELD`], [`NOT_HELD`] or [`NOT_APPLICABLE`]; what follows
//! is for people and may change.

/// Whether a memory hog was stopped within its limit.
pub const LIMIT_MEMORY: &str = "limit memory";
/// Whether a fork storm was held by the limit on processes.
pub const LIMIT_PIDS: &str = "limit pids";
/// Whether a spinning program was kept to its CPU quota.
pub const LIMIT_CPU: &str = "limit cpu";
/// Where the measured neighbour ran, and where the hogs.
pub const LIMIT_NEIGHBOUR: &str = "limit neighbour";
/// Whether the host swapped or killed anything else meanwhile.
pub const LIMIT_HOST: &str = "limit host";

/// The limit held in every trial.
pub const HELD: &str = "held: ";
/// It did not in at least one.
pub const NOT_HELD: &str = "not held: ";
/// It could not be tried, for the reason that follows.
pub const NOT_APPLICABLE: &str = "n/a: ";

/// The exit status of the user's program, in its first trial.
pub const EXIT_STATUS: &str = "exit-status";
/// The length of what it wrote to its standard output.
pub const STDOUT_BYTES: &str = "stdout-bytes";
/// The SHA-256 of that, in hexadecimal; of a long output of its beginning, which is then said behind it.
pub const STDOUT_SHA256: &str = "stdout-sha256";
/// The first trial that ended otherwise, and how.
pub const OUTPUT_DIFFERS: &str = "output-differs";

/// Whether a runtime of others gives the terms of `container`; begins with [`EQUAL_TERMS`] or names what differs.
pub const TERMS: &str = "terms";
/// What [`TERMS`] begins with where there is nothing to name.
pub const EQUAL_TERMS: &str = "as in container";
/// Whose the memory of an instance is, where several processes have a part in it: `USS: NAME SIZE, …`.
pub const MEMORY_OWNERS: &str = "memory-owners";

/// CPUs that the agent may run on, as it counts them.
pub const CPUS: &str = "cpus";
/// The user id of the agent, as it sees itself.
pub const UID: &str = "uid";
/// Its effective capabilities, as /proc writes them.
pub const CAPABILITIES: &str = "capabilities";
/// Its seccomp mode, as prctl(2) tells it: 0 none, 2 a filter.
pub const SECCOMP: &str = "seccomp-mode";
/// The network interfaces that it sees.
pub const NETWORK: &str = "network-interfaces";
/// Whether the root directory that it sees can be written to.
pub const ROOT_ACCESS: &str = "root-access";
/// CPU time per time that the instance's cgroup allows, as the host reads it there.
pub const CPU_LIMIT: &str = "cpu-limit";
/// Bytes of memory that it allows.
pub const MEMORY_LIMIT: &str = "memory-limit";
/// Processes and threads that it allows.
pub const PIDS_LIMIT: &str = "pids-limit";
/// Whose these limits are.
pub const LIMITED_BY: &str = "limited-by";

/// What stands in place of a limit where there is none.
pub const NO_LIMIT: &str = "none";

/// Whether a key belongs to the experiment `isolation`, rather than to what an instance sees of its place.
pub fn is_of_limits(key: &str) -> bool {
    key.starts_with("limit ")
}
