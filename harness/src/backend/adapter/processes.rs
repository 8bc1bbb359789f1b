//! The processes of an instance, wherever its runtime has put them: what the tool has started, and what carries the instance's
//! name in its command line (shim, monitor, sentry) or in the path of its cgroup.
//!
//! Unit: bytes.

use std::collections::BTreeMap;
use std::fs;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::super::footprint::Footprint;
use super::runtime::{Marker, PROGRAM};

/// Hexadecimal digits of the name that podman and Docker give a container.
const ID_LENGTH: usize = 64;

/// One process of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its id on the host.
    pub pid: i32,
    /// Whether it is inside: in the cgroup that carries the marker.
    pub is_inside: bool,
    /// Whether it runs the agent, as its command line says.
    pub is_agent: bool,
    /// The kernel's short name of it.
    pub name: String,
}

/// How the processes of an instance are found.
#[derive(Clone, Debug)]
pub struct Kin {
    /// The tool's process; `None` once it has been reaped, when the number may be another's.
    pub tool: Option<i32>,
    /// How the others are told.
    pub marker: Marker,
}

impl Kin {
    /// The text that tells the others; `None` while it is not known.
    fn text(&self) -> Option<String> {
        match &self.marker {
            Marker::Text(text) => Some(text.clone()),
            Marker::InFile(path) => {
                let text = fs::read_to_string(path).ok()?.trim().to_owned();
                // Whole, for a part of it, while the tool still writes, would mark processes of others.
                let is_whole = text.len() == ID_LENGTH && text.bytes().all(|byte| byte.is_ascii_hexdigit());
                is_whole.then_some(text)
            }
        }
    }

    /// All that live now.
    pub fn members(&self) -> Vec<Member> {
        let text = self.text();
        let own = std::process::id().cast_signed();
        let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
        let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        // Parent of each, and the process itself if it carries the marker.
        let mut parents = BTreeMap::new();
        let mut marked = BTreeMap::new();
        for pid in pids.filter(|pid| *pid != own) {
            let Some((name, parent)) = stat(pid) else { continue };
            let carries = |file: &str| {
                let content = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
                text.as_ref().is_some_and(|text| contains(&content, text.as_bytes()))
            };
            parents.insert(pid, parent);
            marked.insert(pid, (name, carries("cgroup"), carries("cmdline")));
        }
        let descends = |pid: i32| {
            let mut at = pid;
            while Some(at) != self.tool {
                match parents.get(&at) {
                    Some(parent) if *parent > 1 => at = *parent,
                    _ => return false,
                }
            }
            true
        };
        marked
            .into_iter()
            .filter(|(pid, (_, inside, named))| *inside || *named || descends(*pid))
            .map(|(pid, (name, is_inside, _))| Member { pid, is_inside, is_agent: is_agent(pid), name })
            .collect()
    }

    /// Sums of PSS and USS over all of them.
    pub fn footprint(&self) -> Result<Footprint, String> {
        let members = self.members();
        let each = || members.iter().filter_map(|member| Footprint::of(member.pid).ok());
        if each().next().is_none() {
            return Err("no process of the instance was found".to_owned());
        }
        Ok(Footprint { pss: each().map(|f| f.pss).sum(), uss: each().map(|f| f.uss).sum() })
    }

    /// USS of each, by the process's name.
    pub fn owners(&self) -> Vec<(String, u64)> {
        let members = self.members();
        members.into_iter().filter_map(|of| Some((of.name, Footprint::of(of.pid).ok()?.uss))).collect()
    }

    /// Whose CPU time is the instance's: the agent's, where the host sees it, else that of all inside (gVisor's sentry).
    pub fn workers(&self) -> Vec<i32> {
        let members = self.members();
        let some = |which: fn(&Member) -> bool| -> Vec<i32> {
            members.iter().filter(|member| which(member)).map(|member| member.pid).collect()
        };
        let agents = some(|member| member.is_agent);
        if agents.is_empty() { some(|member| member.is_inside) } else { agents }
    }

