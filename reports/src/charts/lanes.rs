//! The same measurement of several runs side by side: a group a backend, in it a lane a run, which its letter tells apart.
//!
//! A chart has one or two panels over the same lanes, such as the times and their ratios to the bare process; on a narrow
//! screen they stand below each other. Axes are logarithmic. Invariant: what has no value has words in its lane, no mark.

use results::Unit;
use results::stats::{Estimate, median};

use super::{Area, Frame, LONGEST_NAME, Use, grid};
use crate::Error;
use crate::axis::Axis;
use crate::canvas::{Align, Canvas, Font, fit, shorten};
use crate::format::quantity;
use crate::palette::Ink;

/// A chart of several runs.
pub(crate) struct Lanes {
    /// Heading.
    pub title: &'static str,
    /// What is shown of each lane: one or two things.
    pub panels: Vec<Panel>,
    /// One a backend.
    pub groups: Vec<Group>,
}

/// What is shown of each lane.
pub(crate) struct Panel {
    /// Of the values.
    pub unit: Unit,
    /// Below the axis.
    pub label: &'static str,
    /// A value to draw a rule at.
    pub rule: Option<f64>,
}

/// A backend.
pub(crate) struct Group {
    /// Decides colour and shape.
    pub seat: usize,
    /// Its name.
    pub name: String,
    /// One a run.
    pub lanes: Vec<Lane>,
}

/// A run.
pub(crate) struct Lane {
    /// Its letter.
    pub label: char,
    /// For each panel, in their order.
    pub values: Vec<Value>,
}

/// What stands in a lane of a panel.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// A median with its interval.
    One(Estimate),
    /// One value a workload.
    Many(Vec<f64>),
    /// Nothing, in words: why.
    Missing(String),
    /// Nothing that could be there.
    Empty,
}

impl Value {
    /// The value in the middle.
    fn middle(&self) -> Option<f64> {
        match self {
            Value::One(estimate) => Some(estimate.median),
            Value::Many(values) => median(values),
            Value::Missing(_) | Value::Empty => None,
        }
    }

    /// What the axis has to hold.
    fn ends(&self) -> Vec<f64> {
        match self {
            // An interval that reaches below zero ends at the edge.
            Value::One(estimate) if estimate.median > 0.0 => {
                vec![estimate.low, estimate.median, estimate.high]
            }
            Value::Many(values) => values.clone(),
            _ => Vec::new(),
        }
    }
}

const NAME: f64 = 24.0;
const LANE: f64 = 17.0;
const GAP: f64 = 12.0;
const AXIS: f64 = 44.0;
/// Room for the letters of runs.
const LABELS: f64 = 22.0;
/// Room for values in figures.
const FIGURES: f64 = 68.0;
/// Between two panels.
const BETWEEN: f64 = 30.0;
/// Share of the width that the first of two panels gets.
const FIRST: f64 = 0.56;
/// Half the height of the stroke at a median of many.
const STROKE: f64 = 7.5;

/// What stands around a chart in a picture of its own.
pub(crate) struct Surroundings<'s> {
    /// Which run is which.
    pub origin: &'s [String],
    /// What it must not be shown without.
    pub warning: Option<&'s str>,
}

/// A panel in its place; edges count from the corner of the area.
struct Placed<'l> {
    panel: usize,
    left: f64,
    right: f64,
    top: f64,
    groups: Vec<&'l Group>,
    /// Whether backends are named here, or in the panel to the left.
    named: bool,
}

impl Lanes {
    /// The picture for one use; `None` without a value to draw.
    pub fn drawn_for(&self, usage: Use, around: &Surroundings<'_>) -> Result<Option<String>, Error> {
        let frame = Frame { usage, title: self.title, origin: around.origin, warning: around.warning };
        let placed = self.place(&frame);
        let Some(height) = placed.iter().map(|placed| placed.top + height(&placed.groups)).reduce(f64::max)
        else {
            return Ok(None);
        };
        frame.around(height, |canvas, area| {
            placed.iter().try_for_each(|placed| self.panel(canvas, placed, area))
        })
    }

