//! `bench doctor`: what this host can measure, what distorts the numbers, what mends it.

use anyhow::Result;
use serde_json::json;

use crate::cli::JsonArg;
use crate::host::doctor::{Verdict, examine};
use crate::host::fingerprint;
use crate::output::{print, print_json};

/// Looks, and prints what it found.
pub fn doctor(args: JsonArg) -> Result<()> {
    let host = fingerprint();
    let checks = examine(&host);
    if args.json {
        return print_json(&json!({ "host": host, "checks": checks }));
    }
    print(&format!(
        "{} · {} · {} CPUs · {} GiB",
        host.os.as_deref().unwrap_or("Linux"),
        host.kernel,
        host.cpus,
        host.memory_bytes >> 30
    ))?;
    print(&format!("{}\n", host.cpu_model))?;
    for check in &checks {
        print(&format!("{:<8} {:<16} {}", check.verdict, check.name, check.finding))?;
        if check.verdict != Verdict::Ok {
            print(&format!("{:25} {}", "", check.effect))?;
        }
        if let Some(remedy) = check.remedy {
            print(&format!("{:25} mend: {remedy}", ""))?;
        }
    }
    let troubled = checks.iter().filter(|check| check.verdict != Verdict::Ok).count();
    print(&format!("\n{} of {} checks need attention.", troubled, checks.len()))
}
