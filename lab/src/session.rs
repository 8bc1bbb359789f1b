//! One use of the lab: build, boot, bring back.

use std::cell::Cell;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::artifacts::{self, Executable};
use crate::cli::{self, Cli, Inside};
use crate::error::Error;
use crate::image::Image;
use crate::job::Job;
use crate::kernel::{self, Kernel};
use crate::{archive, machine, tools};

/// The packages whose tests need what the lab has.
pub const TESTED: [&str; 3] = ["microvm", "container", "harness"];

/// Where the tests find compiled programs inside (see `microvm/tests/common`).
const PROGRAMS: &str = "/lab/programs";
/// The test of `microvm` that compiles them, and the variable that says where to.
const COMPILING_TEST: (&str, &str) = ("programs", "every_program_compiles");
const PROGRAMS_VARIABLE: &str = "MICROVM_TEST_PROGRAMS";
/// Tests of this package that need nothing that the lab has and the host has not: files are read, compared and
/// rendered, much is computed, kernels unpacked and containers started by tools that the lab lacks, programs compiled
/// or found that it has not, a GiB written, dozens of guests started that each take seconds here.
const NOT_HERE: (&str, [&str; 22]) = (
    "harness",
    [
        "ab::",
        "adapters::",
        "anchors::",
        "bad_input::",
        "baseline::",
        "claims::",
        "compare::",
        "density::an_interrupt",
        "density::nothing_is_left",
        "density::published",
        "density::what_ends",
        "exec::a_static_c_program",
        "exec::any_program_runs_from_a_directory",
        "exec::floods",
        "exec::what_cannot_run_is_refused",
        "export::",
        "history::",
        "kernel::",
        "kernel_fetch::",
        "ladder::other_experiments",
        "report::",
        "schedule::",
    ],
);
/// Whole binaries of such tests.
const TARGETS_NOT_HERE: [&str; 2] = ["documented", "unchanged"];
/// Cases of a property test. The many that are usual run on the host; here it matters that they run at all.
const PROPTEST_CASES: &str = "16";

/// Does what the command line says; returns the exit status of what ran inside.
///
/// # Errors
/// What kept the lab from its work.
pub fn run(cli: &Cli) -> Result<u8, Error> {
    tools::check()?;
    let cache = cache();
    fs::create_dir_all(&cache).map_err(Error::file("create", &cache))?;
    sweep(&cache);
    let kernel = kernel::get(&cache)?;
    let prefix = format!("{SCRATCH}{}-", std::process::id());
    let scratch = tempfile::Builder::new().prefix(&prefix).tempdir_in(&cache);
    let scratch = scratch.map_err(Error::file("create a folder in", &cache))?;

    let (mut image, bring_to) = match &cli.command {
        cli::Command::Test { packages, args } => (tests(&kernel, packages, args, scratch.path())?, None),
        cli::Command::Bench(inside) => {
            let bench = artifacts::bench()?;
            let mut image = Image::new(&kernel, collected(&bench.path, inside))?;
            image.program(&bench.path);
            (image, Some(&inside.bring_to))
        }
        cli::Command::Exec(inside) => {
            let program = Path::new("/bin").join(inside.args.first().map_or(OsStr::new("sh"), OsStr::new));
            let rest =
                Inside { bring_to: PathBuf::new(), args: inside.args.iter().skip(1).cloned().collect() };
            (Image::new(&kernel, collected(&program, &rest))?, Some(&inside.bring_to))
        }
    };
    if let Some(file) = &cli.machine.guest_kernel {
        image.file(file, Path::new("/kernels").join(file.file_name().unwrap_or_default()));
    }
    for path in &cli.machine.with {
        image.bring(&std::path::absolute(path).map_err(Error::file("find", path))?)?;
    }
    let initramfs = scratch.path().join("initramfs");
    image.write(&initramfs, scratch.path())?;
    eprintln!("lab: booting {} on {} emulated processor(s)", kernel.release, cli.machine.cpus);
    let disk = machine::run(&cli.machine, &kernel, &initramfs, scratch.path())?;
    bring_back(&disk, scratch.path(), bring_to.map(PathBuf::as_path))
}

fn collected(program: &Path, inside: &Inside) -> Job {
    let mut job = Job::new();
    let mut command = vec![program.as_os_str()];
    command.extend(inside.args.iter().map(OsStr::new));
    job.collected(&command);
    job
}

