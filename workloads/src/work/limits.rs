//! Workloads that go as far as a limit lets them: how far, the host sees, or they say it.
//!
//! Units: MiB, processes, nanoseconds. Invariant: each ends by itself at a ceiling (`--most`) or after a time
//! (`--batch-ns`), so that without any limit no host is harmed; and nothing that it started outlives it.

use core::hint::black_box;

use super::{Stop, cpu::XorShift};
use crate::{
    events::{self, BEGIN, DONE, END, FACT, SAMPLE},
    init,
    meter::Meter,
    sys::{
        self, EAGAIN, ENOMEM, SysError,
        memory::{Mapping, PAGE},
    },
};

/// No scheduler that shares a CPU between a few programs lets one wait so long.
const PAUSE_NS: u64 = 20_000_000;
/// A few periods of a quota, which are 100 ms by default.
const LONGEST_SEARCH_NS: u64 = 300_000_000;

const MIB: usize = 1 << 20;

/// The largest ceiling of [`hog`], in MiB: what fits its books.
const MOST_MIB: usize = 1024;

/// Progress is reported every so many MiB: a hog that is killed has no last words.
const PROGRESS: usize = 4;

/// Of what it has, a hog writes over this much, and that twice, for every further MiB: it moves much memory, which its
/// neighbours feel, and lives long enough for them to.
const REWRITTEN: usize = 16;
const TIMES: usize = 2;

/// Takes memory MiB by MiB and never gives any back.
pub fn hog(meter: &Meter) -> Result<(), Stop> {
    init::give_the_kernel_a_last_word()?;
    let mut taken: [Option<Mapping>; MOST_MIB] = [const { None }; MOST_MIB];
    let most = (meter.most as usize).min(MOST_MIB);
    // Only as many facts as the protocol allows.
    let progress = PROGRESS.max(most.div_ceil(32));
    for have in 0..most {
        let next = match Mapping::new(MIB) {
            Ok(next) => next,
            Err(error) if error.errno == ENOMEM => {
                fact(meter, "touched-mib", format_args!("{have}"))?;
                fact(meter, "refused", format_args!("{error}"))?;
                return done(meter);
            }
            Err(error) => return Err(error.into()),
        };
        next.touch(MIB / PAGE);
        taken[have] = Some(next);
        for _ in 0..TIMES {
            for mapping in taken[(have + 1).saturating_sub(REWRITTEN)..=have].iter_mut().flatten() {
                black_box(mapping.as_mut_slice::<u8>()).fill(have as u8);
            }
        }
        if (have + 1) % progress == 0 {
            fact(meter, "touched-mib", format_args!("{}", have + 1))?;
        }
    }
    fact(meter, "ceiling-mib", format_args!("{most}"))?;
    done(meter)
}

/// Forks children until it gets no more, goes on trying until `--batch-ns` have passed, then reaps them all.
pub fn fork_storm(meter: &Meter) -> Result<(), Stop> {
    // Whoever cannot fork says so before anything else is tried.
    sys::wait(sys::fork_exit()?)?;
    let (input, output) = sys::pipe()?;
    let begun = now()?;
    let (mut children, mut refused) = (0_u64, 0_u64);
    let stormed = loop {
        let over = now()?.saturating_sub(begun) >= meter.batch_ns && refused > 0;
        if over || children >= meter.most {
            break Ok(());
        }
        match sys::fork_waiting(input, output) {
            Ok(_) => children += 1,
            Err(error) if error.errno == EAGAIN => refused += 1,
            Err(error) => break Err(error),
        }
    };
    sys::close(output)?;
    for _ in 0..children {
        sys::wait(sys::ANY)?;
    }
    stormed?;
    // Itself included, as the limit counts.
    fact(meter, "processes", format_args!("{}", children + 1))?;
    fact(meter, "forks-refused", format_args!("{refused}"))?;
    done(meter)
}

/// Computes until `--batch-ns` have passed, and idles until its input ends; an operation is a thousand pseudo-random numbers.
pub fn spin(meter: &Meter) -> Result<(), Stop> {
    let mut random = XorShift::new();
    let mut work = || (0..1000).for_each(|_| _ = black_box(random.next()));
    let begun = after_a_pause(&mut work)?;
    events::line(meter.out, format_args!("{BEGIN} {begun}"))?;
    let mut ops = 0_u64;
    let ns = loop {
        work();
        ops += 1;
        let ns = now()?.saturating_sub(begun);
        if ns >= meter.batch_ns {
            break ns;
        }
    };
    events::line(meter.out, format_args!("{SAMPLE} {ops} {ns}"))?;
    events::line(meter.out, format_args!("{END} {}", begun + ns))?;
    done(meter)?;
    // What it has used is read from outside, and whoever started it may reap it before that.
    super::startup::noop(meter)
}

/// Works until it was made to pause, and returns when it went on; or gives up waiting for that.
///
/// A quota is given out by periods, and what runs out of it pauses to the end of one (sched-bwc.rst). Begun anywhere else,
/// some whole periods could hold one share more than they have beginnings.
fn after_a_pause(work: &mut impl FnMut()) -> Result<u64, SysError> {
    let begun = now()?;
    let mut last = begun;
    while last.saturating_sub(begun) < LONGEST_SEARCH_NS {
        work();
        let here = now()?;
        if here.saturating_sub(last) >= PAUSE_NS {
            return Ok(here);
        }
        last = here;
    }
    Ok(last)
}

fn fact(meter: &Meter, key: &str, value: core::fmt::Arguments<'_>) -> Result<(), SysError> {
    events::line(meter.out, format_args!("{FACT} {key} {value}"))
}

fn done(meter: &Meter) -> Result<(), Stop> {
    Ok(events::line(meter.out, format_args!("{DONE}"))?)
}

fn now() -> Result<u64, SysError> {
    Ok(sys::clock_gettime()?.as_ns())
}
