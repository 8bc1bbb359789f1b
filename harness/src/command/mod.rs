//! The subcommands: each turns its arguments into an outcome and prints.

pub mod ab;
pub mod anchors;
pub mod baseline;
pub mod claims;
pub mod clean;
pub mod compare;
pub mod doctor;
pub mod exec;
pub mod export;
pub mod history;
pub mod kernel;
pub mod list;
pub mod report;
pub mod run;
