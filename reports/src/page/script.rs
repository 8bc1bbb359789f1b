//! The page's only script, and the policy that lets no other run.
//!
//! It sorts tables and switches drawings; everything is there without it. Invariant: the policy names the digest of
//! exactly these bytes, so whatever slipped into the file besides does not run.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// The script, as it stands between its tags.
pub(super) const SCRIPT: &str = include_str!("../../templates/page.js");

/// Content Security Policy, level 3, for a page that loads nothing.
pub(super) fn policy() -> String {
    let digest = STANDARD.encode(Sha256::digest(SCRIPT));
    format!(
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_cannot_end_its_element_early() {
        assert!(!SCRIPT.contains("</") && !SCRIPT.contains("<!--"));
    }
}
