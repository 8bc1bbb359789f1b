//! The ACPI tables a guest needs to find its processors and interrupt controllers, and nothing else (ACPI 6.5,
//! chapter 5): RSDP, XSDT, FADT, MADT and an empty DSDT.
//!
//! Not an MP table: distributions' kernels come without a reader for it (CONFIG_X86_MPPARSE). Invariant: every
//! table's bytes sum to 0, as the kernel checks.

use vm_memory::{Bytes, GuestAddress, GuestMemoryMmap};

use super::Error;
use super::layout::ACPI;

/// Where KVM has the interrupt controllers, as every PC (arch/x86/include/asm/apicdef.h).
const LOCAL_APIC: u32 = 0xfee0_0000;
const IO_APIC: u32 = 0xfec0_0000;

/// MADT flags: there are also two 8259 controllers.
const PCAT_COMPAT: u32 = 1;
/// Local APIC flags: the processor can be used.
const ENABLED: u32 = 1;

/// FADT, IA-PC boot architecture flags (table 5.11): no VGA, no MSI, no real-time clock; not set: no keyboard
/// controller, apart from the reset at port 0x64, and no legacy devices to look for.
const NO_VGA: u16 = 1 << 2;
const NO_MSI: u16 = 1 << 3;
const NO_CMOS_CLOCK: u16 = 1 << 5;
/// FADT flags (table 5.10): WBINVD works, C1 works, no power and no sleep button.
const FLAGS: u32 = 1 << 0 | 1 << 2 | 1 << 4 | 1 << 5;
/// Ports of the power management registers. They read as 0, which says "ACPI mode is on, no event is pending".
pub const PM_EVENTS: u16 = 0x600;
/// The second half of the event registers (section 4.8.3.1): which events are enabled.
pub const PM_ENABLE: u16 = PM_EVENTS + 2;
/// The control register, behind the events.
pub const PM_CONTROL: u16 = PM_EVENTS + 4;
/// First port behind the power management registers.
pub const PM_END: u16 = PM_CONTROL + 2;
/// The interrupt of ACPI events, which never comes.
const SCI: u16 = 9;

const OEM: &[u8; 6] = b"BENCH ";
const HEADER: usize = 36;
const FADT_SIZE: usize = 276;

/// Writes the tables for `vcpus` processors; the root is at [`ACPI`].
pub fn write(memory: &GuestMemoryMmap, vcpus: u8) -> Result<(), Error> {
    let mut next = ACPI + 64;
    let mut place = |table: &[u8]| -> Result<u64, Error> {
        let address = next;
        memory.write_slice(table, GuestAddress(address))?;
        next = (address + table.len() as u64).next_multiple_of(16);
        Ok(address)
    };
    let dsdt = place(&table(*b"DSDT", 2, &[]))?;
    let fadt = place(&fadt(dsdt))?;
    let madt = place(&madt(vcpus))?;
    let xsdt = place(&table(*b"XSDT", 1, &[fadt, madt].map(u64::to_le_bytes).concat()))?;
    memory.write_slice(&rsdp(xsdt), GuestAddress(ACPI))?;
    Ok(())
}

/// A table: header (section 5.2.6) and body.
fn table(signature: [u8; 4], revision: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = signature.to_vec();
    bytes.extend(((HEADER + body.len()) as u32).to_le_bytes());
    bytes.extend([revision, 0]);
    bytes.extend(OEM);
    bytes.extend(b"MICROVM ");
    bytes.extend(1u32.to_le_bytes());
    bytes.extend(b"RUST");
    bytes.extend(1u32.to_le_bytes());
    bytes.extend(body);
    bytes[9] = checksum(&bytes);
    bytes
}

/// What makes the sum of all bytes 0.
fn checksum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0u8, |sum, byte| sum.wrapping_sub(*byte))
}

/// Section 5.2.5.3.
fn rsdp(xsdt: u64) -> Vec<u8> {
    let mut bytes = b"RSD PTR \0".to_vec();
    bytes.extend(OEM);
    bytes.push(2);
    bytes.extend(0u32.to_le_bytes());
    bytes[8] = checksum(&bytes);
    bytes.extend(36u32.to_le_bytes());
    bytes.extend(xsdt.to_le_bytes());
    bytes.extend([0; 4]);
    bytes[32] = checksum(&bytes);
    bytes
}

/// Section 5.2.9; what is not set is 0, which means "not there".
fn fadt(dsdt: u64) -> Vec<u8> {
    let mut body = [0; FADT_SIZE - HEADER];
    // Offsets of the specification count from the start of the table.
    let mut set =
        |at: usize, value: &[u8]| body[at - HEADER..at - HEADER + value.len()].copy_from_slice(value);
    set(46, &SCI.to_le_bytes());
    set(56, &u32::from(PM_EVENTS).to_le_bytes());
    set(64, &u32::from(PM_CONTROL).to_le_bytes());
    set(88, &[(PM_CONTROL - PM_EVENTS) as u8]);
    set(89, &[(PM_END - PM_CONTROL) as u8]);
    set(109, &(NO_VGA | NO_MSI | NO_CMOS_CLOCK).to_le_bytes());
    set(112, &FLAGS.to_le_bytes());
    set(140, &dsdt.to_le_bytes());
    table(*b"FACP", 6, &body)
}

/// Section 5.2.12: local APICs with identifiers from 0, then the I/O APIC, whose pins are the interrupts' numbers.
fn madt(vcpus: u8) -> Vec<u8> {
    let mut body = LOCAL_APIC.to_le_bytes().to_vec();
    body.extend(PCAT_COMPAT.to_le_bytes());
    for id in 0..vcpus {
        body.extend([0, 8, id, id]);
        body.extend(ENABLED.to_le_bytes());
    }
    body.extend([1, 12, 0, 0]);
    body.extend(IO_APIC.to_le_bytes());
    body.extend(0u32.to_le_bytes());
    table(*b"APIC", 5, &body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux::config::MAX_VCPUS;
    use crate::linux::layout::HIGH_MEMORY;

    fn sum(bytes: &[u8]) -> u8 {
        bytes.iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte))
    }

    #[test]
    fn every_table_is_reached_from_the_root_and_sums_to_0() {
        let memory = GuestMemoryMmap::from_ranges(&[(GuestAddress(0), 1 << 20)]).unwrap();
        for vcpus in [1, MAX_VCPUS as u8] {
            write(&memory, vcpus).unwrap();
            let bytes = |at: u64, length: usize| {
                let mut bytes = vec![0; length];
                memory.read_slice(&mut bytes, GuestAddress(at)).unwrap();
                bytes
            };
            let table = |at: u64| {
                let length: u32 = memory.read_obj(GuestAddress(at + 4)).unwrap();
                assert!(at + u64::from(length) <= HIGH_MEMORY);
                bytes(at, length as usize)
            };
            let u64_of = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap());
            let root = bytes(ACPI, 36);
            assert_eq!((&root[..8], sum(&root[..20]), sum(&root)), (&b"RSD PTR "[..], 0, 0));
            let xsdt = table(u64_of(&root[24..32]));
            let [fadt, madt] = [36, 44].map(|at| table(u64_of(&xsdt[at..at + 8])));
            let dsdt = table(u64_of(&fadt[140..148]));
            for (table, name) in [(&xsdt, b"XSDT"), (&fadt, b"FACP"), (&madt, b"APIC"), (&dsdt, b"DSDT")] {
                assert_eq!((&table[..4], sum(table)), (&name[..], 0));
            }
            assert_eq!(madt.len(), 36 + 8 + 8 * usize::from(vcpus) + 12);
        }
    }
}
