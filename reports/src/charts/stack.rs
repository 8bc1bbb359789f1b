//! Stacked horizontal bars, one a backend: the drawing behind `phases` and `memory`.
//!
//! A bar's parts are tints of the backend's colour with numerals, and a list below names them: with more kinds of parts
//! than colours one can tell apart, numerals stay readable in grey and for the colour-blind.

use results::Unit;

use super::{Frame, grid};
use crate::Error;
use crate::axis::Axis;
use crate::canvas::{Align, Canvas, Font};
use crate::format::quantity;
use crate::palette::Ink;

/// One bar.
pub(super) struct Bar {
    /// The backend's place in the run's list.
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

/// Neighbours differ in tint.
const TINTS: [f64; 2] = [0.62, 0.34];

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

/// Draws bars over one common axis from zero; `None` if there is none with a positive size.
pub(super) fn draw(
    frame: &Frame<'_>,
    bars: &[Bar],
    unit: Unit,
    axis_label: &str,
) -> Result<Option<String>, Error> {
    let ends =
        || bars.iter().flat_map(|bar| [bar.parts.iter().map(|part| part.1).sum(), bar.rule.unwrap_or(0.0)]);
    if Axis::from_zero(ends(), (0.0, 1.0)).is_none() {
        return Ok(None);
    }
    let lists: Vec<Vec<Item>> = bars.iter().map(|bar| items(bar, unit, frame.width())).collect();
    let list_height = |list: &[Item]| list.last().map_or(0.0, |item| (item.line + 1) as f64 * LINE);
    let height: f64 = lists.iter().map(|list| NAME + BAR + 6.0 + list_height(list) + GAP).sum();
    frame.around(height + AXIS, |canvas, area| {
        let Some(axis) = Axis::from_zero(ends(), (area.left, area.right - 24.0)) else { return Ok(()) };
        let bottom = area.top + height - GAP + 8.0;
        let ticks = axis.ticks(if frame.narrow() { 4 } else { 8 }, unit);
        // Zero's label would be cut off at the left edge and says nothing.
        grid(canvas, &axis, ticks.get(1..).unwrap_or_default(), unit, (area.top, bottom))?;
        canvas.line(&[(area.left, area.top), (area.left, bottom)], Ink::Muted, 1.0)?;
        let mut top = area.top;
        for (bar, list) in bars.iter().zip(&lists) {
            let after = area.left + 34.0 + Font::NAME.width(&bar.name);
            let end = after + Font::BODY.width(&bar.total);
            // Words stand on paper, so that no grid line runs through them.
            canvas.rect((area.left + 1.0, top), (end, top + 20.0), Ink::Paper, 1.0)?;
            canvas.mark(bar.backend, (area.left + 12.0, top + 11.0))?;
            canvas.text(&bar.name, (area.left + 24.0, top + 11.0), Font::NAME, Align::Start)?;
            canvas.text(&bar.total, (after, top + 11.0), Font::BODY, Align::Start)?;
            parts(canvas, bar, &axis, top + NAME)?;
            let below = top + NAME + BAR + 6.0;
            for item in list {
                let (x, y) = (area.left + 4.0 + item.x, below + (item.line as f64 + 0.5) * LINE);
                let tint = TINTS[item.part % TINTS.len()];
                let half = SWATCH / 2.0;
                let end = x + SWATCH + 6.0 + Font::SMALL.width(&item.text);
                canvas.rect((x - 2.0, y - 9.0), (end, y + 9.0), Ink::Paper, 1.0)?;
                canvas.rect((x, y - half), (x + SWATCH, y + half), Ink::Backend(bar.backend), tint)?;
                canvas.text(&item.text, (x + SWATCH + 6.0, y), Font::SMALL, Align::Start)?;
            }
            top = below + list_height(list) + GAP;
        }
        canvas.text(axis_label, ((area.left + area.right) / 2.0, bottom + 32.0), Font::SMALL, Align::Middle)
    })
}

/// The bar itself.
fn parts(canvas: &Canvas<'_>, bar: &Bar, axis: &Axis, top: f64) -> Result<(), Error> {
    let mut reached = 0.0;
    for (part, (_, size)) in bar.parts.iter().enumerate() {
        let (from, to) = (axis.pixel(reached), axis.pixel(reached + size));
        // Paper below, so that no grid line shines through the tint.
        canvas.rect((from, top), (to, top + BAR), Ink::Paper, 1.0)?;
        canvas.rect((from, top), (to, top + BAR), Ink::Backend(bar.backend), TINTS[part % TINTS.len()])?;
        canvas.line(&[(to, top), (to, top + BAR)], Ink::Paper, 1.0)?;
        let numeral = (part + 1).to_string();
        if to - from > Font::TINY.width(&numeral) + 4.0 {
            canvas.text(&numeral, ((from + to) / 2.0, top + BAR / 2.0), Font::TINY, Align::Middle)?;
        }
        reached += size;
    }
    if let Some(value) = bar.rule {
        let x = axis.pixel(value);
        canvas.line(&[(x, top - 5.0), (x, top + BAR + 5.0)], Ink::Strong, 2.0)?;
    }
    Ok(())
}
