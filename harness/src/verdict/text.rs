//! For the terminal: a row per measurement, the largest change first.

use comfy_table::presets::NOTHING;
use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, Table};
use results::compare::{Change, Comparison, Verdict};

use crate::output::plain;

use super::{interval, medians, name, ratio, side, subject, summary, terms};

/// Renders a comparison.
pub fn render(comparison: &Comparison) -> String {
    let mut text = String::new();
    for base in &comparison.base {
        text.push_str(&format!("base  {}\n", plain(&side(base))));
    }
    text.push_str(&format!("new   {}\n      {}\n", plain(&side(&comparison.new)), terms(comparison)));
    for difference in &comparison.differences {
        text.push_str(&format!("differs: {}\n", plain(&difference.to_string())));
    }
    text.push_str(&format!("\n{}\n", table(&comparison.changes)));
    for skipped in &comparison.skipped {
        text.push_str(&format!("\nnot compared: {}", plain(&format!("{}: {}", skipped.key, skipped.reason))));
    }
    // Once more where the eye is when the command has ended.
    for change in comparison.decided(Verdict::Regressed) {
        text.push_str(&format!(
            "\nregressed: {} {} ({})",
            plain(&subject(change)),
            ratio(change),
            change.reason
        ));
    }
    text.push_str(&format!("\n{}", summary(comparison)));
    text
}

fn table(changes: &[Change]) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["VERDICT", "RATIO", "INTERVAL", "BASE", "NEW", "SAMPLES", "MEASUREMENT"]);
    for change in changes {
        let [base, new] = medians(change);
        let part = if change.is_part() { " (part)" } else { "" };
        let verdict = Cell::new(name(change.verdict));
        let called = matches!(change.verdict, Verdict::Regressed | Verdict::Improved);
        let right = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
        table.add_row([
            if called { verdict.add_attribute(Attribute::Bold) } else { verdict },
            right(ratio(change)),
            right(interval(change)),
            right(base),
            right(new),
            right(format!("{}/{}", change.samples.0, change.samples.1)),
            Cell::new(format!("{}{part}", plain(&subject(change)))),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::super::sample::comparison;
    use super::*;

    #[test]
    fn every_measurement_has_a_row_and_regressions_are_said_again_at_the_end() {
        let text = render(&comparison());
        let rows: Vec<&str> = text.lines().filter(|line| line.contains(" · noop · ")).collect();
        assert_eq!(rows.len(), 6, "{text}");
        assert!(rows[0].starts_with(" regressed") && rows[0].contains("×1.40"), "{}", rows[0]);
        assert!(
            rows[5].starts_with("regressed: startup · noop · container · startup_time ×1.40"),
            "{}",
            rows[5]
        );
        assert!(text.contains("not compared: time_per_op of sha256 on microvm (cpu): only the base has it"));
        let end = "1 regressed, 1 improved, 1 unchanged, 1 inconclusive; 1 parts of these";
        assert!(text.lines().last().unwrap().starts_with(end), "{text}");
    }

    #[test]
    fn a_hostile_name_does_not_reach_the_terminal_as_a_command() {
        let mut comparison = comparison();
        comparison.changes[0].backend = "a\x1b[2Jb".into();
        assert!(!render(&comparison).contains('\x1b'));
    }
}
