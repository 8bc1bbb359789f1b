//! Under what terms each backend ran the agent: what the agent sees from inside, and the limits in the instance's cgroup. What is not
//! as in `container` is marked.

use results::evidence::{
    CAPABILITIES, CPU_LIMIT, CPUS, LIMITED_BY, MEMORY_LIMIT, NETWORK, NO_LIMIT, PIDS_LIMIT, ROOT_ACCESS,
    SECCOMP, UID,
};
use results::{Backend, Unit};

use super::mark;
use super::sheet::{Entry, Line, Sheet};
use crate::Error;
use crate::analysis::Analysis;
use crate::format::quantity;

/// Whose terms the others are compared with.
const MEASURE: &str = "container";

/// What a fact that is not to be had begins with.
const NOT_HAD: &str = "n/a";

/// Heading, evidence, and its value for people.
type Column = (&'static str, &'static str, fn(&str) -> String);

const COLUMNS: [Column; 9] = [
    ("CPUs", CPUS, str::to_owned),
    ("CPU time", CPU_LIMIT, cpus),
    ("memory", MEMORY_LIMIT, bytes),
    ("processes", PIDS_LIMIT, str::to_owned),
    ("user", UID, str::to_owned),
    ("capabilities", CAPABILITIES, capabilities),
    ("seccomp", SECCOMP, seccomp),
    ("network", NETWORK, str::to_owned),
    ("root", ROOT_ACCESS, str::to_owned),
];

fn cpus(limit: &str) -> String {
    if limit == NO_LIMIT { limit.to_owned() } else { format!("{limit} CPU") }
}

fn bytes(limit: &str) -> String {
    limit.parse().map_or_else(|_| limit.to_owned(), |bytes: u64| quantity(bytes as f64, Unit::Bytes))
}

/// How many of the 64 bits are set: which they are, is in the table of facts.
fn capabilities(set: &str) -> String {
    match u64::from_str_radix(set, 16).map(u64::count_ones) {
        Ok(0) => "none".to_owned(),
        Ok(count) => format!("{count}"),
        Err(_) => set.to_owned(),
    }
}

/// Modes of prctl(2), PR_GET_SECCOMP.
fn seccomp(mode: &str) -> String {
    match mode {
        "0" => "none",
        "1" => "strict",
        "2" => "filter",
        other => other,
    }
    .to_owned()
}

/// A row a backend that ran; `None` of a run whose backends did not say.
pub(super) fn sheet(analysis: &Analysis<'_>) -> Result<Option<Sheet>, Error> {
    let said = |backend: &str, key: &str| {
        let facts = analysis.run.evidence.iter().rev();
        facts.filter(|fact| fact.backend == backend).find(|fact| fact.key == key).map(|fact| &*fact.value)
    };
    let line = |(seat, backend): (usize, &Backend)| {
        let name = &*backend.name;
        let entry = |(_, key, show): &Column| {
            let Some(value) = said(name, key) else { return Entry::default() };
            if value.starts_with(NOT_HAD) {
                return Entry { main: NOT_HAD.to_owned(), ..Entry::default() };
            }
            let measure = said(MEASURE, key).filter(|measure| !measure.starts_with(NOT_HAD));
            let differs = measure.is_some_and(|measure| measure != value);
            Entry { main: show(value), main_differs: differs, ..Entry::default() }
        };
        let below = said(name, LIMITED_BY).unwrap_or_default().to_owned();
        Ok(Line {
            mark: mark(seat)?,
            name: name.to_owned(),
            below,
            entries: COLUMNS.iter().map(entry).collect(),
        })
    };
    // Without a limit nothing is said but what the table of facts says, too.
    if !analysis.run.evidence.iter().any(|fact| fact.key == LIMITED_BY) {
        return Ok(None);
    }
    let mut rows = analysis.backends().map(line).collect::<Result<Vec<_>, Error>>()?;
    rows.retain(|line| line.entries.iter().any(|entry| !entry.main.is_empty()));
    let heads = ["backend"].into_iter().chain(COLUMNS.iter().map(|column| column.0));
    Ok(Some(Sheet {
        words: Vec::new(),
        command: None,
        caption: format!(
            "The terms of each: what the agent finds, and the limits of its cgroup as the host reads them there (“≠”: not as in \
             {MEASURE})"
        ),
        heads: heads.map(|head| (head.to_owned(), false)).collect(),
        rows,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_told_in_words() {
        assert_eq!(capabilities("0000000000000000"), "none");
        assert_eq!(capabilities("000001fffeffffff"), "40");
        assert_eq!((bytes("33554432"), bytes(NO_LIMIT)), ("32.0\u{a0}MiB".to_owned(), "none".to_owned()));
        assert_eq!((seccomp("2"), seccomp("7")), ("filter".to_owned(), "7".to_owned()));
        assert_eq!(cpus("0.5"), "0.5 CPU");
    }
}
