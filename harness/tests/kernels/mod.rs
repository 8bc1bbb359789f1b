//! A real kernel for tests, of the distribution's making.

use std::path::Path;
use std::sync::OnceLock;

use harness::kernel::{Kernel, choose, fetch};

/// The kernel named by BENCH_TEST_KERNEL, else the host's own or one of the cache, else a fetched one.
/// Where none can be had says so, and fails where nothing may be skipped.
pub fn real_kernel() -> Option<&'static Kernel> {
    // Tests of one binary fetch at most once.
    static KERNEL: OnceLock<Option<Kernel>> = OnceLock::new();
    let found = KERNEL.get_or_init(|| {
        let named = std::env::var_os("BENCH_TEST_KERNEL").filter(|path| !path.is_empty());
        let found = match named {
            Some(path) => choose(Some(Path::new(&path))),
            None => choose(None).or_else(|_| fetch(None)),
        };
        found.map_err(|error| println!("SKIPPED: needs a kernel: {error}")).ok()
    });
    let may_skip = std::env::var_os("BENCH_NO_SKIP").is_none_or(|value| value.is_empty());
    assert!(found.is_some() || may_skip, "nothing may skip: needs a kernel");
    found.as_ref()
}
