//! A program of Rust's std: collections, formatting, arguments, environment, time, a panic that is caught, exit
//! status.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::time::Instant;

fn main() {
    let start = Instant::now();
    let mut numbers: Vec<u64> =
        (0..200_000u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 1_000_003).collect();
    numbers.sort_unstable();
    assert!(numbers.is_sorted());
    let words: HashMap<String, usize> = (0..1000).map(|i| (format!("word {i}"), i)).collect();
    let ordered: BTreeMap<_, _> = words.iter().collect();
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).unwrap();
    let root = std::hint::black_box(2.0f64).sqrt();
    println!(
        "{} {} {root:.6} {:?} {input:?}",
        numbers.len(),
        ordered.len(),
        std::env::args().skip(1).collect::<Vec<_>>()
    );
    assert!(start.elapsed().as_nanos() > 0);
    std::process::exit(42);
}
