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

/// A text from a file without what a terminal would obey.
pub fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An error and its causes in one line. A cause that its effect already quotes is not said twice.
pub fn chain(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

fn written(result: io::Result<()>) -> Result<()> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn a_cause_that_is_already_quoted_is_not_said_twice() {
        let denied = || Err::<(), _>(io::Error::other("denied"));
        let quoted = denied().context("cannot write x: denied").unwrap_err();
        assert_eq!(chain(&quoted), "cannot write x: denied");
        let plain = denied().context("cannot write x").unwrap_err();
        assert_eq!(chain(&plain), "cannot write x: denied");
    }
}
