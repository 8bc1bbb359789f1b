//! Promise: a machine's start is that of a process and the KVM calls it cannot do without.
fn main() {}
