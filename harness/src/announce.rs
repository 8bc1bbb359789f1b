//! What a run is about to do, where runtimes of others take part: starting some of them takes a hundred times as long as starting
//! ours, so that a block of trials does, too.

use std::time::Duration;

use results::Experiment;

use crate::execute::Contestant;
use crate::experiment::Plan;
use crate::preset::Preset;
use crate::progress::name;

/// A line on the time, and one on each set of experiments with the backends that take part in it.
pub fn announce(preset: &Preset, plans: &[Box<dyn Plan>], contestants: &[Contestant]) -> Vec<String> {
    let shares: f64 = plans.iter().map(|plan| plan.share()).sum();
    let share = |plan: &dyn Plan| preset.budget.mul_f64(plan.share() / shares);
    let each: Vec<String> =
        plans.iter().map(|plan| format!("{} {}", name(plan.id()), seconds(share(&**plan)))).collect();
    let least = match preset.stopping.min_blocks {
        1 => "1 block of each at least".to_owned(),
        least => format!("{least} blocks of each at least, however long they take"),
    };
    let mut lines = vec![format!("{} of sampling: {}; {least}", seconds(preset.budget), each.join(", "))];
    let mut sets: Vec<(Vec<Experiment>, Vec<&str>)> = Vec::new();
    for of in contestants {
        let joined: Vec<Experiment> =
            plans.iter().map(|plan| plan.id()).filter(|&id| of.asked_for || of.backend.joins(id)).collect();
        match sets.iter_mut().find(|(known, _)| *known == joined) {
            Some((_, backends)) => backends.push(of.backend.name()),
            None => sets.push((joined, vec![of.backend.name()])),
        }
    }
    for (joined, backends) in sets {
        let list: Vec<&str> = joined.iter().map(|&id| name(id)).collect();
        let what = match list.len() {
            0 => "none of them (name them with --backends to have them in all)".to_owned(),
            all if all == plans.len() => "all of them".to_owned(),
            _ => format!("{} (name them with --backends to have them in all)", list.join(", ")),
        };
        lines.push(format!("{}: {what}", backends.join(", ")));
    }
    lines
}

fn seconds(time: Duration) -> String {
    format!("{:.0} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::{Options, all};
    use crate::experiment::density::Extent;
    use crate::experiment::plans;
    use crate::schedule::Stopping;

    #[test]
    fn backends_are_announced_with_the_experiments_that_they_join() {
        let contestants: Vec<Contestant> = all(&Options::default())
            .into_iter()
            .filter(|backend| ["process", "runc", "docker", "gvisor"].contains(&backend.name()))
            .map(|backend| Contestant { asked_for: backend.name() == "docker", backend })
            .collect();
        let budget = Duration::from_secs(100);
        let preset = Preset {
            name: "default",
            budget,
            stopping: Stopping { min_blocks: 8, max_blocks: 9, relative_width: 0.1 },
            extent: Extent { instances: 4, time: budget },
        };
        let lines = announce(&preset, &plans(&[Experiment::Startup, Experiment::Syscalls]), &contestants);
        assert!(lines[0].starts_with("100 s of sampling: startup "), "{lines:?}");
        assert!(lines[0].ends_with("8 blocks of each at least, however long they take"), "{lines:?}");
        assert_eq!(lines[1], "process, gvisor, docker: all of them");
        assert_eq!(lines[2], "runc: startup (name them with --backends to have them in all)");
    }
}
