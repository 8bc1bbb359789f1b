//! `bench clean`: removes what a killed run left behind.

use anyhow::Result;
use serde_json::json;

use crate::cli::JsonArg;
use crate::output::{print, print_json};
use crate::scratch;

/// Removes it, and says what it was.
pub fn clean(args: JsonArg) -> Result<()> {
    let removed = scratch::sweep()?;
    if args.json {
        return print_json(&json!({ "removed": removed }));
    }
    if removed.is_empty() {
        return print("Nothing was left behind.");
    }
    removed.iter().try_for_each(|path| print(&format!("removed {}", path.display())))
}
