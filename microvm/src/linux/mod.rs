//! A real Linux guest: a stock kernel, an initramfs with one program, vCPUs, a serial console.
//!
//! [`Launcher::start_linux`](crate::Launcher::start_linux) runs it in a process of its own like the embedded guest,
//! and hands back the same [`Instance`](crate::Instance). What the guest's `/init` must know is little:
//! - it is told the number of its doorbell's I/O port P in the environment variable `BENCH_DOORBELL`;
//! - it writes the byte 1 to P as its first act and 2 to P when it is ready, which the launcher sees as the line
//!   `ready` on the instance's standard output;
//! - `/dev/ttyS1` is its line to the launcher: output, and input that ends in ^D;
//! - before it reboots, which ends the machine, it writes its exit status to the port P + 1.
//!
//! Invariant: as for the embedded guest, nothing that the guest does makes the VMM panic, grow or outlive its deadline.

mod acpi;
mod boot_params;
mod cmdline;
mod config;
mod console;
mod cpu;
mod devices;
mod initramfs;
mod kernel;
mod layout;
mod machine;
mod run;

pub use config::{LinuxConfig, MAX_VCPUS};
pub use initramfs::Initramfs;
pub use kernel::KernelError;
pub use run::panic_reason;

pub(crate) use machine::{Guest, Machine};
pub(crate) use run::run;

/// Why a Linux guest could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What can happen to every machine.
    #[error(transparent)]
    Vmm(#[from] crate::vmm::Error),
    /// The kernel's file does not open.
    #[error("cannot open the kernel {path}: {source}")]
    OpenKernel {
        /// Its path.
        path: String,
        /// What open(2) said.
        source: std::io::Error,
    },
    /// The file is no kernel for this machine.
    #[error("cannot boot {path}: {source}")]
    Kernel {
        /// Its path.
        path: String,
        /// What is wrong with it.
        source: KernelError,
    },
    /// linux-loader refused it all the same.
    #[error("cannot load the kernel: {source}")]
    LoadKernel {
        /// What it said.
        source: linux_loader::loader::Error,
    },
    /// Memory does not hold kernel and initramfs.
    #[error("the initramfs of {bytes} bytes does not fit into {memory} MiB beside the kernel, which takes {kernel} MiB; give the guest more memory", memory = memory >> 20, kernel = kernel.div_ceil(1 << 20))]
    InitramfsRoom {
        /// Size of the initramfs.
        bytes: u64,
        /// Guest memory in bytes.
        memory: u64,
        /// End of what the kernel takes.
        kernel: u64,
    },
    /// The initramfs does not read.
    #[error("cannot read the initramfs: {0}")]
    ReadInitramfs(std::io::Error),
    /// The command line is longer than the kernel takes.
    #[error("the kernel's command line would have {bytes} bytes, and this kernel takes {limit}; pass less")]
    CommandLine {
        /// Its length.
        bytes: usize,
        /// The kernel's limit.
        limit: u64,
    },
    /// A byte that does not belong into a command line.
    #[error("byte {0:#04x} cannot stand in the kernel's command line; use printable ASCII")]
    CommandLineByte(u8),
    /// More vCPUs than KVM has.
    #[error("{wanted} vCPUs are not possible, KVM on this host allows from 1 to {most}")]
    Vcpus {
        /// As asked for.
        wanted: u32,
        /// KVM_CAP_MAX_VCPUS.
        most: u32,
    },
    /// Too many CPUID entries.
    #[error("KVM_GET_SUPPORTED_CPUID returned too many entries: {0}")]
    Cpuid(String),
    /// A host call failed.
    #[error("{call} failed: {source}")]
    Host {
        /// The call.
        call: &'static str,
        /// Its error number.
        source: std::io::Error,
    },
}

impl From<vm_memory::GuestMemoryError> for Error {
    fn from(error: vm_memory::GuestMemoryError) -> Self {
        Error::Vmm(error.into())
    }
}

/// Makes an [`Error`] of a failed host call.
pub(crate) fn host_error(call: &'static str) -> impl FnOnce(std::io::Error) -> Error {
    move |source| Error::Host { call, source }
}
