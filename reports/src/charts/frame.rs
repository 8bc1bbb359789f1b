//! What surrounds a drawing: nothing in a page, which has a heading beside it; title and origin in a picture of its own.
//!
//! Sizes are logical (CSS) pixels. Invariant: nothing is drawn beyond the edges of a picture: what would not fit is
//! broken into lines, shortened, or refused with the smallest size that holds it.

use std::fmt;

use crate::Error;
use crate::canvas::{Align, Canvas, Font, picture, shorten, sketch, wrap};
use crate::palette::{Ink, Theme};

/// Where a chart will be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// As a file of its own: it has to say what it is and where it comes from.
    File(Picture),
    /// In the page, which has a heading beside it.
    Page,
    /// In the page on a phone.
    Phone,
}

/// How a picture of its own is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    /// What the chart is laid out for; without one it takes the room that it needs.
    pub size: Option<Size>,
    /// Its colours.
    pub theme: Theme,
}

/// Width and height in CSS pixels; a PNG has twice as many each way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// From left to right.
    pub width: u32,
    /// From top to bottom.
    pub height: u32,
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

/// What surrounds a drawing.
pub(crate) struct Frame<'r> {
    /// Where it will be looked at.
    pub usage: Use,
    /// What it shows.
    pub title: &'r str,
    /// Where and when the numbers come from, in paragraphs.
    pub origin: &'r [String],
    /// What a picture must not be shown without.
    pub warning: Option<&'r str>,
}

/// The part of a picture that a plot may draw on.
#[derive(Clone, Copy)]
pub(crate) struct Area {
    /// Left edge.
    pub left: f64,
    /// Right edge.
    pub right: f64,
    /// Upper edge.
    pub top: f64,
    /// How much taller it is than the plot asked for; below zero within the limits of its [`Height`].
    pub extra: f64,
}

/// How tall a plot is.
#[derive(Clone, Copy)]
pub(crate) struct Height {
    /// At least.
    pub least: f64,
    /// If nothing else is asked for.
    pub natural: f64,
}

impl From<f64> for Height {
    fn from(height: f64) -> Self {
        Height { least: height, natural: height }
    }
}

/// A screen of 390 pixels less the page's margins.
const PHONE: f64 = 350.0;

/// A little less than the page's column, so that letters are still readable where a tablet shrinks it.
const PAGE: f64 = 820.0;

/// A picture by itself.
const FILE: f64 = 960.0;

/// A narrower drawing puts names above what they name instead of beside it.
const ROOMY: f64 = 560.0;

/// The narrowest and the largest picture; a PNG of the largest takes 256 MiB to draw.
const LEAST_WIDTH: f64 = 360.0;
const MOST: u32 = 4096;

const MARGIN: f64 = 28.0;
const NARROW_MARGIN: f64 = 16.0;
const HEAD: f64 = 64.0;
const FOOT: f64 = 44.0;
const TITLE_LINE: f64 = 24.0;
const WARNING_LINE: f64 = 20.0;
const ORIGIN_LINE: f64 = 17.0;

/// Room for the word that signs a picture.
const SIGNATURE: f64 = 60.0;

/// Longer paragraphs are of hostile files.
const LONGEST_ORIGIN: usize = 110;

/// What stands above and below a plot in a picture of its own.
struct Texts {
    title: Vec<String>,
    /// Beside the title if there is room, else below it.
    beside: bool,
    warning: Vec<String>,
    origin: Vec<String>,
}

impl Texts {
    fn head(&self) -> f64 {
        let below = if self.beside { 0 } else { self.warning.len() };
        HEAD + self.title.len().saturating_sub(1) as f64 * TITLE_LINE + below as f64 * WARNING_LINE
    }

    fn foot(&self) -> f64 {
        FOOT + self.origin.len().saturating_sub(1) as f64 * ORIGIN_LINE
    }
}

