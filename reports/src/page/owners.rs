//! Whose the memory of an idle instance is, where several processes have a part in it, and the daemons behind it.

use results::evidence::MEMORY_OWNERS;
use results::{Backend, Experiment, Metric};

use super::mark;
use super::sheet::{Entry, Line, Sheet};
use crate::Error;
use crate::analysis::Analysis;

/// Before the list of owners: what their figures count.
const COUNTED: &str = "USS: ";

/// A row a backend whose instances are several processes, or are served by daemons; `None` if there is none.
pub(super) fn sheet(analysis: &Analysis<'_>) -> Result<Option<Sheet>, Error> {
    let said = |backend: &str| {
        let mut facts = analysis.run.evidence.iter().rev().filter(|fact| fact.key == MEMORY_OWNERS);
        facts.find(|fact| fact.backend == backend).map(|fact| &*fact.value)
    };
    let line = |(seat, backend): (usize, &Backend)| {
        let of = |metric| Entry::median(analysis.first(Experiment::Memory, &backend.name, &metric));
        let owners = said(&backend.name).map(|text| text.strip_prefix(COUNTED).unwrap_or(text));
        let (all, daemons) = (of(Metric::Uss), of(Metric::DaemonMemory));
        let owners = Entry { main: owners.unwrap_or_default().to_owned(), ..Entry::default() };
        Ok(Line {
            mark: mark(seat)?,
            name: backend.name.clone(),
            below: String::new(),
            entries: vec![owners, all, daemons],
        })
    };
    let mut rows = analysis.backends().map(line).collect::<Result<Vec<_>, Error>>()?;
    // Of a single process the whole is all there is to say.
    rows.retain(|line| !line.entries[0].main.is_empty() || !line.entries[2].main.is_empty());
    if rows.is_empty() {
        return Ok(None);
    }
    let heads = [
        ("backend", false),
        ("processes of an instance, and what each has to itself (USS)", false),
        ("all of them", true),
        ("daemons (PSS), shared by all instances", true),
    ];
    Ok(Some(Sheet {
        words: Vec::new(),
        command: None,
        caption: "Whose the memory of an idle instance is: of the last trial, by the kernel’s name of each process \
                  (“workload” is the program; of gVisor, “exe” are the sentry and its gofers); daemons are in no other figure"
            .to_owned(),
        heads: heads.map(|(head, number)| (head.to_owned(), number)).to_vec(),
        rows,
    }))
}
