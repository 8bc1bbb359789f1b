//! Bars that float from what was reached to what is reached next, and whole ones from zero: the drawing behind `ladder`.
//!
//! Invariant: figures have room of their own right of everything drawn, so that no text meets a bar or another text.

use results::Unit;
use results::stats::Estimate;

use super::{Area, Frame, grid};
use crate::Error;
use crate::axis::Axis;
use crate::canvas::{Align, Canvas, Font, fit};
use crate::format::{interval, quantity, signed, told};
use crate::palette::Ink;

/// A line of the chart.
pub(super) struct Bar {
    /// What it is.
    pub name: String,
    /// The seat of the backend that it is, if it is one.
    pub mark: Option<usize>,
    /// Its colour.
    pub ink: Ink,
    /// Where it reaches.
    pub body: Body,
}

/// Where a bar reaches.
#[derive(Clone, Copy)]
pub(super) enum Body {
    /// From zero.
    Whole(Estimate),
    /// From where the one above ends; negative if it saves.
    Step {
        /// Where it begins.
        from: f64,
        /// How far it reaches from there.
        added: Estimate,
    },
}

impl Body {
    /// Where it begins and ends.
    fn ends(self) -> (f64, f64) {
        match self {
            Body::Whole(of) => (0.0, of.median),
            Body::Step { from, added } => (from, from + added.median),
        }
    }

    /// Where its interval begins and ends.
    fn whisker(self) -> (f64, f64) {
        match self {
            Body::Whole(of) => (of.low, of.high),
            Body::Step { from, added } => (from + added.low, from + added.high),
        }
    }

    /// The value in figures, and its interval.
    fn figures(self, unit: Unit) -> (String, String) {
        let (text, of) = match self {
            Body::Whole(of) => (quantity(of.median, unit), of),
            Body::Step { added, .. } => (signed(added.median, unit), added),
        };
        let range = if of.n == 1 { String::new() } else { interval(of.low, of.high, unit) };
        (text, range)
    }

    /// The furthest that is drawn.
    fn furthest(self) -> f64 {
        let ((from, to), (_, high)) = (self.ends(), self.whisker());
        from.max(to).max(high)
    }

    fn is_finite(self) -> bool {
        let ((from, to), (low, high)) = (self.ends(), self.whisker());
        [from, to, low, high].into_iter().all(f64::is_finite)
    }
}

const ROW: f64 = 24.0;
const THICK: f64 = 13.0;
/// Half the height of the strokes that end an interval.
const CAP: f64 = 3.5;
/// On a phone, the line above a bar that holds its name and figures.
const NAME: f64 = 18.0;
const MARK: f64 = 17.0;
const AXIS: f64 = 44.0;
const GAP: f64 = 18.0;
/// Room for a label of the axis.
const TICK: f64 = 80.0;
/// Between a bar and its figures, and between these.
const SPACE: f64 = 8.0;

/// Wholes are a tint, for there is nothing to see of them but where they end; steps are what the chart is about.
const WHOLE: f64 = 0.45;
const STEP: f64 = 0.85;

/// A whole so many times longer than all above it would leave nothing to see of steps.
const DWARFS: f64 = 1.5;
/// Wholes on an axis of their own differ by less than this.
const ALIKE: f64 = 10.0;

/// Draws steps and wholes in their order, and below them `others`, those much longer over an axis of their own; `None`
/// if there is nothing of a finite length.
pub(super) fn draw(
    frame: &Frame<'_>,
    bars: &[Bar],
    others: &[Bar],
    unit: Unit,
    axis_label: &str,
) -> Result<Option<String>, Error> {
    let panels = panels(bars, others);
    if panels.is_empty() {
        return Ok(None);
    }
    let layout = Layout::of(frame, &panels, unit);
    let rows: usize = panels.iter().map(Vec::len).sum();
    let height: f64 = panels.iter().map(|panel| layout.height(panel, 0.0)).sum::<f64>();
    let height = height + (panels.len() - 1) as f64 * GAP;
    frame.around(height, |canvas, mut area| {
        let more = area.extra / rows as f64;
        let mut above: Option<f64> = None;
        for panel in &panels {
            let longest = longest(panel);
            let label = match above {
                // The eye compares lengths across axes all the same, so the factor is said in words.
                Some(above) => format!("{} the scale above", quantity(longest / above, Unit::Ratio)),
                None => axis_label.to_owned(),
            };
            layout.draw(canvas, area, panel, &label, more)?;
            area.top += layout.height(panel, more) + GAP;
            above = Some(longest);
        }
        Ok(())
    })
}

