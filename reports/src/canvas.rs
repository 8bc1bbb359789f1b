//! A drawing surface in logical (CSS) pixels over plotters' SVG backend.
//!
//! plotters places everything on whole pixels, so the drawing is made [`FINE`] times larger and shrunk by the `viewBox`.
//! Invariant: what it returns is one well-formed `<svg>` element, whatever the strings that were drawn hold.

use std::cell::RefCell;

use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::prelude::{Circle, Color, DrawingArea, IntoDrawingArea, PathElement, Polygon, Rectangle, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontDesc, FontFamily, FontStyle, ShapeStyle, TextStyle};

use crate::Error;
use crate::palette::{Ink, Shape, Theme, shape};

/// Drawing units per logical pixel.
const FINE: f64 = 10.0;

/// Inter is what the PNG is set in; a browser without it takes its own sans-serif.
const FAMILY: FontFamily<'static> = FontFamily::Name("Inter, system-ui, sans-serif");

/// plotters takes a font's line height for its size and divides by this (plotters-svg 0.3.7, `draw_text`).
const LINE_HEIGHT: f64 = 1.24;

/// Half the width of a mark.
const MARK: f64 = 4.6;

/// Which end of a text is at its place.
#[derive(Clone, Copy, Debug)]
pub enum Align {
    /// The text runs right from its place.
    Start,
    /// The text is centred on its place.
    Middle,
    /// The text ends at its place.
    End,
}

/// How a text is set.
#[derive(Clone, Copy, Debug)]
pub struct Font {
    size: f64,
    bold: bool,
    ink: Ink,
}

impl Font {
    /// Names and values.
    pub const BODY: Font = Font { size: 13.0, bold: false, ink: Ink::Strong };
    /// Names that head something.
    pub const NAME: Font = Font { size: 13.0, bold: true, ink: Ink::Strong };
    /// Axis labels and remarks.
    pub const SMALL: Font = Font { size: 12.0, bold: false, ink: Ink::Muted };
    /// Numerals inside bars.
    pub const TINY: Font = Font { size: 10.5, bold: false, ink: Ink::Strong };
    /// The chart's title.
    pub const TITLE: Font = Font { size: 18.0, bold: true, ink: Ink::Strong };

    /// About how wide a text will be. Which font the reader has is unknown, so this errs on the wide side.
    pub fn width(&self, text: &str) -> f64 {
        let em = text.chars().map(|c| match c {
            'i' | 'l' | 'j' | '.' | ',' | ':' | '\'' | '|' | '\u{a0}' | ' ' => 0.3,
            'm' | 'w' | 'M' | 'W' | '×' => 0.86,
            _ => 0.6,
        });
        em.sum::<f64>() * self.size * if self.bold { 1.06 } else { 1.0 }
    }
}

/// A surface being drawn on.
pub struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
    hints: RefCell<Vec<Hint>>,
    theme: Theme,
}

/// What a pointer that rests on a part of the picture is told.
struct Hint {
    from: (i32, i32),
    to: (i32, i32),
    text: String,
}

/// So many hints still make a sentence for who cannot see the picture; more are a list, which the table is already.
const MOST_SPOKEN: usize = 12;

fn fine((x, y): (f64, f64)) -> (i32, i32) {
    // `as` saturates, so that no coordinate can overflow.
    ((x * FINE).round() as i32, (y * FINE).round() as i32)
}

fn drawn<E: std::error::Error + Send + Sync>(
    result: Result<(), plotters::drawing::DrawingAreaErrorKind<E>>,
) -> Result<(), Error> {
    result.map_err(|error| Error::Draw(error.to_string()))
}

