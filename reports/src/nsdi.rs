//! The published data of "Firecracker: Lightweight Virtualization for Serverless Applications" (NSDI 2020), as the
//! paper's authors keep it in github.com/firecracker-microvm/nsdi2020-data, to be drawn beside a run.
//!
//! Nothing of it is part of this program: the user names a folder. Units: nanoseconds, bytes. Invariant: a curve rises
//! from 0 to 1 over ascending, positive times.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The machine of the paper's figures, which a checkout of the whole repository has as a folder of its own.
const PLATFORM: &str = "data/m5d.metal";

/// Larger than any of the files by far.
const MOST_BYTES: u64 = 4 << 20;

/// What was started, and what the files call it: serially, in parallel, and in the files on memory.
const VMMS: [(&str, &str, &str, &str); 3] = [
    ("Firecracker", "fc-api", "fc-api", "fc"),
    ("Cloud Hypervisor", "chv", "chv", "chv"),
    ("QEMU", "qboot", "qemu", "qemu"),
];

/// How many were started at once.
const AT_ONCE: [u32; 3] = [10, 50, 100];

/// Where its clock stops, in words.
pub(crate) const STOPPING_POINT: &str =
    "from starting the VMM’s process to its exit, once the guest’s init runs";

/// The paper's data of one machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Published {
    /// The machine: its processor if the folder says so, and the folder's name.
    pub machine: String,
    /// Start times.
    pub starts: Vec<Starts>,
    /// Memory over the size of the VM.
    pub memory: Vec<Memory>,
}

/// Start times of one VMM.
#[derive(Clone, Debug, PartialEq)]
pub struct Starts {
    /// Which one.
    pub vmm: &'static str,
    /// How many were started at once.
    pub at_once: u32,
    /// Time, and the share of starts that took no longer.
    pub curve: Vec<(f64, f64)>,
}

/// Memory of one VMM.
#[derive(Clone, Debug, PartialEq)]
pub struct Memory {
    /// Which one.
    pub vmm: &'static str,
    /// Size of the VM, and writable memory of its VMM beyond that (of `pmap`; mapped, not only touched).
    pub points: Vec<(f64, f64)>,
}

/// Why the data cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PublishedError {
    /// A file that does not read.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A line that is not in the paper's format.
    #[error("{}, line {line}: expected {wanted}", .path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What should stand there.
        wanted: &'static str,
    },
    /// A folder with none of the files.
    #[error(
        "{} holds none of the paper’s data: give a checkout of github.com/firecracker-microvm/nsdi2020-data, or one of the folders in its `data`",
        .0.display()
    )]
    Nothing(PathBuf),
}

impl Published {
    /// Reads what there is below `dir`, a checkout of the repository or the folder of one machine.
    ///
    /// # Errors
    /// See [`PublishedError`]; a file that is missing is none, as long as there is another.
    pub fn read(dir: &Path) -> Result<Self, PublishedError> {
        let whole = dir.join(PLATFORM);
        let folder = if whole.is_dir() { whole } else { dir.to_owned() };
        let (mut starts, mut memory) = (Vec::new(), Vec::new());
        for (vmm, serial, parallel, sizes) in VMMS {
            let files =
                AT_ONCE.map(|at_once| (at_once, format!("boot-parallel-{at_once}-{parallel}-cdf.dat")));
            for (at_once, name) in [(1, format!("boot-serial-{serial}-cdf.dat"))].into_iter().chain(files) {
                let path = folder.join(name);
                if let Some(text) = text(&path)? {
                    starts.push(Starts { vmm, at_once, curve: curve(&path, &text)? });
                }
            }
            let path = folder.join(format!("mem-{sizes}.dat"));
            if let Some(text) = text(&path)? {
                memory.push(Memory { vmm, points: sizes_of(&path, &text)? });
            }
        }
        if starts.is_empty() && memory.is_empty() {
            return Err(PublishedError::Nothing(dir.to_owned()));
        }
        Ok(Self { machine: machine(&folder)?, starts, memory })
    }

    /// The numbers of starts at once that there is data of, ascending.
    pub(crate) fn counts(&self) -> Vec<u32> {
        let mut counts: Vec<u32> = self.starts.iter().map(|starts| starts.at_once).collect();
        counts.sort_unstable();
        counts.dedup();
        counts
    }
}

impl Starts {
    /// The time that the share `q` of starts did not exceed.
    pub(crate) fn quantile(&self, q: f64) -> Option<f64> {
        self.curve.iter().find(|(_, share)| *share >= q).map(|(time, _)| *time)
    }
}

/// The content of a file; `None` if there is none of this name.
fn text(path: &Path) -> Result<Option<String>, PublishedError> {
    let read = || {
        let mut text = String::new();
        let size = File::open(path)?.take(MOST_BYTES + 1).read_to_string(&mut text)?;
        if size as u64 > MOST_BYTES { Err(io::Error::other("it is too large")) } else { Ok(text) }
    };
    match read() {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(PublishedError::Read { path: path.to_owned(), source }),
    }
}

