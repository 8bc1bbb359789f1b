//! Whether this host lets this user have a user namespace, and if not, which knob says so.

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

/// Tries a user namespace, with a host name in it for proof that its root has capabilities.
///
/// # Errors
/// The reason, with the knob that causes it where there is one, as a sentence for a person.
pub fn user_namespaces_available() -> Result<(), String> {
    // A directory cannot be executed: EACCES from the exec itself means that all before it worked.
    let spec = Spec {
        namespaces: Namespaces::USER | Namespaces::UTS | Namespaces::MOUNT,
        hostname: Some("probe".into()),
        ..Spec::process("/")
    };
    let error = match start(&spec) {
        Ok(_) | Err(Error::Exec { errno: Errno::EACCES, .. }) => return Ok(()),
        Err(error) => error,
    };
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
