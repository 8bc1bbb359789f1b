//! In what two runs differ that makes their numbers incomparable.
//!
//! What a change to `bench` is expected to change (its version), what is drawn anew for each run (the seed) and what is
//! a matter of the moment (the load) is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use crate::series::DENSITY_DETAIL;
use crate::{Backend, Config, Host, Run};

/// A field that two runs do not agree on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Its name, as in `run.json`: `host.kernel`.
    pub field: String,
    /// What the base says.
    pub base: String,
    /// What the new run says.
    pub new: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} and {})", self.field, self.base, self.new)
    }
}

/// A field and how it reads.
type Field = (String, String);

/// The fields of host, agent and configuration in which the runs differ, as far as they concern what both measured.
pub fn differences(base: &Run, new: &Run) -> Vec<Difference> {
    let ours = fields(base, new);
    let theirs = fields(new, base);
    let names: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
    let value =
        |of: &BTreeMap<String, String>, name| of.get(name).cloned().unwrap_or_else(|| "nothing".to_owned());
    names
        .into_iter()
        .filter(|name| ours.get(*name) != theirs.get(*name))
        .map(|name| Difference { field: name.clone(), base: value(&ours, name), new: value(&theirs, name) })
        .collect()
}

/// What must agree, of `run`; experiments and backends that `other` does not have are left out.
fn fields(run: &Run, other: &Run) -> BTreeMap<String, String> {
    let limits = run.config.memory_limit_bytes.iter();
    let limits = limits.filter(|(experiment, _)| other.config.memory_limit_bytes.contains_key(experiment));
    let limits = limits
        .map(|(experiment, limit)| (format!("config.memory_limit_bytes.{experiment}"), limit.to_string()));
    let instances = run.config.instances.filter(|_| other.config.instances.is_some());
    let instances = instances.map(|most| ("config.instances".to_owned(), most.to_string()));
    let backends = run.backends.iter().filter(|backend| other.backend(&backend.name).is_some());
    [("tool.agent_sha256".to_owned(), run.tool.agent_sha256.clone())]
        .into_iter()
        .chain(host(&run.host))
        .chain(config(&run.config))
        .chain(limits)
        .chain(instances)
        .chain(backends.flat_map(details))
        .collect()
}

fn host(host: &Host) -> Vec<Field> {
    let Host {
        kernel,
        os: _,
        cpu_model,
        cpus,
        memory_bytes,
        hypervisor,
        kvm,
        cgroups,
        root,
        user_namespaces: _,
        governor,
        turbo,
        smt,
        thp,
        ksm,
        clocksource,
        nx_huge_pages,
        mounts: _,
        load_1m: _,
        mitigations,
    } = host;
    let fields = [
        ("kernel", kernel.clone()),
        ("cpu_model", cpu_model.clone()),
        ("cpus", cpus.to_string()),
        ("memory_bytes", memory_bytes.to_string()),
        ("hypervisor", text(hypervisor)),
        ("kvm", kvm.as_deref().map_or_else(unknown, without_figures)),
        ("cgroups", cgroups.clone()),
        ("root", root.to_string()),
        ("governor", text(governor)),
        ("turbo", text(turbo)),
        ("smt", text(smt)),
        ("thp", text(thp)),
        ("ksm", text(ksm)),
        ("clocksource", text(clocksource)),
        ("nx_huge_pages", text(nx_huge_pages)),
    ];
    let mitigations =
        mitigations.iter().map(|(name, state)| (format!("host.mitigations.{name}"), state.clone()));
    fields.into_iter().map(|(name, value)| (format!("host.{name}"), value)).chain(mitigations).collect()
}

fn config(config: &Config) -> Vec<Field> {
    let Config {
        seed: _,
        preset,
        samples,
        time_budget_s,
        experiments: _,
        workloads: _,
        pinned_cpu,
        memory_limit_bytes: _,
        command: _,
        instances: _,
    } = config;
    let fields = [
        ("preset", preset.clone()),
        ("samples", text(samples)),
        ("time_budget_s", time_budget_s.to_string()),
        ("pinned_cpu", text(pinned_cpu)),
    ];
    fields.into_iter().map(|(name, value)| (format!("config.{name}"), value)).collect()
}

/// What a backend says of its terms: isolation, limits, kernel.
fn details(backend: &Backend) -> Vec<Field> {
    // How far density came is what it measured.
    let fields = backend.details.iter().filter(|(key, _)| !key.starts_with(DENSITY_DETAIL));
    let value = |key: &str, value: &str| if key == "kvm" { without_figures(value) } else { value.to_owned() };
    fields.map(|(key, text)| (format!("backends.{}.{key}", backend.name), value(key, text))).collect()
}

fn text(value: &Option<impl fmt::Display>) -> String {
    value.as_ref().map_or_else(unknown, ToString::to_string)
}

fn unknown() -> String {
    "unknown".to_owned()
}

/// The probe of KVM times what it finds: those figures differ each time, the finding does not.
fn without_figures(finding: &str) -> String {
    let is_figure = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let words = finding.split(' ').map(|word| if is_figure(word) { "#" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_in_a_finding_do_not_count_and_words_do() {
        let at = |speed: &str| {
            without_figures(&format!("ring 0 is emulated at {speed} million instructions a second"))
        };
        assert_eq!(at("1.0"), at("12.5"));
        assert_ne!(without_figures("ring 0 works"), without_figures("ring 0 is emulated"));
    }
}
