//! Where the cgroup hierarchies are mounted and where in them this process sits.
//!
//! Invariant: parsing is pure, so that any host's layout can be tested from its text; every directory named
//! here lies below a mount point of mountinfo.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Component, Path, PathBuf};

use super::{Cgroup, Controller, Dir, Error, Limits, Version};

/// Which generation of cgroups a host uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only v1 hierarchies.
    V1,
    /// v1 hierarchies beside a v2 one.
    Hybrid,
    /// Only v2.
    V2,
    /// None at all.
    None,
}

/// The cgroup hierarchies of this host, from the point of view of one process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    v1: Vec<Hierarchy>,
    v2: Option<Hierarchy>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Hierarchy {
    /// As in `/proc/self/cgroup`; empty for v2, whose controllers are in `cgroup.controllers`.
    controllers: Vec<String>,
    mount: PathBuf,
    /// This process's own directory, at or below `mount`.
    own: PathBuf,
}

impl Layout {
    /// The layout of this host.
    ///
    /// # Errors
    /// [`Error::Io`] if /proc cannot be read.
    pub fn detect() -> Result<Self, Error> {
        let cgroup = super::read(Path::new("/proc/self/cgroup"))?;
        let mountinfo = super::read(Path::new("/proc/self/mountinfo"))?;
        Ok(Self::parse(&cgroup, &mountinfo))
    }

    /// The layout told by the texts of `/proc/PID/cgroup` and `/proc/PID/mountinfo`; lines that are not
    /// understood are passed over.
    pub fn parse(cgroup: &str, mountinfo: &str) -> Self {
        let mut layout = Self::default();
        for mount in mountinfo.lines().filter_map(Mount::parse) {
            // A second mount of a hierarchy shows nothing new.
            match mount.version {
                Version::V2 if layout.v2.is_none() => {
                    let path = cgroup.lines().find_map(|line| line.strip_prefix("0::"));
                    let own = path.map_or_else(|| mount.point.clone(), |path| mount.below(path));
                    layout.v2 = Some(Hierarchy { controllers: Vec::new(), mount: mount.point, own });
                }
                Version::V1 => {
                    let line = cgroup.lines().find_map(|line| {
                        let mut parts = line.splitn(3, ':').skip(1);
                        let controllers: Vec<&str> = parts.next()?.split(',').collect();
                        let path = parts.next()?;
                        let here = controllers.iter().any(|name| mount.options.contains(name));
                        (here && !controllers.contains(&"")).then_some((controllers, path))
                    });
                    let Some((controllers, path)) = line else { continue };
                    let controllers: Vec<String> = controllers.into_iter().map(String::from).collect();
                    if layout.v1.iter().all(|known| known.controllers != controllers) {
                        let own = mount.below(path);
                        layout.v1.push(Hierarchy { controllers, mount: mount.point, own });
                    }
                }
                Version::V2 => {}
            }
        }
        layout
    }

    /// Which generation this is.
    pub fn kind(&self) -> Kind {
        match (self.v1.is_empty(), &self.v2) {
            (true, None) => Kind::None,
            (true, Some(_)) => Kind::V2,
            (false, None) => Kind::V1,
            (false, Some(_)) => Kind::Hybrid,
        }
    }

    /// The directories in which the process sits that this layout is told of, but for those that are also the caller's or
    /// above the caller's: they are not the process's own. The root of a hierarchy is always above.
    pub(super) fn dirs_apart_from(self, caller: &Self) -> Vec<Dir> {
        let of_v2 = |v2: Hierarchy| Dir {
            controllers: words(&v2.own.join("cgroup.controllers")),
            path: v2.own,
            version: Version::V2,
        };
        let of_v1 = |v1: Hierarchy| Dir { path: v1.own, version: Version::V1, controllers: v1.controllers };
        let all = self.v1.into_iter().map(of_v1).chain(self.v2.map(of_v2));
        all.filter(|dir| caller.own_dirs().all(|own| !own.starts_with(&dir.path))).collect()
    }

    /// The directories in which the process of this layout sits.
    pub(super) fn own_dirs(&self) -> impl Iterator<Item = &Path> {
        self.v1.iter().chain(&self.v2).map(|hierarchy| hierarchy.own.as_path())
    }

