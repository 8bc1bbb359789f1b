//! OpenMetrics text (<https://prometheus.io/docs/specs/om/open_metrics_spec/>), in base units: seconds and bytes.
//!
//! Only gauges: so the older Prometheus format, of which node_exporter's textfile collector takes files, reads it too.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{Estimated, Export, estimates};
use crate::stats::Estimate;
use crate::{Measurement, Metric, Run, RunState, Unit};

/// What of an estimate a family holds: the end of its name, the words for it, the value.
type Part = (&'static str, &'static str, fn(&Estimate) -> f64);

const PARTS: [Part; 3] = [
    ("", "median", |estimate| estimate.median),
    ("_low", "lower end of the 95 % interval of the median", |estimate| estimate.low),
    ("_high", "upper end of the 95 % interval of the median", |estimate| estimate.high),
];

/// Three families for each metric, `bench_startup_time_seconds`, `bench_startup_time_low_seconds` and
/// `bench_startup_time_high_seconds`, one for the numbers of samples, and two for the run itself. Phases of the startup
/// are one metric with a label `phase`.
pub fn open_metrics(run: &Run) -> Export {
    let (kept, left_out) = estimates(run, |_| Ok(()));
    let mut metrics: BTreeMap<String, Vec<Estimated<'_>>> = BTreeMap::new();
    for estimated in kept {
        let name = match &estimated.0.metric {
            Metric::Phase(_) => "phase".to_owned(),
            metric => metric.to_string(),
        };
        metrics.entry(name).or_default().push(estimated);
    }
    let mut text = String::new();
    about(&mut text, run);
    for (name, estimated) in &metrics {
        let Some((first, _)) = estimated.first() else { continue };
        let (unit, per) = base_unit(first.unit);
        for (end, words, value) in PARTS {
            let family = Family { name: format!("bench_{name}{end}"), unit };
            family.head(&mut text, &format!("{}, {words}.", name.replace('_', " ")));
            for (measurement, estimate) in estimated {
                family.sample(&mut text, &labels(measurement), value(estimate) / per);
            }
        }
    }
    let samples = Family { name: "bench_samples".to_owned(), unit: "" };
    samples.head(&mut text, "Samples behind a median.");
    for (measurement, estimate) in metrics.values().flatten() {
        let metric = ("metric", measurement.metric.to_string());
        let labels: Vec<_> =
            labels(measurement).into_iter().filter(|(name, _)| *name != "phase").chain([metric]).collect();
        samples.sample(&mut text, &labels, estimate.n as f64);
    }
    text.push_str("# EOF\n");
    Export { text, left_out }
}

/// The run itself.
fn about(text: &mut String, run: &Run) {
    let info = Family { name: "bench_run_facts".to_owned(), unit: "" };
    info.head(text, "Always 1; the labels say what measured where.");
    let labels = [
        ("run_id", run.run_id.clone()),
        ("version", run.tool.version.clone()),
        ("git", run.tool.git.clone().unwrap_or_default()),
        ("kernel", run.host.kernel.clone()),
        ("cpu_model", run.host.cpu_model.clone()),
        ("complete", (run.state == RunState::Complete).to_string()),
    ];
    info.sample(text, &labels, 1.0);
    if let Ok(began) = run.started_at.parse::<jiff::Timestamp>() {
        let start = Family { name: "bench_run_start".to_owned(), unit: "seconds" };
        start.head(text, "When the run began, in seconds since 1970.");
        start.sample(text, &[("run_id", run.run_id.clone())], began.as_millisecond() as f64 / 1000.0);
    }
}

/// The unit that OpenMetrics asks for, and how many of the run's units it is.
fn base_unit(unit: Unit) -> (&'static str, f64) {
    match unit {
        Unit::Nanoseconds => ("seconds", 1e9),
        Unit::Bytes => ("bytes", 1.0),
        Unit::BytesPerSecond => ("bytes_per_second", 1.0),
        Unit::OpsPerSecond => ("operations_per_second", 1.0),
        Unit::Count => ("", 1.0),
        Unit::Ratio => ("ratio", 1.0),
    }
}

fn labels(measurement: &Measurement) -> Vec<(&'static str, String)> {
    let mut labels = vec![
        ("experiment", measurement.experiment.to_string()),
        ("workload", measurement.workload.clone()),
        ("backend", measurement.backend.clone()),
    ];
    if let Metric::Phase(phase) = &measurement.metric {
        labels.push(("phase", phase.clone()));
    }
    labels
}

/// A family of gauges.
struct Family {
    /// Without the unit.
    name: String,
    /// Empty if there is none.
    unit: &'static str,
}

impl Family {
    /// A name ends in its unit.
    fn full_name(&self) -> String {
        if self.unit.is_empty() { self.name.clone() } else { format!("{}_{}", self.name, self.unit) }
    }

    fn head(&self, text: &mut String, help: &str) {
        let name = self.full_name();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
        if !self.unit.is_empty() {
            let _ = writeln!(text, "# UNIT {name} {}", self.unit);
        }
    }

    fn sample(&self, text: &mut String, labels: &[(&'static str, String)], value: f64) {
        let labels: Vec<String> =
            labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escape(value))).collect();
        let _ = writeln!(text, "{}{{{}}} {value}", self.full_name(), labels.join(","));
    }
}

/// Backslash, quote and line feed are all that a label's value escapes.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
