//! One experiment of the page: its charts, and the numbers behind them.

use results::Experiment;

use super::sheet::Sheet;
use super::tables::{self, Gap, Matrix, Table};
use super::{ladder, owners, program};
use crate::Error;
use crate::analysis::Analysis;
use crate::charts::{CATALOGUE, Plot, Use};

/// One experiment.
pub(super) struct Section {
    pub of: Experiment,
    pub id: &'static str,
    pub title: &'static str,
    /// What is said first, and a table of its own kind.
    pub sheet: Option<Sheet>,
    pub figures: Vec<Figure>,
    pub matrix: Option<Matrix>,
    pub tables: Vec<Table>,
    pub gaps: Vec<Gap>,
    /// Instead of all that: why there is nothing.
    pub nothing: Option<&'static str>,
}

/// A chart in the page.
pub(super) struct Figure {
    pub name: &'static str,
    /// Its drawings, of which the first is shown and a button brings the others; never empty.
    pub views: Vec<View>,
}

/// One drawing, for a wide and for a narrow screen.
pub(super) struct View {
    /// What it is called on its button.
    pub label: &'static str,
    pub title: &'static str,
    pub caption: &'static str,
    pub wide: String,
    pub phone: String,
}

/// Every experiment, in the order of the page.
pub(super) fn sections(analysis: &Analysis<'_>) -> Result<Vec<Section>, Error> {
    let plan = [
        (Experiment::Startup, "startup", "Startup"),
        (Experiment::Memory, "memory-use", "Memory"),
        (Experiment::Syscalls, "system-calls", "System calls"),
        (Experiment::Cpu, "computation", "CPU work"),
        (Experiment::Ladder, "ladder", "The ladder"),
        (Experiment::Density, "density", "Many instances"),
        (Experiment::Isolation, "isolation", "Isolation: limits and neighbours"),
        (Experiment::Exec, "own-program", "Your own program"),
    ];
    plan.into_iter().map(|(of, id, title)| section(analysis, of, id, title)).collect()
}

fn section(
    analysis: &Analysis<'_>,
    of: Experiment,
    id: &'static str,
    title: &'static str,
) -> Result<Section, Error> {
    let mut figures = Vec::new();
    for plot in CATALOGUE.iter().filter(|plot| plot.experiment == of) {
        let views = views(analysis, plot)?;
        if !views.is_empty() {
            figures.push(Figure { name: plot.name, views });
        }
    }
    let nothing = if analysis.has(of) {
        None
    } else if analysis.run.config.experiments.contains(&of) {
        Some("This run asked for it, but holds no sample of it.")
    } else {
        Some("Not part of this run.")
    };
    Ok(Section {
        of,
        id,
        title,
        sheet: match of {
            Experiment::Ladder => ladder::sheet(analysis)?,
            Experiment::Exec => program::sheet(analysis)?,
            Experiment::Memory => owners::sheet(analysis)?,
            _ => None,
        },
        figures,
        matrix: tables::matrix(analysis, of)?,
        tables: tables::tables(analysis, of)?,
        gaps: tables::gaps(analysis, of),
        nothing,
    })
}

/// The drawings of a plot that this run has data for.
fn views(analysis: &Analysis<'_>, plot: &Plot) -> Result<Vec<View>, Error> {
    let mut views = Vec::new();
    let pictures = (plot.drawn_for(analysis, Use::Page)?, plot.drawn_for(analysis, Use::Phone)?);
    if let (Some(wide), Some(phone)) = pictures {
        let label = plot.other.as_ref().map_or(plot.title, |other| other.first);
        views.push(View { label, title: plot.title, caption: plot.caption, wide, phone });
    }
    if let Some(other) = &plot.other
        && let (Some(wide), Some(phone)) =
            (other.drawn_for(analysis, Use::Page)?, other.drawn_for(analysis, Use::Phone)?)
    {
        views.push(View { label: other.name, title: other.title, caption: other.caption, wide, phone });
    }
    Ok(views)
}
