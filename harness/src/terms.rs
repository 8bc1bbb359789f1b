//! Whether a runtime of somebody else's gives the terms that `container` gives, by what the agent sees from inside: a container with a
//! network, or without a filter, is another thing to start.

/// What the agent sees in `container`, by the keys of the workload `identity`.
const CONTAINER: [(&str, &str); 4] = [
    ("uid", "0"),
    ("capabilities", "0000000000000000"),
    // SECCOMP_MODE_FILTER (seccomp(2)).
    ("seccomp-mode", "2"),
    ("network-interfaces", "lo"),
];

/// The finding that there is nothing to say.
pub const EQUAL: &str = "as in container: user, capabilities, seccomp, network";

/// Compares them; what is different is named with both values.
pub fn compared(facts: &[(String, String)]) -> String {
    let of = |wanted: &str| {
        facts.iter().find(|(key, _)| key == wanted).map_or("not known", |(_, value)| value.as_str())
    };
    let different: Vec<String> = CONTAINER
        .iter()
        .filter(|(key, wanted)| of(key) != *wanted)
        .map(|(key, wanted)| format!("{key} is {} ({wanted} in container)", of(key)))
        .collect();
    if different.is_empty() {
        EQUAL.to_owned()
    } else {
        format!("other terms than container: {}", different.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_named_with_both_values() {
        let mut facts: Vec<(String, String)> =
            CONTAINER.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        assert_eq!(compared(&facts), EQUAL);
        facts[2].1 = "0".to_owned();
        facts.pop();
        assert_eq!(
            compared(&facts),
            "other terms than container: seccomp-mode is 0 (2 in container), network-interfaces is not known (lo in \
             container)"
        );
    }
}
