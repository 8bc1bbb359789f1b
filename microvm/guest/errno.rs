//! Error numbers (include/uapi/asm-generic/errno-base.h and errno.h) and the result of a system call.

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Errno(pub i64);

pub const ENOENT: Errno = Errno(2);
pub const EBADF: Errno = Errno(9);
pub const ENOMEM: Errno = Errno(12);
pub const EACCES: Errno = Errno(13);
pub const EFAULT: Errno = Errno(14);
pub const ENODEV: Errno = Errno(19);
pub const EINVAL: Errno = Errno(22);
pub const EMFILE: Errno = Errno(24);
pub const ENOTTY: Errno = Errno(25);
pub const ESPIPE: Errno = Errno(29);
pub const ENAMETOOLONG: Errno = Errno(36);
pub const ENOSYS: Errno = Errno(38);

/// What a system call returns.
pub type Result<T = u64> = core::result::Result<T, Errno>;
