//! What an idle instance occupies, stacked from figures that count different things; see [`parts`].

use results::{Experiment, Metric, Unit};

use super::stack::{Bar, draw as stack};
use super::{Frame, LONGEST_NAME, MOST_BACKENDS, Plot};
use crate::Error;
use crate::analysis::Analysis;
use crate::canvas::shorten;
use crate::format::quantity;

pub(super) const PLOT: Plot = Plot {
    name: "memory",
    title: "Memory of one idle instance",
    experiment: Experiment::Memory,
    caption: "Stacked from left to right: private memory of the host process (of a VM: of its VMM, without the guest), \
              guest memory that was touched, the instance’s share of pages it has in common with others (PSS less the \
              former), and what its cgroup is charged beyond that (kernel memory such as stacks and page tables, and \
              page cache). Bars over one axis share its scale. The upright rule is the marginal cost: how much system memory in use grows with each further \
              idle instance. It follows no accounting rule, so it need not agree with the bar.",
    draw,
    other: None,
};

/// The medians that the bar is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Footprint {
    uss: Option<f64>,
    pss: Option<f64>,
    charged: Option<f64>,
    guest: Option<f64>,
    vmm: Option<f64>,
}

/// Splits a footprint into parts that do not overlap. PSS contains USS, and USS contains guest memory; the cgroup's
/// charge contains all of them unless a page was touched first by someone else, so a difference below zero is left out.
fn parts(of: Footprint) -> Vec<(String, f64)> {
    let mut parts: Vec<(&str, f64)> = Vec::new();
    match (of.guest, of.vmm) {
        (Some(guest), Some(vmm)) => parts.extend([("VMM, private", vmm), ("guest RAM touched", guest)]),
        (Some(guest), None) => parts.push(("guest RAM touched", guest)),
        _ => parts.extend(of.uss.map(|uss| ("private (USS)", uss))),
    }
    let mut counted: f64 = parts.iter().map(|part| part.1).sum();
    for (name, whole) in [("shared, its part", of.pss), ("kernel and page cache", of.charged)] {
        if let Some(more) = whole.map(|whole| whole - counted).filter(|more| *more > 0.0) {
            parts.push((name, more));
            counted += more;
        }
    }
    parts.into_iter().map(|(name, size)| (name.to_owned(), size.max(0.0))).collect()
}

fn draw(analysis: &Analysis<'_>, frame: &Frame<'_>) -> Result<Option<String>, Error> {
    let bars = analysis.backends().filter_map(|(backend, of)| {
        let mut footprint = Footprint::default();
        let mut rule = None;
        for cell in analysis.cells(Experiment::Memory).filter(|cell| cell.of.backend == of.name) {
            let median = cell.estimate.map(|estimate| estimate.median);
            match cell.of.metric {
                Metric::Uss => footprint.uss = median,
                Metric::Pss => footprint.pss = median,
                Metric::MemoryCurrent => footprint.charged = median,
                Metric::GuestRam => footprint.guest = median,
                Metric::VmmOverhead => footprint.vmm = median,
                Metric::MarginalMemory => rule = cell.estimate,
                _ => {}
            }
        }
        let parts = parts(footprint);
        if parts.is_empty() && rule.is_none() {
            return None;
        }
        let mut total = quantity(parts.iter().map(|part| part.1).sum(), Unit::Bytes);
        if let Some(marginal) = rule {
            total += &if marginal.low > 0.0 {
                format!(", marginal {}", quantity(marginal.median, Unit::Bytes))
            } else {
                format!(", marginal ≤ {}", quantity(marginal.high, Unit::Bytes))
            };
        }
        let rule = rule.filter(|of| of.low > 0.0).map(|of| of.median);
        Some(Bar { backend, name: shorten(&of.name, LONGEST_NAME), total, parts, rule })
    });
    let bars: Vec<Bar> = bars.take(MOST_BACKENDS).collect();
    stack(frame, &bars, Unit::Bytes, "memory; upright rule: marginal cost of one more")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(of: Footprint) -> Vec<f64> {
        parts(of).into_iter().map(|part| part.1).collect()
    }

    #[test]
    fn parts_add_up_to_what_the_cgroup_is_charged() {
        let of =
            Footprint { uss: Some(100.0), pss: Some(130.0), charged: Some(300.0), ..Footprint::default() };
        assert_eq!(sizes(of), [100.0, 30.0, 170.0]);
    }

    #[test]
    fn a_guest_is_counted_once_although_it_is_part_of_the_uss() {
        let of = Footprint {
            uss: Some(500.0),
            pss: Some(510.0),
            guest: Some(400.0),
            vmm: Some(100.0),
            ..Footprint::default()
        };
        assert_eq!(sizes(of), [100.0, 400.0, 10.0]);
    }

    #[test]
    fn a_charge_below_the_pss_adds_nothing() {
        let of =
            Footprint { uss: Some(100.0), pss: Some(130.0), charged: Some(90.0), ..Footprint::default() };
        assert_eq!(sizes(of), [100.0, 30.0]);
    }
}
