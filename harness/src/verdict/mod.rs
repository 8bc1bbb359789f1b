//! A comparison in words: for the terminal, for a pull request, for a CI's list of tests.
//!
//! Invariant: every measurement of both runs stands in each form, and names from a run, which may come from a hostile
//! file, cannot change the form.

pub mod junit;
pub mod markdown;
pub mod text;

use reports::format::{number, quantity};
use results::compare::{Change, Comparison, Side, Verdict};

/// The name of a verdict.
fn name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Regressed => "regressed",
        Verdict::Improved => "improved",
        Verdict::Unchanged => "unchanged",
        Verdict::Inconclusive => "inconclusive",
    }
}

/// The sentence that says it all: how many of each.
fn summary(comparison: &Comparison) -> String {
    let count = |verdict| format!("{} {}", comparison.decided(verdict).count(), name(verdict));
    let verdicts = [Verdict::Regressed, Verdict::Improved, Verdict::Unchanged, Verdict::Inconclusive];
    let mut text = verdicts.map(count).join(", ");
    let parts = comparison.changes.iter().filter(|change| change.is_part()).count();
    if parts > 0 {
        text.push_str(&format!("; {parts} parts of these, which do not decide"));
    }
    if !comparison.skipped.is_empty() {
        text.push_str(&format!("; {} could not be compared", comparison.skipped.len()));
    }
    text
}

/// What was asked: threshold, false alarms, and how samples were compared.
fn terms(comparison: &Comparison) -> String {
    let how = if comparison.paired { "paired by block" } else { "of whole runs" };
    format!(
        "threshold {} %, alpha {}; ratios new / base {how}, {} % intervals",
        number(100.0 * comparison.threshold),
        comparison.alpha,
        number(100.0 * (1.0 - comparison.alpha))
    )
}

fn side(side: &Side) -> String {
    let git = side.tool.git.as_deref().map_or(String::new(), |git| format!(" ({git})"));
    format!("{} by bench {}{git}", side.run_id, side.tool.version)
}

/// What was measured: `startup · noop · container · startup_time`.
fn subject(change: &Change) -> String {
    let Change { experiment, workload, backend, metric, .. } = change;
    format!("{experiment} · {workload} · {backend} · {metric}")
}

fn ratio(change: &Change) -> String {
    format!("×{}", number(change.ratio))
}

fn interval(change: &Change) -> String {
    format!("{}–{}", number(change.low), number(change.high))
}

fn medians(change: &Change) -> [String; 2] {
    [change.base_median, change.new_median].map(|median| quantity(median, change.unit))
}

#[cfg(test)]
pub(crate) mod sample {
    //! A comparison with one of each verdict.

    use results::compare::{Change, Comparison, Side, Skipped, Verdict};
    use results::{Experiment, Key, Metric, Tool};

    pub fn change(backend: &str, metric: Metric, ratio: f64, verdict: Verdict) -> Change {
        Change {
            experiment: Experiment::Startup,
            workload: "noop".into(),
            backend: backend.into(),
            unit: metric.unit(),
            better: metric.better(),
            metric,
            base_median: 2.6e6,
            new_median: 2.6e6 * ratio,
            samples: (60, 58),
            disturbed: 0.1,
            ratio,
            low: ratio * 0.98,
            high: ratio * 1.02,
            noise: Some(0.01),
            p_value: 0.0001,
            q_value: 0.001,
            verdict,
            reason: "as the test wants".into(),
        }
    }

    pub fn comparison() -> Comparison {
        let tool = |git: &str| Tool {
            version: "0.1.0".into(),
            git: Some(git.into()),
            agent_sha256: "ab".repeat(32),
        };
        let side = |id: &str, git: &str| Side {
            run_id: id.into(),
            started_at: "2026-11-24T08:00:00Z".into(),
            tool: tool(git),
        };
        Comparison {
            base: vec![side("20261124-080000-aaaa", "1a2b3c4")],
            new: side("20261124-090000-bbbb", "5d6e7f8"),
            threshold: 0.05,
            alpha: 0.01,
            paired: false,
            differences: Vec::new(),
            changes: vec![
                change("container", Metric::StartupTime, 1.4, Verdict::Regressed),
                change("container", Metric::Phase("pivot".into()), 1.3, Verdict::Regressed),
                change("microvm", Metric::StartupTime, 0.8, Verdict::Improved),
                change("process|<b>", Metric::TeardownTime, 1.1, Verdict::Inconclusive),
                change("process|<b>", Metric::StartupTime, 1.001, Verdict::Unchanged),
            ],
            skipped: vec![Skipped {
                key: Key::new(Experiment::Cpu, "sha256", "microvm", Metric::TimePerOp),
                reason: "only the base has it".into(),
            }],
        }
    }
}
