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
    lines.extend(guests(preset, plans, contestants, shares));
    let mut sets: Vec<(Vec<Experiment>, Vec<&str>)> = Vec::new();
    for of in contestants {
        let joined: Vec<Experiment> = plans.iter().map(|plan| plan.id()).filter(|&id| of.joins(id)).collect();
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

/// What those that nobody asked for by name get, and how long it all takes, by how long one instance of each has taken.
fn guests(
    preset: &Preset,
    plans: &[Box<dyn Plan>],
    contestants: &[Contestant],
    shares: f64,
) -> Option<String> {
    let (guests, hosts): (Vec<&Contestant>, Vec<&Contestant>) =
        contestants.iter().partition(|of| of.is_guest());
    if guests.is_empty() || hosts.is_empty() {
        return None;
    }
    let time = |of: &[&Contestant]| -> Duration {
        let of_plan = |plan: &dyn Plan| {
            let joined = of.iter().filter(|of| of.joins(plan.id()));
            let lives: Duration = joined.clone().map(|of| of.life).sum();
            let least = lives * plan.lives() * preset.stopping.min_blocks;
            let share = preset.budget.mul_f64(plan.share() / shares);
            if joined.count() > 0 { least.max(share) } else { Duration::ZERO }
        };
        plans.iter().map(|plan| of_plan(&**plan)).sum()
    };
    let names: Vec<&str> = guests.iter().map(|of| of.backend.name()).collect();
    let (own, theirs) = (time(&hosts), time(&guests));
    Some(format!(
        "beside that up to {} for runtimes of others ({}), which take part in fewer blocks; {} in all at least",
        seconds(theirs),
        names.join(", "),
        seconds(own + theirs),
    ))
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
            .map(|backend| {
                let (asked_for, life) = (backend.name() == "docker", Duration::from_secs(1));
                Contestant { asked_for, backend, life }
            })
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
        // As much time again in `startup`, and as long as 8 blocks of 15 calls take in `syscalls`.
        let calls = u64::from(plans(&[Experiment::Syscalls])[0].lives()) * 8;
        let theirs = format!("beside that up to {} s for runtimes of others (runc, gvisor), ", 50 + calls);
        assert!(lines[1].starts_with(&theirs) && lines[1].ends_with(" s in all at least"), "{lines:?}");
        assert_eq!(lines[2], "process, gvisor, docker: all of them");
        assert_eq!(lines[3], "runc: startup (name them with --backends to have them in all)");
    }
}
