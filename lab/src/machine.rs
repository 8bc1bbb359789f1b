//! The emulated machine: starts QEMU, streams what comes out, and ends it in every case.
//!
//! Three of its serial lines go to files that are followed from here: nothing in QEMU or the guest ever waits for a
//! reader, and the console's last words are at hand when something goes wrong. Times are the host's.
//!
//! Invariant: a [`Running`] QEMU is dead and reaped when dropped, and dies with this process.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::cli::MachineArgs;
use crate::error::Error;
use crate::kernel::Kernel;

/// For the kernel:
/// - an emergency ends QEMU, and only warnings reach the console;
/// - the emulated counters are the host's, so they agree, although the processor does not promise it; without its
///   counter, KVM would bend the guests' clocks;
/// - huge pages for those who ask, as many distributions have it, so that memory touched can be told.
const COMMAND_LINE: &str =
    "console=ttyS0 quiet loglevel=5 panic=-1 tsc=reliable transparent_hugepage=madvise";
/// What the first process says on the console when it is there, every 20 s from then on, and when its archive is on the
/// disk.
const UP: &str = "lab: up";
const ALIVE: &str = "lab: alive";
const DONE: &str = "lab: done";
/// A boot takes 5 seconds, on busy processors 20.
const BOOT_PATIENCE: Duration = Duration::from_secs(120);
/// A machine whose timer still runs has never been silent for a minute.
const SILENCE: Duration = Duration::from_secs(120);
/// One hang is forgiven.
const BOOTS: u32 = 2;
/// A machine asleep whose timer interrupt was lost sleeps for ever (seen: vector 236 waits in the APIC, the processor is
/// halted): QEMU 7.2 changes `interrupt_request` without a lock when it enters or leaves a guest, while its timers set it
/// (target/i386/tcg/sysemu/svm_helper.c). Any other interrupt makes up for it.
const PULSE: Duration = Duration::from_secs(1);
/// Far more than a verbose run of everything prints.
const MAX_OUTPUT: u64 = 256 << 20;
/// Room for results; the file is sparse.
const DISK_BYTES: u64 = 1 << 30;
const POLL: Duration = Duration::from_millis(50);

/// The files of a machine, in one folder.
struct Files {
    image: PathBuf,
    disk: PathBuf,
    console: PathBuf,
    stdout: PathBuf,
    stderr: PathBuf,
}

/// Boots the machine, lets it do its job, and returns the disk with the archive that it left.
///
/// `scratch` holds the initramfs `image` and takes the other files.
///
/// # Errors
/// What went wrong with the machine, or [`Error::Interrupted`] by a signal.
pub fn run(args: &MachineArgs, kernel: &Kernel, image: &Path, scratch: &Path) -> Result<PathBuf, Error> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&stop))
            .map_err(Error::file("watch signals for", "lab"))?;
    }
    let files = Files {
        image: image.to_owned(),
        disk: scratch.join("disk"),
        console: scratch.join("console"),
        stdout: scratch.join("stdout"),
        stderr: scratch.join("stderr"),
    };
    let end = Instant::now() + args.timeout;
    for attempt in 1.. {
        match attempt_run(args, kernel, &files, end, &stop) {
            Err(Error::NoBoot { .. } | Error::Hangs { .. }) if attempt < BOOTS => {
                eprintln!("lab: the machine hangs; all of it once more");
            }
            Err(error) => return Err(error),
            Ok(()) => break,
        }
    }
    Ok(files.disk)
}

fn attempt_run(
    args: &MachineArgs,
    kernel: &Kernel,
    files: &Files,
    end: Instant,
    stop: &AtomicBool,
) -> Result<(), Error> {
    let disk = File::create(&files.disk).map_err(Error::file("create", &files.disk))?;
    disk.set_len(DISK_BYTES).map_err(Error::file("size", &files.disk))?;
    let mut console = Follower::new(&files.console)?;
    let mut stdout = Follower::new(&files.stdout)?;
    let mut stderr = Follower::new(&files.stderr)?;
    let mut machine = Running(start(args, kernel, files)?);
    let mut is_up = false;
    let mut pulse = machine.0.stdin.take();
    let begun = Instant::now();
    let (mut heard, mut poked) = (begun, begun);
    loop {
        let ended = machine.0.try_wait().map_err(Error::file("wait for", "qemu"))?;
        if console.follow(args.console.then(io::stderr).as_mut())? {
            heard = Instant::now();
            is_up = is_up || console.has(UP);
        }
        stdout.follow(Some(&mut io::stdout()))?;
        stderr.follow(Some(&mut io::stderr()))?;
        if stop.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        if let Some(status) = ended {
            return match console.has(DONE) {
                true => Ok(()),
                false => Err(Error::NoResults { what: format!("QEMU: {status}"), console: console.tail() }),
            };
        }
        let now = Instant::now();
        if now >= poked + PULSE {
            poked = now;
            // A machine that does not take it is about to end, or hangs.
            let _ = pulse.as_mut().map(|pulse| pulse.write(b"\n"));
        }
        if now >= end {
            return Err(Error::Timeout { limit: args.timeout, console: console.tail() });
        }
        if !is_up && now >= begun + BOOT_PATIENCE {
            return Err(Error::NoBoot { patience: BOOT_PATIENCE, console: console.tail() });
        }
        if is_up && now >= heard + SILENCE {
            return Err(Error::Hangs { patience: SILENCE, console: console.tail() });
        }
        std::thread::sleep(POLL);
    }
}

