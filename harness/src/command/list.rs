//! `bench list`: backends, experiments and workloads; what is available here and, if not, why.

use anyhow::Result;
use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use serde_json::json;

use crate::backend;
use crate::cli::tools::ListArgs;
use crate::experiment::{ALL, plans};
use crate::host::kvm_finding;
use crate::output::{print, print_json};
use crate::progress::name;

/// Prints the lists.
pub fn list(args: &ListArgs) -> Result<()> {
    let backends: Vec<_> = backend::all(&args.tools.backends()?)
        .into_iter()
        .map(|b| (b.name(), b.summary(), b.probe()))
        .collect();
    let plans: Vec<_> = plans(&ALL).into_iter().map(|plan| (name(plan.id()), plan)).collect();
    if args.json.json {
        return print_json(&json!({
            "kvm": kvm_finding(),
            "backends": backends.iter().map(|(name, summary, probe)| match probe {
                Ok(details) => json!({ "name": name, "summary": summary, "status": "ok", "details": details }),
                Err(why) => json!({ "name": name, "summary": summary, "status": "unavailable", "reason": why }),
            }).collect::<Vec<_>>(),
            "experiments": plans.iter().map(|(name, plan)| json!({
                "name": name,
                "summary": plan.summary(),
                "workloads": plan.workloads().iter().map(|w| w.name).collect::<Vec<_>>(),
            })).collect::<Vec<_>>(),
            "workloads": workloads::CATALOGUE.iter().map(|w| json!({
                "name": w.name,
                "summary": w.summary,
            })).collect::<Vec<_>>(),
        }));
    }
    let mut table = plain();
    for (name, summary, probe) in &backends {
        let state = match probe {
            Ok(details) => match details.get("version") {
                Some(version) => format!("available, version {version}"),
                None => "available".to_owned(),
            },
            Err(why) => format!("unavailable: {why}"),
        };
        table.add_row([*name, &state, *summary]);
    }
    print(&format!("Backends\n{table}\n\n/dev/kvm: {}", kvm_finding()))?;
    let mut table = plain();
    for (name, plan) in &plans {
        table.add_row([*name, plan.summary()]);
    }
    print(&format!("\nExperiments\n{table}"))?;
    let mut table = plain();
    for workload in workloads::CATALOGUE {
        table.add_row([workload.name, workload.summary]);
    }
    print(&format!("\nWorkloads\n{table}"))
}

fn plain() -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table
}
