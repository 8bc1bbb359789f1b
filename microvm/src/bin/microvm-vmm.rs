//! The process of one virtual machine; see [`microvm::vmm::process`].
//!
//! Without the runtime of `std`, whose preparations (a handler for stack overflows, reading /proc/self/maps)
//! cost more than all of this process's own work before KVM. glibc hands arguments and environment to `std` all
//! the same.
#![no_main]

/// The C library's entry.
#[unsafe(no_mangle)]
extern "C" fn main(_count: i32, _arguments: *const *const u8) -> i32 {
    microvm::vmm::process::main()
}
