//! The Linux guest that is the same in every virtual machine, whoever's monitor starts it: kernel, root file system, memory.
//!
//! Sizes are bytes.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use microvm::linux::Initramfs;

use super::{Details, Job};
use crate::host::kvm;
use crate::kernel::{self, Kernel};

/// What a distribution's kernel needs to start, and keeps, beside what its one program gets.
pub const KERNEL_ALLOWANCE: u64 = 96 << 20;

/// What a machine boots.
#[derive(Clone, Debug)]
pub struct Guest {
    /// The kernel, uncompressed.
    pub kernel: PathBuf,
    /// The agent as `/init`.
    pub initramfs: Initramfs,
}

impl Guest {
    /// With the `given` kernel, or the one that [`kernel::choose`] finds.
    pub fn prepare(given: Option<&Path>) -> Result<Self> {
        let kernel = kernel::choose(given)?;
        Ok(Self {
            kernel: kernel::uncompressed(&kernel).context("unpack the kernel")?,
            initramfs: Initramfs::of_agent(workloads::AGENT)?,
        })
    }
}

/// Whether this host can boot such a guest on KVM: facts about it, or the reason why not. `name`: of the backend.
pub fn probe(given: Option<&Path>, name: &str) -> Result<Details, String> {
    // The host first: a kernel helps nobody where none can run.
    let facts = kvm()?;
    if !facts.runs_stock_kernels() {
        return Err(format!(
            "this host has a {facts}; use one with VMX or SVM, bare metal or nested (--force-backend {name} tries all the same)",
        ));
    }
    let kernel = kernel::choose(given).map_err(|error| error.to_string())?;
    Ok(details(&kernel, &facts.to_string()))
}

/// What is known of a guest with this kernel on this `kvm`.
pub fn details(kernel: &Kernel, kvm: &str) -> Details {
    [
        ("isolation", "a KVM virtual machine".to_owned()),
        ("kernel", kernel.release.clone()),
        ("kernel_file", kernel.path.display().to_string()),
        ("kernel_is_hosts", kernel.is_hosts.to_string()),
        ("memory", format!("the job's and {} MiB for the kernel", KERNEL_ALLOWANCE >> 20)),
        ("kvm", kvm.to_owned()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into()
}

/// The size of the guest.
pub fn memory_bytes(job: &Job) -> u64 {
    job.memory_bytes + KERNEL_ALLOWANCE
}

/// The environment as words of the kernel's command line: it hands assignments that mean nothing to it to init.
pub fn assignments(job: &Job) -> String {
    job.env.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}