impl Canvas<'_> {
    /// A polyline.
    pub fn line(&self, points: &[(f64, f64)], ink: Ink, width: f64) -> Result<(), Error> {
        let style = ink.color(self.theme).stroke_width((width * FINE).round() as u32);
        drawn(self.area.draw(&PathElement::new(points.iter().copied().map(fine).collect::<Vec<_>>(), style)))
    }

    /// A filled rectangle between two corners.
    pub fn rect(&self, from: (f64, f64), to: (f64, f64), ink: Ink, opacity: f64) -> Result<(), Error> {
        let style: ShapeStyle = ink.color(self.theme).mix(opacity).filled();
        drawn(self.area.draw(&Rectangle::new([fine(from), fine(to)], style)))
    }

    /// A line of text, centred vertically on its place.
    pub fn text(&self, text: &str, at: (f64, f64), font: Font, align: Align) -> Result<(), Error> {
        let h_pos = match align {
            Align::Start => HPos::Left,
            Align::Middle => HPos::Center,
            Align::End => HPos::Right,
        };
        let weight = if font.bold { FontStyle::Bold } else { FontStyle::Normal };
        let ink = font.ink.color(self.theme);
        let style = TextStyle::from(FontDesc::new(FAMILY, font.size * FINE * LINE_HEIGHT, weight))
            .color(&ink)
            .pos(Pos::new(h_pos, VPos::Center));
        drawn(self.area.draw(&Text::new(printable(text), fine(at), style)))
    }

    /// Says `text` where a pointer rests between two corners.
    pub fn hint(&self, from: (f64, f64), to: (f64, f64), text: String) {
        self.hints.borrow_mut().push(Hint { from: fine(from), to: fine(to), text });
    }

    /// The same where it rests on a mark.
    pub fn hint_mark(&self, (x, y): (f64, f64), text: String) {
        let r = MARK + 1.5;
        self.hint((x - r, y - r), (x + r, y + r), text);
    }

    /// The mark of the backend at this place, with a rim that sets it off from marks below.
    pub fn mark(&self, backend: usize, at: (f64, f64)) -> Result<(), Error> {
        self.shape(shape(backend), at, MARK + 1.2, Ink::Paper)?;
        self.shape(shape(backend), at, MARK, Ink::Backend(backend))
    }

    fn shape(&self, shape: Shape, (x, y): (f64, f64), r: f64, ink: Ink) -> Result<(), Error> {
        let style = ink.color(self.theme).filled();
        // Scaled so that all shapes look equally large.
        let corners: &[(f64, f64)] = match shape {
            Shape::Circle => {
                return drawn(self.area.draw(&Circle::new(fine((x, y)), (r * FINE).round() as i32, style)));
            }
            Shape::Square => &[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
            Shape::Triangle => &[(0.0, -1.15), (1.15, 0.9), (-1.15, 0.9)],
            Shape::Diamond => &[(0.0, -1.3), (1.3, 0.0), (0.0, 1.3), (-1.3, 0.0)],
            Shape::Wedge => &[(0.0, 1.15), (1.15, -0.9), (-1.15, -0.9)],
            Shape::Bar => &[(-0.45, -1.2), (0.45, -1.2), (0.45, 1.2), (-0.45, 1.2)],
        };
        let points: Vec<_> = corners.iter().map(|(dx, dy)| fine((x + dx * r, y + dy * r))).collect();
        drawn(self.area.draw(&Polygon::new(points, style)))
    }
}

