//! One measurement over many runs: a lane per backend, each with a scale of its own, so that a step of a few per cent
//! shows beside backends that are hundreds of times slower.
//!
//! Runs are equally far apart, whenever they were taken. Invariant: no line joins runs of two settings.

use results::Unit;
use results::history::{Entry, History, Series};

use super::{Area, EMULATED, Frame, LONGEST_NAME, MOST_BACKENDS, Use, origin};
use crate::Error;
use crate::axis::Axis;
use crate::canvas::{Align, Canvas, Font, shorten, sketch};
use crate::format::{interval, moment, quantity, tick};
use crate::palette::Ink;

/// A chart of trends.
pub(crate) struct Trend<'h> {
    /// Of all runs.
    pub history: &'h History,
    /// Heading.
    pub title: String,
    /// Of the values.
    pub unit: Unit,
    /// One per backend.
    pub lanes: Vec<Lane<'h>>,
}

/// A backend.
pub(crate) struct Lane<'h> {
    /// Decides colour and shape.
    pub seat: usize,
    /// Its name.
    pub backend: &'h str,
    /// Its values, a series for each setting.
    pub series: Vec<&'h Series>,
}

/// More runs than this are too close to tell apart; the newest are shown.
const MOST_RUNS: usize = 400;

/// The scale of a lane spans at least this much around its middle, so that noise looks as small as it is.
const LEAST: f64 = 0.07;

const HEAD: f64 = 30.0;
const PLOT: f64 = 74.0;
const GAP: f64 = 16.0;
const FOOT: f64 = 22.0;
/// Room for the labels of the scale.
const LABELS: f64 = 62.0;
/// Marks closer than this would hide the line.
const ROOM_OF_MARK: f64 = 13.0;

/// Which horizontal place belongs to which run.
struct Span {
    first: usize,
    runs: usize,
    left: f64,
    right: f64,
}

impl Span {
    fn x(&self, run: f64) -> f64 {
        let last = (self.first + self.runs).saturating_sub(1) as f64;
        let whole = last - self.first as f64;
        let share = if whole > 0.0 { (run - self.first as f64) / whole } else { 0.5 };
        self.left + share * (self.right - self.left)
    }
}

impl Trend<'_> {
    /// The picture for one use; `None` without a value to draw.
    pub fn drawn_for(&self, usage: Use) -> Result<Option<String>, Error> {
        let runs = &self.history.runs;
        let (Some(oldest), Some(newest)) = (runs.first(), runs.last()) else { return Ok(None) };
        let setting = &self.history.settings[newest.setting];
        let when = format!("{} to {}", moment(&oldest.started_at), moment(&newest.started_at));
        let origin = [origin(&setting.host, &when)];
        let emulated = self.history.settings.iter().any(|setting| setting.host.emulator().is_some());
        let frame =
            Frame { usage, title: &self.title, origin: &origin, warning: emulated.then_some(EMULATED) };

        let first = runs.len().saturating_sub(MOST_RUNS);
        let drawable = |lane: &&Lane<'_>| lane.axis(first, (0.0, 1.0)).is_some();
        let lanes: Vec<_> = self.lanes.iter().filter(drawable).take(MOST_BACKENDS).collect();
        if lanes.is_empty() {
            return Ok(None);
        }
        frame.around(lanes.len() as f64 * (HEAD + PLOT + GAP) + FOOT, |canvas, area| {
            let shown = &runs[first..];
            let span = Span { first, runs: shown.len(), left: area.left + LABELS, right: area.right - 8.0 };
            for (place, lane) in lanes.iter().enumerate() {
                let top = area.top + place as f64 * (HEAD + PLOT + GAP);
                lane.head(canvas, runs, Area { top, ..area }, self.unit, frame.narrow())?;
                lane.plot(canvas, runs, &span, top + HEAD, self.unit)?;
            }
            let y = area.top + lanes.len() as f64 * (HEAD + PLOT + GAP) + 4.0;
            // On a phone both ends have to fit.
            let label = |run: &Entry| {
                let when = moment(&run.started_at);
                if frame.narrow() { when.trim_end_matches(" UTC").to_owned() } else { when }
            };
            canvas.text(
                &shown.first().map(label).unwrap_or_default(),
                (span.left, y),
                Font::SMALL,
                Align::Start,
            )?;
            if shown.len() > 1 {
                canvas.text(
                    &shown.last().map(label).unwrap_or_default(),
                    (span.right, y),
                    Font::SMALL,
                    Align::End,
                )?;
            }
            Ok(())
        })
    }
}

