//! Stacked horizontal bars, one a backend: the drawing behind `phases` and `memory`.
//!
//! A bar's parts are tints of the backend's colour with numerals, and a list below names them: with more kinds of parts
//! than colours one can tell apart, numerals stay readable in grey and for the colour-blind.

use results::Unit;

use super::{Area, Frame, grid};
use crate::Error;
use crate::axis::Axis;
use crate::canvas::{Align, Canvas, Font};
use crate::format::quantity;
use crate::palette::Ink;

/// One bar.
pub(super) struct Bar {
    /// The backend's seat.
    pub backend: usize,
    /// Its name.
    pub name: String,
    /// What stands behind the name: the total, in words.
    pub total: String,
    /// The parts from left to right: name and (non-negative, finite) size.
    pub parts: Vec<(String, f64)>,
    /// A value to mark across the bar.
    pub rule: Option<f64>,
}

const NAME: f64 = 24.0;
const BAR: f64 = 26.0;
const LINE: f64 = 19.0;
const GAP: f64 = 20.0;
const AXIS: f64 = 40.0;
const SWATCH: f64 = 10.0;

/// Neighbours differ in tint; the numerals stand out from both, in both themes (`tests/browser` looks).
const TINTS: [f64; 2] = [0.45, 0.22];

/// An item of the list below a bar: where it goes and which part it names.
struct Item {
    line: usize,
    x: f64,
    part: usize,
    text: String,
}

/// Places the list of parts below a bar.
fn items(bar: &Bar, unit: Unit, width: f64) -> Vec<Item> {
    let (mut line, mut x) = (0, 0.0);
    let place = |(part, (name, size)): (usize, &(String, f64))| {
        let text = format!("{}\u{2002}{name}\u{2002}{}", part + 1, quantity(*size, unit));
        let wide = SWATCH + 6.0 + Font::SMALL.width(&text);
        if x > 0.0 && x + wide > width {
            (line, x) = (line + 1, 0.0);
        }
        let item = Item { line, x, part, text };
        x += wide + 16.0;
        item
    };
    bar.parts.iter().enumerate().map(place).collect()
}

/// Bars over one axis.
struct Panel<'b> {
    bars: Vec<(&'b Bar, Vec<Item>)>,
    /// The largest of [`Bar::end`].
    longest: f64,
}

impl Bar {
    /// How far it reaches.
    fn end(&self) -> f64 {
        let parts = self.parts.iter().map(|part| part.1).sum::<f64>();
        parts.max(self.rule.unwrap_or(0.0))
    }
}

/// A bar so many times longer than the one before, or than the shortest, would leave nothing to see of them.
const DWARFS_NEXT: f64 = 10.0;
const DWARFS_SHORTEST: f64 = 50.0;

/// Distributes bars over panels of like lengths, short ones first; within a panel they keep their order.
fn panels<'b>(bars: &'b [Bar], unit: Unit, width: f64) -> Vec<Panel<'b>> {
    let mut lengths: Vec<f64> =
        bars.iter().map(Bar::end).filter(|end| *end > 0.0 && end.is_finite()).collect();
    lengths.sort_by(f64::total_cmp);
    // The first and last length of each panel.
    let mut spans: Vec<(f64, f64)> = Vec::new();
    for length in lengths {
        match spans.last_mut() {
            Some((shortest, longest))
                if length <= *longest * DWARFS_NEXT && length <= *shortest * DWARFS_SHORTEST =>
            {
                *longest = length;
            }
            _ => spans.push((length, length)),
        }
    }
    let mut panels: Vec<Panel<'b>> =
        spans.iter().map(|(_, longest)| Panel { bars: Vec::new(), longest: *longest }).collect();
    for bar in bars {
        // A bar without any length goes with the shortest ones, one of no finite length with the longest.
        let place = spans.iter().position(|(_, longest)| bar.end() <= *longest);
        let panel = panels.get_mut(place.unwrap_or(spans.len().saturating_sub(1)));
        if let Some(panel) = panel {
            panel.bars.push((bar, items(bar, unit, width)));
        }
    }
    panels
}

impl Panel<'_> {
    /// How tall it is, its axis included.
    fn height(&self) -> f64 {
        self.bars.iter().map(|(_, list)| bar_height(list)).sum::<f64>() + AXIS
    }

    /// Draws it from the area's top on.
    fn draw(
        &self,
        canvas: &Canvas<'_>,
        area: Area,
        (unit, ticks): (Unit, usize),
        label: &str,
    ) -> Result<(), Error> {
        let Some(axis) = Axis::from_zero([self.longest], (area.left, area.right - 24.0)) else {
            return Ok(());
        };
        let bottom = area.top + self.height() - AXIS - GAP + 8.0;
        let ticks = axis.ticks(ticks, unit);
        // Zero's label would be cut off at the left edge and says nothing.
        grid(canvas, &axis, ticks.get(1..).unwrap_or_default(), unit, (area.top, bottom))?;
        canvas.line(&[(area.left, area.top), (area.left, bottom)], Ink::Muted, 1.0)?;
        let mut top = area.top;
        for (bar, list) in &self.bars {
            heading(canvas, bar, area.left, top)?;
            parts(canvas, bar, &axis, unit, top + NAME)?;
            names(canvas, bar, list, area.left, top + NAME + BAR + 6.0)?;
            top += bar_height(list);
        }
        canvas.text(label, ((area.left + area.right) / 2.0, bottom + 32.0), Font::SMALL, Align::Middle)
    }
}

