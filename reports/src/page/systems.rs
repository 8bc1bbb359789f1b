//! The systems of the article, in its order, and what stands for each in `bench`.
//!
//! Names, years and order follow "Deep Dive Into Containers (Part 1)"; a year that it does not give is left out.

/// What stands for a system.
#[derive(Clone, Copy)]
pub(super) enum Stand {
    /// The system itself, or a program that does the same, as backends: the first that ran tells.
    Backends(&'static [&'static str]),
    /// A step of the ladder, and the backend whose start contains it, if one does.
    Step(&'static str, Option<&'static str>),
    /// It needs another kernel; the words say which steps of the ladder have the same mechanism.
    OtherKernel(&'static str),
    /// Its project has ended; the words say what lives on.
    Ended(&'static str),
    /// The layer below a host: it shows in the fingerprint under this name.
    Below(&'static str),
    /// Nothing stands for it; the words say why.
    Nothing(&'static str),
}

use Stand::{Backends, Below, Ended, Nothing, OtherKernel, Step};

/// A system: its name, the year in which it appeared, and what stands for it.
pub(super) type System = (&'static str, &'static str, Stand);

/// All systems that the article names, and the microVMs that came after it.
pub(super) const SYSTEMS: &[System] = &[
    ("chroot", "1979", Backends(&["chroot"])),
    ("FreeBSD Jail", "", OtherKernel("chroot, pid and network namespaces")),
    ("Solaris Containers (Zones)", "", OtherKernel("all namespaces and cgroups")),
    ("AIX WPARs", "", OtherKernel("all namespaces and cgroups")),
    ("Sysjail", "", OtherKernel("chroot and seccomp")),
    ("DragonFly vkernel", "", OtherKernel("none; a kernel of its own, as microvm has")),
    ("iCore", "", OtherKernel("mount and user namespaces")),
    ("Drawbridge", "", OtherKernel("none; a library as a kernel, as microvm has")),
    ("Virtuozzo", "", OtherKernel("all namespaces and cgroups, patched in")),
    ("OpenVZ", "", OtherKernel("all namespaces and cgroups, patched in")),
    ("Linux-VServer", "", OtherKernel("chroot, pid and network namespaces, patched in")),
    ("process containers (cgroups)", "2008", Step("cgroup", Some("container"))),
    ("LXC", "2008", Backends(&["lxc"])),
    ("systemd-nspawn", "2010", Backends(&["nspawn"])),
    ("Warden, Garden", "", Ended("namespaces and cgroups, as in container")),
    ("lmctfy", "", Ended("cgroups, as in container")),
    ("rkt", "", Ended("namespaces and cgroups, as in container")),
    ("Docker", "", Backends(&["docker", "podman"])),
    ("libcontainer, runc", "", Backends(&["runc"])),
    ("OCI", "", Backends(&["crun", "runc"])),
    ("AUFS", "", Nothing("never in the kernel; the ladder has OverlayFS in its place")),
    ("OverlayFS", "", Step("overlay", None)),
    ("Singularity, Apptainer", "2015", Backends(&["apptainer"])),
    ("Xen", "", Below("Xen")),
    ("Oracle VM Server for SPARC", "", Nothing("bench runs on x86-64 only")),
    ("Hyper-V", "", Below("Hyper-V")),
    ("ESX, ESXi", "", Below("VMware")),
    ("QEMU", "", Backends(&["qemu-microvm", "qemu-q35"])),
    ("VirtualBox", "", Nothing("no adapter; QEMU stands for its kind")),
    ("VMware Workstation", "", Nothing("no adapter; QEMU stands for its kind")),
    ("Parallels", "", OtherKernel("none; QEMU stands for its kind")),
    ("Firecracker", "later", Backends(&["firecracker"])),
    ("Cloud Hypervisor", "later", Backends(&["cloud-hypervisor"])),
    ("our own microVMs", "later", Backends(&["microvm-linux", "microvm"])),
];