/// Draws an image for a page, whose style sheet recolours it; see [`picture`].
pub fn sketch(
    size: (f64, f64),
    label: Option<&str>,
    draw: impl FnOnce(&Canvas<'_>) -> Result<(), Error>,
) -> Result<String, Error> {
    picture(Theme::Light, size, label, draw)
}

/// Draws an image of the given size (logical pixels) and returns its `<svg>` element. `label` is what a screen reader
/// says; without one the image is decoration.
pub fn picture(
    theme: Theme,
    (width, height): (f64, f64),
    label: Option<&str>,
    draw: impl FnOnce(&Canvas<'_>) -> Result<(), Error>,
) -> Result<String, Error> {
    let (fine_width, fine_height) = fine((width, height));
    let mut body = String::new();
    let hints = {
        let backend =
            SVGBackend::with_string(&mut body, (fine_width.unsigned_abs(), fine_height.unsigned_abs()));
        let area = backend.into_drawing_area();
        let canvas = Canvas { area: area.clone(), hints: RefCell::default(), theme };
        draw(&canvas)?;
        drawn(area.present())?;
        canvas.hints.into_inner()
    };
    // plotters knows neither accessibility nor a viewBox of its own: its opening tag (the first line) is replaced.
    let (_, body) =
        body.split_once('\n').ok_or_else(|| Error::Draw("plotters wrote no SVG element".to_owned()))?;
    let body = body.trim_end().strip_suffix("</svg>").unwrap_or(body);
    let reader = match label {
        Some(label) => format!("role=\"img\" aria-label=\"{}\"", escape(&spoken(label, &hints))),
        None => "aria-hidden=\"true\"".to_owned(),
    };
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {fine_width} {fine_height}\" {reader}>\n{body}{}</svg>\n",
        tooltips(&hints)
    ))
}

/// What a screen reader says of the picture.
fn spoken(label: &str, hints: &[Hint]) -> String {
    if hints.is_empty() || hints.len() > MOST_SPOKEN {
        return label.to_owned();
    }
    let told: Vec<&str> = hints.iter().map(|hint| &*hint.text).collect();
    format!("{label} {}.", told.join("; "))
}

/// Invisible areas over the picture, whose titles browsers show without a script.
fn tooltips(hints: &[Hint]) -> String {
    if hints.is_empty() {
        return String::new();
    }
    let area = |Hint { from, to, text }: &Hint| {
        let (width, height) = (to.0.saturating_sub(from.0).max(0), to.1.saturating_sub(from.1).max(0));
        let (x, y) = *from;
        format!(
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"><title>{}</title></rect>\n",
            escape(text)
        )
    };
    let areas: String = hints.iter().map(area).collect();
    format!("<g fill=\"none\" pointer-events=\"all\">\n{areas}</g>\n")
}

/// XML 1.0 (section 2.2) forbids control characters even when escaped; bidirectional overrides would reorder what
/// stands beside them.
fn printable(text: &str) -> String {
    let forbidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}')
    };
    text.chars().map(|c| if forbidden(c) { '\u{fffd}' } else { c }).collect()
}

fn escape(text: &str) -> String {
    printable(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Shortens a text to a width in logical pixels.
pub fn fit(text: &str, font: Font, width: f64) -> String {
    if font.width(text) <= width {
        return text.to_owned();
    }
    let mut kept: String = text.to_owned();
    while !kept.is_empty() && font.width(&kept) + font.width("…") > width {
        kept.pop();
    }
    kept.truncate(kept.trim_end().len());
    kept + "…"
}

/// Breaks a text between words into lines of a width in logical pixels; a word too long for a line is shortened.
pub fn wrap(text: &str, font: Font, width: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if font.width(&format!("{line} {word}")) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(fit(word, font, width)),
        }
    }
    lines
}

/// Shortens a text that would not fit, so that a hostile or careless name cannot push a chart apart.
pub fn shorten(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_to_its_width_and_no_further() {
        let width = Font::BODY.width("container");
        assert_eq!(fit("container", Font::BODY, width), "container");
        let cut = fit("container and more", Font::BODY, width);
        assert!(cut.ends_with('…') && Font::BODY.width(&cut) <= width, "{cut}");
        assert_eq!(fit("container", Font::BODY, 0.0), "…");
    }

    #[test]
    fn lines_break_between_words_and_none_is_too_wide() {
        let text = "Computation and memory work, relative to a bare process";
        let lines = wrap(text, Font::TITLE, 300.0);
        assert_eq!(lines.join(" "), text);
        assert!(lines.len() > 1 && lines.iter().all(|line| Font::TITLE.width(line) <= 300.0), "{lines:?}");
        let endless = wrap(&"x".repeat(9_000), Font::TITLE, 300.0);
        assert!(endless.len() == 1 && Font::TITLE.width(&endless[0]) <= 300.0);
    }
}