impl Frame<'_> {
    /// Whether there is little room.
    pub fn narrow(&self) -> bool {
        self.width() < ROOMY
    }

    /// Width of the part that a plot may draw on.
    pub fn width(&self) -> f64 {
        match self.usage {
            Use::Phone => PHONE,
            Use::Page => PAGE,
            Use::File(picture) => {
                let whole = whole_width(picture);
                whole - 2.0 * margin(whole)
            }
        }
    }

    /// How many ticks fit on an axis that takes most of the width, if `most` fit on a wide one.
    pub fn ticks(&self, most: usize) -> usize {
        let share = (self.width() / 630.0).min(1.0);
        (most as f64 * share).round() as usize
    }

    /// Draws a plot of this height within this frame.
    pub fn around(
        &self,
        height: impl Into<Height>,
        draw: impl FnOnce(&Canvas<'_>, Area) -> Result<(), Error>,
    ) -> Result<Option<String>, Error> {
        let height = height.into();
        let Use::File(style) = self.usage else {
            let label = format!("Chart: {}. The numbers are in the table below it.", self.title);
            let area = Area { left: 0.0, right: self.width(), top: 0.0, extra: 0.0 };
            let size = (self.width(), height.natural);
            return sketch(size, Some(&label), |canvas| draw(canvas, area)).map(Some);
        };
        let texts = self.texts();
        let around = texts.head() + texts.foot();
        let size =
            whole_size(style, Height { least: around + height.least, natural: around + height.natural })?;
        let margin = margin(size.0);
        picture(style.theme, size, Some(self.title), |canvas| {
            canvas.rect((0.0, 0.0), size, Ink::Paper, 1.0)?;
            self.write(canvas, &texts, size)?;
            let extra = if style.size.is_some() { size.1 - around - height.natural } else { 0.0 };
            draw(canvas, Area { left: margin, right: size.0 - margin, top: texts.head(), extra })
        })
        .map(Some)
    }

    fn texts(&self) -> Texts {
        let width = self.width();
        let title = wrap(self.title, Font::TITLE, width);
        let warning = self.warning.map(|warning| wrap(warning, Font::NAME, width)).unwrap_or_default();
        let room = width - Font::TITLE.width(self.title) - 24.0;
        let beside = title.len() == 1 && warning.len() == 1 && Font::NAME.width(&warning[0]) <= room;
        let paragraphs = self.origin.iter().map(|text| shorten(text, LONGEST_ORIGIN));
        let origin = paragraphs.flat_map(|text| wrap(&text, Font::SMALL, width - SIGNATURE)).collect();
        Texts { title, beside, warning, origin }
    }

    fn write(&self, canvas: &Canvas<'_>, texts: &Texts, (width, height): (f64, f64)) -> Result<(), Error> {
        let (left, right) = (margin(width), width - margin(width));
        let mut y = 34.0;
        for line in &texts.title {
            canvas.text(line, (left, y), Font::TITLE, Align::Start)?;
            y += TITLE_LINE;
        }
        for line in &texts.warning {
            if texts.beside {
                canvas.text(line, (right, 34.0), Font::NAME, Align::End)?;
            } else {
                canvas.text(line, (left, y), Font::NAME, Align::Start)?;
                y += WARNING_LINE;
            }
        }
        for (below, line) in texts.origin.iter().rev().enumerate() {
            canvas.text(
                line,
                (left, height - 20.0 - below as f64 * ORIGIN_LINE),
                Font::SMALL,
                Align::Start,
            )?;
        }
        canvas.text("bench", (right, height - 20.0), Font::SMALL, Align::End)
    }
}

fn margin(whole: f64) -> f64 {
    if whole < ROOMY + 2.0 * MARGIN { NARROW_MARGIN } else { MARGIN }
}

/// The width of a picture; of one that is asked to be too narrow the least, so that its height can be told.
fn whole_width(style: Picture) -> f64 {
    style.size.map_or(FILE, |size| f64::from(size.width).max(LEAST_WIDTH))
}

/// The size of a picture that has to be this tall.
fn whole_size(style: Picture, height: Height) -> Result<(f64, f64), Error> {
    let width = whole_width(style);
    let Some(asked) = style.size else { return Ok((width, height.natural)) };
    let least = Size { width: width as u32, height: height.least.ceil() as u32 };
    if asked.width.max(asked.height) > MOST {
        return Err(Error::TooLarge { asked, most: MOST });
    }
    if asked.width < least.width || asked.height < least.height {
        return Err(Error::TooSmall { asked, least });
    }
    Ok((width, f64::from(asked.height)))
}
