//! What a history promises, on simulated runs with a truth that is known.

mod simulate;

use results::history::{History, history};
use results::stats::Rng;
use results::{Metric, Run};
use simulate::{BACKENDS, NOISY, QUIET, slow_down};

/// `count` runs, a minute apart, of which those from `slower` on have a container that takes `times` as long.
fn runs(count: usize, slower: usize, times: f64) -> Vec<Run> {
    let mut rng = Rng::new(11);
    let one = |number: usize| {
        let mut run = simulate::run(QUIET, 8, &mut rng);
        run.run_id = format!("run-{number}");
        run.started_at = format!("2026-11-24T{:02}:{:02}:00Z", number / 60, number % 60);
        if number >= slower {
            slow_down(&mut run, "container", times);
        }
        run
    };
    (0..count).map(one).collect()
}

fn changed_backends(history: &History) -> Vec<&str> {
    history.changed().into_iter().map(|series| series.key.backend.as_str()).collect()
}

#[test]
fn a_slowdown_is_found_where_and_when_it_came_and_nowhere_else() {
    let history = history(runs(30, 18, 1.1));
    let of_container = history.series.iter().filter(|series| series.key.backend == "container").count();
    let found = changed_backends(&history);
    let right = found.iter().filter(|backend| **backend == "container").count();
    assert!(right >= of_container * 9 / 10, "{right} of {of_container}");
    // A chance of 1 % each, of which there are 63.
    assert!(found.len() - right <= 3, "{found:?}");
    let startup =
        history.changed().into_iter().find(|series| series.key.metric == Metric::StartupTime).unwrap();
    let (step, point) = startup.last_step().unwrap();
    assert!(step.worse && (step.ratio - 1.1).abs() < 0.02, "{step:?}");
    assert!((17..=19).contains(&point.run), "{point:?}");
}

#[test]
fn runs_that_did_not_change_give_few_changes() {
    let (mut all, mut changed) = (0, 0);
    for (seed, machine) in (0..20).zip([QUIET, NOISY].into_iter().cycle()) {
        let mut rng = Rng::new(seed);
        let runs = (0..40).map(|number| {
            let mut run = simulate::run(machine, 8, &mut rng);
            run.run_id = format!("run-{number:02}");
            run
        });
        let history = history(runs);
        all += history.series.len();
        changed += history.changed().len();
    }
    assert_eq!(all, 20 * BACKENDS.len() * 21);
    // One in a hundred is what the test allows itself, and the runs of a noisy machine move together.
    assert!(changed * 50 <= all, "{changed} of {all}");
}

#[test]
fn the_order_in_which_runs_are_given_does_not_matter_and_a_name_counts_once() {
    let runs = runs(12, 99, 1.0);
    let backwards: Vec<Run> = runs.iter().rev().chain(&runs).cloned().collect();
    let history = history(backwards);
    let names: Vec<&str> = history.runs.iter().map(|run| run.run_id.as_str()).collect();
    assert_eq!(names, (0..12).map(|number| format!("run-{number}")).collect::<Vec<_>>());
    assert!(history.series.iter().all(|series| series.points.len() == 12));
}

#[test]
fn another_machine_is_another_series_even_between_runs_of_the_first() {
    let mut runs = runs(20, 99, 1.0);
    for run in runs.iter_mut().skip(1).step_by(2) {
        run.host.cpu_model = "Another".into();
        slow_down(run, "container", 3.0);
    }
    let history = history(runs);
    assert_eq!(history.settings.iter().map(|setting| setting.runs).collect::<Vec<_>>(), [10, 10]);
    assert!(history.settings[0].differences.is_empty());
    assert_eq!(history.settings[1].differences[0].field, "host.cpu_model");
    assert!(history.runs.iter().enumerate().all(|(place, run)| run.setting == place % 2));
    assert!(history.changed().len() <= 2, "{:?}", changed_backends(&history));
    assert_eq!(history.series.len(), 2 * BACKENDS.len() * 21);
}

#[test]
fn no_run_is_no_history() {
    assert_eq!(history([]), History::default());
}
