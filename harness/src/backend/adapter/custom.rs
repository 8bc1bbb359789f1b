//! A runtime that the user describes in a small TOML file: how to start an instance, and how to stop one by force.
//!
//! ```toml
//! name = "mine"
//! start = ["mytool", "run", "--root", "{rootfs}", "--name", "{name}", "--", "{program}", "{args}"]
//! stop = ["mytool", "kill", "{name}"]
//! version = ["--version"]
//! output = "stdout"
//! ```

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::runtime::{Allowance, CgroupOf, Facts, Line, Order, PROGRAM, Runtime};
use super::tool::words;
use crate::backend::Group;

/// Placeholders: the folder with the root file system, the agent's path inside, its arguments (a word of its own), the instance's
/// name.
const PLACEHOLDERS: [&str; 4] = ["{rootfs}", "{program}", "{args}", "{name}"];

/// What stands in the file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    name: String,
    start: Vec<String>,
    #[serde(default)]
    stop: Vec<String>,
    version: Option<Vec<String>>,
    output: Output,
}

/// How the agent's output comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Output {
    /// On the standard output of the start command.
    Stdout,
}

/// A user's runtime.
#[derive(Clone, Debug)]
pub struct Custom {
    description: Description,
    name: &'static str,
}

impl Custom {
    /// Reads the description.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("{} describes no runtime", path.display()))
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    fn parse(text: &str) -> Result<Self> {
        let description: Description = toml::from_str(text)?;
        let name = &description.name;
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || !name.chars().all(plain) {
            bail!("name = {name:?}: use lower-case letters, digits and dashes");
        }
        if description.start.is_empty() {
            bail!("start is empty: it is the program and its arguments");
        }
        if !description.start.iter().any(|word| word == "{args}") {
            bail!("start has no word \"{{args}}\": the agent's arguments go there");
        }
        for word in description.start.iter().chain(&description.stop) {
            check(word)?;
        }
        // One for each file on the command line: names live as long as the process.
        let name = name.clone().leak();
        Ok(Self { description, name })
    }

    /// The words with placeholders filled in.
    fn fill(words: &[String], order: &Order) -> Vec<OsString> {
        words
            .iter()
            .flat_map(|word| {
                if word == "{args}" {
                    return order.job.args.iter().map(OsString::from).collect();
                }
                let rootfs = order.site.rootfs.to_string_lossy();
                let word = word.replace("{rootfs}", &rootfs).replace("{program}", PROGRAM);
                vec![OsString::from(word.replace("{name}", order.name))]
            })
            .collect()
    }
}

/// Refuses what looks like a placeholder and is none.
fn check(word: &str) -> Result<()> {
    let mut rest = word;
    while let Some(begin) = rest.find('{') {
        rest = &rest[begin..];
        let Some(end) = rest.find('}') else { return Ok(()) };
        let found = &rest[..=end];
        let looks_like_one = found.len() > 2 && found[1..end].bytes().all(|byte| byte.is_ascii_lowercase());
        if looks_like_one && !PLACEHOLDERS.contains(&found) {
            bail!("unknown placeholder {found}: one of {}", PLACEHOLDERS.join(", "));
        }
        if found == "{args}" && word != found {
            bail!("{word:?}: {{args}} stands for several words and must be one of its own");
        }
        rest = &rest[end..];
    }
    Ok(())
}

impl Runtime for Custom {
    fn facts(&self) -> Facts {
        Facts {
            name: self.name,
            summary: "a runtime of your own (--runtime)",
            program: PathBuf::from(&self.description.start[0]),
            provider: "it is the program that `start` names".to_owned(),
            version_args: self.description.version.as_deref().map(words),
            oldest: (0, 0),
            cgroup: CgroupOf::Bench,
            needs_root: false,
            unequal: "what the start command does not do; limits are those of a cgroup that bench makes and starts it in",
            kernel: None,
            groups: &[Group::Custom],
            allowance: Allowance { memory_bytes: 64 << 20, pids: 8 },
            flag: None,
        }
    }

    fn command(&self, order: &Order) -> Line {
        let mut line: Vec<OsString> = vec![order.tool.into()];
        line.extend(Self::fill(&self.description.start[1..], order));
        // There is one way for output to come so far, and it is the one of all adapters.
        match self.description.output {
            Output::Stdout => Line { words: line, ..Line::default() },
        }
    }

    fn removal(&self, order: &Order) -> Vec<Vec<OsString>> {
        if self.description.stop.is_empty() {
            Vec::new()
        } else {
            vec![Self::fill(&self.description.stop, order)]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "name = \"mine\"\nstart = [\"t\", \"{rootfs}\", \"{args}\"]\noutput = \"stdout\"\n";

    #[test]
    fn an_unknown_key_is_refused_with_its_line() {
        Custom::parse(GOOD).unwrap();
        let error = format!("{:#}", Custom::parse(&format!("{GOOD}speed = 3\n")).unwrap_err());
        assert!(error.contains("line 4") && error.contains("speed"), "{error}");
    }

    #[test]
    fn a_description_that_cannot_work_is_refused_with_what_is_wanted() {
        for (text, wanted) in [
            (GOOD.replace("mine", "My Tool"), "lower-case"),
            (GOOD.replace("{args}", "x"), "{args}"),
            (GOOD.replace("{rootfs}", "{root}"), "unknown placeholder {root}"),
            (GOOD.replace("{rootfs}", "--{args}"), "one of its own"),
            (GOOD.replace("stdout", "serial"), "serial"),
            (GOOD.replace("\"t\", \"{rootfs}\", \"{args}\"", ""), "start is empty"),
        ] {
            let error = format!("{:#}", Custom::parse(&text).unwrap_err());
            assert!(error.contains(wanted), "{wanted}: {error}");
        }
    }
}
