//! Pictures and page against committed ones in `tests/golden`; look at a change in a browser before accepting it.
//!
//! To regenerate: `UPDATE_GOLDEN=1 cargo test -p reports --test golden`.

mod support;

use std::fs;
use std::path::Path;

use reports::{charts, html};

fn matches_golden(name: &str, made: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap_or(&path)).expect("the folder of golden files can be made");
        fs::write(&path, made).expect("a golden file can be written");
    }
    let golden = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        golden == made,
        "{} differs; look at it, then UPDATE_GOLDEN=1 cargo test -p reports --test golden",
        path.display()
    );
}

#[test]
fn charts_look_as_they_did() {
    for chart in charts(&support::run(24)).unwrap() {
        matches_golden(&format!("{}.svg", chart.name), &chart.svg);
    }
}

#[test]
fn the_page_reads_as_it_did() {
    matches_golden("report.html", &html(&support::run(24)).unwrap());
}
