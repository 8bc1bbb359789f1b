//! `bench doctor`: what this host can measure, what distorts the numbers, what mends it.

use anyhow::Result;
use serde_json::json;

use crate::backend::{self, Group};
use crate::cli::tools::ListArgs;
use crate::host::doctor::{Verdict, examine};
use crate::host::fingerprint;
use crate::output::{print, print_json};

/// Looks, and prints what it found.
pub fn doctor(args: &ListArgs) -> Result<()> {
    let host = fingerprint();
    let checks = examine(&host);
    let others =
        backend::all(&args.tools.backends()?).into_iter().filter(|of| !of.groups().contains(&Group::Builtin));
    let runtimes: Vec<_> = others.map(|of| (of.name(), of.probe())).collect();
    if args.json.json {
        let runtimes: Vec<_> = runtimes
            .iter()
            .map(|(name, probe)| match probe {
                Ok(details) => json!({ "name": name, "status": "ok", "details": details }),
                Err(why) => json!({ "name": name, "status": "unavailable", "reason": why }),
            })
            .collect();
        return print_json(&json!({ "host": host, "checks": checks, "runtimes": runtimes }));
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
    print("\nRuntimes of others")?;
    for (name, probe) in &runtimes {
        match probe {
            Ok(details) => {
                let fact = |key: &str| details.get(key).map_or("", String::as_str);
                print(&format!("{:<8} {name:<16} {}, {}", "ok", fact("version"), fact("tool")))?;
            }
            Err(why) => print(&format!("{:<8} {name:<16} {why}", "missing"))?,
        }
    }
    print(&format!("\n{} of {} checks need attention.", troubled, checks.len()))
}