    /// The mount points of all hierarchies.
    pub(super) fn mounts(&self) -> impl Iterator<Item = &Path> {
        self.v1.iter().chain(&self.v2).map(|hierarchy| hierarchy.mount.as_path())
    }

    /// Creates the cgroup `name` below this process's own, or on v2 as near above as the rules allow, with
    /// memory accounting and what `limits` needs.
    ///
    /// # Errors
    /// What the kernel refused; nothing is left behind then.
    pub fn create(&self, name: &str, limits: &Limits) -> Result<Cgroup, Error> {
        if Path::new(name).components().collect::<Vec<_>>() != [Component::Normal(name.as_ref())] {
            return Err(Error::BadName(name.to_owned()));
        }
        let wanted = [
            (Controller::Memory, limits.memory.is_some()),
            (Controller::Cpu, limits.cpu.is_some()),
            (Controller::Pids, limits.pids.is_some()),
        ];
        // Dropping this on an error removes what has been made so far.
        let mut made = Cgroup { dirs: Vec::new(), join: super::Join(Default::default()), foreign: false };
        let mut on_v2 = Vec::new();
        for (controller, needed) in wanted {
            let v1 = self.v1.iter().find(|v1| v1.controllers.iter().any(|c| c == controller.name()));
            match v1 {
                // Memory is always accounted; the others cost a hierarchy each and wait to be asked for.
                Some(v1) if needed || controller == Controller::Memory => {
                    let path = v1.own.join(name);
                    if made.dirs.iter().all(|dir| dir.path != path) {
                        make(&path)?;
                        let controllers = v1.controllers.clone();
                        made.dirs.push(Dir { path, version: Version::V1, controllers });
                    }
                }
                Some(_) => {}
                None => on_v2.push((controller, needed)),
            }
        }
        let v2_only = self.v1.is_empty();
        if let Some(v2) = &self.v2
            && (v2_only || on_v2.iter().any(|(controller, needed)| *needed && offers(&v2.mount, *controller)))
        {
            let (parent, controllers) = v2.parent_for(&on_v2)?;
            let path = parent.join(name);
            make(&path)?;
            made.dirs.push(Dir { path, version: Version::V2, controllers });
        }
        if self.kind() == Kind::None {
            return Err(Error::NoCgroups);
        }
        Cgroup::open(std::mem::take(&mut made.dirs), limits)
    }
}

impl Hierarchy {
    /// The v2 cgroup nearest to our own that can have a child with the controllers, and those it gives.
    ///
    /// A cgroup that holds processes, as our own does, cannot give controllers to children (cgroup-v2.rst,
    /// "No Internal Process Constraint"), so this goes up until one can: first for all that is wanted, then
    /// for what is needed only.
    fn parent_for(&self, wanted: &[(Controller, bool)]) -> Result<(&Path, Vec<String>), Error> {
        let needed = |only_needed: bool| {
            let names = wanted.iter().filter(move |(_, needed)| *needed || !only_needed);
            names.map(|(controller, _)| controller.name()).collect::<Vec<_>>()
        };
        for names in [needed(false), needed(true)] {
            for dir in self.own.ancestors().take_while(|dir| dir.starts_with(&self.mount)) {
                if enable(dir, &names) && writable(dir) {
                    let controllers = words(&dir.join("cgroup.subtree_control"));
                    return Ok((dir, controllers));
                }
            }
        }
        match needed(true).first() {
            Some(name) => Err(Error::NoController(name)),
            // Nothing is needed: let mkdir in our own cgroup say what is wrong.
            None => Ok((&self.own, Vec::new())),
        }
    }
}

/// Whether children of `dir` have all these controllers, switching them on if that is allowed.
fn enable(dir: &Path, names: &[&str]) -> bool {
    let control = dir.join("cgroup.subtree_control");
    let on = words(&control);
    let missing: Vec<String> =
        names.iter().filter(|name| on.iter().all(|on| on != *name)).map(|name| format!("+{name}")).collect();
    if missing.is_empty() {
        return true;
    }
    let offered = words(&dir.join("cgroup.controllers"));
    names.iter().all(|name| offered.iter().any(|offered| offered == name))
        && OpenOptions::new()
            .write(true)
            .open(&control)
            .is_ok_and(|mut file| file.write_all(missing.join(" ").as_bytes()).is_ok())
}

