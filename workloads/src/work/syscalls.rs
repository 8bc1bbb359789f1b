//! System calls of one thread.
//!
//! An operation is one call (or the pair or triple that the name says), result checked. A loop of one call
//! measures hot caches and a trained predictor: this is the floor of its cost, the same for every backend.

use core::{ffi::CStr, hint::black_box};

use super::Stop;
use crate::{
    meter::Meter,
    sys::{
        self, ENOENT, SysError, Timespec,
        memory::{Mapping, PAGE},
        vdso,
    },
};

const NULL: &CStr = c"/dev/null";
const ZERO: &CStr = c"/dev/zero";

/// Opens a device that a minimal root may lack.
fn open_device(path: &CStr, missing: &'static str) -> Result<i32, Stop> {
    sys::open(path).map_err(|error| match error {
        SysError { errno: ENOENT, .. } => Stop::Missing(missing),
        error => error.into(),
    })
}

pub fn getpid(meter: &Meter) -> Result<(), Stop> {
    meter.measure(&mut |ops| {
        for _ in 0..ops {
            black_box(sys::getpid()?);
        }
        Ok(())
    })
}

pub fn clock_vdso(meter: &Meter) -> Result<(), Stop> {
    const CLOCK_MONOTONIC: i32 = 1;
    // SAFETY: the meter has the address from the kernel's auxiliary vector.
    let clock_gettime = meter.vdso.and_then(|base| unsafe { vdso::clock_gettime(base) });
    let clock_gettime = clock_gettime.ok_or(Stop::Missing("needs a vDSO"))?;
    meter.measure(&mut |ops| {
        let mut time = Timespec::default();
        for _ in 0..ops {
            // SAFETY: the function has this signature and writes one timespec.
            if unsafe { clock_gettime(CLOCK_MONOTONIC, &raw mut time) } != 0 {
                return Err(Stop::Wrong("the vDSO's clock_gettime failed"));
            }
            black_box(&time);
        }
        Ok(())
    })
}

pub fn clock_call(meter: &Meter) -> Result<(), Stop> {
    meter.measure(&mut |ops| {
        for _ in 0..ops {
            black_box(sys::clock_gettime()?.as_ns());
        }
        Ok(())
    })
}

pub fn read_zero_1(meter: &Meter) -> Result<(), Stop> {
    read_zero(meter, &mut [0; 1])
}

pub fn read_zero_4k(meter: &Meter) -> Result<(), Stop> {
    read_zero(meter, &mut [0; 4096])
}

fn read_zero(meter: &Meter, buffer: &mut [u8]) -> Result<(), Stop> {
    let zero = open_device(ZERO, "needs /dev/zero")?;
    meter.measure(&mut |ops| {
        for _ in 0..ops {
            if sys::read(zero, buffer)? != buffer.len() {
                return Err(Stop::Wrong("read of /dev/zero came up short"));
            }
            black_box(&*buffer);
        }
        Ok(())
    })
}

pub fn write_null_1(meter: &Meter) -> Result<(), Stop> {
    write_null(meter, &[0; 1])
}

pub fn write_null_4k(meter: &Meter) -> Result<(), Stop> {
    write_null(meter, &[0; 4096])
}

fn write_null(meter: &Meter, bytes: &[u8]) -> Result<(), Stop> {
    let null = open_device(NULL, "needs /dev/null")?;
    meter.measure(&mut |ops| {
        for _ in 0..ops {
            if sys::write(null, bytes)? != bytes.len() {
                return Err(Stop::Wrong("write to /dev/null came up short"));
            }
        }
        Ok(())
    })
}

pub fn openat_close(meter: &Meter) -> Result<(), Stop> {
    sys::close(open_device(NULL, "needs /dev/null")?)?;
    meter.measure(&mut |ops| {
        for _ in 0..ops {
            sys::close(sys::open(NULL)?)?;
        }
        Ok(())
    })
}

pub fn fstat(meter: &Meter) -> Result<(), Stop> {
    let null = open_device(NULL, "needs /dev/null")?;
    meter.measure(&mut |ops| {
        for _ in 0..ops {
            black_box(sys::fstat(null)?);
        }
        Ok(())
    })
}

pub fn mmap_touch_munmap(meter: &Meter) -> Result<(), Stop> {
    meter.measure(&mut |ops| {
        for _ in 0..ops {
            let page = Mapping::new(PAGE)?;
            page.touch(1);
            page.unmap()?;
        }
        Ok(())
    })
}