    /// Kills all of them but the tool, whose parent reaps it.
    pub fn kill(&self) {
        for member in self.members().into_iter().filter(|member| Some(member.pid) != self.tool) {
            // Gone already, most likely.
            let _ = kill(Pid::from_raw(member.pid), Signal::SIGKILL);
        }
    }
}

/// Whether `content` has the name `text`, and not only one that begins with it: instance 2 is not instance 20.
fn contains(content: &[u8], text: &[u8]) -> bool {
    let ends = memchr::memmem::find_iter(content, text).map(|at| at + text.len());
    ends.into_iter().any(|end| content.get(end).is_none_or(|next| !next.is_ascii_alphanumeric()))
}

/// Short name and parent of a process, from /proc/PID/stat (proc(5)): the name may contain anything but ends at the last bracket.
fn stat(pid: i32) -> Option<(String, i32)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (before, after) = text.rsplit_once(')')?;
    let name = before.split_once('(')?.1.to_owned();
    Some((name, after.split_whitespace().nth(1)?.parse().ok()?))
}

fn is_agent(pid: i32) -> bool {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    line.split(|byte| *byte == 0).next() == Some(PROGRAM.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_a_tool_has_started_and_what_carries_the_name_belongs_to_the_instance() {
        let name = format!("bench-test-{}", std::process::id());
        let mut tool =
            Command::new("/bin/sh").args(["-c", "sleep 60 & wait"]).stdout(Stdio::null()).spawn().unwrap();
        let mut other = Command::new("/bin/sh").args(["-c", "sleep 60; true", &name]).spawn().unwrap();
        let mut kin = Kin { tool: Some(tool.id().cast_signed()), marker: Marker::Text(name) };
        let mut wanted = Vec::new();
        // The shells take a moment to start theirs, which is a shell itself until it has exec'ed.
        for _ in 0..2000 {
            std::thread::sleep(Duration::from_millis(5));
            wanted = kin.members();
            if wanted.len() >= 3 && wanted.iter().any(|member| member.name == "sleep") {
                break;
            }
        }
        let pids: Vec<i32> = wanted.iter().map(|member| member.pid).collect();
        assert!(pids.contains(&kin.tool.unwrap()) && pids.contains(&other.id().cast_signed()), "{wanted:?}");
        assert!(wanted.iter().any(|member| member.name == "sleep"), "{wanted:?}");
        assert!(kin.footprint().unwrap().pss > 0);
        let sleeping: Vec<i32> = wanted.iter().filter(|m| m.name == "sleep").map(|m| m.pid).collect();
        kin.kill();
        for pid in sleeping {
            // Killed already.
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        tool.wait().unwrap();
        other.wait().unwrap();
        kin.tool = None;
        assert_eq!(kin.members(), []);
    }

    #[test]
    fn a_name_is_told_from_one_that_begins_with_it() {
        let name = b"bench-1-a.1.2";
        for own in [
            "0::/x/bench-1-a.1.2\n",
            "run\0bench-1-a.1.2\0",
            "bench-1-a.1.20 bench-1-a.1.2",
            "bench-1-a.1.2.scope",
        ] {
            assert!(contains(own.as_bytes(), name), "{own:?}");
        }
        for other in ["0::/x/bench-1-a.1.20\n", "bench-1-a.1.", ""] {
            assert!(!contains(other.as_bytes(), name), "{other:?}");
        }
    }

    #[test]
    fn a_name_that_is_not_whole_yet_marks_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cid");
        let kin = Kin { tool: None, marker: Marker::InFile(path.clone()) };
        for part in ["", "a", "0123456789ab", &"g".repeat(64)] {
            fs::write(&path, part).unwrap();
            assert_eq!((kin.text(), kin.members()), (None, vec![]), "{part:?}");
        }
        fs::write(&path, "0".repeat(64)).unwrap();
        assert_eq!(kin.text().unwrap().len(), 64);
    }
}
