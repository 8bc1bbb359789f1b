//! Progress of a run on stderr: a bar on a terminal, a plain line now and then elsewhere. It is only
//! touched between trials and has no thread of its own, so that it disturbs none.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use results::Experiment;

use crate::output::note;

const LINE_EVERY: Duration = Duration::from_secs(5);
const STEPS: u64 = 1000;

/// Where a run stands.
#[derive(Clone, Debug)]
pub struct Position<'a> {
    /// The experiment under way.
    pub experiment: Experiment,
    /// Blocks done and the most there can be.
    pub blocks: (u32, u32),
    /// The trial that comes next.
    pub workload: &'a str,
    /// Its backend.
    pub backend: &'a str,
    /// Share of the whole run that is done, 0 to 1.
    pub done: f64,
    /// The longest that the rest may take.
    pub left: Duration,
}

/// Shows progress.
#[derive(Debug)]
pub enum Progress {
    /// On a terminal.
    Bar(ProgressBar),
    /// Into a file or a pipe.
    Lines {
        /// What the last line was about, and when it was written.
        last: Option<(Experiment, Instant)>,
    },
    /// Nowhere: somebody else shows it.
    Off,
}

impl Progress {
    /// A bar if stderr is a terminal.
    pub fn on_stderr() -> Self {
        if !std::io::stderr().is_terminal() {
            return Self::Lines { last: None };
        }
        let bar = ProgressBar::with_draw_target(Some(STEPS), ProgressDrawTarget::stderr_with_hz(10));
        let style = ProgressStyle::with_template("{prefix:>9.bold} {bar:28.cyan/dim} {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style.progress_chars("━╸─"));
        Self::Bar(bar)
    }

    /// Shows where the run stands.
    pub fn show(&mut self, position: &Position) {
        let Position { experiment, blocks: (done, most), workload, backend, left, .. } = position;
        let name = name(*experiment);
        let left = HumanDuration(*left);
        match self {
            Self::Bar(bar) => {
                bar.set_prefix(name);
                bar.set_position((position.done.clamp(0.0, 1.0) * STEPS as f64) as u64);
                bar.set_message(format!(
                    "block {} of at most {most} · {workload} · {backend} · at most {left} left",
                    done + 1
                ));
            }
            Self::Lines { last } => {
                let due = last.is_none_or(|(of, at)| of != *experiment || at.elapsed() >= LINE_EVERY);
                if due {
                    note(&format!("{name}: {done} of at most {most} blocks done, at most {left} left"));
                    *last = Some((*experiment, Instant::now()));
                }
            }
            Self::Off => {}
        }
    }

    /// Says something that must not be lost between two states of the bar.
    pub fn note(&self, text: &str) {
        match self {
            Self::Bar(bar) => bar.suspend(|| note(text)),
            Self::Lines { .. } | Self::Off => note(text),
        }
    }

    /// Takes the bar away.
    pub fn finish(self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

/// The name of an experiment, as on the command line.
pub fn name(experiment: Experiment) -> &'static str {
    match experiment {
        Experiment::Startup => "startup",
        Experiment::Memory => "memory",
        Experiment::Syscalls => "syscalls",
        Experiment::Cpu => "cpu",
        Experiment::Density => "density",
        Experiment::Isolation => "isolation",
        Experiment::Ladder => "ladder",
        Experiment::Exec => "exec",
    }
}
