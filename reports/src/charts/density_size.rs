//! What an instance occupies beyond its guest over the memory that it may have.

use results::{Experiment, Metric, Unit};

use super::{Frame, LEGEND_LINE, LONGEST_NAME, MOST_BACKENDS, Plot, grid, legend, legend_lines};
use crate::Error;
use crate::analysis::Analysis;
use crate::axis::Axis;
use crate::canvas::{Align, Font, shorten};
use crate::format::{quantity, tick};
use crate::palette::Ink;

pub(super) const PLOT: Plot = Plot {
    name: "density-size",
    title: "Memory overhead over an instance’s size",
    experiment: Experiment::Density,
    caption: "The private memory of an idle instance on the host, of a VM that of its VMM without the guest’s memory, over \
              the memory that the instance may have (a VM’s size, a container’s limit). A flat line means that size costs \
              nothing as long as it is not used. Both scales are logarithmic. Published data, if there is any, counts what \
              a VMM has mapped for writing beyond the guest’s memory, touched or not.",
    draw,
    other: None,
};

const HEIGHT: f64 = 210.0;
const BELOW: f64 = 44.0;
/// Room for the labels of sizes.
const LABELS: f64 = 64.0;
const PREFIX: &str = "size-";

/// A name, its seat, and (size, overhead).
type Curve = (usize, String, Vec<(f64, f64)>);

fn draw(analysis: &Analysis<'_>, frame: &Frame<'_>) -> Result<Option<String>, Error> {
    let mut curves: Vec<Curve> = analysis
        .backends()
        .map(|(seat, backend)| {
            (seat, shorten(&backend.name, LONGEST_NAME), overheads(analysis, &backend.name))
        })
        .take(MOST_BACKENDS)
        .collect();
    curves.retain(|curve| !curve.2.is_empty());
    if curves.is_empty() {
        return Ok(None);
    }
    for (seat, vmm) in analysis.published_seats() {
        let memory = analysis.published.into_iter().flat_map(|of| &of.memory).find(|of| of.vmm == vmm);
        curves.extend(memory.map(|of| (seat, format!("{vmm} (published, NSDI ’20)"), of.points.clone())));
    }
    let entries = curves.iter().map(|(seat, name, points)| {
        let last = points.last().map(|point| quantity(point.1, Unit::Bytes)).unwrap_or_default();
        (*seat, format!("{name}\u{2002}{last}"))
    });
    let key = legend_lines(entries.collect(), frame.width());
    let head = key.len() as f64 * LEGEND_LINE + 14.0;
    let all = || curves.iter().flat_map(|curve| &curve.2);
    let sizes = || all().map(|point| point.0);
    // A power of two each way: flat lines must not look steep on a scale of a few per cent.
    let overheads = || all().flat_map(|point| [point.1 / 2.0, point.1 * 2.0]);
    if Axis::log(sizes(), (0.0, 1.0)).is_none() || Axis::log(overheads(), (0.0, 1.0)).is_none() {
        return Ok(None);
    }
    frame.around(head + HEIGHT + BELOW, |canvas, area| {
        legend(canvas, &key, area)?;
        let (top, bottom) = (area.top + head, area.top + head + HEIGHT);
        let across = Axis::log(sizes(), (area.left + LABELS, area.right - 12.0));
        let up = Axis::log(overheads(), (bottom, top));
        let (Some(across), Some(up)) = (across, up) else { return Ok(()) };
        let mut ticks: Vec<f64> = sizes().collect();
        ticks.sort_by(f64::total_cmp);
        ticks.dedup();
        let stride = ticks.len().div_ceil(if frame.narrow() { 5 } else { 9 });
        let ticks: Vec<f64> = ticks.into_iter().step_by(stride.max(1)).collect();
        grid(canvas, &across, &ticks, Unit::Bytes, (top, bottom))?;
        for value in powers_of_four(overheads()) {
            let y = up.pixel(value);
            canvas.line(&[(area.left + LABELS, y), (area.right - 12.0, y)], Ink::Grid, 1.0)?;
            canvas.text(&tick(value, Unit::Bytes), (area.left + LABELS - 8.0, y), Font::SMALL, Align::End)?;
        }
        for (seat, name, points) in &curves {
            let line: Vec<_> = points.iter().map(|of| (across.pixel(of.0), up.pixel(of.1))).collect();
            canvas.line(&line, Ink::Backend(*seat), 2.0)?;
            for (at, (size, overhead)) in line.into_iter().zip(points) {
                let (size, overhead) = (quantity(*size, Unit::Bytes), quantity(*overhead, Unit::Bytes));
                canvas.hint_mark(at, format!("{name}: {overhead} at {size}"));
                canvas.mark(*seat, at)?;
            }
        }
        let middle = (area.left + LABELS + area.right) / 2.0;
        canvas.text("memory the instance may have", (middle, bottom + 34.0), Font::SMALL, Align::Middle)
    })
}

/// Size and overhead of a backend's instances, ascending by size.
fn overheads(analysis: &Analysis<'_>, backend: &str) -> Vec<(f64, f64)> {
    let point = |workload: &str| {
        let size: f64 = workload.strip_prefix(PREFIX)?.strip_suffix('m')?.parse::<u32>().ok()?.into();
        let median =
            |metric| Some(analysis.cell(Experiment::Density, workload, backend, &metric)?.estimate?.median);
        let overhead = median(Metric::VmmOverhead).or_else(|| median(Metric::Uss))?;
        (size > 0.0 && overhead > 0.0).then_some((size * 1024.0 * 1024.0, overhead))
    };
    let mut points: Vec<_> = analysis.workloads(Experiment::Density).into_iter().filter_map(point).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points
}

/// Within the values: sizes that read well, which powers of ten are not.
fn powers_of_four(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let (low, high) =
        values.fold((f64::MAX, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)));
    (0..30).map(|power| 4f64.powi(power)).filter(|power| (low..=high).contains(power)).collect()
}

#[cfg(test)]
mod tests {
    use super::powers_of_four;

    #[test]
    fn ticks_are_sizes_that_read_well() {
        assert_eq!(powers_of_four([60_000.0, 3_000_000.0].into_iter()), [65_536.0, 262_144.0, 1_048_576.0]);
    }
}
