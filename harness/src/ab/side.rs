//! One of the two runs, as its leader sees it: a child process, what it asks, what it writes on stderr, how it ends.
//!
//! The child leads a process group of its own: a Ctrl-C in the terminal reaches only this process, which passes it on
//! once (a second one would end the child before it has saved anything).
//! Invariant: a side that is dropped has ended and been reaped. What is kept of its stderr is bounded.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{self, PipeReader, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::error::{AbError, Who};
use super::protocol::{Link, Reply, Request};
use crate::interrupt::Interrupt;
use crate::status::REQUIRED_MISSING;

/// How long a run may take to save and render what it has, before it is killed.
const GRACE: Duration = Duration::from_secs(60);
/// What a message quotes of stderr: lines, and bytes of each.
const QUOTED_LINES: usize = 6;
const LONGEST_LINE: usize = 400;

/// A run that is led.
pub struct Side {
    who: Who,
    child: Child,
    link: Link,
    stderr: Option<PipeReader>,
    /// What has come of the line that stderr is in.
    line: Vec<u8>,
    /// What stderr said last.
    last: VecDeque<String>,
    has_greeted: bool,
    asked_to_end: bool,
    ended: Option<ExitStatus>,
}

impl Side {
    /// Starts `program`.
    pub fn start(name: &'static str, program: &Path, args: &[OsString]) -> Result<Self, AbError> {
        let who = Who { name, program: program.to_owned() };
        let started = || {
            let (ours, theirs) = UnixStream::pair()?;
            let (stderr, writer) = io::pipe()?;
            let mut command = Command::new(program);
            command.args(args).process_group(0);
            command.stdin(OwnedFd::from(theirs)).stdout(Stdio::null()).stderr(writer);
            Ok((command.spawn()?, Link::new(ours), Some(stderr)))
        };
        match started() {
            Ok((child, link, stderr)) => {
                let (line, last) = (Vec::new(), VecDeque::new());
                let (has_greeted, asked_to_end, ended) = (false, false, None);
                Ok(Self { who, child, link, stderr, line, last, has_greeted, asked_to_end, ended })
            }
            Err(source) => Err(AbError::Start { who, source }),
        }
    }

    /// Waits for its next request, and hands what it says on stderr to `said`; `None` once it has ended well.
    pub fn request(
        &mut self,
        interrupt: &Interrupt,
        limit: Duration,
        said: &mut dyn FnMut(&str),
    ) -> Result<Option<Request>, AbError> {
        let deadline = Instant::now() + limit;
        loop {
            match self.link.take() {
                Ok(Some(request)) => {
                    self.has_greeted = true;
                    return Ok(Some(request));
                }
                Ok(None) => {}
                Err(source) => return Err(AbError::Foreign { who: self.who.clone(), source }),
            }
            if let Some(status) = self.ended {
                return self.judge(status).map(|()| None);
            }
            if interrupt.is_raised() {
                return Err(AbError::Interrupted);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(self.hangs(limit));
            }
            self.wait(interrupt, left, said)
                .map_err(|source| AbError::Io { who: self.who.clone(), source })?;
        }
    }

    /// Answers.
    pub fn reply(&mut self, reply: &Reply) -> Result<(), AbError> {
        match self.link.send(reply) {
            // Its end is told, with the reason, by the next request.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            sent => sent.map_err(|source| AbError::Io { who: self.who.clone(), source }),
        }
    }

    /// Asks it to save what it has and to end, without waiting for that.
    pub fn ask_to_end(&mut self) {
        // A second signal would end it before it has saved anything.
        if self.ended.is_none() && !self.asked_to_end {
            self.asked_to_end = true;
            self.signal(Signal::SIGINT);
        }
    }

