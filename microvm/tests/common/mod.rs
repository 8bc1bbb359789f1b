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

/// Compiles a C program with `flags`, which say how it is linked; none, with a word, if there is no compiler.
pub fn compile_c(source: &str, flags: &[&str], folder: &Path) -> Option<PathBuf> {
    let output = folder.join("program");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs").join(source);
    compiled(Command::new("cc").arg("-O2").args(flags).arg(&source).arg("-o").arg(&output), output)
}

/// Runs a compiler.
pub fn compiled(command: &mut Command, output: PathBuf) -> Option<PathBuf> {
    match command.output() {
        Ok(result) if result.status.success() => Some(output),
        Ok(result) => {
            skip(&format!("{command:?} failed: {}", String::from_utf8_lossy(&result.stderr)));
            None
        }
        Err(error) => {
            skip(&format!("{command:?}: {error}"));
            None
        }
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
