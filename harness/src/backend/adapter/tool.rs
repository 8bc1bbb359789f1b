//! Finding a tool on this host and asking it questions.
//!
//! Invariant: no question waits longer than its deadline, and a tool that did not answer is killed with all it started.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use sha2::{Digest, Sha256};

use crate::executable::{is_executable, on_path};
use crate::output::hex;

/// For a question that every tool answers at once.
pub const QUICK: Duration = Duration::from_secs(5);

/// For work of a tool outside of what is timed.
pub const PATIENT: Duration = Duration::from_secs(30);

/// For a tool that is told to remove what it may have hung on.
pub const IMPATIENT: Duration = Duration::from_secs(10);

/// Between two looks at a tool that has not ended yet.
const PAUSE: Duration = Duration::from_millis(1);

/// Of what a tool says, what is kept.
const MOST_OUTPUT: u64 = 64 << 10;

/// The file to execute for `program`: the path itself, or found in one of the folders of PATH.
pub fn find(program: &Path) -> Option<PathBuf> {
    if program.components().count() > 1 {
        let works = program.metadata().is_ok_and(|of| of.is_file() && is_executable(&of));
        return works.then(|| program.to_owned());
    }
    on_path(program.as_os_str())
}

/// Calls `program` and returns what it wrote on standard output; or else why not, in its own words if it has any.
pub fn call<A: AsRef<OsStr>>(program: &Path, args: &[A], deadline: Duration) -> Result<String, String> {
    let line = line(std::iter::once(program.as_os_str()).chain(args.iter().map(AsRef::as_ref)));
    let outcome = answer(program, args, deadline).map_err(|error| format!("`{line}`: {error}"))?;
    let Some((success, how, stdout, stderr)) = outcome else {
        return Err(format!("`{line}` did not end within {} s", deadline.as_secs()));
    };
    if success { Ok(stdout) } else { Err(format!("`{line}`: {how}, {}", excerpt(&stderr))) }
}

type Answer = (bool, String, String, String);

/// Runs it to its end or to the deadline. Its output goes to files: a pipe would be held open by what it leaves behind.
fn answer<A: AsRef<OsStr>>(program: &Path, args: &[A], deadline: Duration) -> io::Result<Option<Answer>> {
    let (mut stdout, mut stderr) = (tempfile::tempfile()?, tempfile::tempfile()?);
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).process_group(0);
    command.stdout(stdout.try_clone()?).stderr(stderr.try_clone()?);
    let mut child = command.spawn()?;
    let end = Instant::now() + deadline;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() > end {
            // Its group is its own, so this hits what it has started and nobody else. It is gone at the worst.
            let _ = killpg(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL);
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(PAUSE);
    };
    Ok(Some((status.success(), status.to_string(), text(&mut stdout)?, text(&mut stderr)?)))
}

fn text(file: &mut File) -> io::Result<String> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(MOST_OUTPUT).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The last lines of what a tool said, in one, for a message.
pub fn excerpt(said: &str) -> String {
    const LINES: usize = 3;
    const CHARS: usize = 300;
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let last = lines[lines.len().saturating_sub(LINES)..].join(" / ");
    let clean = |c: char| if c.is_control() { '?' } else { c };
    match last.chars().map(clean).take(CHARS).collect::<String>() {
        text if text.is_empty() => "and said nothing".to_owned(),
        text => format!("it said: {text}"),
    }
}

/// A command line as somebody would type it.
pub fn line<W: AsRef<OsStr>>(words: impl IntoIterator<Item = W>) -> String {
    let quoted = |word: W| {
        let word = word.as_ref().to_string_lossy().into_owned();
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+{}".contains(c);
        if !word.is_empty() && word.chars().all(plain) {
            word
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    };
    words.into_iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// The first version number in what a tool says of itself: digits, a dot, digits, and what belongs to them.
pub fn version(said: &str) -> Option<(String, (u32, u32))> {
    said.split(|c: char| c.is_whitespace() || "(),".contains(c)).find_map(|word| {
        let word = word.trim_start_matches(|c: char| c.is_ascii_alphabetic() || c == '-');
        let mut parts = word.split('.');
        let major = parts.next()?.parse().ok()?;
        // systemd has versions without a dot; everybody else has two numbers at least.
        let minor = parts.next().map_or(Some(0), |part| {
            let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
            part[..end].parse().ok()
        })?;
        Some((word.to_owned(), (major, minor)))
    })
}

/// SHA-256 of a file, in hexadecimal.
pub fn sha256(path: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            count => hash.update(&buffer[..count]),
        }
    }
    Ok(hex(&hash.finalize()))
}

/// Words of a command line.
pub fn words<W: Into<OsString> + Clone>(words: &[W]) -> Vec<OsString> {
    words.iter().cloned().map(Into::into).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_real_tools_say() {
        for (said, wanted, numbers) in [
            ("runc version 1.1.5+ds1\ncommit: x\n", "1.1.5+ds1", (1, 1)),
            ("bubblewrap 0.8.0\n", "0.8.0", (0, 8)),
            ("5.0.2\n", "5.0.2", (5, 0)),
            ("systemd 252 (252.39-1~deb12u2)\n+PAM", "252", (252, 0)),
            ("Docker version 28.2.2, build e6534b4\n", "28.2.2", (28, 2)),
            ("runsc version 0.0~20221219.0\nspec: 1.0.2\n", "0.0~20221219.0", (0, 0)),
            ("runsc version release-20240101.0\n", "20240101.0", (20_240_101, 0)),
        ] {
            assert_eq!(version(said), Some((wanted.to_owned(), numbers)), "{said}");
        }
        assert_eq!(version("hello\n"), None);
        assert_eq!(version(""), None);
    }

    #[test]
    fn a_call_that_hangs_ends_at_its_deadline_and_one_that_fails_is_quoted() {
        let sh = Path::new("/bin/sh");
        let begun = Instant::now();
        let error = call(sh, &["-c", "sleep 60 & sleep 60"], Duration::from_millis(50)).unwrap_err();
        assert!(error.contains("did not end within") && begun.elapsed() < Duration::from_secs(5), "{error}");
        let error = call(sh, &["-c", "echo no such thing >&2; exit 3"], QUICK).unwrap_err();
        assert!(error.contains("exit status: 3") && error.contains("no such thing"), "{error}");
        assert_eq!(call(sh, &["-c", "echo fine"], QUICK).unwrap(), "fine\n");
    }

    #[test]
    fn a_command_line_can_be_typed_again() {
        assert_eq!(line(["runc", "--root", "/a b", "it's", ""]), r"runc --root '/a b' 'it'\''s' ''");
    }
}
