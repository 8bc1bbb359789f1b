//! What a program sees and may do inside a container.

#[expect(dead_code, reason = "every test binary uses a part of it")]
mod common;

use common::{Box, run, sh};
use container::{Error, Namespaces, Root, Spec};

#[test]
fn it_has_its_own_host_name() {
    let Some(inside) = Box::as_root() else { return };
    let spec = Spec { hostname: Some("box".into()), ..Spec::container(&inside.rootfs) };
    assert_eq!(run(spec.args(["uname", "-n"])).text, "box\n");
}

#[test]
fn it_is_pid_1_and_sees_only_its_own_processes() {
    let Some(inside) = Box::as_root() else { return };
    let output = sh(&inside.rootfs, "echo $$; cd /proc; echo [0-9]*");
    assert_eq!(output.text, "1\n1\n");
}

#[test]
fn its_dev_holds_the_usual_nodes_and_they_work() {
    let Some(inside) = Box::as_root() else { return };
    let output =
        sh(&inside.rootfs, "echo $(ls /dev); head -c 3 /dev/zero | wc -c; echo x > /dev/null && echo ok");
    assert_eq!(output.text, "fd full null random stderr stdin stdout tty urandom zero\n3\nok\n");
}

#[test]
fn its_root_and_proc_are_read_only_and_tmp_is_not() {
    let Some(inside) = Box::as_root() else { return };
    let output = sh(&inside.rootfs, "touch /x; echo x > /proc/sys/kernel/hostname; touch /tmp/x && ls /tmp");
    assert_eq!(output.text.matches("Read-only file system").count(), 2, "{}", output.text);
    assert!(output.text.starts_with("x\n"), "{}", output.text);
    assert!(!inside.rootfs.dir().join("tmp/x").exists(), "its /tmp is not the skeleton's");
}

#[test]
fn it_has_no_capabilities_no_new_privileges_and_a_filter() {
    let Some(inside) = Box::as_root() else { return };
    let status = sh(&inside.rootfs, "cat /proc/self/status").text;
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().to_owned()
    };
    for set in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
        assert_eq!(field(set), "0000000000000000", "{set}");
    }
    assert_eq!(field("NoNewPrivs:"), "1");
    assert_eq!(field("Seccomp:"), "2");
    assert_eq!(field("SigBlk:"), "0000000000000000");
    let ignored = u64::from_str_radix(&field("SigIgn:"), 16).unwrap();
    assert_eq!(ignored & 1 << (libc::SIGPIPE - 1), 0, "Rust's runtime ignores SIGPIPE, the program must not");
}

#[test]
fn its_network_is_a_loopback_that_is_up() {
    let Some(inside) = Box::as_root() else { return };
    let output = sh(&inside.rootfs, "tail -n +3 /proc/net/dev | cut -d: -f1; ip addr show lo");
    assert_eq!(output.text.lines().next().map(str::trim), Some("lo"));
    assert!(output.text.lines().nth(1).is_some_and(|line| line.contains("UP")), "{}", output.text);
}

#[test]
fn a_forbidden_call_is_refused_by_the_filter() {
    let Some(inside) = Box::as_root() else { return };
    let spec = Spec::container(&inside.rootfs).args(["unshare", "-U", "/busybox", "true"]);
    assert!(run(Spec { seccomp: None, ..spec.clone() }).status.success(), "allowed without a filter");
    let output = run(spec);
    assert!(output.text.contains("Operation not permitted"), "{}", output.text);
}

#[test]
fn no_file_of_the_caller_is_left_open() {
    let Some(inside) = Box::as_root() else { return };
    // As a caller that was itself started with a directory of the host open.
    let leak = std::fs::File::open("/").unwrap();
    // SAFETY: takes no pointers; `leak` is open.
    unsafe { libc::fcntl(std::os::fd::AsRawFd::as_raw_fd(&leak), libc::F_SETFD, 0) };
    let output = sh(&inside.rootfs, "ls -l /proc/$$/fd");
    let links: Vec<_> = output.text.lines().filter(|line| line.contains(" -> ")).collect();
    assert!(links.iter().all(|line| line.contains("pipe:")), "{}", output.text);
    assert!(links.len() >= 3, "{}", output.text);
}

#[test]
fn its_environment_is_what_was_given() {
    let Some(inside) = Box::as_root() else { return };
    assert_eq!(run(Spec::container(&inside.rootfs).args(["env"]).env(["A=1", "B=2"])).text, "A=1\nB=2\n");
}