    /// Sleeps until something happens, and takes it in.
    fn wait(&mut self, interrupt: &Interrupt, left: Duration, said: &mut dyn FnMut(&str)) -> io::Result<()> {
        let of = |fd| PollFd::new(fd, PollFlags::POLLIN);
        let mut fds = vec![of(self.link.as_fd()), of(interrupt.as_fd())];
        fds.extend(self.stderr.as_ref().map(|stderr| of(stderr.as_fd())));
        let left_ms = i32::try_from(left.as_millis() + 1).unwrap_or(i32::MAX);
        match poll(&mut fds, PollTimeout::try_from(left_ms).unwrap_or(PollTimeout::MAX)) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let ready: Vec<bool> = fds.iter().map(|fd| fd.any() == Some(true)).collect();
        drop(fds);
        if ready.get(2) == Some(&true) {
            self.read_stderr(said)?;
        }
        if ready[0] && !self.link.read()? {
            self.ended = Some(self.reap()?);
            // What it started may hold the pipe open for longer: only what is there is read.
            while self.has_said_more() {
                self.read_stderr(said)?;
            }
        }
        Ok(())
    }

    fn has_said_more(&self) -> bool {
        self.stderr.as_ref().is_some_and(|stderr| {
            let mut fds = [PollFd::new(stderr.as_fd(), PollFlags::POLLIN)];
            poll(&mut fds, PollTimeout::ZERO).is_ok_and(|count| count > 0)
        })
    }

    /// Reads what there is on stderr.
    fn read_stderr(&mut self, said: &mut dyn FnMut(&str)) -> io::Result<()> {
        let mut buffer = [0; 4096];
        let count = self.stderr.as_mut().map_or(Ok(0), |stderr| stderr.read(&mut buffer))?;
        if count == 0 {
            self.stderr = None;
            self.end_line(said);
        }
        for &byte in &buffer[..count] {
            match byte {
                b'\n' => self.end_line(said),
                _ if self.line.len() < LONGEST_LINE => self.line.push(byte),
                _ => {}
            }
        }
        Ok(())
    }

    fn end_line(&mut self, said: &mut dyn FnMut(&str)) {
        let line = String::from_utf8_lossy(&self.line).replace(char::is_control, "?");
        self.line.clear();
        // It calls itself `bench` as this process does.
        let text = line.strip_prefix("bench: ").unwrap_or(&line).trim();
        if text.is_empty() {
            return;
        }
        // Who has not greeted may be any program, and an error ends a run: it is told with that end.
        if self.has_greeted && !text.starts_with("error: ") {
            said(&format!("{}: {text}", self.who.name));
        }
        if self.last.len() == QUOTED_LINES {
            self.last.pop_front();
        }
        self.last.push_back(text.to_owned());
    }

    /// Waits for its end; what does not end is killed.
    fn reap(&mut self) -> io::Result<ExitStatus> {
        let deadline = Instant::now() + GRACE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            sleep(Duration::from_millis(5));
        }
        self.signal(Signal::SIGKILL);
        self.child.wait()
    }

    /// To it and to whatever it was started through, such as a shell.
    fn signal(&self, signal: Signal) {
        // It was not reaped yet, so that the number is still its own; a group without processes needs no signal.
        let _ = killpg(Pid::from_raw(self.child.id() as i32), signal);
    }

    /// Whether it ended as it should.
    fn judge(&self, status: ExitStatus) -> Result<(), AbError> {
        if status.success() && self.has_greeted {
            return Ok(());
        }
        let quoted: Vec<&str> = self.last.iter().map(String::as_str).collect();
        let said = match quoted.as_slice() {
            [] => "without a word".to_owned(),
            quoted => format!("and said: {}", quoted.join(" / ").trim_end_matches('.')),
        };
        let (who, how) = (self.who.clone(), format!("ended with {status}, {said}"));
        Err(match status.code() {
            _ if !self.has_greeted => AbError::NoBench { who, how: format!("it {how}") },
            Some(code) if code == i32::from(REQUIRED_MISSING) => AbError::RequiredMissing { who, how },
            _ => AbError::Ended { who, how },
        })
    }

    fn hangs(&self, limit: Duration) -> AbError {
        let (who, seconds) = (self.who.clone(), limit.as_secs());
        if self.has_greeted {
            AbError::Silent { who, seconds }
        } else {
            AbError::NoBench { who, how: format!("it did not greet within {seconds} s") }
        }
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        if self.ended.is_none() {
            self.ask_to_end();
            if let Err(error) = self.reap() {
                tracing::warn!("{} cannot be reaped: {error}", self.who);
            }
        }
    }
}