fn writable(dir: &Path) -> bool {
    nix::unistd::access(dir, nix::unistd::AccessFlags::W_OK).is_ok()
}

fn offers(dir: &Path, controller: Controller) -> bool {
    words(&dir.join("cgroup.controllers")).iter().any(|name| name == controller.name())
}

/// The words of a file; none if it cannot be read.
fn words(path: &Path) -> Vec<String> {
    fs::read_to_string(path).unwrap_or_default().split_whitespace().map(String::from).collect()
}

fn make(path: &Path) -> Result<(), Error> {
    fs::create_dir(path).map_err(|source| Error::Io { doing: "create", path: path.into(), source })
}

/// One cgroup mount of mountinfo (proc_pid_mountinfo(5)).
struct Mount<'a> {
    version: Version,
    /// The directory of the hierarchy that is mounted: not `/` inside another container.
    root: PathBuf,
    point: PathBuf,
    /// Superblock options, among which are the controllers of v1.
    options: Vec<&'a str>,
}

impl<'a> Mount<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (before, after) = line.split_once(" - ")?;
        let mut before = before.split(' ').skip(3);
        let (root, point) = (unescape(before.next()?), unescape(before.next()?));
        let mut after = after.split(' ');
        let version = match after.next()? {
            "cgroup" => Version::V1,
            "cgroup2" => Version::V2,
            _ => return None,
        };
        let options = after.nth(1)?.split(',').collect();
        point.is_absolute().then_some(Self { version, root, point, options })
    }

    /// Where the cgroup `path` of this hierarchy is found under the mount point; the mount point itself if
    /// it lies outside of what is mounted.
    fn below(&self, path: &str) -> PathBuf {
        let path = Path::new(path);
        if path.components().any(|part| part == Component::ParentDir) {
            return self.point.clone();
        }
        match path.strip_prefix(&self.root) {
            Ok(relative) if !relative.as_os_str().is_empty() => self.point.join(relative),
            _ => self.point.clone(),
        }
    }
}

