//! Descriptors: the console at 0, 1 and 2, and two devices that need no file system.
//!
//! Invariant: a descriptor is an index below [`LIMIT`]; everything else is EBADF.

use crate::doorbell;
use crate::errno::{EACCES, EBADF, EINVAL, EMFILE, ENOENT, ENOTTY, ESPIPE, Errno, Result};
use crate::user;

/// Descriptors that can be open at once.
const LIMIT: usize = 16;
const PATH_MAX: usize = 64;

// include/uapi/linux/stat.h
const S_IFIFO: u64 = 0o010_000;
const S_IFCHR: u64 = 0o020_000;
/// Device numbers of /dev/null and /dev/zero (Documentation/admin-guide/devices.txt): major 1.
const NULL_DEVICE: u64 = 0x103;
const ZERO_DEVICE: u64 = 0x105;
const STAT_WORDS: usize = 18;

// include/uapi/asm-generic/fcntl.h, include/uapi/linux/fcntl.h
const O_RDWR: u64 = 2;
const O_DIRECTORY: u64 = 0o200_000;
const F_GETFD: u64 = 1;
const F_SETFD: u64 = 2;
const F_GETFL: u64 = 3;
const F_SETFL: u64 = 4;
const AT_EMPTY_PATH: u64 = 0x1000;

const POLLIN: u16 = 1;
const POLLOUT: u16 = 4;
const POLLNVAL: u16 = 0x20;

#[derive(Clone, Copy, PartialEq)]
enum Descriptor {
    Closed,
    Input,
    Output,
    Null,
    Zero,
}

/// The descriptor table.
pub struct Files([Descriptor; LIMIT]);

impl Files {
    pub const fn new() -> Files {
        let mut table = [Descriptor::Closed; LIMIT];
        table[0] = Descriptor::Input;
        table[1] = Descriptor::Output;
        table[2] = Descriptor::Output;
        Files(table)
    }

    fn get(&self, number: u64) -> Result<Descriptor> {
        match self.0.get(number as usize) {
            None | Some(Descriptor::Closed) => Err(EBADF),
            Some(&descriptor) => Ok(descriptor),
        }
    }

    /// read(2).
    pub fn read(&self, number: u64, address: u64, length: u64) -> Result {
        let descriptor = self.get(number)?;
        user::check(address, length)?;
        match descriptor {
            Descriptor::Input => Ok(doorbell::read(address, length)),
            Descriptor::Zero => user::zero(address, length).map(|()| length),
            Descriptor::Null => Ok(0),
            Descriptor::Output | Descriptor::Closed => Err(EBADF),
        }
    }

    /// write(2).
    pub fn write(&self, number: u64, address: u64, length: u64) -> Result {
        match self.get(number)? {
            // As on Linux, what is thrown away is not looked at.
            Descriptor::Null | Descriptor::Zero => Ok(length),
            Descriptor::Output => {
                user::check(address, length)?;
                Ok(doorbell::write(number, address, length))
            }
            Descriptor::Input | Descriptor::Closed => Err(EBADF),
        }
    }

    /// writev(2).
    pub fn writev(&self, number: u64, vector: u64, count: u64) -> Result {
        const IOV_MAX: u64 = 1024;
        if count > IOV_MAX {
            return Err(EINVAL);
        }
        let mut total = 0u64;
        for i in 0..count {
            let [address, length] = user::read::<[u64; 2]>(vector.wrapping_add(16 * i))?;
            if length == 0 {
                continue;
            }
            let written = self.write(number, address, length)?;
            // The VMM answers with an error number if it must.
            if (written as i64) < 0 {
                return Ok(if total > 0 { total } else { written });
            }
            total += written;
            if written < length {
                break;
            }
        }
        Ok(total)
    }

    /// open(2) and openat(2) of an absolute path.
    pub fn open(&mut self, path: u64, flags: u64) -> Result {
        let mut buffer = [0; PATH_MAX];
        let descriptor = match user::read_text(path, &mut buffer)? {
            b"/dev/null" => Descriptor::Null,
            b"/dev/zero" => Descriptor::Zero,
            _ => return Err(ENOENT),
        };
        if flags & O_DIRECTORY != 0 {
            return Err(EACCES);
        }
        let free = self.0.iter().position(|&slot| slot == Descriptor::Closed).ok_or(EMFILE)?;
        self.0[free] = descriptor;
        Ok(free as u64)
    }

    /// close(2).
    pub fn close(&mut self, number: u64) -> Result {
        self.get(number)?;
        self.0[number as usize] = Descriptor::Closed;
        Ok(0)
    }

    /// fstat(2).
    pub fn fstat(&self, number: u64, to: u64) -> Result {
        let (mode, device) = match self.get(number)? {
            Descriptor::Null => (S_IFCHR | 0o666, NULL_DEVICE),
            Descriptor::Zero => (S_IFCHR | 0o666, ZERO_DEVICE),
            _ => (S_IFIFO | 0o600, 0),
        };
        // struct stat (arch/x86/include/uapi/asm/stat.h) in words: 2 st_nlink, 3 st_mode and st_uid, 5 st_rdev,
        // 7 st_blksize.
        let mut stat = [0u64; STAT_WORDS];
        (stat[2], stat[3], stat[5], stat[7]) = (1, mode, device, 4096);
        user::write(to, stat)?;
        Ok(0)
    }

    /// newfstatat(2), as fstat of a C library: with an empty path.
    pub fn fstatat(&self, number: u64, path: u64, to: u64, flags: u64) -> Result {
        let mut buffer = [0; PATH_MAX];
        if flags & AT_EMPTY_PATH != 0 && user::read_text(path, &mut buffer)?.is_empty() {
            return self.fstat(number, to);
        }
        Err(ENOENT)
    }

    /// fcntl(2).
    pub fn fcntl(&self, number: u64, command: u64) -> Result {
        self.get(number)?;
        match command {
            F_GETFL => Ok(O_RDWR),
            F_GETFD | F_SETFD | F_SETFL => Ok(0),
            _ => Err(EINVAL),
        }
    }

    /// A call that only fails, with `error`, unless the descriptor is bad.
    fn refuse(&self, number: u64, error: Errno) -> Result {
        self.get(number)?;
        Err(error)
    }

    /// lseek(2): nothing here has a position.
    pub fn lseek(&self, number: u64) -> Result {
        self.refuse(number, ESPIPE)
    }

    /// ioctl(2): nothing here is a terminal.
    pub fn ioctl(&self, number: u64) -> Result {
        self.refuse(number, ENOTTY)
    }

    /// poll(2): everything is always ready, in the sense that poll means for files.
    pub fn poll(&self, list: u64, count: u64) -> Result {
        if count > LIMIT as u64 {
            return Err(EINVAL);
        }
        let mut ready = 0;
        for i in 0..count {
            let at = list.wrapping_add(8 * i);
            // struct pollfd: int fd; short events, revents.
            let (descriptor, [events, _]) =
                (user::read::<i32>(at)?, user::read::<[u16; 2]>(at.wrapping_add(4))?);
            let returned = match u64::try_from(descriptor) {
                Err(_) => 0,
                Ok(number) if self.get(number).is_err() => POLLNVAL,
                Ok(_) => events & (POLLIN | POLLOUT),
            };
            user::write(at.wrapping_add(6), returned)?;
            ready += u64::from(returned != 0);
        }
        Ok(ready)
    }
}
