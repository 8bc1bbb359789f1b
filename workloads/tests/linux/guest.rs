//! A guest in QEMU: a distribution's kernel, an initramfs with the agent, a doorbell of two debug ports.
//!
//! Invariant: QEMU ends with its [`Running`], at the latest after [`DEADLINE`].

use std::{
    env, fs,
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use workloads::AGENT;

/// Far beyond what any of these boots takes: for a hang to fail rather than to hang the tests.
const DEADLINE: Duration = Duration::from_secs(180);
const POLL: Duration = Duration::from_millis(20);

/// The port that the agent is told to ring at.
const PORT: u16 = 0x6b0;

/// What every boot has in common.
pub struct Guest {
    kernel: PathBuf,
    initramfs: Vec<u8>,
}

/// A guest in QEMU.
pub struct Running {
    qemu: Child,
    folder: PathBuf,
    started: Instant,
}

/// What a guest left behind.
#[derive(Debug)]
#[expect(dead_code, reason = "`how` is for the messages of failed assertions")]
pub struct Ended {
    /// What was written to the doorbell's first port.
    pub doorbell: Vec<u8>,
    /// What was written to its second port.
    pub status: Vec<u8>,
    /// What came over the second serial line.
    pub output: Vec<u8>,
    /// What came over the first one.
    pub console: String,
    /// How QEMU ended and what it said.
    pub how: String,
}

impl Guest {
    /// Finds QEMU and a kernel, or says what is missing.
    pub fn prepare() -> Result<Self, String> {
        let found = Command::new("qemu-system-x86_64").arg("--version").stdout(Stdio::null()).status();
        if !found.is_ok_and(|status| status.success()) {
            return Err("no qemu-system-x86_64 here; on Debian: apt-get install qemu-system-x86".to_owned());
        }
        let kernel = kernel().ok_or(
            "no readable kernel here; BENCH_TEST_KERNEL=PATH names one, `bench kernel fetch` downloads one",
        )?;
        Ok(Self { kernel, initramfs: initramfs() })
    }

    /// Boots with these arguments for the agent.
    pub fn boot(&self, arguments: &[&str]) -> Running {
        self.start(arguments, &["-chardev", "stdio,id=line,signal=off", "-serial", "chardev:line"])
    }

    /// Boots a machine that has no second serial port.
    pub fn boot_without_line(&self, arguments: &[&str]) -> Running {
        self.start(arguments, &[])
    }

    fn start(&self, arguments: &[&str], line: &[&str]) -> Running {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("guest.{}.{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("initramfs"), &self.initramfs).unwrap();

        let mut qemu = Command::new("qemu-system-x86_64");
        // q35 for its PM timer: the microvm machine hangs now and then on a busy host.
        qemu.args([
            "-accel",
            "tcg",
            "-cpu",
            "max",
            "-M",
            "q35",
            "-m",
            "256",
            "-nodefaults",
            "-display",
            "none",
        ]);
        qemu.args(["-no-reboot", "-initrd", "initramfs", "-serial", "file:console"]).args(line);
        for (port, file) in [(PORT, "doorbell"), (PORT + 1, "status")] {
            qemu.args(["-chardev", &format!("file,id={file},path={file}")]);
            qemu.args(["-device", &format!("isa-debugcon,iobase={port},chardev={file}")]);
        }
        qemu.arg("-kernel").arg(&self.kernel).arg("-append").arg(format!(
            "console=ttyS0 quiet panic=-1 reboot=k BENCH_DOORBELL={PORT} -- {}",
            arguments.join(" ")
        ));
        let errors = fs::File::create(folder.join("qemu")).unwrap();
        let qemu = qemu.current_dir(&folder).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors);
        Running { qemu: qemu.spawn().unwrap(), folder, started: Instant::now() }
    }

    /// The release in the kernel's own words: the first word of the string that the setup header points to
    /// (field `kernel_version` of Documentation/arch/x86/boot.rst).
    pub fn kernel_release(&self) -> String {
        let image = fs::read(&self.kernel).unwrap();
        let at = 0x200 + usize::from(u16::from_le_bytes([image[0x20e], image[0x20f]]));
        let text = image[at..].split(|&byte| byte == b' ' || byte == 0).next().unwrap();
        String::from_utf8(text.to_vec()).unwrap()
    }
}

impl Running {
    /// Sends bytes to the guest's second serial line.
    pub fn send(&mut self, bytes: &[u8]) {
        let stdin = self.qemu.stdin.as_mut().unwrap();
        stdin.write_all(bytes).and_then(|()| stdin.flush()).unwrap();
    }

    pub fn is_running(&mut self) -> bool {
        self.qemu.try_wait().unwrap().is_none()
    }

    /// Waits until the doorbell's first port has heard exactly this.
    pub fn wait_for_doorbell(&mut self, expected: &[u8]) {
        while self.file("doorbell") != expected {
            assert!(self.is_running(), "QEMU ended: {}", self.text("qemu"));
            assert!(self.started.elapsed() < DEADLINE, "no {expected:?}: {}", self.text("console"));
            thread::sleep(POLL);
        }
    }

    /// Waits until the guest has restarted, which ends QEMU.
    pub fn end(mut self) -> Ended {
        let mut stdout = self.qemu.stdout.take().unwrap();
        let reader = thread::spawn(move || {
            let mut output = Vec::new();
            stdout.read_to_end(&mut output).map(|_| output)
        });
        while self.is_running() {
            assert!(self.started.elapsed() < DEADLINE, "hangs: {}", self.text("console"));
            thread::sleep(POLL);
        }
        let status = self.qemu.wait().unwrap();
        Ended {
            doorbell: self.file("doorbell"),
            status: self.file("status"),
            output: reader.join().unwrap().unwrap(),
            console: self.text("console"),
            how: format!("{status}: {}", self.text("qemu")),
        }
    }

    /// A file that QEMU writes; empty if it has not yet.
    fn file(&self, name: &str) -> Vec<u8> {
        fs::read(self.folder.join(name)).unwrap_or_default()
    }

    fn text(&self, name: &str) -> String {
        String::from_utf8_lossy(&self.file(name)).into_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = (self.qemu.kill(), self.qemu.wait());
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The kernel to boot: the one named, this machine's, or one that was fetched.
fn kernel() -> Option<PathBuf> {
    if let Some(named) = env::var_os("BENCH_TEST_KERNEL").filter(|value| !value.is_empty()) {
        return Some(named.into());
    }
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")));
    let fetched = cache.map(|cache| entries(&cache.join("bench/kernels"))).unwrap_or_default();
    newest(&[PathBuf::from("/boot")]).or_else(|| newest(&fetched))
}

/// The readable kernel with the last name; a distribution may keep its own from everybody but root.
fn newest(folders: &[PathBuf]) -> Option<PathBuf> {
    let files = folders.iter().flat_map(|folder| entries(folder));
    let is_kernel = |file: &PathBuf| {
        let named = file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("vmlinuz"));
        named && fs::File::open(file).is_ok()
    };
    files.filter(is_kernel).max()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

/// The initramfs: the agent and the device nodes it needs, in the `newc` format of the kernel's
/// Documentation/driver-api/early-userspace/buffer-format.rst.
fn initramfs() -> Vec<u8> {
    const FOLDER: u32 = 0o040_755;
    const DEVICE: u32 = 0o020_600;
    const PROGRAM: u32 = 0o100_755;
    [
        entry("dev", FOLDER, (0, 0), b""),
        entry("dev/console", DEVICE, (5, 1), b""),
        entry("dev/null", DEVICE, (1, 3), b""),
        entry("dev/zero", DEVICE, (1, 5), b""),
        entry("dev/ttyS1", DEVICE, (4, 65), b""),
        entry("init", PROGRAM, (0, 0), AGENT),
        entry("TRAILER!!!", 0, (0, 0), b""),
    ]
    .concat()
}

fn entry(name: &str, mode: u32, (major, minor): (u32, u32), content: &[u8]) -> Vec<u8> {
    let (size, name_size) = (content.len(), name.len() + 1);
    // magic, ino, mode, uid, gid, nlink, mtime, filesize, devmajor, devminor, rdevmajor, rdevminor, namesize,
    // check: eight hexadecimal digits each but the first
    let zero = "00000000";
    let header = format!(
        "070701{zero}{mode:08x}{zero}{zero}00000001{zero}{size:08x}{zero}{zero}{major:08x}{minor:08x}\
         {name_size:08x}{zero}"
    );
    let mut bytes = [header.as_bytes(), name.as_bytes(), b"\0"].concat();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}
