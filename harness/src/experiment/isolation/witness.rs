//! A look at counters that go with their cgroup: a runtime removes its own as soon as the last process in it has died.
//!
//! The kernel counts a kill before the process gets the signal (mm/oom_kill.c, `__oom_kill_process`), and a runtime removes
//! nothing before it has seen the process's end, so that looking often catches it. Where it does not, nothing is known.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use container::cgroup::Cgroup;

use super::judge::Figures;

/// Between two looks. A hog's memory alone takes longer to be given back.
const PAUSE: Duration = Duration::from_micros(500);

/// Does `work` while the cgroup is looked at, if it is one that its runtime may remove; returns the last that was seen.
pub(super) fn beside<T>(cgroup: Option<&Cgroup>, work: impl FnOnce() -> T) -> (T, Option<Figures>) {
    let Some(cgroup) = cgroup.filter(|cgroup| cgroup.is_foreign()) else { return (work(), None) };
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let witness = scope.spawn(|| look(cgroup, &over));
        let result = work();
        over.store(true, Ordering::Relaxed);
        // One that panicked has seen nothing.
        (result, witness.join().ok())
    })
}

fn look(cgroup: &Cgroup, over: &AtomicBool) -> Figures {
    let mut seen = Figures::of(Some(cgroup));
    while !over.load(Ordering::Relaxed) {
        thread::sleep(PAUSE);
        seen.refused_forks = cgroup.refused_forks().or(seen.refused_forks);
        let kills = cgroup.oom_kills().ok().flatten();
        if kills > seen.oom_kills {
            // Not at every look: it takes several files.
            seen = Figures::of(Some(cgroup)).or(Figures { oom_kills: kills, ..seen });
        }
    }
    seen
}