/// The first block of a file for gnuplot: `MICROSECONDS SHARE` a line, up to an empty one. (A second block holds what
/// Firecracker itself logged, in milliseconds.)
fn curve(path: &Path, text: &str) -> Result<Vec<(f64, f64)>, PublishedError> {
    let mut curve: Vec<(f64, f64)> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            break;
        }
        let wanted = "a time in microseconds and a share, both ascending";
        let wrong = || PublishedError::Line { path: path.to_owned(), line: number + 1, wanted };
        let [micros, share] = numbers(line).ok_or_else(wrong)?[..] else { return Err(wrong()) };
        let last = curve.last().copied().unwrap_or((0.0, 0.0));
        let point = (micros * 1e3, share);
        if point.0 <= 0.0 || point.0 < last.0 || point.1 < last.1 || point.1 > 1.0 {
            return Err(wrong());
        }
        curve.push(point);
    }
    if curve.last().is_none_or(|point| point.1 < 1.0) {
        let (line, wanted) = (curve.len() + 1, "the curve to go on up to a share of 1");
        return Err(PublishedError::Line { path: path.to_owned(), line, wanted });
    }
    Ok(curve)
}

/// `VMSZ VSS RSS VM_TOTAL VM_FREE VM_AVAIL PMAP_EXEC PMAP_DATA` a line, in KiB; the paper's overhead is the last less the
/// first.
fn sizes_of(path: &Path, text: &str) -> Result<Vec<(f64, f64)>, PublishedError> {
    let mut points = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let wanted = "eight sizes in KiB, the last larger than the first";
        let wrong = || PublishedError::Line { path: path.to_owned(), line: number + 1, wanted };
        let columns = numbers(line).filter(|columns| columns.len() == 8).ok_or_else(wrong)?;
        let (size, data) = (columns[0] * 1024.0, columns[7] * 1024.0);
        if size <= 0.0 || data <= size {
            return Err(wrong());
        }
        points.push((size, data - size));
    }
    Ok(points)
}

fn numbers(line: &str) -> Option<Vec<f64>> {
    let number = |word: &str| word.parse::<f64>().ok().filter(|number| number.is_finite());
    line.split_whitespace().map(number).collect()
}

/// The processor, from the folder's copy of /proc/cpuinfo, and the folder's name.
fn machine(folder: &Path) -> Result<String, PublishedError> {
    let name =
        folder.canonicalize().ok().and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
    let name = name.unwrap_or_else(|| "machine not named".to_owned());
    let info = text(&folder.join("sys/sys_cpuinfo.txt"))?.unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    Ok(model.map_or(name.clone(), |(_, model)| format!("{name}, {}", model.trim())))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        dir
    }

    const CDF: &str = "100000 0.000000\n100000 0.500000\n200000 1.000000\n\n\n90 0.000000\n90 1.000000\n";

    #[test]
    fn a_checkout_is_read_with_its_machine() {
        let files = [
            ("data/m5d.metal/boot-serial-fc-api-cdf.dat", CDF),
            ("data/m5d.metal/boot-parallel-50-qemu-cdf.dat", CDF),
            ("data/m5d.metal/mem-fc.dat", "# VMSZ\n131072 1 1 1 1 1 1 133120\n"),
            ("data/m5d.metal/sys/sys_cpuinfo.txt", "processor\t: 0\nmodel name\t: A processor @ 2 GHz\n"),
        ];
        let published = Published::read(folder(&files).path()).unwrap();
        assert_eq!(published.machine, "m5d.metal, A processor @ 2 GHz");
        let found: Vec<_> = published.starts.iter().map(|of| (of.vmm, of.at_once)).collect();
        assert_eq!(found, [("Firecracker", 1), ("QEMU", 50)]);
        assert_eq!(published.starts[0].curve, [(1e8, 0.0), (1e8, 0.5), (2e8, 1.0)]);
        assert_eq!((published.starts[0].quantile(0.5), published.counts()), (Some(1e8), vec![1, 50]));
        assert_eq!(published.memory[0].points, [(134_217_728.0, 2_097_152.0)]);
    }

    #[test]
    fn the_folder_of_a_machine_is_enough() {
        let published = Published::read(folder(&[("boot-serial-chv-cdf.dat", CDF)]).path()).unwrap();
        assert_eq!(published.starts[0].vmm, "Cloud Hypervisor");
    }

    #[test]
    fn a_folder_without_the_data_says_what_to_give() {
        let message = Published::read(folder(&[("README.md", "")]).path()).unwrap_err().to_string();
        assert!(message.contains("nsdi2020-data"), "{message}");
    }

    #[test]
    fn what_is_not_in_the_papers_format_is_refused_with_its_place() {
        for (text, line) in [
            ("", 1),
            ("1000\n", 1),
            ("1000 0.5\n900 1.0\n", 2),
            ("1000 0.5\n1100 0.4\n", 2),
            ("1000 0.5\nnan 1.0\n", 2),
            ("1000 0.5\n1100 1.5\n", 2),
            ("1000 0.5\n1100 0.9\n", 3),
            ("-5 1.0\n", 1),
        ] {
            let message = Published::read(folder(&[("boot-serial-fc-api-cdf.dat", text)]).path())
                .unwrap_err()
                .to_string();
            assert!(message.contains(&format!("line {line}:")), "{text:?}: {message}");
        }
        for text in ["131072 1 1\n", "131072 1 1 1 1 1 1 131072\n"] {
            let message = Published::read(folder(&[("mem-fc.dat", text)]).path()).unwrap_err().to_string();
            assert!(message.contains("line 1:"), "{text:?}: {message}");
        }
    }
}
