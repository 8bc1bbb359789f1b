//! The page in a real browser: `tests/browser/check.mjs` opens rendered reports in Chromium at three widths, in both
//! themes, printed and without script.
//!
//! Needs node, Chromium (`$CHROMIUM`, else `/usr/bin/chromium`) and `npm ci --prefix reports/tests/browser`. Without them it
//! says so and passes, or fails if `BENCH_NO_SKIP` is set.

mod climbed;
mod many;
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use reports::html;
use results::{BackendStatus, Run, RunState};

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// What is missing to run the check, if anything is.
fn missing() -> Option<String> {
    let chromium = std::env::var("CHROMIUM").unwrap_or_default();
    let chromium = if chromium.is_empty() { "/usr/bin/chromium" } else { &chromium };
    let modules = here("tests/browser/node_modules/playwright-core");
    if Command::new("node").arg("--version").output().is_err() {
        Some("there is no node".to_owned())
    } else if !Path::new(chromium).exists() {
        Some(format!("there is no {chromium}: apt-get install chromium, or set CHROMIUM"))
    } else if !modules.exists() {
        Some("its modules are not installed: npm ci --prefix reports/tests/browser".to_owned())
    } else {
        None
    }
}

fn saved(name: &str) -> Run {
    results::load(&here("../results/tests/data").join(name)).expect("a committed run is valid")
}

/// A run in which a backend could not run.
fn unavailable() -> Run {
    let mut run = support::run(24);
    let linux = run.backends.iter_mut().find(|backend| backend.name == "microvm-linux");
    let linux = linux.expect("the example has a Linux guest");
    linux.status = BackendStatus::Unavailable;
    linux.reason = Some("this KVM emulates ring 0, so no stock kernel reaches user space here".to_owned());
    run.measurements.retain(|m| m.backend != "microvm-linux");
    run.evidence.retain(|fact| fact.backend != "microvm-linux");
    run
}

/// A run of names that would act if they were not escaped, and of numbers that nothing measures.
fn hostile() -> Run {
    const EVIL: &str =
        "\"><script>alert(1)</script><img src=x onerror=alert(2)><style>*{display:none}</style>&amp;\u{202e}";
    let mut run = support::run(8);
    for text in [&mut run.run_id, &mut run.host.cpu_model, &mut run.host.kernel, &mut run.tool.version] {
        text.push_str(EVIL);
    }
    run.config.command.push(EVIL.to_owned());
    run.host.mitigations.insert("x".repeat(400), EVIL.to_owned());
    for backend in &mut run.backends {
        if backend.name != "process" {
            backend.name.push_str(EVIL);
        }
        backend.details.insert(EVIL.to_owned(), format!("{EVIL}{}", "y".repeat(400)));
    }
    for fact in &mut run.evidence {
        fact.value.push_str(EVIL);
    }
    for (place, measurement) in run.measurements.iter_mut().enumerate() {
        if measurement.backend != "process" {
            measurement.backend.push_str(EVIL);
        }
        measurement.workload.push_str(EVIL);
        measurement.reason = Some(format!("{EVIL}{}", "z".repeat(200)));
        if place % 3 == 0 {
            measurement.samples.iter_mut().for_each(|sample| *sample *= 1e290);
        }
    }
    run
}

/// A run with the runtimes of others, and with more of them than any host has: their figures are those of `runc`.
fn others() -> Run {
    let mut run = saved("others.json");
    let runc = run.backend("runc").expect("the example has runc").clone();
    for name in ["qemu-microvm", "qemu-q35", "firecracker", "cloud-hypervisor", "a-runtime-of-mine"] {
        run.backends.push(results::Backend { name: name.to_owned(), ..runc.clone() });
        let own = run.measurements.iter().filter(|m| m.backend == "runc").cloned();
        let own: Vec<_> = own.map(|m| results::Measurement { backend: name.to_owned(), ..m }).collect();
        run.measurements.extend(own);
        let facts = run.evidence.iter().filter(|fact| fact.backend == "runc").cloned();
        let facts: Vec<_> =
            facts.map(|fact| results::Evidence { backend: name.to_owned(), ..fact }).collect();
        run.evidence.extend(facts);
    }
    run
}

/// The runs to look at, each under a name.
fn runs() -> Vec<(&'static str, Run)> {
    let mut interrupted = support::run(9);
    interrupted.state = RunState::Interrupted;
    interrupted.measurements.retain(|m| m.experiment <= results::Experiment::Memory);
    vec![
        ("normal", saved("run.json")),
        ("four", support::run(24)),
        ("unavailable", unavailable()),
        ("interrupted", interrupted),
        ("partial", saved("partial.json")),
        ("one-sample", support::run(1)),
        ("nothing", support::run(0)),
        ("hostile", hostile()),
        ("ladder", climbed::with_program(climbed::with_ladder(support::run(24)))),
        ("others", others()),
        ("program", climbed::program_alone(support::run(24))),
    ]
}

#[test]
fn pages_hold_in_a_browser() {
    if let Some(why) = missing() {
        println!("SKIPPED: {why}");
        assert!(std::env::var_os("BENCH_NO_SKIP").is_none_or(|set| set.is_empty()), "SKIPPED: {why}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (name, run) in runs() {
        fs::write(folder.path().join(format!("{name}.html")), html(&run).unwrap()).unwrap();
    }
    let histories = results::history::history(many::runs(15));
    fs::write(folder.path().join("many-history.html"), reports::history::html(&histories, &[]).unwrap())
        .unwrap();
    let together = [support::run(24), unavailable(), hostile()];
    let side_by_side = reports::side_by_side::html(&together).unwrap();
    fs::write(folder.path().join("many-side-by-side.html"), side_by_side).unwrap();
    let check =
        Command::new("node").arg(here("tests/browser/check.mjs")).arg(folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&check.stdout);
    println!("{said}");
    assert!(check.status.success(), "{said}{}", String::from_utf8_lossy(&check.stderr));
}
