//! Which kernel ran in each guest that brings a Linux of its own: a comparison of isolation is one of kernels as well,
//! unless all run the same.
//!
//! A backend says so by its details `kernel` (release), `kernel_file` and `kernel_is_hosts` (`true` or `false`).

use results::Backend;

use crate::analysis::{Analysis, BASELINE};

/// A guest's kernel.
struct GuestKernel<'r> {
    backend: &'r str,
    release: &'r str,
    file: Option<&'r str>,
    is_hosts: bool,
}

impl<'r> GuestKernel<'r> {
    /// What a backend says of its guest's kernel; `None` if it has no Linux of its own.
    fn of(backend: &'r Backend) -> Option<Self> {
        let detail = |key: &str| backend.details.get(key).map(String::as_str);
        let is_hosts = match detail("kernel_is_hosts")? {
            "true" => true,
            "false" => false,
            _ => return None,
        };
        Some(Self {
            backend: &backend.name,
            release: detail("kernel")?,
            file: detail("kernel_file"),
            is_hosts,
        })
    }
}

fn guest_kernels<'r>(analysis: &Analysis<'r>) -> impl Iterator<Item = GuestKernel<'r>> {
    analysis.backends().filter_map(|(_, backend)| GuestKernel::of(backend))
}

/// Whose kernel each guest ran, a sentence a guest.
pub(super) fn sentences(analysis: &Analysis<'_>) -> Vec<String> {
    let sentence = |guest: GuestKernel<'_>| {
        let GuestKernel { backend, release, file, is_hosts } = guest;
        let file = file.map(|file| format!(" ({file})")).unwrap_or_default();
        let compared = if is_hosts {
            format!("the host’s own kernel, the one that {BASELINE} and container run on.")
        } else {
            format!("not the host’s kernel, which is {}.", analysis.run.host.kernel)
        };
        format!("{backend} booted Linux {release}{file}: {compared}")
    };
    guest_kernels(analysis).map(sentence).collect()
}

/// What a guest's other kernel does to the comparison.
pub(super) fn differing(analysis: &Analysis<'_>) -> Vec<String> {
    let sentence = |guest: GuestKernel<'_>| {
        format!(
            "The guest of {} runs Linux {}, the host {}: differences between the kernels and their configurations are \
             part of its numbers.",
            guest.backend, guest.release, analysis.run.host.kernel
        )
    };
    guest_kernels(analysis).filter(|guest| !guest.is_hosts).map(sentence).collect()
}