#[test]
fn it_keeps_the_host_out_of_a_user_namespace_of_root() {
    let Some(inside) = Box::as_root() else { return };
    if let Err(reason) = container::user_namespaces_available() {
        return common::skipped(&reason);
    }
    let spec = Spec::container(&inside.rootfs);
    let spec = Spec { namespaces: Namespaces::ALL_BUT_USER | Namespaces::USER, ..spec };
    let output = run(spec.args(["sh", "-c", "id -u; echo $(cat /proc/self/uid_map); echo x > /dev/null"]));
    assert_eq!(output.text, "0\n0 0 1\n");
}

#[test]
fn a_chroot_changes_the_root_and_nothing_else() {
    let Some(inside) = Box::as_root() else { return };
    let output = run(Spec::chroot(&inside.rootfs).args(["sh", "-c", "pwd; echo /*; hostname"]));
    let host = nix::unistd::gethostname().unwrap();
    assert_eq!(output.text, format!("/\n/busybox /dev /proc /tmp\n{}\n", host.to_str().unwrap()));
}

#[test]
fn a_process_is_the_same_program_without_isolation() {
    let Some(_) = common::busybox() else { return };
    let output = run(Spec::process("/bin/busybox").args(["readlink", "/proc/self/ns/mnt"]));
    let ours = std::fs::read_link("/proc/self/ns/mnt").unwrap();
    assert_eq!(output.text.trim(), ours.to_str().unwrap());
}

#[test]
fn phases_come_in_order_and_only_those_that_were_gone_through() {
    let Some(inside) = Box::as_root() else { return };
    let names = |spec: &Spec| {
        let mut instance = container::start(spec).unwrap();
        instance.kill();
        instance.wait().unwrap();
        let mut last = instance.started_ns;
        for phase in instance.phases() {
            assert!(phase.end_ns >= last, "{phase:?} ends before the one before it");
            last = phase.end_ns;
        }
        instance.phases().iter().map(|phase| phase.name).collect::<Vec<_>>()
    };
    assert_eq!(names(&Spec::process("/bin/busybox").args(["cat"])), ["clone", "exec"]);
    let all = ["clone", "cgroup", "network", "mounts", "pivot", "security", "exec"];
    assert_eq!(names(&Spec::container(&inside.rootfs).args(["cat"])), all);
}

#[test]
fn a_missing_program_is_named() {
    let Some(inside) = Box::as_root() else { return };
    let spec = Spec { program: "/none".into(), ..Spec::container(&inside.rootfs) };
    let error = container::start(&spec).unwrap_err();
    assert!(matches!(error, Error::Exec { .. }));
    assert!(error.to_string().starts_with("cannot execute /none: No such file or directory; "), "{error}");
}

#[test]
fn a_program_that_cannot_be_executed_says_what_to_do() {
    let temp = tempfile::tempdir().unwrap();
    let text = temp.path().join("text");
    std::fs::write(&text, "hello").unwrap();
    let error = container::start(&Spec::process(&text)).unwrap_err();
    assert!(error.to_string().contains("chmod +x"), "{error}");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&text, mode).unwrap();
    let error = container::start(&Spec::process(&text)).unwrap_err();
    assert!(error.to_string().contains("must be an ELF"), "{error}");
}

#[test]
fn a_missing_rootfs_is_told_by_the_step_that_met_it() {
    let Some(inside) = Box::as_root() else { return };
    std::fs::remove_dir_all(inside.rootfs.dir()).unwrap();
    let error = container::start(&Spec::container(&inside.rootfs)).unwrap_err();
    assert!(matches!(error, Error::Step { step: "mounts", .. }), "{error:?}");
    assert!(error.to_string().contains("prepare the rootfs again"), "{error}");
}

#[test]
fn a_spec_that_would_change_the_host_is_refused() {
    let Some(inside) = Box::new() else { return };
    let pivot = Spec { root: Root::Pivot(inside.rootfs.clone()), ..Spec::process("/busybox") };
    let rename = Spec { hostname: Some("x".into()), ..Spec::process("/bin/busybox") };
    for spec in [pivot, rename] {
        assert!(matches!(container::start(&spec), Err(Error::Contradiction(_))));
    }
}

#[test]
fn a_nul_byte_is_refused_by_name() {
    let error = container::start(&Spec::process("/bin/busybox").args(["a\0b"])).unwrap_err();
    assert!(error.to_string().contains("argument contains a NUL"), "{error}");
}
