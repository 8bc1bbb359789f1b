//! Writing to the terminal. A reader that went away (`bench list | head`) is no error, and never a
//! panic as with `println!`.

use std::io::{self, Write};

use anyhow::Result;
use serde::Serialize;

/// Writes text and a line end to stdout.
pub fn print(text: &str) -> Result<()> {
    written(writeln!(io::stdout().lock(), "{text}"))
}

/// Writes indented JSON to stdout.
pub fn print_json(value: &impl Serialize) -> Result<()> {
    print(&serde_json::to_string_pretty(value)?)
}

/// Writes a line about the work under way to stderr.
pub fn note(text: &str) {
    // There is nowhere left to say that stderr is gone.
    let _ = writeln!(io::stderr().lock(), "bench: {text}");
}

fn written(result: io::Result<()>) -> Result<()> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