impl Lane<'_> {
    /// A scale for the runs from `first` on.
    fn axis(&self, first: usize, pixels: (f64, f64)) -> Option<Axis> {
        let points = self.series.iter().flat_map(|series| &series.points).filter(|point| point.run >= first);
        let medians: Vec<f64> = points.map(|point| point.median).collect();
        let centre = results::stats::median(&medians)?;
        let ends = [centre * (1.0 - LEAST), centre * (1.0 + LEAST)];
        Axis::fitting(medians.into_iter().chain(ends), pixels)
    }

    /// The series with the newest value.
    fn newest(&self) -> Option<&Series> {
        self.series.iter().copied().max_by_key(|series| series.latest().map(|point| point.run))
    }

    /// Who it is, the newest value, and the newest step.
    fn head(
        &self,
        canvas: &Canvas<'_>,
        runs: &[Entry],
        area: Area,
        unit: Unit,
        narrow: bool,
    ) -> Result<(), Error> {
        let y = area.top + 11.0;
        let name = shorten(self.backend, LONGEST_NAME);
        canvas.mark(self.seat, (area.left + 6.0, y))?;
        canvas.text(&name, (area.left + 18.0, y), Font::NAME, Align::Start)?;
        let Some(series) = self.newest() else { return Ok(()) };
        if let Some(latest) = series.latest() {
            let x = area.left + 28.0 + Font::NAME.width(&name);
            canvas.text(&quantity(latest.median, unit), (x, y), Font::BODY, Align::Start)?;
        }
        let Some((step, point)) = series.last_step() else { return Ok(()) };
        let mut note = quantity(step.ratio, Unit::Ratio);
        if !narrow {
            let ends = interval(step.low, step.high, Unit::Count);
            note.push_str(&format!(" ({ends}) since {}", moment(&runs[point.run].started_at)));
        }
        canvas.text(&note, (area.right - 8.0, y), Font::BODY, Align::End)
    }

    fn plot(
        &self,
        canvas: &Canvas<'_>,
        runs: &[Entry],
        span: &Span,
        top: f64,
        unit: Unit,
    ) -> Result<(), Error> {
        let bottom = top + PLOT;
        let Some(axis) = self.axis(span.first, (bottom, top)) else { return Ok(()) };
        for value in axis.ticks(3, unit) {
            let y = axis.pixel(value);
            canvas.line(&[(span.left, y), (span.right, y)], Ink::Grid, 1.0)?;
            canvas.text(&tick(value, unit), (span.left - 8.0, y), Font::SMALL, Align::End)?;
        }
        for (place, pair) in runs.windows(2).enumerate().skip(span.first) {
            if pair[0].setting != pair[1].setting {
                let x = span.x(place as f64 + 0.5);
                canvas.line(&[(x, top), (x, bottom)], Ink::Grid, 5.0)?;
            }
        }
        self.series.iter().try_for_each(|series| self.series(canvas, series, span, &axis, (top, bottom)))
    }

    fn series(
        &self,
        canvas: &Canvas<'_>,
        series: &Series,
        span: &Span,
        axis: &Axis,
        (top, bottom): (f64, f64),
    ) -> Result<(), Error> {
        let shown: Vec<_> = series.points.iter().filter(|point| point.run >= span.first).collect();
        let places: Vec<_> =
            shown.iter().map(|point| (span.x(point.run as f64), axis.pixel(point.median))).collect();
        canvas.line(&places, Ink::Backend(self.seat), 1.8)?;
        for level in &series.levels {
            let points = &series.points[level.from..level.from + level.points];
            let (Some(start), Some(end)) = (points.first(), points.last()) else { continue };
            if end.run < span.first {
                continue;
            }
            let y = axis.pixel(level.median);
            let ends = [(span.x(start.run.max(span.first) as f64), y), (span.x(end.run as f64), y)];
            canvas.line(&ends, Ink::Strong, 1.2)?;
            if level.from > 0 && start.run >= span.first {
                // Between the last run of the old level and the first of the new.
                let before = series.points[level.from - 1].run.max(span.first);
                let x = span.x((before + start.run) as f64 / 2.0);
                canvas.line(&[(x, top), (x, bottom)], Ink::Strong, 1.6)?;
            }
        }
        let roomy = (span.right - span.left) / span.runs as f64 >= ROOM_OF_MARK;
        let newest = self.newest().is_some_and(|newest| std::ptr::eq(newest, series));
        let bare = if roomy { 0 } else { places.len().saturating_sub(usize::from(newest)) };
        places.into_iter().skip(bare).try_for_each(|place| canvas.mark(self.seat, place))
    }
}

/// Room of a [`spark`].
const SPARK: (f64, f64) = (132.0, 26.0);

/// A series as a picture to stand in a line of a table: its newest values and, upright, its steps.
pub(crate) fn spark(series: &Series, seat: usize) -> Result<Option<String>, Error> {
    let first = series.points.len().saturating_sub(SPARK.0 as usize);
    let points = &series.points[first..];
    let lane = Lane { seat, backend: &series.key.backend, series: vec![series] };
    let oldest = points.first().map_or(0, |point| point.run);
    let Some(axis) = lane.axis(oldest, (SPARK.1 - 5.0, 5.0)) else { return Ok(None) };
    let span = Span { first, runs: points.len(), left: 3.0, right: SPARK.0 - 7.0 };
    let ends = points
        .first()
        .zip(points.last())
        .map(|(a, b)| [a, b].map(|end| quantity(end.median, series.key.unit)));
    let Some([from, to]) = ends else { return Ok(None) };
    let label = format!("{} runs, from {from} to {to}", points.len());
    sketch(SPARK, Some(&label), |canvas| {
        let places: Vec<_> = points
            .iter()
            .enumerate()
            .map(|(place, point)| (span.x((first + place) as f64), axis.pixel(point.median)))
            .collect();
        canvas.line(&places, Ink::Muted, 1.4)?;
        for level in series.levels.iter().filter(|level| level.from > first) {
            let x = span.x(level.from as f64 - 0.5);
            canvas.line(&[(x, 1.0), (x, SPARK.1 - 1.0)], Ink::Strong, 1.4)?;
        }
        places.last().map_or(Ok(()), |&place| canvas.mark(seat, place))
    })
    .map(Some)
}
