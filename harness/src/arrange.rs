//! The order of measurements: trials run in random order, readers want the order of the lists.

use results::{Experiment, Run};

use crate::experiment::ALL;

/// Sorts by experiment, then workload (as in the catalogue), then backend (as in the run's list); the
/// metrics of a trial stay in the order in which it reports them.
pub fn arrange(run: &mut Run) {
    let backends: Vec<String> = run.backends.iter().map(|backend| backend.name.clone()).collect();
    run.measurements.sort_by_key(|m| {
        let backend = backends.iter().position(|name| *name == m.backend).unwrap_or(usize::MAX);
        (experiment(m.experiment), workload(&m.workload), backend)
    });
}

// What is not in a list goes to the end.
fn experiment(id: Experiment) -> usize {
    ALL.iter().position(|of| *of == id).unwrap_or(usize::MAX)
}

fn workload(name: &str) -> usize {
    workloads::CATALOGUE.iter().position(|of| of.name == name).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_in_another_order_comes_back_in_the_order_of_the_lists() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../results/tests/data/run.json");
        let mut run = results::load(path.as_ref()).unwrap();
        arrange(&mut run);
        let arranged = run.clone();
        run.measurements.sort_by(|a, b| b.backend.cmp(&a.backend).then(b.workload.cmp(&a.workload)));
        arrange(&mut run);
        assert_eq!(run, arranged);
    }
}