/// Distributes bars over axes: steps and what is not much longer on the first one, then by length.
fn panels<'b>(bars: &'b [Bar], others: &'b [Bar]) -> Vec<Vec<&'b Bar>> {
    let mut first: Vec<&Bar> = bars.iter().filter(|bar| bar.body.is_finite()).collect();
    let limit = longest(&first) * DWARFS;
    if limit <= 0.0 {
        return Vec::new();
    }
    let (near, far): (Vec<&Bar>, Vec<&Bar>) = others
        .iter()
        .filter(|bar| bar.body.is_finite() && bar.body.furthest() > 0.0)
        .partition(|bar| bar.body.furthest() <= limit);
    first.extend(near);
    let mut panels = vec![first];
    let mut far = far;
    far.sort_by(|a, b| a.body.furthest().total_cmp(&b.body.furthest()));
    let mut shortest = 0.0;
    for bar in far {
        let length = bar.body.furthest();
        match panels.last_mut() {
            Some(panel) if shortest > 0.0 && length <= shortest * ALIKE => panel.push(bar),
            _ => {
                panels.push(vec![bar]);
                shortest = length;
            }
        }
    }
    panels
}

/// How far the bars of a panel reach.
fn longest(panel: &[&Bar]) -> f64 {
    panel.iter().map(|bar| bar.body.furthest()).fold(0.0, f64::max)
}

/// What stands where, the same in all panels.
struct Layout {
    narrow: bool,
    unit: Unit,
    /// Room for names, left of the bars.
    names: f64,
    /// Room for figures, right of them.
    figures: f64,
}

impl Layout {
    fn of(frame: &Frame<'_>, panels: &[Vec<&Bar>], unit: Unit) -> Self {
        let bars = || panels.iter().flatten();
        let widest = |width: &dyn Fn(&Bar) -> f64| bars().map(|bar| width(bar)).fold(0.0, f64::max);
        let narrow = frame.narrow();
        let (names, figures) = if narrow {
            (6.0, 12.0)
        } else {
            let names = widest(&|bar| MARK + Font::BODY.width(&bar.name) + SPACE);
            (names.min(190.0), widest(&|bar| figures_width(bar, unit)) + SPACE + 2.0)
        };
        Layout { narrow, unit, names, figures }
    }

    fn row(&self, more: f64) -> f64 {
        ROW + more + if self.narrow { NAME } else { 0.0 }
    }

    fn height(&self, panel: &[&Bar], more: f64) -> f64 {
        panel.len() as f64 * self.row(more) + AXIS
    }

    fn draw(
        &self,
        canvas: &Canvas<'_>,
        area: Area,
        panel: &[&Bar],
        label: &str,
        more: f64,
    ) -> Result<(), Error> {
        let (left, right) = (area.left + self.names, area.right - self.figures);
        let Some(axis) = Axis::from_zero([longest(panel)], (left, right)) else { return Ok(()) };
        let bottom = area.top + panel.len() as f64 * self.row(more);
        let ticks = axis.ticks(((right - left) / TICK) as usize, self.unit);
        // On a narrow screen zero's label would be cut off at the edge.
        let ticks = if self.narrow { ticks.get(1..).unwrap_or_default() } else { &ticks };
        grid(canvas, &axis, ticks, self.unit, (area.top, bottom))?;
        canvas.line(&[(left, area.top), (left, bottom)], Ink::Muted, 1.0)?;
        let before = |number: usize| Some(panel.get(number.checked_sub(1)?)?.body);
        for (number, bar) in panel.iter().enumerate() {
            let top = area.top + number as f64 * self.row(more);
            let middle = top + self.row(more) / 2.0 + if self.narrow { NAME / 2.0 } else { 0.0 };
            let half = (THICK + more * 0.5).min(THICK * 2.5) / 2.0;
            if let (Body::Whole(_), Some(Body::Step { .. })) = (bar.body, before(number)) {
                canvas.line(&[(area.left, top), (area.right, top)], Ink::Grid, 1.0)?;
            }
            // A step begins where the bar above it ends.
            if let (Body::Step { from, .. }, 1..) = (bar.body, number) {
                let x = axis.pixel(from);
                canvas.line(&[(x, middle - self.row(more) + half), (x, middle - half)], Ink::Muted, 1.0)?;
            }
            self.body(canvas, bar, &axis, (middle - half, middle + half))?;
            self.words(canvas, bar, &axis, area, (top, middle))?;
            let (from, to) = bar.body.ends();
            let (from, to) = (axis.pixel(from.min(to)), axis.pixel(from.max(to)));
            canvas.hint((from - 3.0, middle - half), (to + 3.0, middle + half), self.told(bar));
        }
        canvas.text(label, ((left + right) / 2.0, bottom + 34.0), Font::SMALL, Align::Middle)
    }

