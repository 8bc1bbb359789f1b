//! `bench clean`: removes what a killed run left behind.

use anyhow::Result;
use serde_json::json;

use crate::cli::JsonArg;
use crate::kernel::Cache;
use crate::output::{print, print_json};
use crate::scratch;

/// Removes it, and says what it was.
pub fn clean(args: JsonArg) -> Result<()> {
    let mut removed = scratch::sweep()?;
    // A user without a home has no cache, hence nothing in it.
    if let Ok(cache) = Cache::of_user() {
        removed.extend(cache.sweep()?);
    }
    if args.json {
        return print_json(&json!({ "removed": removed }));
    }
    if removed.is_empty() {
        return print("Nothing was left behind.");
    }
    removed.iter().try_for_each(|path| print(&format!("removed {}", path.display())))
}
