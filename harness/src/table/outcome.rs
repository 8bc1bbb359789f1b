//! What the user's program did, in words: the same everywhere, or who differed.

use results::Run;
use results::evidence::{EXIT_STATUS, OUTPUT_DIFFERS, STDOUT_BYTES, STDOUT_SHA256};

/// Lines below the table; empty if the program never came to its end.
pub fn lines(run: &Run) -> String {
    let of = |backend: &str, key: &str| {
        run.evidence.iter().find(|fact| fact.backend == backend && fact.key == key).map(|fact| &*fact.value)
    };
    let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
    for backend in run.backends.iter().map(|backend| &*backend.name) {
        let (Some(status), Some(bytes), Some(sha256)) =
            (of(backend, EXIT_STATUS), of(backend, STDOUT_BYTES), of(backend, STDOUT_SHA256))
        else {
            continue;
        };
        let what = format!("{bytes} bytes, sha256 {sha256}, exit status {status}");
        match groups.iter_mut().find(|(known, _)| *known == what) {
            Some((_, backends)) => backends.push(backend),
            None => groups.push((what, vec![backend])),
        }
    }
    let differing: Vec<_> = run.evidence.iter().filter(|fact| fact.key == OUTPUT_DIFFERS).collect();
    match &groups[..] {
        [] => String::new(),
        [(what, backends)] if differing.is_empty() => {
            format!("output: {what}: the same in every trial of {}\n", backends.join(", "))
        }
        _ => {
            let each =
                groups.iter().map(|(what, backends)| format!("  first in {}: {what}\n", backends.join(", ")));
            // Who differed at once stands there already, and why a backend failed stands below.
            let then = differing
                .iter()
                .filter(|_| groups.len() == 1)
                .map(|fact| format!("  {}: {}\n", fact.backend, fact.value));
            format!("output: NOT the same\n{}", each.chain(then).collect::<String>())
        }
    }
}

#[cfg(test)]
mod tests {
    use results::Evidence;

    use super::*;

    fn run(facts: &[(&str, &str, &str)]) -> Run {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../results/tests/data/run.json");
        let mut run = results::load(path.as_ref()).unwrap();
        let fact = |&(backend, key, value): &(&str, &str, &str)| Evidence {
            backend: backend.into(),
            key: key.into(),
            value: value.into(),
        };
        run.evidence = facts.iter().map(fact).collect();
        run
    }

    #[test]
    fn one_line_says_that_all_did_the_same() {
        let of = |backend| {
            [(backend, EXIT_STATUS, "0"), (backend, STDOUT_BYTES, "6"), (backend, STDOUT_SHA256, "ab")]
        };
        let run = run(&[of("process"), of("container")].concat());
        let wanted =
            "output: 6 bytes, sha256 ab, exit status 0: the same in every trial of process, container\n";
        assert_eq!(lines(&run), wanted);
    }

    #[test]
    fn what_differs_is_listed_with_both_hashes() {
        let of = |backend, sha256| {
            [(backend, EXIT_STATUS, "0"), (backend, STDOUT_BYTES, "6"), (backend, STDOUT_SHA256, sha256)]
        };
        let differs = ("container", OUTPUT_DIFFERS, "trial 1 differs from process");
        let text = lines(&run(&[&of("process", "ab")[..], &of("container", "cd"), &[differs]].concat()));
        for wanted in ["NOT the same", "sha256 ab", "sha256 cd", "first in container"] {
            assert!(text.contains(wanted), "{text}");
        }
        assert_eq!(lines(&run(&[])), "");
    }
}