/// Undoes the octal escapes (`\040`) of mountinfo.
fn unescape(text: &str) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let [first, tail @ ..] = rest {
        match rest {
            [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', tail @ ..] => {
                bytes.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest = tail;
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    std::ffi::OsString::from_vec(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const V2: &str = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
    const HYBRID: &str = "\
31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
";

    fn own(hierarchy: &Hierarchy) -> &str {
        hierarchy.own.to_str().unwrap()
    }

    #[test]
    fn a_v2_host_is_told_by_its_single_mount() {
        let layout = Layout::parse("0::/user.slice/session-1.scope\n", V2);
        assert_eq!(layout.kind(), Kind::V2);
        assert_eq!(own(layout.v2.as_ref().unwrap()), "/sys/fs/cgroup/user.slice/session-1.scope");
    }

    #[test]
    fn a_hybrid_host_has_both_generations() {
        let layout = Layout::parse("4:memory:/a\n3:cpu,cpuacct:/\n2:name=systemd:/\n0::/\n", HYBRID);
        assert_eq!(layout.kind(), Kind::Hybrid);
        assert_eq!(layout.v1.len(), 3);
        assert_eq!(own(&layout.v1[1]), "/sys/fs/cgroup/memory/a");
        assert_eq!(layout.v1[0].controllers, ["cpu", "cpuacct"]);
    }

    #[test]
    fn what_a_process_shares_with_the_caller_is_not_its_own() {
        let caller = Layout::parse("4:memory:/a/b\n3:cpu,cpuacct:/\n2:name=systemd:/\n0::/\n", HYBRID);
        let dirs = |text: &str| {
            let dirs = Layout::parse(text, HYBRID).dirs_apart_from(&caller);
            dirs.into_iter().map(|dir| dir.path.to_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let own = "4:memory:/a/c\n3:cpu,cpuacct:/x\n2:name=systemd:/x\n0::/x\n";
        assert_eq!(dirs(own).len(), 4);
        // In some hierarchies at the top, as one that joined only some of them.
        assert_eq!(
            dirs("4:memory:/x\n3:cpu,cpuacct:/\n2:name=systemd:/\n0::/\n"),
            ["/sys/fs/cgroup/memory/x"]
        );
        for shared in ["4:memory:/a/b\n3:cpu,cpuacct:/\n0::/\n", "4:memory:/a\n0::/\n", "4:memory:/\n"] {
            assert_eq!(dirs(shared), [] as [String; 0], "{shared}");
        }
    }

    #[test]
    fn a_v1_host_has_no_unified_mount() {
        let v1 = HYBRID.lines().take(4).collect::<Vec<_>>().join("\n");
        assert_eq!(Layout::parse("4:memory:/a\n3:cpu,cpuacct:/\n", &v1).kind(), Kind::V1);
    }

    #[test]
    fn a_host_without_cgroups_is_told_what_to_mount() {
        let layout = Layout::parse("", "23 1 0:2 / / rw - ext4 /dev/vda rw\n");
        assert_eq!(layout.kind(), Kind::None);
        assert!(matches!(layout.create("x", &Limits::default()), Err(Error::NoCgroups)));
    }

    #[test]
    fn inside_a_container_paths_are_relative_to_what_is_mounted() {
        let mount = V2.replace(" / /sys", " /docker/abc /sys");
        let layout = Layout::parse("0::/docker/abc/deep\n", &mount);
        assert_eq!(own(layout.v2.as_ref().unwrap()), "/sys/fs/cgroup/deep");
        let outside = Layout::parse("0::/../elsewhere\n", &mount);
        assert_eq!(own(outside.v2.as_ref().unwrap()), "/sys/fs/cgroup");
    }

    #[test]
    fn escaped_mount_points_are_read() {
        let layout = Layout::parse("0::/\n", "30 23 0:26 / /odd\\040place rw - cgroup2 none rw\n");
        assert_eq!(own(layout.v2.as_ref().unwrap()), "/odd place");
    }

    #[test]
    fn a_name_that_leaves_the_directory_is_refused() {
        for name in ["", ".", "..", "a/b", "/a", "a/"] {
            let refused = Layout::default().create(name, &Limits::default());
            assert!(matches!(refused, Err(Error::BadName(_))), "{name:?}");
        }
    }

    #[test]
    fn on_v2_the_nearest_ancestor_that_may_have_children_with_controllers_is_the_parent() {
        let temp = tempfile::tempdir().unwrap();
        let own = temp.path().join("slice/scope");
        fs::create_dir_all(&own).unwrap();
        for (dir, control) in [(temp.path(), "memory pids cpu"), (&temp.path().join("slice"), "memory pids")]
        {
            fs::write(dir.join("cgroup.controllers"), "memory pids cpu").unwrap();
            fs::write(dir.join("cgroup.subtree_control"), control).unwrap();
        }
        let v2 = Hierarchy { controllers: Vec::new(), mount: temp.path().into(), own };
        let (parent, controllers) =
            v2.parent_for(&[(Controller::Memory, true), (Controller::Pids, false)]).unwrap();
        assert_eq!(parent, temp.path().join("slice"));
        assert_eq!(controllers, ["memory", "pids"]);
    }

    proptest! {
        #[test]
        fn no_text_is_a_panic_and_every_path_stays_below_its_mount(
            cgroup in "([0-9]{1,2}:(memory|cpu,cpuacct|):[/a.\\\\]{0,9}\n){0,4}|\\PC*",
            mountinfo in "(1 2 0:3 [/a.]{1,5} [/a\\\\0-7]{1,8} rw - cgroup2? x [a-z,=]{0,12}(memory)?\n){0,4}|\\PC*",
        ) {
            let layout = Layout::parse(&cgroup, &mountinfo);
            for hierarchy in layout.v1.iter().chain(&layout.v2) {
                prop_assert!(hierarchy.own.starts_with(&hierarchy.mount));
            }
        }
    }
}
