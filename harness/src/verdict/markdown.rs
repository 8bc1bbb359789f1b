//! For a pull request: what changed on top, the rest folded away.

use results::compare::{Change, Comparison, Verdict};

use super::{interval, medians, name, ratio, side, subject, summary, terms};

/// The most rows of a table: a comment on GitHub takes 65,536 characters, and nobody reads more.
const ROWS: usize = 150;

/// Renders a comparison.
pub fn render(comparison: &Comparison) -> String {
    let called = |change: &&Change| matches!(change.verdict, Verdict::Regressed | Verdict::Improved);
    let (changed, rest): (Vec<&Change>, Vec<&Change>) = comparison.changes.iter().partition(called);
    let mut text = format!("### bench: {}\n\n", summary(comparison));
    let bases: Vec<String> = comparison.base.iter().map(|base| escape(&side(base))).collect();
    text.push_str(&format!("Base: {}  \nNew: {}  \n", bases.join(", "), escape(&side(&comparison.new))));
    text.push_str(&format!("{}\n", capital(&terms(comparison))));
    for difference in &comparison.differences {
        text.push_str(&format!("\n**Differs:** {}\n", escape(&difference.to_string())));
    }
    text.push('\n');
    if changed.is_empty() {
        text.push_str("Nothing regressed or improved.\n");
    } else {
        text.push_str(&table(&changed));
    }
    if !rest.is_empty() {
        fold(&mut text, &format!("{} unchanged or inconclusive", rest.len()), &table(&rest));
    }
    if !comparison.skipped.is_empty() {
        let lines: String = comparison
            .skipped
            .iter()
            .take(ROWS)
            .map(|skipped| format!("- {}: {}\n", escape(&skipped.key.to_string()), escape(&skipped.reason)))
            .collect();
        let cut = more(comparison.skipped.len());
        fold(&mut text, &format!("{} not compared", comparison.skipped.len()), &format!("{lines}{cut}"));
    }
    text
}

fn table(changes: &[&Change]) -> String {
    let mut text = "| | ratio | interval | base | new | samples | measurement |\n".to_owned();
    text.push_str("|---|--:|--:|--:|--:|--:|---|\n");
    for change in changes.iter().take(ROWS) {
        let [base, new] = medians(change);
        let part = if change.is_part() { " (part)" } else { "" };
        let emphasis = if change.verdict == Verdict::Regressed { "**" } else { "" };
        text.push_str(&format!(
            "| {emphasis}{}{emphasis} | {} | {} | {base} | {new} | {}/{} | {}{part} |\n",
            name(change.verdict),
            ratio(change),
            interval(change),
            change.samples.0,
            change.samples.1,
            escape(&subject(change)),
        ));
    }
    text + &more(changes.len())
}

fn more(all: usize) -> String {
    if all > ROWS { format!("\n… and {} more (see `--json`)\n", all - ROWS) } else { String::new() }
}

fn fold(text: &mut String, summary: &str, content: &str) {
    text.push_str(&format!("\n<details><summary>{summary}</summary>\n\n{content}\n</details>\n"));
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
}

/// As text and nothing else: no markup, no table, no line, and nobody is notified by a mention.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '@' => escaped.push_str("&#64;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '!' => escaped.extend(['\\', c]),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::super::sample::comparison;
    use super::*;

    #[test]
    fn the_changed_stand_on_top_and_the_rest_is_folded() {
        let text = render(&comparison());
        let (top, folded) = text.split_once("<details>").unwrap();
        assert!(top.starts_with("### bench: 1 regressed, 1 improved"), "{top}");
        assert_eq!(top.matches("\n| ").count(), 4, "a head and three rows: {top}");
        assert!(
            folded.contains("unchanged")
                && folded.contains("inconclusive")
                && folded.contains("not compared")
        );
    }

    #[test]
    fn a_hostile_name_stays_in_its_cell() {
        let text = render(&comparison());
        assert!(text.contains(r"process\|&lt;b&gt;") && !text.contains("<b>"), "{text}");
        assert_eq!(escape("@all\n| x"), r"&#64;all \| x");
    }

    #[test]
    fn a_comment_stays_within_what_github_takes() {
        let mut comparison = comparison();
        let many = comparison.changes.iter().cycle().take(10_000).cloned().collect();
        comparison.changes = many;
        let text = render(&comparison);
        assert!(text.len() < 65_536, "{}", text.len());
        assert!(text.contains("more (see `--json`)"));
    }
}
