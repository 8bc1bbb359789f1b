//! What the tests share: skipping, running, and programs made of raw machine code.
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]
#![allow(dead_code, reason = "each test file uses its part")]

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use microvm::{Config, Exit, Launcher, Stderr};

/// Long enough for any guest that means well, on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Says why a test cannot run; fails it where nothing may be skipped.
pub fn skip(reason: &str) {
    assert!(
        std::env::var_os("BENCH_NO_SKIP").is_none_or(|value| value.is_empty()),
        "not allowed to skip: {reason}"
    );
    println!("SKIPPED: {reason}");
}

/// Whether /dev/kvm can be used; says so if not.
pub fn has_kvm() -> bool {
    match microvm::vmm::open_kvm() {
        Ok(_) => true,
        Err(error) => {
            skip(&error.to_string());
            false
        }
    }
}

/// A path, if it exists; says so if not.
pub fn existing(path: &str) -> Option<&Path> {
    let found = Path::new(path).exists().then_some(Path::new(path));
    if found.is_none() {
        skip(&format!("there is no {path}"));
    }
    found
}

/// What a finished guest left.
#[derive(Debug)]
pub struct Finished {
    pub output: String,
    pub errors: String,
    pub exit: Exit,
}

/// Runs a guest to its end, without input.
pub fn run(mut config: Config) -> Finished {
    config.stderr = Stderr::Capture;
    config.deadline.get_or_insert(PATIENCE);
    let mut instance = Launcher::new().unwrap().start(&config).unwrap();
    drop(instance.stdin.take());
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    instance.stdout.read_to_end(&mut output).unwrap();
    instance.stderr.take().unwrap().read_to_end(&mut errors).unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Finished { output: text(output), errors: text(errors), exit: instance.wait().unwrap() }
}

/// Runs `program` with arguments in 32 MiB.
pub fn run_program(program: &Path, args: &[&str]) -> Finished {
    let mut config = Config::new(program);
    config.args = args.iter().map(Into::into).collect();
    run(config)
}

/// A program of tests/programs and how it is compiled.
pub struct Program {
    pub name: &'static str,
    source: &'static str,
    compiler: &'static str,
    flags: &'static [&'static str],
}

const fn c(name: &'static str, source: &'static str, flags: &'static [&'static str]) -> Program {
    Program { name, source, compiler: "cc", flags }
}

pub const CALLS: Program = c("calls", "calls.c", &["-O2", "-static"]);
pub const CALLS_PIE: Program = c("calls-pie", "calls.c", &["-O2", "-static-pie", "-fPIE"]);
pub const CLOCK: Program = c("clock", "clock.c", &["-O2", "-static"]);
pub const REGISTERS: Program =
    c("registers", "registers.c", &["-O2", "-static", "-mno-red-zone", "-mavx512f"]);
pub const RUST: Program = Program {
    name: "rust",
    source: "rust.rs",
    compiler: "rustc",
    flags: &["--edition=2024", "-O", "-Ctarget-feature=+crt-static", "--target=x86_64-unknown-linux-gnu"],
};
pub const PROGRAMS: [Program; 5] = [CALLS, CALLS_PIE, CLOCK, REGISTERS, RUST];

impl Program {
    /// The compiled program; none, with a word, if there is no compiler. It is in `folder`, or in the folder
    /// MICROVM_TEST_PROGRAMS, where it may be already: that is how programs get to where no compiler is.
    pub fn compiled(&self, folder: &Path) -> Option<PathBuf> {
        let given = std::env::var_os("MICROVM_TEST_PROGRAMS").map(PathBuf::from);
        let output = given.as_deref().unwrap_or(folder).join(self.name);
        if given.is_some() && output.exists() {
            return Some(output);
        }
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs").join(self.source);
        let mut compiler = Command::new(self.compiler);
        let reason = match compiler.args(self.flags).arg(source).arg("-o").arg(&output).output() {
            Ok(result) if result.status.success() => return Some(output),
            Ok(result) => String::from_utf8_lossy(&result.stderr).into_owned(),
            Err(error) => error.to_string(),
        };
        skip(&format!("{compiler:?} failed: {reason}"));
        None
    }
}

/// Where [`write_elf`] puts the first instruction.
pub const CODE: u64 = 0x40_0000 + 64 + 56;

/// A static executable of machine code: one segment, readable, writable and executable.
pub fn write_elf(folder: &Path, code: &[u8]) -> PathBuf {
    let path = folder.join("program");
    fs::write(&path, elf(code)).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// The bytes of such an executable.
pub fn elf(code: &[u8]) -> Vec<u8> {
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    let size = (64 + 56 + code.len()) as u64;
    file.extend([2u16, 62].map(u16::to_le_bytes).concat());
    file.extend(1u32.to_le_bytes());
    file.extend([CODE, 64, 0].map(u64::to_le_bytes).concat());
    file.extend(0u32.to_le_bytes());
    file.extend([64u16, 56, 1, 0, 0, 0].map(u16::to_le_bytes).concat());
    file.extend([1u32, 7].map(u32::to_le_bytes).concat());
    file.extend([0, 0x40_0000, 0x40_0000, size, size, 4096].map(u64::to_le_bytes).concat());
    file.extend(code);
    file
}
