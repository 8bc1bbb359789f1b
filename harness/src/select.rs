//! From names on the command line to things; a name that is none gets the nearest one suggested.

use anyhow::{Result, bail};

use crate::backend::{Backend, Group};

/// Names that stand for several backends.
pub const PRESETS: [&str; 4] = ["builtin", "installed", "oci", "vm"];

/// What a run without a choice of backends takes.
pub const DEFAULT: &[&str] = &["builtin", "installed"];

/// The same of one that takes turns with another: both have to do the same, and what others have written is not what differs.
pub const DEFAULT_OF_PAIR: &[&str] = &["builtin"];

/// Whether a choice of names and presets takes a backend: by its name, as one of several, or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// Its name was given.
    ByName,
    /// A preset has it.
    ByPreset,
    /// Nobody wants it.
    Not,
}

/// Whether `choice` takes `backend`; nothing chosen is `default`.
pub fn chosen(choice: &[String], default: &[&str], backend: &dyn Backend) -> Chosen {
    let is = |group: Group| backend.groups().contains(&group);
    // Whoever describes a runtime wants it measured.
    if choice.iter().any(|name| name == backend.name()) || (choice.is_empty() && is(Group::Custom)) {
        return Chosen::ByName;
    }
    let is_in = |preset: &str| match preset {
        "builtin" => is(Group::Builtin),
        "installed" => is(Group::Adapter) && backend.is_installed(),
        "oci" => is(Group::Oci),
        "vm" => is(Group::Vm),
        _ => false,
    };
    let by_preset = match choice {
        [] => default.iter().any(|name| is_in(name)),
        names => names.iter().any(|name| is_in(name)),
    };
    if by_preset { Chosen::ByPreset } else { Chosen::Not }
}

/// Checks that every one of `names` is among `known`.
pub fn check(kind: &str, names: &[String], known: &[&str]) -> Result<()> {
    for name in names {
        if !known.contains(&name.as_str()) {
            match nearest(name, known) {
                Some(near) => {
                    bail!("unknown {kind} `{name}`: did you mean `{near}`? (`bench list` shows all)")
                }
                None => bail!("unknown {kind} `{name}`: one of {}", known.join(", ")),
            }
        }
    }
    Ok(())
}

/// The known name that is most like this one, if any is like it at all.
fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|candidate| (strsim::jaro_winkler(&name.to_lowercase(), candidate), *candidate))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_gets_the_nearest_name_suggested() {
        let known = ["process", "container", "microvm"];
        let error = check("backend", &["micro-vm".into()], &known).unwrap_err();
        assert!(error.to_string().contains("did you mean `microvm`"), "{error}");
        let error = check("backend", &["zzz".into()], &known).unwrap_err();
        assert!(error.to_string().contains("process, container, microvm"), "{error}");
        check("backend", &["process".into()], &known).unwrap();
    }
}
