//! What a Linux guest is to run, and in how large a machine.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::initramfs::Initramfs;
use crate::config::{Stderr, check_deadline, check_memory};
use crate::launcher::Error;

/// The most vCPUs: APIC identifiers have 8 bits, and 255 addresses them all (SDM volume 3, section 11.6.2).
pub const MAX_VCPUS: u32 = 254;

/// A machine with a Linux kernel of its own, whose only program is the agent in `initramfs`.
#[derive(Debug, Clone)]
pub struct LinuxConfig {
    /// The kernel: a bzImage or an ELF `vmlinux`, for x86-64.
    pub kernel: PathBuf,
    /// The root file system.
    pub initramfs: Initramfs,
    /// Arguments of `/init`, its name not counted. They travel on the kernel's command line, so none may
    /// contain white space, quotation marks or control characters.
    pub args: Vec<OsString>,
    /// Added to the kernel's command line, before the arguments of `/init`; may be empty.
    pub extra_cmdline: String,
    /// Guest memory in bytes: a multiple of 2 MiB from 16 MiB to 2 GiB. A stock kernel needs about 96 MiB.
    pub memory_bytes: u64,
    /// Number of vCPUs, from 1 to [`MAX_VCPUS`] or what KVM allows.
    pub vcpus: u32,
    /// Do not tell the guest of CMPXCHG16B: for a KVM that emulates ring 0 and lacks this instruction.
    pub hide_cx16: bool,
    /// How long it may run, from the start of the VMM process.
    pub deadline: Option<Duration>,
    /// `cgroup.procs` files of cgroups that the VMM process joins before it allocates anything.
    pub cgroup_procs: Vec<PathBuf>,
    /// Where the kernel's console (ttyS0) goes, beside the last lines that [`Exit`](crate::Exit) tells.
    pub console: Stderr,
}

impl LinuxConfig {
    /// A machine of 128 MiB and one vCPU, without a deadline.
    pub fn new(kernel: impl Into<PathBuf>, initramfs: Initramfs) -> LinuxConfig {
        LinuxConfig {
            kernel: kernel.into(),
            initramfs,
            args: Vec::new(),
            extra_cmdline: String::new(),
            memory_bytes: 128 << 20,
            vcpus: 1,
            hide_cx16: false,
            deadline: None,
            cgroup_procs: Vec::new(),
            console: Stderr::Null,
        }
    }

    /// Checks everything that can be checked without touching the host.
    pub(crate) fn validate(&self) -> Result<(), Error> {
        check_memory(self.memory_bytes)?;
        check_deadline(self.deadline)?;
        if !(1..=MAX_VCPUS).contains(&self.vcpus) {
            return Err(Error::Vcpus(self.vcpus));
        }
        if self.initramfs.len() > self.memory_bytes {
            return Err(Error::InitramfsSize { bytes: self.initramfs.len(), memory: self.memory_bytes });
        }
        match self.args.iter().find(|arg| !is_plain(arg)) {
            Some(arg) => Err(Error::InitArgument(arg.clone())),
            None => Ok(()),
        }
    }
}

/// Whether the kernel hands this word of its command line to init as it is.
fn is_plain(arg: &OsString) -> bool {
    arg.to_str()
        .is_some_and(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && b != b'"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> LinuxConfig {
        LinuxConfig::new("vmlinuz", Initramfs::of_agent(b"agent").unwrap())
    }

    #[test]
    fn numbers_of_vcpus_that_no_machine_has_are_refused_with_the_range() {
        for vcpus in [0, MAX_VCPUS + 1, 10_000, u32::MAX] {
            let message = LinuxConfig { vcpus, ..config() }.validate().unwrap_err().to_string();
            assert!(message.contains(&vcpus.to_string()) && message.contains("from 1 to 254"), "{message}");
        }
        assert!(LinuxConfig { vcpus: MAX_VCPUS, ..config() }.validate().is_ok());
    }

    #[test]
    fn an_initramfs_larger_than_memory_is_refused_with_both_sizes() {
        let initramfs = Initramfs::of_agent(&vec![0; 17 << 20]).unwrap();
        let config = LinuxConfig { initramfs, memory_bytes: 16 << 20, ..config() };
        let message = config.validate().unwrap_err().to_string();
        assert!(message.contains("16777216"), "{message}");
    }

    #[test]
    fn one_mebibyte_of_memory_is_refused() {
        let message = LinuxConfig { memory_bytes: 1 << 20, ..config() }.validate().unwrap_err().to_string();
        assert!(message.contains("between 16 and 2048 MiB"), "{message}");
    }

    #[test]
    fn an_argument_that_the_kernel_would_change_is_refused() {
        for arg in ["", "a b", "a\nb", "\"a", "\u{e9}"] {
            assert!(LinuxConfig { args: vec![arg.into()], ..config() }.validate().is_err(), "{arg:?}");
        }
        assert!(LinuxConfig { args: vec!["--batch-ns".into()], ..config() }.validate().is_ok());
    }
}
