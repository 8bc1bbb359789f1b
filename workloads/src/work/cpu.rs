//! Work for the processor alone, in baseline x86-64 code (SSE2): what a backend should not slow down at all.
//!
//! Everything fits the first-level or second-level cache, so that these measure execution and not memory.

use core::hint::black_box;

use super::{Stop, sha256};
use crate::{meter::Meter, sys::memory::Mapping};

pub fn sha256(meter: &Meter) -> Result<(), Stop> {
    let mut message = [0x5a_u8; 4096];
    meter.measure(&mut |ops| {
        for _ in 0..ops {
            let digest = sha256::digest(black_box(&message));
            // Each message depends on the digest before, so that no two are alike.
            message[..digest.len()].copy_from_slice(&digest);
        }
        black_box(&message);
        Ok(())
    })
}

/// How many integers [`sort`] sorts: 16 KiB of them.
const INTEGERS: usize = 4096;

pub fn sort(meter: &Meter) -> Result<(), Stop> {
    let mut mapping = Mapping::new(INTEGERS * size_of::<u32>())?;
    let integers = mapping.as_mut_slice::<u32>();
    meter.measure(&mut |ops| {
        for _ in 0..ops {
            // The same integers each time: the cost of an operation is then a constant.
            let mut random = XorShift::new();
            integers.fill_with(|| random.next());
            black_box(&mut *integers).sort_unstable();
        }
        black_box(&*integers);
        Ok(())
    })
}

/// The order of the matrices: 32 KiB each.
const ORDER: usize = 64;

pub fn matmul(meter: &Meter) -> Result<(), Stop> {
    const MATRIX: usize = ORDER * ORDER;
    let mut mapping = Mapping::new(3 * MATRIX * size_of::<f64>())?;
    let (factors, product) = mapping.as_mut_slice::<f64>().split_at_mut(2 * MATRIX);
    for (index, value) in factors.iter_mut().enumerate() {
        *value = (index % 7) as f64 - 3.0;
    }
    let (left, right) = factors.split_at(MATRIX);
    meter.measure(&mut |ops| {
        for _ in 0..ops {
            multiply(black_box(left), black_box(right), product, ORDER);
            black_box(&*product);
        }
        Ok(())
    })
}

/// `product = left * right` for square matrices in row order. The middle loop runs over the common index, so
/// that the innermost walks along rows and vectorises.
fn multiply(left: &[f64], right: &[f64], product: &mut [f64], order: usize) {
    for (left_row, product_row) in left.chunks_exact(order).zip(product.chunks_exact_mut(order)) {
        product_row.fill(0.0);
        for (&factor, right_row) in left_row.iter().zip(right.chunks_exact(order)) {
            for (sum, &value) in product_row.iter_mut().zip(right_row) {
                *sum += factor * value;
            }
        }
    }
}

/// Marsaglia's xorshift32 (Journal of Statistical Software 8(14), 2003), with a fixed seed: cheap and
/// repeatable, which is all that is asked here.
pub struct XorShift(u32);

impl XorShift {
    pub fn new() -> Self {
        Self(0x9e37_79b9)
    }

    pub fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }

    /// A number below `bound`, which must not be 0; slightly uneven, as a multiplication is.
    pub fn below(&mut self, bound: u32) -> u32 {
        ((u64::from(self.next()) * u64::from(bound)) >> 32) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_product_comes_out() {
        let mut product = [9.0; 4];
        multiply(&[1.0, 2.0, 3.0, 4.0], &[5.0, 6.0, 7.0, 8.0], &mut product, 2);
        assert_eq!(product, [19.0, 22.0, 43.0, 50.0]);
    }

    #[test]
    fn the_generator_stays_below_its_bound_and_reaches_both_ends() {
        let mut random = XorShift::new();
        let values = (0..1000).map(|_| random.below(10)).collect::<Vec<_>>();
        assert_eq!((values.iter().min(), values.iter().max()), (Some(&0), Some(&9)));
    }
}
