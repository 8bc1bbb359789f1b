//! Data model, statistics and store of benchmark results.

mod metric;
mod model;
pub mod stats;

pub use metric::{Metric, UnknownMetric};
pub use model::*;
