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

/// Whether a key belongs to the experiment `isolation`, rather than to what an instance sees of its place.
pub fn is_of_limits(key: &str) -> bool {
    key.starts_with("limit ")
}