fn start(args: &MachineArgs, kernel: &Kernel, files: &Files) -> Result<Child, Error> {
    let mut qemu = Command::new("qemu-system-x86_64");
    // Not the machine type microvm: half of its boots hang for ever when the host's processors are busy. This one
    // has more clocks to calibrate against.
    qemu.args(["-M", "q35", "-accel", "tcg", "-cpu", "max,+svm"]);
    qemu.args(["-m", &format!("{}M", args.memory), "-smp", &args.cpus.to_string()]);
    // Nothing but what is named below, and an end where a reset would be.
    qemu.args(["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]);
    qemu.arg("-kernel").arg(&kernel.image).arg("-initrd").arg(&files.image);
    qemu.args(["-append", COMMAND_LINE]);
    for (id, file, port, interrupt) in [
        ("console", &files.console, "0x3f8", 4),
        ("stdout", &files.stdout, "0x2f8", 3),
        // Not its usual interrupt, which is the first line's.
        ("stderr", &files.stderr, "0x3e8", 5),
    ] {
        qemu.arg("-chardev").arg(option(&format!("file,id={id},append=on,path="), file));
        qemu.arg("-device").arg(format!("isa-serial,chardev={id},iobase={port},irq={interrupt}"));
    }
    qemu.args(["-chardev", "stdio,id=pulse,signal=off"]);
    qemu.args(["-device", "isa-serial,chardev=pulse,iobase=0x2e8,irq=10"]);
    // NVMe, because Debian's cloud kernel has the driver built in. Writes may stay in the host's page cache.
    qemu.arg("-drive").arg(option("id=disk,if=none,format=raw,cache=unsafe,file=", &files.disk));
    qemu.args(["-device", "nvme,serial=lab,drive=disk"]);
    qemu.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::inherit());
    let parent = nix::unistd::getpid();
    // A group of its own: ^C is for us, who then end it.
    qemu.process_group(0);
    // SAFETY: between fork and exec only system calls are made, and nothing is allocated.
    unsafe {
        qemu.pre_exec(move || {
            nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL)?;
            // The parent may have died before that.
            if nix::unistd::getppid() == parent { Ok(()) } else { Err(nix::errno::Errno::ECHILD.into()) }
        });
    }
    qemu.spawn().map_err(|source| Error::Start { program: "qemu-system-x86_64".to_owned(), source })
}

/// A QEMU option that ends in a path, in which it wants commas doubled.
fn option(text: &str, path: &Path) -> String {
    format!("{text}{}", path.to_string_lossy().replace(',', ",,"))
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Reads a file as it grows.
struct Follower {
    path: PathBuf,
    file: File,
    total: u64,
    /// The last of what came.
    recent: Vec<u8>,
}

impl Follower {
    /// How much is kept for messages.
    const RECENT: usize = 64 << 10;

    /// Follows a new, empty file.
    fn new(path: &Path) -> Result<Self, Error> {
        File::create(path).map_err(Error::file("create", path))?;
        let file = File::open(path).map_err(Error::file("open", path))?;
        Ok(Self { path: path.to_owned(), file, total: 0, recent: Vec::new() })
    }

    /// Copies what has come since the last time, and says whether something has.
    fn follow(&mut self, mut to: Option<&mut impl Write>) -> Result<bool, Error> {
        let before = self.total;
        let mut buffer = [0; 16 << 10];
        loop {
            let length = self.file.read(&mut buffer).map_err(Error::file("read", &self.path))?;
            if length == 0 {
                break;
            }
            self.total += length as u64;
            if self.total > MAX_OUTPUT {
                return Err(Error::TooMuchOutput(MAX_OUTPUT));
            }
            self.recent.extend(&buffer[..length]);
            if self.recent.len() > 2 * Self::RECENT {
                self.recent.drain(..self.recent.len() - Self::RECENT);
            }
            if let Some(to) = &mut to {
                // Nobody listens any more; the job goes on, its results may be wanted.
                let _ = to.write_all(&buffer[..length]).and_then(|()| to.flush());
            }
        }
        Ok(self.total > before)
    }

    fn has(&self, text: &str) -> bool {
        String::from_utf8_lossy(&self.recent).lines().any(|line| line.trim() == text)
    }

    /// The last lines that say something.
    fn tail(&self) -> String {
        let text = String::from_utf8_lossy(&self.recent);
        let lines: Vec<&str> = text.lines().filter(|line| line.trim() != ALIVE).collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_growing_file_is_followed_and_its_end_remembered() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("file");
        let mut follower = Follower::new(&path).unwrap();
        let mut writer = File::options().append(true).open(&path).unwrap();
        let mut seen = Vec::new();
        for number in 0..30_000 {
            writeln!(writer, "line {number}\r").unwrap();
            if number % 1000 == 0 {
                follower.follow(Some(&mut seen)).unwrap();
            }
        }
        follower.follow(Some(&mut seen)).unwrap();
        assert_eq!(seen.iter().filter(|&&byte| byte == b'\n').count(), 30_000);
        assert!(follower.has("line 29999") && !follower.has("line"));
        assert!(follower.tail().starts_with("line 29980"));
        assert!(follower.recent.len() <= 2 * Follower::RECENT);
    }

    #[test]
    fn commas_in_paths_are_doubled_for_qemu() {
        assert_eq!(option("path=", Path::new("/a,b")), "path=/a,,b");
    }
}