    /// Side by side, or one below the other where it is narrow.
    fn place(&self, frame: &Frame<'_>) -> Vec<Placed<'_>> {
        let drawable: Vec<usize> =
            (0..self.panels.len()).filter(|panel| self.axis(*panel, (0.0, 1.0)).is_some()).collect();
        let (narrow, width) = (frame.narrow(), frame.width());
        let halves = drawable.len() > 1 && !narrow;
        let mut top = 0.0;
        let place = |(place, panel)| {
            let groups: Vec<&Group> =
                self.groups.iter().filter(|group| !narrow || group.shows(panel)).collect();
            let (left, right) = match (halves, place) {
                (true, 0) => (0.0, (width - BETWEEN) * FIRST),
                (true, _) => ((width - BETWEEN) * FIRST + BETWEEN, width),
                (false, _) => (0.0, width),
            };
            let placed = Placed { panel, left, right, top, groups, named: place == 0 || narrow };
            if narrow {
                top += height(&placed.groups) + GAP;
            }
            placed
        };
        drawable.into_iter().enumerate().map(place).collect()
    }

    fn axis(&self, panel: usize, pixels: (f64, f64)) -> Option<Axis> {
        let lanes = self.groups.iter().flat_map(|group| &group.lanes);
        let values: Vec<f64> =
            lanes.filter_map(|lane| lane.values.get(panel)).flat_map(Value::ends).collect();
        let rule = self.panels[panel].rule.filter(|_| values.iter().any(|value| *value > 0.0));
        Axis::log(values.into_iter().chain(rule), pixels)
    }

    fn panel(&self, canvas: &Canvas<'_>, placed: &Placed<'_>, area: Area) -> Result<(), Error> {
        let Panel { unit, label, rule } = &self.panels[placed.panel];
        let (left, right, top) = (area.left + placed.left, area.left + placed.right, area.top + placed.top);
        let (from, to) = (left + LABELS, right - FIGURES);
        let Some(axis) = self.axis(placed.panel, (from, to)) else { return Ok(()) };
        let bottom = top + height(&placed.groups) - AXIS;
        grid(canvas, &axis, &axis.ticks(((to - from) / 64.0) as usize, *unit), *unit, (top, bottom))?;
        if let Some(rule) = rule {
            let x = axis.pixel(*rule);
            canvas.line(&[(x, top), (x, bottom)], Ink::Strong, 1.4)?;
        }
        let mut y = top;
        for group in &placed.groups {
            if placed.named {
                group.name(canvas, (left, right), y)?;
            }
            for (number, lane) in group.lanes.iter().enumerate() {
                let y = y + NAME + (number as f64 + 0.5) * LANE;
                let Some(value) = lane.values.get(placed.panel).filter(|value| **value != Value::Empty)
                else {
                    continue;
                };
                canvas.text(&lane.label.to_string(), (left + 6.0, y), Font::SMALL, Align::Middle)?;
                value.draw(canvas, group.seat, &axis, (from, to), y)?;
                if let Some(middle) = value.middle() {
                    canvas.text(&quantity(middle, *unit), (right, y), Font::SMALL, Align::End)?;
                }
            }
            y += group.height();
        }
        let label = fit(label, Font::SMALL, to - from);
        canvas.text(&label, ((from + to) / 2.0, bottom + 34.0), Font::SMALL, Align::Middle)
    }
}

/// How tall groups are, with the axis below them.
fn height(groups: &[&Group]) -> f64 {
    groups.iter().map(|group| group.height()).sum::<f64>() + AXIS
}

impl Group {
    fn height(&self) -> f64 {
        NAME + self.lanes.len() as f64 * LANE + GAP
    }

    /// Whether there is anything to show in a panel.
    fn shows(&self, panel: usize) -> bool {
        self.lanes.iter().any(|lane| lane.values.get(panel).is_some_and(|value| *value != Value::Empty))
    }

    /// Its mark and name, on paper, so that no line of the grid runs through them.
    fn name(&self, canvas: &Canvas<'_>, (left, right): (f64, f64), top: f64) -> Result<(), Error> {
        let name = fit(&shorten(&self.name, LONGEST_NAME), Font::NAME, right - left - 18.0);
        canvas.rect(
            (left, top + 3.0),
            (left + 18.0 + Font::NAME.width(&name), top + 22.0),
            Ink::Paper,
            1.0,
        )?;
        canvas.mark(self.seat, (left + 6.0, top + 13.0))?;
        canvas.text(&name, (left + 18.0, top + 13.0), Font::NAME, Align::Start)
    }
}

impl Value {
    fn draw(
        &self,
        canvas: &Canvas<'_>,
        seat: usize,
        axis: &Axis,
        (from, to): (f64, f64),
        y: f64,
    ) -> Result<(), Error> {
        match self {
            Value::One(estimate) if estimate.median > 0.0 => {
                let ends = [(axis.pixel(estimate.low), y), (axis.pixel(estimate.high), y)];
                canvas.line(&ends, Ink::Backend(seat), 2.4)?;
                canvas.mark(seat, (axis.pixel(estimate.median), y))
            }
            Value::One(_) => words(canvas, "not above zero", (from, to), y),
            Value::Many(values) => {
                for value in values {
                    canvas.mark(seat, (axis.pixel(*value), y))?;
                }
                let Some(middle) = self.middle() else { return Ok(()) };
                let x = axis.pixel(middle);
                canvas.line(&[(x, y - STROKE), (x, y + STROKE)], Ink::Strong, 2.4)
            }
            Value::Missing(why) => words(canvas, why, (from, to), y),
            Value::Empty => Ok(()),
        }
    }
}

/// Why there is no mark.
fn words(canvas: &Canvas<'_>, text: &str, (from, to): (f64, f64), y: f64) -> Result<(), Error> {
    // Nothing stands in the figures' place.
    let text = fit(text, Font::SMALL, to + FIGURES - from - 6.0);
    let end = from + 6.0 + Font::SMALL.width(&text);
    canvas.rect((from + 4.0, y - 7.0), (end, y + 7.0), Ink::Paper, 1.0)?;
    canvas.text(&text, (from + 6.0, y), Font::SMALL, Align::Start)
}
