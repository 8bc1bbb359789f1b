//! What kind of runtime a backend is: others' runtimes of one kind share a hue, so that a page of many can be read.
//!
//! A name that is not known here, such as that of a user's own runtime, is of the last family.

/// A kind of runtime that is not `bench`'s own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Sets an instance up from the host kernel's namespaces, and is gone or waits.
    Namespaces,
    /// A kernel in user space serves the program.
    UserSpaceKernel,
    /// An engine that manages images and containers, with a daemon or a monitor.
    Engine,
    /// A virtual machine.
    Vm,
    /// Not known: the user's own.
    Own,
}

impl Family {
    /// All, in the order of their seats.
    pub const ALL: [Family; 5] =
        [Family::Namespaces, Family::UserSpaceKernel, Family::Engine, Family::Vm, Family::Own];

    /// The members that are known, in the order of their places.
    pub fn members(self) -> &'static [&'static str] {
        match self {
            Family::Namespaces => &["bwrap", "lxc", "nspawn", "runc", "crun", "youki", "apptainer"],
            Family::UserSpaceKernel => &["gvisor"],
            Family::Engine => &["podman", "docker"],
            Family::Vm => &["qemu-microvm", "qemu-q35", "firecracker", "cloud-hypervisor", "qemu"],
            Family::Own => &[],
        }
    }

    /// What its members are, for people.
    pub fn words(self) -> &'static str {
        match self {
            Family::Namespaces => "runtimes on the host kernel’s namespaces",
            Family::UserSpaceKernel => "a kernel in user space",
            Family::Engine => "container engines",
            Family::Vm => "virtual machines of others",
            Family::Own => "your own runtimes",
        }
    }

    /// The family and place of a known name.
    pub fn of(name: &str) -> Option<(Family, usize)> {
        Family::ALL
            .into_iter()
            .find_map(|family| Some((family, family.members().iter().position(|member| *member == name)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_place_in_one_family() {
        let all: Vec<&str> = Family::ALL.iter().flat_map(|family| family.members()).copied().collect();
        let mut once = all.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), all.len());
        assert_eq!(Family::of("runc"), Some((Family::Namespaces, 3)));
        assert_eq!(Family::of("mine"), None);
    }
}
