//! A distribution's kernel in our own VMM.
//!
//! What a stock kernel needs hardware virtualization for runs where there is some; `cargo run -p lab -- test` makes a
//! machine that has it.
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

mod kernels;

use std::io::{BufRead, BufReader, Read};
use std::time::Duration;

use harness::kernel::uncompressed;
use kernels::real_kernel;
use microvm::linux::{Initramfs, LinuxConfig};
use microvm::{Exit, Launcher, Outcome, Stderr};

/// Long enough for an emulated processor with other work to do.
const PATIENCE: Duration = Duration::from_secs(180);
const MEMORY: u64 = 128 << 20;

/// A guest with the agent as init, if there are a KVM and a kernel; says so if not.
fn guest(args: &[&str]) -> Option<LinuxConfig> {
    let facts = match microvm::probe() {
        Ok(facts) => facts,
        Err(error) => {
            println!("SKIPPED: {error}");
            assert!(
                std::env::var_os("BENCH_NO_SKIP").is_none_or(|v| v.is_empty()),
                "nothing may skip: {error}"
            );
            return None;
        }
    };
    let kernel = uncompressed(real_kernel()?).unwrap();
    Some(LinuxConfig {
        args: args.iter().map(Into::into).collect(),
        memory_bytes: MEMORY,
        hide_cx16: facts.ring0_is_emulated(),
        deadline: Some(PATIENCE),
        ..LinuxConfig::new(kernel, Initramfs::of_agent(workloads::AGENT).unwrap())
    })
}

/// The same, where a stock kernel reaches its user space. Where it does not, nothing was skipped that could run.
fn whole_guest(args: &[&str]) -> Option<LinuxConfig> {
    let guest = guest(args)?;
    let can = microvm::probe().is_ok_and(|facts| facts.runs_stock_kernels());
    if !can {
        println!("not on this KVM, which emulates ring 0: `cargo run -p lab -- test` runs this test");
    }
    can.then_some(guest)
}

fn run(config: &LinuxConfig) -> (String, Exit) {
    let mut instance = Launcher::new().unwrap().start_linux(config).unwrap();
    drop(instance.stdin.take());
    let mut output = String::new();
    instance.stdout.read_to_string(&mut output).unwrap();
    (output, instance.wait().unwrap())
}

/// Why the VMM refuses to start a guest.
fn refusal(config: &LinuxConfig) -> String {
    match run(config).1.outcome {
        Outcome::VmmError(why) => why,
        other => panic!("expected a refusal, not {other:?}"),
    }
}

#[test]
fn a_stock_kernel_finds_its_command_line_its_memory_and_its_initramfs() {
    let Some(mut config) = guest(&["noop"]) else { return };
    config.extra_cmdline = "ignore_loglevel earlyprintk=ttyS0".into();
    config.console = Stderr::Capture;
    let release = real_kernel().unwrap().release.clone();
    let start = MEMORY - config.initramfs.len().next_multiple_of(4096);
    let expected = [
        format!("Linux version {release} "),
        "Command line: console=ttyS0 quiet panic=-1 reboot=k pci=off 8250.nr_uarts=2 ignore_loglevel".into(),
        "BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable".into(),
        "BIOS-e820: [mem 0x000000000009fc00-0x00000000000fffff] reserved".into(),
        format!("BIOS-e820: [mem 0x0000000000100000-{:#018x}] usable", MEMORY - 1),
        "Hypervisor detected: KVM".into(),
        format!("RAMDISK: [mem {start:#010x}-{:#010x}]", MEMORY - 1),
        "ACPI: RSDP 0x00000000000E0000".into(),
        "IOAPIC[0]: apic_id 0, version".into(),
        "Booting paravirtualized kernel on KVM".into(),
    ];
    let mut instance = Launcher::new().unwrap().start_linux(&config).unwrap();
    let mut missing: Vec<&str> = expected.iter().map(String::as_str).collect();
    let mut seen = String::new();
    for line in BufReader::new(instance.stderr.take().unwrap()).lines() {
        let line = line.unwrap();
        missing.retain(|text| !line.contains(text));
        seen = format!("{seen}{line}\n");
        if missing.is_empty() {
            // As far as every KVM goes.
            instance.kill().unwrap();
            instance.wait().unwrap();
            return;
        }
    }
    panic!("{:?}; not on the console: {missing:#?}\n{seen}", instance.wait());
}

