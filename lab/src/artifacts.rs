//! What cargo builds for the lab: read from its JSON messages.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::error::Error;
use crate::tools;

/// The folder of this workspace.
pub fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// An executable that cargo built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executable {
    /// The package's name, which is that of its folder.
    pub package: String,
    /// The folder of its Cargo.toml.
    pub package_folder: PathBuf,
    /// The target: a library, a binary, a test file.
    pub target: String,
    /// Whether it is a test runner rather than a program that tests start.
    pub is_test: bool,
    /// Where it is.
    pub path: PathBuf,
}

/// Builds the tests of `packages`, and the programs they start.
///
/// # Errors
/// [`Error::Failed`] if cargo fails; it says why itself.
pub fn tests(packages: &[String]) -> Result<Vec<Executable>, Error> {
    let chosen = packages.iter().flat_map(|package| ["-p", package]);
    cargo(&["test", "--no-run"], chosen.collect())
}

/// Builds `bench` as a user would.
///
/// # Errors
/// [`Error::Failed`] if cargo fails; it says why itself.
pub fn bench() -> Result<Executable, Error> {
    let built = cargo(&["build", "--release"], vec!["-p", "harness"])?;
    built.into_iter().find(|executable| executable.target == "bench").ok_or(Error::NothingBuilt("bench"))
}

fn cargo(command: &[&str], chosen: Vec<&str>) -> Result<Vec<Executable>, Error> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(command).args(chosen).args(["--locked", "--message-format=json-render-diagnostics"]);
    cargo.arg("--manifest-path").arg(workspace().join("Cargo.toml"));
    Ok(parse(&String::from_utf8_lossy(&tools::output(&mut cargo, true)?)))
}

/// The executables among cargo's messages, one JSON object a line; other lines are passed over.
fn parse(messages: &str) -> Vec<Executable> {
    let executable = |line: &str| {
        let message: Value = serde_json::from_str(line).ok()?;
        let folder = Path::new(message["manifest_path"].as_str()?).parent()?;
        Some(Executable {
            package: folder.file_name()?.to_str()?.to_owned(),
            package_folder: folder.to_owned(),
            target: message["target"]["name"].as_str()?.to_owned(),
            is_test: message["profile"]["test"].as_bool()?,
            path: message["executable"].as_str()?.into(),
        })
    };
    messages.lines().filter_map(executable).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executables_are_found_among_the_messages() {
        let messages = r#"{"reason":"compiler-artifact","manifest_path":"/w/harness/Cargo.toml","target":{"name":"cli"},"profile":{"test":true},"executable":"/t/cli-1"}
{"reason":"compiler-artifact","manifest_path":"/w/results/Cargo.toml","target":{"name":"results"},"profile":{"test":false},"executable":null}
{"reason":"build-finished","success":true}
not json"#;
        let expected = Executable {
            package: "harness".into(),
            package_folder: "/w/harness".into(),
            target: "cli".into(),
            is_test: true,
            path: "/t/cli-1".into(),
        };
        assert_eq!(parse(messages), [expected]);
    }
}
