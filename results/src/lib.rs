//! Data model, statistics and store of benchmark results; depends on nothing that measures.
//!
//! A [`Run`] is everything one `bench` invocation measured. A [`Journal`] writes it while it comes to be, [`load`] reads
//! it back, [`stats`] draws conclusions from it. Times are nanoseconds, sizes are bytes. Invariant: a run that was
//! written or read by this crate has passed [`Run::check`].

pub mod anchors;
mod assembly;
mod check;
pub mod claims;
pub mod compare;
pub mod evidence;
pub mod export;
pub mod history;
mod journal;
mod key;
pub mod ladder;
mod layout;
mod load;
mod metric;
mod model;
mod schema;
pub mod series;
pub mod stats;

pub use check::{Invalid, Problem};
pub use journal::{JOURNAL_FILE, Journal, LATEST_LINK, RUN_FILE, StoreError, update_latest, write_run};
pub use key::Key;
pub use load::{LoadError, load};
pub use metric::{Metric, UnknownMetric};
pub use model::*;
pub use schema::schema;