#[test]
fn the_agent_reports_from_a_stock_kernel_and_ends_with_its_input() {
    let Some(config) = whole_guest(&["noop"]) else { return };
    let mut instance = Launcher::new().unwrap().start_linux(&config).unwrap();
    let mut ready = [0; 6];
    instance.stdout.read_exact(&mut ready).unwrap();
    assert_eq!(&ready, b"ready\n");
    assert_eq!(instance.wait_timeout(Duration::from_millis(200)).unwrap(), None, "it idles");
    let phases: Vec<String> =
        instance.report().unwrap().unwrap().phases.into_iter().map(|phase| phase.name).collect();
    assert_eq!(phases, ["vmm_exec", "memory", "load", "kvm_objects", "first_entry", "kernel", "init"]);

    drop(instance.stdin.take());
    let exit = instance.wait_timeout(PATIENCE).unwrap().expect("it ends");
    assert_eq!(exit.outcome, Outcome::Exited(0), "{:?}", exit.console);
}

#[test]
fn the_agent_sees_the_guests_kernel_and_its_status_comes_out() {
    let Some(config) = whole_guest(&["identity"]) else { return };
    let (output, exit) = run(&config);
    assert!(output.starts_with("ready\nfact kernel-release "), "{output}");
    assert!(
        output.contains(&format!("fact kernel-release {}\n", real_kernel().unwrap().release)),
        "{output}"
    );
    assert!(output.contains("\nfact pid 1\n") && output.ends_with("\ndone\n"), "{output}");
    assert_eq!(exit.outcome, Outcome::Exited(0));

    let config = LinuxConfig { args: vec!["no-such-workload".into()], ..config };
    let (output, exit) = run(&config);
    assert_eq!(
        (output.as_str(), exit.outcome),
        ("ready\nerror unknown workload no-such-workload\n", Outcome::Exited(2))
    );
}

#[test]
fn a_stock_kernel_brings_up_every_vcpu() {
    let Some(mut config) = whole_guest(&["identity"]) else { return };
    config.vcpus = 3;
    config.extra_cmdline = "ignore_loglevel".into();
    config.console = Stderr::Capture;
    let mut instance = Launcher::new().unwrap().start_linux(&config).unwrap();
    drop(instance.stdin.take());
    let mut console = String::new();
    instance.stderr.take().unwrap().read_to_string(&mut console).unwrap();
    assert_eq!(instance.wait().unwrap().outcome, Outcome::Exited(0), "{console}");
    assert!(console.contains("Brought up 1 node, 3 CPUs"), "{console}");
}

#[test]
fn a_kernel_that_panics_says_why() {
    let Some(mut config) = whole_guest(&["noop"]) else { return };
    config.extra_cmdline = "rdinit=/nothing".into();
    let (output, exit) = run(&config);
    assert_eq!(output, "");
    let Outcome::Panic(why) = &exit.outcome else { panic!("{exit:?}") };
    assert!(why.contains("VFS: Unable to mount root fs"), "{why}");
    assert!(exit.console.iter().any(|line| line.contains("Kernel panic")), "{:?}", exit.console);
}

#[test]
fn a_guest_too_small_for_its_kernel_is_refused_with_what_it_needs() {
    let Some(config) = guest(&[]) else { return };
    let why = refusal(&LinuxConfig { memory_bytes: 32 << 20, ..config });
    assert!(why.contains("MiB of memory to start and the guest has 32"), "{why}");
}

#[test]
fn an_initramfs_that_does_not_fit_beside_the_kernel_is_refused() {
    let Some(config) = guest(&[]) else { return };
    let initramfs = Initramfs::of_agent(&vec![0; 100 << 20]).unwrap();
    let why = refusal(&LinuxConfig { initramfs, ..config });
    assert!(why.contains("does not fit into 128 MiB beside the kernel"), "{why}");
}

#[test]
fn a_command_line_longer_than_the_kernel_takes_is_refused() {
    let Some(config) = guest(&[]) else { return };
    let why = refusal(&LinuxConfig { extra_cmdline: "x".repeat(2048), ..config });
    assert!(why.contains("this kernel takes 2047"), "{why}");
}

#[test]
fn files_that_are_no_kernels_are_refused_by_name() {
    let Some(config) = guest(&[]) else { return };
    for (path, part) in [
        ("/etc/passwd", "neither a bzImage nor an ELF"),
        ("/no/such/kernel", "No such file"),
        ("/proc/self", "it cannot be read"),
        ("/dev/null", "cut off"),
    ] {
        let why = refusal(&LinuxConfig { kernel: path.into(), ..config.clone() });
        assert!(why.contains(path) && why.contains(part), "{why}");
    }
}
