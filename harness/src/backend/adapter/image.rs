//! What podman and docker share: the image, whose only file is the agent, and options that both spell alike.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Result, anyhow};

use super::runtime::{Order, Site};
use super::tool::{PATIENT, call, words};

/// The image's name: no other run has it.
pub fn name(site: &Site) -> String {
    format!("{}:latest", site.token)
}

/// The file of an instance's folder that has the tool's own name of the container.
pub const CID: &str = "cid";

/// Where the tool writes its own name of the container, which the cgroup and the shim carry.
pub fn cid_file(order: &Order) -> PathBuf {
    order.dir().join(CID)
}

/// The root file system as an archive, to be imported.
pub fn archive(site: &Site) -> Result<PathBuf> {
    let path = site.dir.join("image.tar");
    let tar = std::path::Path::new("/bin/tar");
    let (file, root) = (path.clone().into_os_string(), site.rootfs.clone().into_os_string());
    call(tar, &["-C".into(), root, "-cf".into(), file, ".".into()], PATIENT).map_err(|why| anyhow!(why))?;
    Ok(path)
}

/// The limits of the job.
pub fn limits(order: &Order) -> Vec<OsString> {
    let job = order.job;
    // Memory and swap together, as for all: no swap.
    words(&[
        format!("--memory={}", job.memory_bytes),
        format!("--memory-swap={}", job.memory_bytes),
        format!("--cpus={}", job.limits.cpu),
        format!("--pids-limit={}", job.limits.pids),
    ])
}
