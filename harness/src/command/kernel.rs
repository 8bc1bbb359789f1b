//! `bench kernel`: which kernels a Linux guest can boot, where to get one, its uncompressed form.

use std::path::{Path, PathBuf};

use anyhow::Result;
use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use serde::Serialize;

use crate::cli::KernelCommand;
use crate::interrupt::Interrupt;
use crate::kernel::{self, Cache, Download, Format, Kernel, Places};
use crate::output::{note, print, print_json};
use crate::status::Outcome;

/// A kernel as it is shown: with its uncompressed form, if there is one.
#[derive(Debug, Serialize)]
struct Shown {
    #[serde(flatten)]
    kernel: Kernel,
    uncompressed: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Listing {
    /// What `microvm-linux` boots without `--kernel`.
    default: Option<PathBuf>,
    kernels: Vec<Shown>,
    /// Why something that is named like a kernel is not among them.
    refused: Vec<String>,
}

/// Carries out one of the subcommands.
pub fn kernel(command: &KernelCommand) -> Result<Outcome> {
    // A signal does not end what is at work in the cache, so that nothing unfinished stays there.
    let interrupt = Interrupt::install()?;
    let result = match command {
        KernelCommand::List(args) => list(args.json),
        KernelCommand::Fetch { package, json } => fetch(package.as_deref(), json.json),
        KernelCommand::Extract { path, json } => extract(path, json.json),
    };
    match result {
        // Ctrl-C reaches apt-get too, whose failure is then no news.
        _ if interrupt.is_raised() => Ok(Outcome::Interrupted),
        result => result.map(|()| Outcome::Fine),
    }
}

fn list(json: bool) -> Result<()> {
    let places = Places::of_host()?;
    let (mut kernels, mut refused) = (Vec::new(), Vec::new());
    for found in places.list() {
        match found {
            Ok(kernel) => {
                let uncompressed = places.cache.find_uncompressed(&kernel)?;
                kernels.push(Shown { kernel, uncompressed });
            }
            Err(error) => refused.push(error.to_string()),
        }
    }
    let default = places.choose(None);
    if json {
        return print_json(&Listing { default: default.ok().map(|kernel| kernel.path), kernels, refused });
    }
    if !kernels.is_empty() {
        print(&table(&kernels))?;
    }
    for error in &refused {
        note(error);
    }
    match default {
        Ok(kernel) => print(&format!("Without --kernel, microvm-linux boots {}.", kernel.path.display())),
        Err(error) => print(&error.to_string()),
    }
}

fn table(kernels: &[Shown]) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["KERNEL", "RELEASE", "FORMAT", "MiB", "SOURCE", "HOST'S OWN", "UNPACKED"]);
    let yes = |is: bool| if is { "yes" } else { "no" };
    for Shown { kernel, uncompressed } in kernels {
        table.add_row([
            kernel.path.display().to_string(),
            kernel.release.clone(),
            kernel.format.to_string(),
            mebibytes(kernel.size_bytes),
            kernel.source.to_string(),
            yes(kernel.is_hosts).to_owned(),
            match kernel.format {
                Format::Elf => "is".to_owned(),
                Format::BzImage => yes(uncompressed.is_some()).to_owned(),
            },
        ]);
    }
    format!("{table}\n")
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / f64::from(1 << 20))
}

fn fetch(package: Option<&str>, json: bool) -> Result<()> {
    let download = Download::resolve(package)?;
    note(&format!("fetching {}", download.package()));
    let kernel = download.fetch()?;
    if json {
        return print_json(&kernel);
    }
    print(&format!(
        "{}: {} {}, {} MiB",
        kernel.path.display(),
        kernel.format,
        kernel.release,
        mebibytes(kernel.size_bytes)
    ))
}

fn extract(path: &Path, json: bool) -> Result<()> {
    let kernel = kernel::choose(Some(path))?;
    let uncompressed = Cache::of_user()?.uncompressed(&kernel)?;
    if json {
        return print_json(&Shown { kernel, uncompressed: Some(uncompressed) });
    }
    print(&uncompressed.display().to_string())
}
