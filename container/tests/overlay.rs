//! A root of layers: what an instance writes, where that goes, and that it goes away.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up should stop right there")]

#[expect(dead_code, reason = "every test binary uses a part of it")]
mod common;

use std::path::Path;

use common::{busybox, is_root, mounts_of, run, skipped};
use container::{Error, Layers, Namespaces, Root, Spec};

/// Layers with busybox in a folder of this name, as long as this lives.
struct Stack {
    layers: Layers,
    dir: tempfile::TempDir,
}

impl Stack {
    /// Or a skip where nobody can mount them.
    fn named(name: &str) -> Option<Self> {
        let program = busybox().filter(|_| is_root())?;
        let dir = tempfile::tempdir().unwrap();
        let layers = Layers::prepare(&dir.path().join(name), "busybox", &program).unwrap();
        let stack = Self { layers, dir };
        if let Err(error) = container::probe(&stack.spec()) {
            skipped(&error.to_string());
            return None;
        }
        Some(stack)
    }

    fn new() -> Option<Self> {
        Self::named("layers")
    }

    /// Nothing but the root.
    fn spec(&self) -> Spec {
        Spec {
            root: Root::Overlay(self.layers.clone()),
            namespaces: Namespaces::MOUNT,
            ..Spec::process(self.layers.program())
        }
    }

    fn sh(&self, script: &str) -> String {
        run(self.spec().args(["sh", "-c", script])).text
    }

    /// Every file of the lower layers, and what the host sees of an instance's own.
    fn files(&self) -> Vec<String> {
        fn walk(dir: &Path, found: &mut Vec<String>) {
            for entry in std::fs::read_dir(dir).unwrap().flatten() {
                found.push(entry.path().to_str().unwrap().to_owned());
                if entry.file_type().unwrap().is_dir() {
                    walk(&entry.path(), found);
                }
            }
        }
        let mut found = Vec::new();
        walk(self.layers.dir(), &mut found);
        found.sort();
        found
    }
}

#[test]
fn both_layers_show_in_one_root() {
    let Some(stack) = Stack::new() else { return };
    let output = stack.sh("echo /*; head -c 3 /dev/zero | wc -c; echo x > /dev/null && echo ok; pwd");
    assert_eq!(output, "/busybox /dev /proc /tmp\n3\nok\n/\n");
}

#[test]
fn what_an_instance_writes_goes_to_its_own_layer_and_the_lower_ones_stay_clean() {
    let Some(stack) = Stack::new() else { return };
    let before = stack.files();
    let program = std::fs::read(stack.layers.dir().join("program/busybox")).unwrap();
    let script = "echo new > /new; mkdir /dev/shm; echo more >> /busybox; rm /dev/tty; cat /new; ls /dev";
    let output = stack.sh(script);
    assert!(output.contains("new\n") && output.contains("shm\n") && !output.contains("tty"), "{output}");
    assert_eq!(stack.files(), before);
    assert_eq!(std::fs::read(stack.layers.dir().join("program/busybox")).unwrap(), program);
    assert_eq!(stack.sh("echo /*"), "/busybox /dev /proc /tmp\n", "the next one starts afresh");
}

#[test]
fn what_it_may_write_is_bounded() {
    let Some(stack) = Stack::new() else { return };
    let output = stack.sh("dd if=/dev/zero of=/big bs=1M count=80 2>&1; ls -s / | grep -c big");
    assert!(output.contains("No space left on device"), "{output}");
}

#[test]
fn while_it_runs_its_mounts_are_not_the_hosts_and_then_nothing_is_left() {
    let Some(stack) = Stack::new() else { return };
    let (before, spec) = (stack.files(), stack.spec().args(["sh", "-c", "echo > /x; exec sleep 1000"]));
    let instances: Vec<_> = (0..3).map(|_| container::start(&spec).unwrap()).collect();
    assert_eq!((stack.files(), mounts_of(stack.dir.path())), (before, Vec::new()));
    drop(instances);
    std::fs::remove_dir_all(stack.layers.dir()).unwrap();
}

#[test]
fn in_a_user_namespace_it_works_and_so_do_its_devices() {
    let Some(stack) = Stack::new() else { return };
    if let Err(reason) = container::user_namespaces_available() {
        return skipped(&reason);
    }
    let spec = Spec { namespaces: Namespaces::ALL_BUT_USER | Namespaces::USER, ..stack.spec() };
    let script = "echo x > /dev/null; head -c 3 /dev/zero | wc -c; echo new > /new; mkdir /dev/a; rm /dev/fd; \
                  ls /dev | head -n 2; cat /new; grep -c . /proc/self/uid_map";
    let output = run(spec.args(["sh", "-c", script])).text;
    assert_eq!(output, "3\na\nfull\nnew\n1\n");
}

#[test]
fn a_folder_may_have_a_name_with_separators_of_mount_options_in_it() {
    let Some(stack) = Stack::named(r"a:b,c\d=e f") else { return };
    assert_eq!(stack.sh("echo > /x && echo fine"), "fine\n");
}

#[test]
fn the_overlay_is_a_phase_of_its_own() {
    let Some(stack) = Stack::new() else { return };
    let instance = container::start(&stack.spec().args(["cat"])).unwrap();
    let names: Vec<_> = instance.phases().iter().map(|phase| phase.name).collect();
    assert_eq!(names, ["clone", "overlay", "mounts", "pivot", "exec"]);
}

#[test]
fn missing_layers_are_told_by_the_step_that_met_them() {
    let Some(stack) = Stack::new() else { return };
    std::fs::remove_dir_all(stack.layers.dir().join("base")).unwrap();
    let error = container::start(&stack.spec()).unwrap_err();
    assert!(matches!(error, Error::Step { step: "overlay", .. }), "{error:?}");
    assert!(error.to_string().contains("prepare the rootfs again"), "{error}");
}

#[test]
fn without_a_mount_namespace_it_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let layers = Layers::prepare(dir.path(), "none", b"").unwrap();
    let spec = Spec { root: Root::Overlay(layers), ..Spec::process("/none") };
    assert!(matches!(container::probe(&spec), Err(Error::Contradiction(_))));
}
