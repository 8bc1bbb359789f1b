//! A table whose columns are different things, and what is said above it: the shape of `ladder`, `program`, `terms` and `owners`.

use results::Unit;

use super::tables::{Value, differs_from};
use crate::analysis::Cell;
use crate::format::interval;

/// A table with its words.
pub(super) struct Sheet {
    /// What the section says first, a paragraph each.
    pub words: Vec<String>,
    /// A command line to show.
    pub command: Option<String>,
    pub caption: String,
    /// Heading of each column, that of the rows' names first; whether the column holds numbers.
    pub heads: Vec<(String, bool)>,
    pub rows: Vec<Line>,
}

/// A row.
pub(super) struct Line {
    pub mark: String,
    pub name: String,
    /// In small type below the name.
    pub below: String,
    pub entries: Vec<Entry>,
}

/// A cell of the table.
#[derive(Default)]
pub(super) struct Entry {
    pub main: String,
    /// Whether that is not what others have.
    pub main_differs: bool,
    /// What to sort by, if it is a number.
    pub key: String,
    /// In small type behind it.
    pub aside: String,
    /// Whether it tells of a difference.
    pub differs: bool,
}

impl Entry {
    /// A median; empty without one.
    pub fn median(cell: Option<&Cell<'_>>) -> Self {
        let Some((cell, of)) = cell.and_then(|cell| Some((cell, cell.estimate?))) else {
            return Entry::default();
        };
        let Value { text: main, key } = Value::of(of.median, cell.of.unit);
        Entry { main, key, ..Entry::default() }
    }

    /// A ratio to the bare process with its interval; empty without one.
    pub fn ratio(cell: Option<&Cell<'_>>) -> Self {
        let Some(of) = cell.and_then(|cell| cell.ratio) else { return Entry::default() };
        let Value { text: main, key } = Value::of(of.median, Unit::Ratio);
        let aside = if of.n == 1 { String::new() } else { interval(of.low, of.high, Unit::Count) };
        Entry { main, key, aside, differs: differs_from(&of, 1.0), ..Entry::default() }
    }
}