    /// The bar and its interval.
    fn body(
        &self,
        canvas: &Canvas<'_>,
        bar: &Bar,
        axis: &Axis,
        (top, bottom): (f64, f64),
    ) -> Result<(), Error> {
        let (from, to) = bar.body.ends();
        let (start, end) = (axis.pixel(from.min(to)), axis.pixel(from.max(to)));
        // What adds next to nothing is still to be seen.
        let end = end.max(start + 1.5);
        canvas.rect((start, top), (end, bottom), Ink::Paper, 1.0)?;
        match bar.body {
            Body::Whole(_) => canvas.rect((start, top), (end, bottom), bar.ink, WHOLE)?,
            Body::Step { added, .. } if added.median >= 0.0 => {
                canvas.rect((start, top), (end, bottom), bar.ink, STEP)?;
            }
            Body::Step { .. } => {
                let (start, top, end, bottom) = (start + 0.75, top + 0.75, end - 0.75, bottom - 0.75);
                let corners = [(start, top), (end, top), (end, bottom), (start, bottom), (start, top)];
                canvas.line(&corners, bar.ink, 1.5)?;
            }
        }
        let ((low, high), middle) = (bar.body.whisker(), (top + bottom) / 2.0);
        let (low, high) = (axis.pixel(low), axis.pixel(high));
        canvas.line(&[(low, middle), (high, middle)], Ink::Strong, 1.2)?;
        for end in [low, high] {
            canvas.line(&[(end, middle - CAP), (end, middle + CAP)], Ink::Strong, 1.2)?;
        }
        Ok(())
    }

    /// Name and figures. Words stand on paper, so that no grid line runs through them.
    fn words(
        &self,
        canvas: &Canvas<'_>,
        bar: &Bar,
        axis: &Axis,
        area: Area,
        (top, middle): (f64, f64),
    ) -> Result<(), Error> {
        let (text, range) = bar.body.figures(self.unit);
        let wide = figures_width(bar, self.unit);
        let (name_y, indent, room) = if self.narrow {
            let indent = if bar.mark.is_some() { MARK } else { 0.0 };
            (top + NAME / 2.0 + 3.0, indent, area.right - area.left - indent - wide - SPACE)
        } else {
            (middle, MARK, self.names - MARK - SPACE)
        };
        let name = fit(&bar.name, Font::BODY, room);
        let name_end = area.left + indent + Font::BODY.width(&name);
        if self.narrow {
            let end = name_end + SPACE + wide;
            canvas.rect((area.left, name_y - 9.0), (end, name_y + 8.5), Ink::Paper, 1.0)?;
        }
        if let Some(seat) = bar.mark {
            canvas.mark(seat, (area.left + 6.0, name_y))?;
        }
        canvas.text(&name, (area.left + indent, name_y), Font::BODY, Align::Start)?;
        let ((from, to), (_, high)) = (bar.body.ends(), bar.body.whisker());
        let x = if self.narrow { name_end } else { axis.pixel(from.max(to).max(high)) } + SPACE;
        if !self.narrow {
            canvas.rect((x - 2.0, name_y - 9.0), (x + wide, name_y + 8.5), Ink::Paper, 1.0)?;
        }
        canvas.text(&text, (x, name_y), Font::BODY, Align::Start)?;
        let x = x + Font::BODY.width(&text) + SPACE;
        canvas.text(&range, (x, name_y), Font::SMALL, Align::Start)
    }

    /// What a pointer is told.
    fn told(&self, bar: &Bar) -> String {
        match bar.body {
            Body::Whole(of) => format!("{}: {}", bar.name, told(&of, self.unit)),
            Body::Step { added, .. } => format!("{} adds {}", bar.name, told(&added, self.unit)),
        }
    }
}

/// How wide the figures of a bar are.
fn figures_width(bar: &Bar, unit: Unit) -> f64 {
    let (text, range) = bar.body.figures(unit);
    Font::BODY.width(&text) + SPACE + Font::SMALL.width(&range)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(median: f64) -> Estimate {
        Estimate { median, low: median, high: median, n: 9 }
    }

    fn whole(length: f64) -> Bar {
        Bar { name: length.to_string(), mark: None, ink: Ink::Strong, body: Body::Whole(exact(length)) }
    }

    #[test]
    fn what_dwarfs_the_steps_has_an_axis_of_its_own() {
        let (steps, others) =
            ([whole(1.0)], [whole(200.0), whole(1.4), whole(4.0), whole(30.0), whole(f64::NAN)]);
        let lengths: Vec<Vec<f64>> = panels(&steps, &others)
            .iter()
            .map(|panel| panel.iter().map(|bar| bar.body.furthest()).collect())
            .collect();
        assert_eq!(lengths, [vec![1.0, 1.4], vec![4.0, 30.0], vec![200.0]]);
        assert!(panels(&[], &others).is_empty());
    }

    #[test]
    fn a_step_that_saves_ends_left_of_where_it_begins_and_says_so() {
        let body = Body::Step { from: 500.0, added: Estimate { median: -20.0, low: -30.0, high: 5.0, n: 9 } };
        assert_eq!((body.ends(), body.whisker(), body.furthest()), ((500.0, 480.0), (470.0, 505.0), 505.0));
        let figures = body.figures(Unit::Nanoseconds);
        assert_eq!(figures, ("−20.0\u{a0}ns".to_owned(), "-30.0 to 5.00\u{a0}ns".to_owned()));
    }
}
