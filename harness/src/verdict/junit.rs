//! For a CI's list of tests: JUnit XML with a test case per measurement. What regressed has failed; what could not be
//! told was skipped.

use anyhow::{Context, Result};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use results::compare::{Change, Comparison, Verdict};

use super::{interval, medians, ratio, side, summary, terms};

/// Renders a comparison.
pub fn render(comparison: &Comparison) -> Result<String> {
    let mut report = Report::new("bench compare");
    let mut experiments: Vec<String> = comparison.changes.iter().map(|c| c.experiment.to_string()).collect();
    experiments.extend(comparison.skipped.iter().map(|skipped| skipped.key.experiment.to_string()));
    experiments.sort();
    experiments.dedup();
    for experiment in experiments {
        let mut suite = TestSuite::new(experiment.as_str());
        for base in &comparison.base {
            suite.add_property(("base", side(base).as_str()));
        }
        suite.add_property(("new", side(&comparison.new).as_str()));
        suite.add_property(("terms", terms(comparison).as_str()));
        suite.add_property(("summary", summary(comparison).as_str()));
        let of_suite = comparison.changes.iter().filter(|change| change.experiment.to_string() == experiment);
        suite.add_test_cases(of_suite.map(case));
        for skipped in &comparison.skipped {
            let key = &skipped.key;
            if key.experiment.to_string() == experiment {
                let name = format!("{} {} {}", key.workload, key.backend, key.metric);
                suite.add_test_case(skip(name, &experiment, &skipped.reason));
            }
        }
        report.add_test_suite(suite);
    }
    report.to_string().context("write JUnit XML")
}

fn case(change: &Change) -> TestCase {
    let name = format!("{} {} {}", change.workload, change.backend, change.metric);
    let class = change.experiment.to_string();
    let [base, new] = medians(change);
    let message = format!("{} [{}], {base} to {new}: {}", ratio(change), interval(change), change.reason);
    match change.verdict {
        Verdict::Inconclusive => skip(name, &class, &message),
        Verdict::Regressed if !change.is_part() => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_type("regressed").set_message(message);
            with_class(TestCase::new(name, status), &class)
        }
        _ => {
            let mut case = TestCase::new(name, TestCaseStatus::success());
            case.set_system_out(message);
            with_class(case, &class)
        }
    }
}

fn skip(name: String, class: &str, message: &str) -> TestCase {
    let mut status = TestCaseStatus::skipped();
    status.set_message(message);
    with_class(TestCase::new(name, status), class)
}

fn with_class(mut case: TestCase, class: &str) -> TestCase {
    case.set_classname(format!("bench.{class}"));
    case
}

#[cfg(test)]
mod tests {
    use super::super::sample::comparison;
    use super::*;

    #[test]
    fn what_regressed_fails_and_what_cannot_be_told_is_skipped() {
        let xml = render(&comparison()).unwrap();
        for (part, count) in [("<testcase ", 6), ("<failure ", 1), ("<skipped ", 2), ("<testsuite ", 2)] {
            assert_eq!(xml.matches(part).count(), count, "{part}: {xml}");
        }
        assert!(xml.contains(r#"name="noop container startup_time""#), "{xml}");
        assert!(xml.contains("process|&lt;b&gt;"), "{xml}");
    }

    #[test]
    fn a_part_does_not_fail() {
        let mut comparison = comparison();
        comparison.changes.retain(Change::is_part);
        assert!(!render(&comparison).unwrap().contains("<failure"));
    }
}
