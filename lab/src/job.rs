//! What the lab is to do, as the shell script `/lab/job` that its first process reads.
//!
//! Invariant: every word is quoted, so that no argument means anything to the shell.

use std::ffi::OsStr;
use std::path::Path;

/// A script that runs commands one after the other and ends with the worst of their statuses.
#[derive(Debug)]
pub struct Job(Vec<u8>);

impl Job {
    /// A script that does nothing yet.
    pub fn new() -> Self {
        Self(b"worst=0\n".to_vec())
    }

    /// Sets an environment variable for the commands that follow.
    pub fn set(&mut self, name: &str, value: &str) {
        self.words([OsStr::new("export"), OsStr::new(&format!("{name}={value}"))]);
        self.0.push(b'\n');
    }

    /// Runs a command in a folder, with a title in front of what it prints.
    pub fn titled(&mut self, title: &str, folder: &Path, command: &[&OsStr]) {
        self.words(["echo".as_ref(), format!("\n== in the lab: {title}").as_ref()]);
        self.0.push(b'\n');
        self.run(Some(folder), command);
    }

    /// Runs a command in the folder whose content is brought back.
    pub fn collected(&mut self, command: &[&OsStr]) {
        self.run(None, command);
    }

    fn run(&mut self, folder: Option<&Path>, command: &[&OsStr]) {
        self.0.push(b'(');
        if let Some(folder) = folder {
            self.words([OsStr::new("cd"), folder.as_os_str()]);
            self.0.extend(b" && ");
        }
        self.0.extend(b"exec ");
        self.words(command.iter().copied());
        self.0.extend(b"); status=$?; [ $status -le $worst ] || worst=$status\n");
    }

    fn words<'a>(&mut self, words: impl IntoIterator<Item = &'a OsStr>) {
        for (index, word) in words.into_iter().enumerate() {
            if index > 0 {
                self.0.push(b' ');
            }
            self.0.push(b'\'');
            for &byte in word.as_encoded_bytes() {
                match byte {
                    b'\'' => self.0.extend(br"'\''"),
                    other => self.0.push(other),
                }
            }
            self.0.push(b'\'');
        }
    }

    /// The script.
    pub fn into_script(mut self) -> Vec<u8> {
        self.0.extend(b"exit $worst\n");
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn output(job: Job) -> (String, Option<i32>) {
        let script = String::from_utf8(job.into_script()).unwrap();
        let output = Command::new("sh").arg("-c").arg(script).output().unwrap();
        (String::from_utf8(output.stdout).unwrap(), output.status.code())
    }

    #[test]
    fn words_arrive_as_they_were_given() {
        let odd = ["", " ", "it's", "$HOME", "`id`", "a\nb", "\\", "*", "-n", ";"];
        let mut job = Job::new();
        let command: Vec<&OsStr> = ["printf", "[%s]"].into_iter().chain(odd).map(OsStr::new).collect();
        job.collected(&command);
        assert_eq!(output(job), (odd.map(|word| format!("[{word}]")).concat(), Some(0)));
    }

    #[test]
    fn the_worst_status_counts_and_all_run() {
        let mut job = Job::new();
        job.set("WORD", "it's set");
        for script in ["exit 1", "exit 4", "exit 2", "echo \"$WORD\" in $PWD"] {
            job.titled("a step", Path::new("/"), &["sh", "-c", script].map(OsStr::new));
        }
        let (text, status) = output(job);
        assert_eq!((text.matches("== in the lab: a step\n").count(), status), (4, Some(4)));
        assert!(text.ends_with("it's set in /\n"), "{text}");
    }
}
