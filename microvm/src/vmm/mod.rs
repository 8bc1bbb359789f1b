//! The virtual machine monitor: what the `microvm-vmm` process does. It is public for that binary, the benches
//! and the tests; a caller wants [`Launcher`](crate::Launcher).
//!
//! Invariant: nothing that a guest does makes this code panic, allocate without bound or touch memory that is not the
//! guest's; every way out of the loop is an [`Outcome`](crate::Outcome).

mod doorbell;
pub(crate) mod exits;
pub(crate) mod machine;
pub mod process;

pub use doorbell::Console;
pub use exits::{Started, run};
pub use machine::{GuestImage, Machine, open_kvm};

use crate::config::MemorySizeError;
use crate::elf::ElfError;
use crate::stack::TooLarge;

/// Why a virtual machine could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// /dev/kvm does not open.
    #[error("cannot open /dev/kvm: {source}; {}", open_advice(source))]
    OpenKvm {
        /// What open(2) said.
        source: kvm_ioctls::Error,
    },
    /// A KVM that is not the stable API.
    #[error(
        "/dev/kvm answers with API version {0} where KVM says 12: it is not KVM's device; load the module kvm_intel or kvm_amd"
    )]
    ApiVersion(i32),
    /// One of KVM's calls failed.
    #[error("{call} failed: {source}")]
    Kvm {
        /// The ioctl.
        call: &'static str,
        /// Its error number.
        source: kvm_ioctls::Error,
    },
    /// The processor is too old for the guest kernel.
    #[error(
        "this processor has no FSGSBASE instructions, which the guest kernel needs; use an Intel Ivy Bridge, AMD Zen or newer"
    )]
    NoFsGsBase,
    /// A size that the memory map has no place for.
    #[error(transparent)]
    MemorySize(#[from] MemorySizeError),
    /// The host has no memory for the guest.
    #[error("cannot map {bytes} bytes of guest memory: {text}; lower the guest's memory or raise the limit")]
    MapMemory {
        /// Guest memory wanted.
        bytes: u64,
        /// What mmap(2) said.
        text: String,
    },
    /// The program's file does not open.
    #[error("cannot open the program {path}: {source}")]
    OpenProgram {
        /// Its path.
        path: String,
        /// What open(2) said.
        source: std::io::Error,
    },
    /// The program is not one that the guest can run.
    #[error("cannot run {path} in the embedded guest: {source}")]
    Program {
        /// Its path.
        path: String,
        /// What is wrong.
        source: ElfError,
    },
    /// linux-loader refused an image.
    #[error("cannot load the {what}: {source}")]
    Load {
        /// Program or kernel.
        what: &'static str,
        /// What it said.
        source: linux_loader::loader::Error,
    },
    /// Arguments that do not fit the stack.
    #[error(transparent)]
    Arguments(#[from] TooLarge),
    /// A write into guest memory failed.
    #[error("cannot write to guest memory: {0}")]
    GuestMemory(#[from] vm_memory::GuestMemoryError),
    /// The probe guest did something else than ring the doorbell.
    #[error("the probe guest left by {0}; this KVM cannot run the embedded guest")]
    Probe(String),
    /// A host call failed.
    #[error("{call} failed: {source}")]
    Host {
        /// The call, with its path if it has one.
        call: String,
        /// Its error number.
        source: std::io::Error,
    },
}

fn open_advice(error: &kvm_ioctls::Error) -> &'static str {
    match error.errno() {
        libc::ENOENT | libc::ENXIO | libc::ENODEV => {
            "load the module (modprobe kvm_intel or kvm_amd) and enable virtualization in the firmware, or in the \
             hypervisor if this is a virtual machine"
        }
        libc::EACCES | libc::EPERM => {
            "add your user to the group kvm (usermod -aG kvm USER) and log in again, or run as root"
        }
        _ => "see kvm's messages in dmesg",
    }
}
