//! Every command that the documents and workflows show is one that this `bench` understands.

use std::fs;
use std::path::Path;

use clap::Parser;
use harness::cli::Cli;

/// Files that show commands, and how many each has at least: a test that finds none proves nothing.
const FILES: [(&str, usize); 5] = [
    ("README.md", 5),
    ("docs/ci.md", 8),
    (".github/workflows/bench.yml", 6),
    ("docs/ci/gitlab-ci.yml", 4),
    ("docs/ci/cron.sh", 5),
];

/// What may stand before the name of a program in a line of shell or YAML.
const BEFORE: [&str; 6] = ["sudo", "if", "!", "-", "run:", "then"];

#[test]
fn every_documented_command_is_understood() {
    for (file, least) in FILES {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
        let text = fs::read_to_string(&path).unwrap();
        let shown = if file.ends_with(".md") { fenced(&text) } else { text };
        let commands: Vec<Vec<String>> = lines(&shown).iter().filter_map(|line| command(line)).collect();
        assert!(commands.len() >= least, "{file}: {commands:?}");
        for command in commands {
            if let Err(error) = Cli::try_parse_from(&command) {
                panic!("{file}: {}: {error}", command.join(" "));
            }
        }
    }
}

#[test]
fn a_command_that_does_not_exist_would_be_found() {
    let command = command("    sudo ./target/release/bench compare @main --treshold 3%").unwrap();
    assert!(Cli::try_parse_from(&command).is_err(), "{command:?}");
}

#[test]
fn the_workflows_are_yaml_with_the_keys_that_their_readers_need() {
    for (file, keys) in [
        (".github/workflows/bench.yml", ["on:", "jobs:", "runs-on: [self-hosted, kvm]"]),
        ("docs/ci/gitlab-ci.yml", ["bench:", "script:", "junit: junit.xml"]),
    ] {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file)).unwrap();
        assert!(!text.contains('\t'), "{file}: YAML takes no tabs");
        for key in keys {
            assert!(text.lines().any(|line| line.trim() == key), "{file}: {key}");
        }
    }
}

/// The code blocks of a document.
fn fenced(text: &str) -> String {
    let mut inside = false;
    let code = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        inside ^= fence;
        inside && !fence
    });
    code.collect::<Vec<_>>().join("\n")
}

/// Commands without comments, each on a line of its own.
fn lines(text: &str) -> Vec<String> {
    let joined = text.replace("\\\n", " ");
    let code = joined.lines().map(|line| line.split_once(" #").map_or(line, |(code, _)| code));
    let ends = ["||", "&&", ";", "|", "2>", ">"];
    let mut pieces: Vec<String> =
        code.filter(|line| !line.trim_start().starts_with('#')).map(str::to_owned).collect();
    for end in ends {
        pieces = pieces.iter().flat_map(|piece| piece.split(end).map(str::to_owned)).collect();
    }
    pieces
}

/// The arguments of a `bench` in a line, with its name; `None` if the line runs something else.
fn command(line: &str) -> Option<Vec<String>> {
    // Lines of YAML and of scripts may hold quotes that end on another one.
    let words = shlex::split(line)?;
    let program = words.iter().position(|word| !BEFORE.contains(&word.as_str()))?;
    let rest = &words[program..];
    let arguments = match rest.first()?.as_str() {
        "cargo" if rest.get(1)? == "run" => {
            let end = rest.iter().position(|word| word == "--")?;
            match rest[..end].iter().position(|word| word == "-p").map(|flag| rest[flag + 1].as_str()) {
                None | Some("harness") => &rest[end + 1..],
                Some("lab") if rest.get(end + 1)? == "bench" => &rest[end + 2..],
                Some(_) => return None,
            }
        }
        // `store=/var/lib/bench` runs nothing.
        name if name == "bench" || (name.ends_with("/bench") && !name.contains('=')) => &rest[1..],
        _ => return None,
    };
    Some(["bench".to_owned()].into_iter().chain(arguments.iter().cloned()).collect())
}
