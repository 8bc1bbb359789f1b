//! The machine, the plan, and what of both may have bent the numbers.

use std::collections::BTreeMap;

use results::ladder::is_rung;
use results::{BackendStatus, Run, RunState, Unit};

use super::kernels;
use crate::analysis::Analysis;
use crate::format::{FEWEST, quantity};

/// A label and what stands behind it.
pub(super) struct Fact {
    pub label: String,
    pub value: String,
}

fn fact(label: impl Into<String>, value: impl Into<String>) -> Fact {
    Fact { label: label.into(), value: value.into() }
}

const UNKNOWN: &str = "not told by the host";

fn told<T>(value: &Option<T>, show: impl Fn(&T) -> String) -> String {
    value.as_ref().map_or_else(|| UNKNOWN.to_owned(), show)
}

fn yes(value: bool) -> String {
    if value { "yes" } else { "no" }.to_owned()
}

/// The machine as found.
pub(super) fn facts(run: &Run) -> Vec<Fact> {
    let host = &run.host;
    let mut facts = vec![
        fact("CPU", &host.cpu_model),
        fact("logical CPUs for bench", host.cpus.to_string()),
        fact("memory", quantity(host.memory_bytes as f64, Unit::Bytes)),
        fact("kernel", &host.kernel),
        fact("distribution", told(&host.os, String::clone)),
        fact(
            "below this machine",
            host.hypervisor.clone().unwrap_or_else(|| "no hypervisor found".to_owned()),
        ),
        fact("KVM", told(&host.kvm, String::clone)),
        fact("cgroups", &host.cgroups),
        fact("ran as root", yes(host.root)),
        fact("user namespaces", yes(host.user_namespaces)),
        fact("frequency governor", told(&host.governor, String::clone)),
        fact("turbo", told(&host.turbo, |on| yes(*on))),
        fact("SMT", told(&host.smt, |on| yes(*on))),
        fact("transparent huge pages", told(&host.thp, String::clone)),
        fact("KSM", told(&host.ksm, |on| yes(*on))),
        fact("clock source", told(&host.clocksource, String::clone)),
        fact("nx_huge_pages", told(&host.nx_huge_pages, String::clone)),
        fact("mounts", host.mounts.to_string()),
        fact("load when the run began", format!("{:.2}", host.load_1m)),
    ];
    facts.extend(host.mitigations.iter().map(|(name, state)| fact(format!("mitigation: {name}"), state)));
    facts
}

/// What the run was asked to do.
pub(super) fn plan(run: &Run) -> Vec<Fact> {
    let config = &run.config;
    let all = |names: &[String]| if names.is_empty() { "all".to_owned() } else { names.join(", ") };
    let mut facts = vec![
        fact("preset", &config.preset),
        fact("seed", config.seed.to_string()),
        fact(
            "blocks asked for",
            config.samples.map_or("until the interval is narrow enough".to_owned(), |n| n.to_string()),
        ),
        fact("time budget", format!("{} s", config.time_budget_s)),
        fact("workloads", all(&config.workloads)),
        fact("pinned to CPU", config.pinned_cpu.map_or("not pinned".to_owned(), |cpu| cpu.to_string())),
    ];
    let limits = config.memory_limit_bytes.iter();
    facts.extend(limits.map(|(experiment, bytes)| {
        fact(format!("memory limit, {experiment:?}").to_lowercase(), quantity(*bytes as f64, Unit::Bytes))
    }));
    facts
}

/// What has to be the same for the run to be repeated.
pub(super) fn versions(run: &Run) -> Vec<Fact> {
    let mut facts = vec![
        fact(
            "bench",
            format!("{} {}", run.tool.version, run.tool.git.as_deref().unwrap_or("(commit unknown)")),
        ),
        fact("agent SHA-256", &run.tool.agent_sha256),
        fact("host kernel", &run.host.kernel),
    ];
    let guests = run.backends.iter().filter_map(|of| Some((of, of.details.get("kernel")?)));
    facts.extend(guests.map(|(of, kernel)| fact(format!("kernel of {}", of.name), kernel)));
    facts
}

/// Who was compared, in one line.
pub(super) fn compared(run: &Run) -> String {
    let of = |ok: bool| -> Vec<&str> {
        let backends = run.backends.iter().filter(|of| !is_rung(&of.name));
        let backends = backends.filter(|of| (of.status == BackendStatus::Ok) == ok);
        backends.map(|of| &*of.name).collect()
    };
    let (ran, missing) = (of(true), of(false));
    let mut text = if ran.is_empty() { "nothing could run".to_owned() } else { ran.join(", ") };
    if !missing.is_empty() {
        text.push_str(&format!(" (not here: {})", missing.join(", ")));
    }
    text
}

/// Samples of each measurement that has any.
fn sizes(run: &Run) -> Vec<usize> {
    run.measurements.iter().map(|m| m.samples.len()).filter(|size| *size > 0).collect()
}