fn bar_height(list: &[Item]) -> f64 {
    NAME + BAR + 6.0 + list.last().map_or(0.0, |item| (item.line + 1) as f64 * LINE) + GAP
}

/// Draws bars from zero, those of like lengths over one axis; `None` if there is none with a positive size.
pub(super) fn draw(
    frame: &Frame<'_>,
    bars: &[Bar],
    unit: Unit,
    axis_label: &str,
) -> Result<Option<String>, Error> {
    let panels = panels(bars, unit, frame.width());
    if panels.is_empty() {
        return Ok(None);
    }
    let between = |count: usize| count as f64 * GAP;
    let height = panels.iter().map(Panel::height).sum::<f64>() + between(panels.len() - 1);
    let ticks = if frame.narrow() { 4 } else { 8 };
    frame.around(height, |canvas, mut area| {
        let mut above: Option<f64> = None;
        for panel in &panels {
            let label = match above {
                // The eye compares lengths across axes all the same, so the factor is said in words.
                Some(above) => format!("{} the scale above", quantity(panel.longest / above, Unit::Ratio)),
                None => axis_label.to_owned(),
            };
            panel.draw(canvas, area, (unit, ticks), &label)?;
            area.top += panel.height() + between(1);
            above = Some(panel.longest);
        }
        Ok(())
    })
}

/// The backend's name and total. Words stand on paper, so that no grid line runs through them.
fn heading(canvas: &Canvas<'_>, bar: &Bar, left: f64, top: f64) -> Result<(), Error> {
    let after = left + 34.0 + Font::NAME.width(&bar.name);
    let end = after + Font::BODY.width(&bar.total);
    canvas.rect((left + 1.0, top), (end, top + 20.0), Ink::Paper, 1.0)?;
    canvas.mark(bar.backend, (left + 12.0, top + 11.0))?;
    canvas.text(&bar.name, (left + 24.0, top + 11.0), Font::NAME, Align::Start)?;
    canvas.text(&bar.total, (after, top + 11.0), Font::BODY, Align::Start)
}

/// The list of parts.
fn names(canvas: &Canvas<'_>, bar: &Bar, list: &[Item], left: f64, top: f64) -> Result<(), Error> {
    for item in list {
        let (x, y) = (left + 4.0 + item.x, top + (item.line as f64 + 0.5) * LINE);
        let tint = TINTS[item.part % TINTS.len()];
        let half = SWATCH / 2.0;
        let end = x + SWATCH + 6.0 + Font::SMALL.width(&item.text);
        canvas.rect((x - 2.0, y - 9.0), (end, y + 9.0), Ink::Paper, 1.0)?;
        canvas.rect((x, y - half), (x + SWATCH, y + half), Ink::Backend(bar.backend), tint)?;
        canvas.text(&item.text, (x + SWATCH + 6.0, y), Font::SMALL, Align::Start)?;
    }
    Ok(())
}

/// The bar itself.
fn parts(canvas: &Canvas<'_>, bar: &Bar, axis: &Axis, unit: Unit, top: f64) -> Result<(), Error> {
    let mut reached = 0.0;
    for (part, (name, size)) in bar.parts.iter().enumerate() {
        let (from, to) = (axis.pixel(reached), axis.pixel(reached + size));
        // Paper below, so that no grid line shines through the tint.
        canvas.rect((from, top), (to, top + BAR), Ink::Paper, 1.0)?;
        canvas.rect((from, top), (to, top + BAR), Ink::Backend(bar.backend), TINTS[part % TINTS.len()])?;
        canvas.line(&[(to, top), (to, top + BAR)], Ink::Paper, 1.0)?;
        let numeral = (part + 1).to_string();
        if to - from > Font::TINY.width(&numeral) + 4.0 {
            canvas.text(&numeral, ((from + to) / 2.0, top + BAR / 2.0), Font::TINY, Align::Middle)?;
        }
        let text = format!("{}, {}: {name} {}", bar.name, part + 1, quantity(*size, unit));
        canvas.hint((from, top), (to, top + BAR), text);
        reached += size;
    }
    if let Some(value) = bar.rule {
        let x = axis.pixel(value);
        canvas.line(&[(x, top - 5.0), (x, top + BAR + 5.0)], Ink::Strong, 2.0)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(lengths: &[f64]) -> Vec<Vec<usize>> {
        let bar = |(backend, length): (usize, &f64)| Bar {
            backend,
            name: String::new(),
            total: String::new(),
            parts: vec![("all".to_owned(), *length)],
            rule: None,
        };
        let bars: Vec<Bar> = lengths.iter().enumerate().map(bar).collect();
        let seats = |panel: Panel<'_>| panel.bars.iter().map(|(bar, _)| bar.backend).collect();
        panels(&bars, Unit::Nanoseconds, 900.0).into_iter().map(seats).collect()
    }

    #[test]
    fn bars_of_like_lengths_share_a_scale() {
        assert_eq!(split(&[0.6, 1.4, 2.5, 12.0]), [[0, 1, 2, 3]]);
    }

    #[test]
    fn a_bar_that_dwarfs_the_others_has_a_scale_of_its_own() {
        assert_eq!(split(&[0.6, 180.0, 2.5]), [vec![0, 2], vec![1]]);
        assert_eq!(split(&[1.0, 9.0, 60.0]), [vec![0, 1], vec![2]], "in small steps too");
    }

    #[test]
    fn no_bar_is_lost_however_absurd_its_length() {
        let split = split(&[1.0, 0.0, f64::INFINITY, f64::NAN]);
        assert_eq!(split.concat().len(), 4);
        assert!(super::tests::split(&[0.0]).is_empty());
    }
}
