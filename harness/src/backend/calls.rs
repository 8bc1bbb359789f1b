//! Names for the system calls that a guest wanted and its kernel lacks.

use std::collections::BTreeMap;

use syscalls::Sysno;

/// Calls that C libraries try at start and do as well without: their absence is never why a program fails.
const TRIED_AT_START: [Sysno; 2] = [Sysno::rseq, Sysno::prctl];

/// The number under which the guest counts itself and all above.
const REST: u64 = 511;

/// Names of the calls by whose absence a program may have failed, in the order of their numbers.
pub fn lacking(unknown: &BTreeMap<u64, u64>) -> Vec<String> {
    let name = |&number: &u64| match usize::try_from(number).ok().and_then(Sysno::new) {
        Some(call) if TRIED_AT_START.contains(&call) => None,
        Some(call) => Some(call.name().to_owned()),
        None if number == REST => Some(format!("calls from number {REST} on")),
        None => Some(format!("call number {number}")),
    };
    unknown.keys().filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_have_the_names_of_the_manual() {
        let unknown = [22, 57, 58, 157, 202, 334, 435, 500, 511].map(|number| (number, 1)).into();
        let names =
            ["pipe", "fork", "vfork", "futex", "clone3", "call number 500", "calls from number 511 on"];
        assert_eq!(lacking(&unknown), names);
    }
}