/// An image that runs the tests of `packages`.
fn tests(kernel: &Kernel, packages: &[String], args: &[String], scratch: &Path) -> Result<Image, Error> {
    let built = artifacts::tests(packages)?;
    let runs_here = |built: &&Executable| built.is_test && !TARGETS_NOT_HERE.contains(&built.target.as_str());
    let mut runners: Vec<&Executable> = built.iter().filter(runs_here).collect();
    // Cargo tells of them as they happen to be built.
    runners.sort_by_key(|runner| (&runner.package, &runner.target));
    if runners.is_empty() {
        return Err(Error::NothingBuilt("tests"));
    }
    let mut job = Job::new();
    job.set("BENCH_NO_SKIP", "1");
    job.set("PROPTEST_CASES", PROPTEST_CASES);
    job.set(PROGRAMS_VARIABLE, PROGRAMS);
    for runner in &runners {
        let mut command = vec![runner.path.as_os_str()];
        if runner.package == NOT_HERE.0 {
            command.extend(NOT_HERE.1.iter().flat_map(|part| ["--skip", part]).map(OsStr::new));
        }
        command.extend(args.iter().map(OsStr::new));
        job.titled(&format!("{}, {}", runner.package, runner.target), &runner.package_folder, &command);
    }
    let mut image = Image::new(kernel, job)?;
    for executable in &built {
        image.program(&executable.path);
    }
    // Where the tests look for their data.
    for package in packages.iter().map(String::as_str).chain(["results"]) {
        let data = artifacts::workspace().join(package).join("tests");
        if data.exists() {
            image.folder(&data, &data)?;
        }
    }
    if let Some(compiling) = runners.iter().find(|runner| runner.target == COMPILING_TEST.0) {
        let programs = scratch.join("programs");
        fs::create_dir(&programs).map_err(Error::file("create", &programs))?;
        let mut compile = Command::new(&compiling.path);
        compile
            .args(["--exact", COMPILING_TEST.1])
            .env(PROGRAMS_VARIABLE, &programs)
            .env("BENCH_NO_SKIP", "1");
        tools::output(compile.current_dir(&compiling.package_folder), false)?;
        image.folder(&programs, Path::new(PROGRAMS))?;
    }
    Ok(image)
}

/// Unpacks what the machine left on its disk: its job's files into `to`, its job's status to be returned.
fn bring_back(disk: &Path, scratch: &Path, to: Option<&Path>) -> Result<u8, Error> {
    let file = fs::File::open(disk).map_err(Error::file("open", disk))?;
    let status = scratch.join("status");
    let brought = Cell::new(false);
    let place = |name: &Path| match name.strip_prefix("files") {
        Ok(file) if file != Path::new("") => to.map(|to| {
            brought.set(true);
            to.join(file)
        }),
        _ => (name == "status").then(|| status.clone()),
    };
    archive::unpack(io::BufReader::new(file), place).map_err(Error::file("unpack", disk))?;
    if let (true, Some(to)) = (brought.get(), to) {
        eprintln!("lab: brought back {} (what was measured in an emulator is no result)", to.display());
    }
    let text = fs::read_to_string(&status).map_err(Error::file("read", &status))?;
    text.trim().parse().map_err(|_| Error::BadStatus(text))
}

/// Scratch folders are named by this and the process.
const SCRATCH: &str = "run-";

/// `bench/lab` in the user's cache.
fn cache() -> PathBuf {
    let absolute =
        |name| std::env::var_os(name).map(PathBuf::from).filter(|path: &PathBuf| path.is_absolute());
    let base = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")));
    base.unwrap_or_else(std::env::temp_dir).join("bench/lab")
}

/// Removes the scratch folders of labs that were killed.
fn sweep(cache: &Path) {
    for entry in fs::read_dir(cache).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix(SCRATCH)?.split('-').next());
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            // Another lab may do the same now.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_killed_labs_are_swept_and_others_stay() {
        let temp = tempfile::tempdir().unwrap();
        // No process has a number that high (PID_MAX_LIMIT, include/linux/threads.h).
        let dead = temp.path().join(format!("{SCRATCH}99999999-abc"));
        let alive = temp.path().join(format!("{SCRATCH}{}-abc", std::process::id()));
        let other = temp.path().join("kernels");
        for folder in [&dead, &alive, &other] {
            fs::create_dir(folder).unwrap();
        }
        sweep(temp.path());
        assert_eq!([&dead, &alive, &other].map(|folder| folder.exists()), [false, true, true]);
    }
}
