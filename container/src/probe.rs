//! Whether this host lets this user start something, without starting it; and if not, what says so.

use std::fs;

use nix::errno::Errno;

use crate::{Error, Namespaces, Spec, start};

/// Knobs that forbid user namespaces, the value that does, and the command that allows them.
const KNOBS: [(&str, &str, &str); 3] = [
    ("/proc/sys/user/max_user_namespaces", "0", "sysctl user.max_user_namespaces=10000"),
    ("/proc/sys/kernel/unprivileged_userns_clone", "0", "sysctl kernel.unprivileged_userns_clone=1"),
    (
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "sysctl kernel.apparmor_restrict_unprivileged_userns=0",
    ),
];

/// Takes every step of a start but the last: the program is not executed, whatever the spec names.
///
/// # Errors
/// As [`start`].
pub fn probe(spec: &Spec) -> Result<(), Error> {
    // A directory cannot be executed: EACCES from the exec itself means that all before it worked.
    match start(&Spec { program: "/".into(), ..spec.clone() }) {
        Ok(_) | Err(Error::Exec { errno: Errno::EACCES, .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Tries a user namespace, with a host name in it for proof that its root has capabilities.
///
/// # Errors
/// The reason, with the knob that causes it where there is one, as a sentence for a person.
pub fn user_namespaces_available() -> Result<(), String> {
    let spec = Spec {
        namespaces: Namespaces::USER | Namespaces::UTS | Namespaces::MOUNT,
        hostname: Some("probe".into()),
        ..Spec::process("/")
    };
    let Err(error) = probe(&spec) else { return Ok(()) };
    let knob = KNOBS
        .iter()
        .find(|(path, forbids, _)| fs::read_to_string(path).is_ok_and(|value| value.trim() == *forbids));
    Err(match knob {
        Some((path, value, command)) => {
            format!("user namespaces are forbidden here ({path} is {value}); allow them: {command}")
        }
        None => format!("user namespaces are refused here: {error}"),
    })
}