/// Whether there is a single sample per measurement, which no interval can be made of.
pub(super) fn single(run: &Run) -> bool {
    let sizes = sizes(run);
    !sizes.is_empty() && sizes.iter().all(|size| *size == 1)
}

/// A word of warning if measurements have too few samples for an interval.
fn few(run: &Run) -> Option<String> {
    let sizes = sizes(run);
    let few = sizes.iter().filter(|size| **size < FEWEST).count();
    if few == 0 {
        return None;
    }
    let all = sizes.len();
    Some(format!(
        "{few} of {all} measurements have fewer than {FEWEST} samples: their intervals reach from the least to the \
         greatest sample at most and promise less than 95 %."
    ))
}

/// The command line with the run's seed, quoted so that a shell takes it as it was.
pub(super) fn command(run: &Run) -> String {
    let mut words = run.config.command.clone();
    if !words.is_empty() && !words.iter().any(|word| word.starts_with("--seed")) {
        // What follows a bare `--` is not for bench.
        let end = words.iter().position(|word| word == "--").unwrap_or(words.len());
        words.splice(end..end, ["--seed".to_owned(), run.config.seed.to_string()]);
    }
    quoted(&words)
}

/// Words as a shell takes them.
pub(super) fn quoted(words: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=+./,:@%".contains(c);
    let quoted = words.iter().map(|word| {
        if !word.is_empty() && word.chars().all(plain) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', "'\\''"))
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

/// More kinds of marks than this are a defect of the file, not of the machine.
const MOST_MARKS: usize = 20;

/// Above this share of the CPUs busy, waiting for one becomes likely.
const BUSY: f64 = 0.25;

/// A new mount namespace copies every mount; below this many it does not show.
const MANY_MOUNTS: u32 = 100;

/// What may have disturbed the run, in sentences.
pub(super) fn disturbances(analysis: &Analysis<'_>) -> Vec<String> {
    let run = analysis.run;
    let host = &run.host;
    let mut found = Vec::new();
    let mut note = |applies: bool, text: String| {
        if applies {
            found.push(text);
        }
    };
    note(
        run.state == RunState::Interrupted,
        "The run was interrupted: later experiments have fewer samples or none.".to_owned(),
    );
    if let Some(emulator) = analysis.emulator() {
        note(
            true,
            format!(
                "The processor is emulated in software, {emulator}: times follow from what is dear to emulate."
            ),
        );
    } else if let Some(hypervisor) = &host.hypervisor {
        note(
            true,
            format!(
                "This machine is itself a virtual machine ({hypervisor}): every exit of a guest is dearer than on bare metal, and neighbours can take CPU time away."
            ),
        );
    }
    if let Some(governor) = &host.governor {
        note(
            governor != "performance",
            format!(
                "The frequency governor is “{governor}”: the clock rate follows the load, so short work may run slower than long work."
            ),
        );
    }
    note(
        host.turbo == Some(true),
        "Turbo is on: the clock rate depends on temperature and on what the other cores do.".to_owned(),
    );
    note(
        host.smt == Some(true),
        "SMT is active: a busy sibling thread takes part of a core away.".to_owned(),
    );
    note(
        host.load_1m > BUSY * f64::from(host.cpus),
        format!("The machine was busy when the run began (load {:.2} on {} CPUs).", host.load_1m, host.cpus),
    );
    note(
        run.config.pinned_cpu.is_none(),
        "Instances were not pinned to a CPU: migrations add noise.".to_owned(),
    );
    if let Some(source) = &host.clocksource {
        note(
            source != "tsc" && source != "kvm-clock",
            format!("The clock source is “{source}”: reading it is slow, which widens every interval."),
        );
    }
    if let Some(pages) = &host.nx_huge_pages {
        note(
            matches!(&**pages, "Y" | "1" | "force" | "auto"),
            format!("KVM’s nx_huge_pages is “{pages}”: creating a VM can take milliseconds longer."),
        );
    }
    note(
        host.ksm == Some(true),
        "KSM merges equal pages: memory of several instances can look smaller than it is.".to_owned(),
    );
    if let Some(thp) = &host.thp {
        note(
            thp.contains("[always]") || thp == "always",
            "Transparent huge pages are always on: touched guest memory may be rounded up to 2 MiB."
                .to_owned(),
        );
    }
    note(
        host.mounts > MANY_MOUNTS,
        format!("The host has {} mounts; each new mount namespace copies them all.", host.mounts),
    );
    found.extend(few(run));
    found.extend(kernels::differing(analysis));
    found.extend(marks(run));
    found
}

/// How many samples were marked, by mark.
fn marks(run: &Run) -> Vec<String> {
    let samples: usize = run.measurements.iter().map(|m| m.samples.len()).sum();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for flag in run.measurements.iter().flat_map(|m| m.flags.iter().flatten()).flatten() {
        *counts.entry(flag).or_default() += 1;
    }
    let sentence = |(flag, count)| {
        format!(
            "{count} of {samples} samples are marked “{flag}”. Marked samples are kept; the tables count them."
        )
    };
    counts.into_iter().take(MOST_MARKS).map(sentence).collect()
}
