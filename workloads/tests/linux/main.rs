//! The agent as `/init` of a guest that nobody here wrote: a distribution's kernel in QEMU.
//!
//! QEMU emulates the processor (no KVM is asked for), so a boot takes seconds and no time means anything. The
//! suite boots for what only a Linux guest has; `cargo test -p workloads --test linux -- --ignored` boots
//! once for every workload of the catalogue.

#![expect(clippy::unwrap_used, reason = "clippy exempts only functions marked #[test], not their helpers")]

mod guest;

use guest::{Ended, Guest};
use workloads::{
    CATALOGUE, Group,
    protocol::{Event, Parser},
};

/// What the doorbell must have heard when the agent got as far as READY.
const USER_SPACE_THEN_READY: &[u8] = &[1, 2];

fn skipped(reason: &str) {
    println!("SKIPPED: {reason}");
    assert!(
        std::env::var_os("BENCH_NO_SKIP").is_none_or(|value| value.is_empty()),
        "BENCH_NO_SKIP: {reason}"
    );
}

/// Boots the guest, or says why that cannot be.
macro_rules! guest {
    () => {
        match Guest::prepare() {
            Ok(guest) => guest,
            Err(reason) => return skipped(&reason),
        }
    };
}

/// The events of a guest that reached READY. The monitor writes that line, hence so does this.
fn events(name: &str, ended: &Ended) -> Vec<Event> {
    assert_eq!(ended.doorbell, USER_SPACE_THEN_READY, "{name}: {ended:?}");
    let output = [b"ready\n", ended.output.as_slice()].concat();
    Parser::new().push(&output).unwrap_or_else(|error| panic!("{name}: {error}: {ended:?}"))
}

/// Runs workload `name` with small batches and checks that it measured.
fn check_measures(guest: &Guest, name: &str) {
    let ended = guest.boot(&[name, "--batches", "3", "--batch-ns", "200000"]).end();
    let events = events(name, &ended);
    assert!(
        matches!(
            events.as_slice(),
            [Event::Ready, Event::Begin { .. }, samples @ .., Event::End { .. }, Event::Done]
                if samples.len() == 3
        ),
        "{name}: {events:?}"
    );
    assert_eq!(ended.status, [0], "{name}");
}

#[test]
fn noop_idles_until_its_line_brings_the_end_of_input() {
    let guest = guest!();
    let mut running = guest.boot(&["noop"]);
    running.wait_for_doorbell(USER_SPACE_THEN_READY);
    running.send(b"whatever is written does not stop it\n");
    assert!(running.is_running());
    running.send(&[4]);
    let ended = running.end();
    assert_eq!(ended.doorbell, USER_SPACE_THEN_READY);
    assert_eq!(ended.output, b"", "noop says nothing, and the line echoes nothing");
    assert_eq!(ended.status, [0]);
}

#[test]
fn what_only_a_linux_guest_has_is_measured() {
    let guest = guest!();
    for name in ["fork-exit", "execve", "signal-delivery", "futex-wake"] {
        check_measures(&guest, name);
    }
}

#[test]
fn identity_is_that_of_the_guest() {
    let guest = guest!();
    let ended = guest.boot(&["identity"]).end();
    let events = events("identity", &ended);
    let of = |key: &str| {
        events.iter().find_map(|event| match event {
            Event::Fact { key: found, value } if found == key => Some(value.as_str()),
            _ => None,
        })
    };
    assert_eq!(of("kernel-release"), Some(guest.kernel_release().as_str()), "{events:?}");
    assert_eq!(of("pid"), Some("1"));
    assert_eq!(of("boot-id"), Some("n/a: needs /proc"));
    assert_eq!((events.last(), ended.status.as_slice()), (Some(&Event::Done), &[0][..]));
}

#[test]
fn a_wrong_command_line_ends_the_guest_with_status_2() {
    let guest = guest!();
    let ended = guest.boot(&["gitpid"]).end();
    let message = "unknown workload gitpid".to_owned();
    assert_eq!(events("gitpid", &ended), [Event::Ready, Event::Error { message }]);
    assert_eq!(ended.status, [2]);
}

#[test]
fn a_guest_without_its_serial_line_says_so_on_the_console() {
    let guest = guest!();
    let ended = guest.boot_without_line(&["noop"]).end();
    assert_eq!(ended.doorbell, [1], "{ended:?}");
    assert_eq!(ended.status, [1]);
    assert!(ended.console.contains("error /init: "), "{ended:?}");
}

#[test]
#[ignore = "a boot for each workload takes minutes"]
fn every_workload_that_measures_does_so_as_init() {
    let guest = guest!();
    for workload in CATALOGUE.iter().filter(|of| matches!(of.group, Group::Syscalls | Group::Cpu)) {
        check_measures(&guest, workload.name);
        println!("{}", workload.name);
    }
}
