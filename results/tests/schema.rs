//! The committed schema is that of the types, and says of the fixtures what the types say.
//!
//! To regenerate it: `UPDATE_SCHEMA=1 cargo test -p results --test schema`

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

fn in_crate(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn fixture(name: &str) -> Value {
    serde_json::from_slice(&fs::read(in_crate("tests/data").join(name)).unwrap()).unwrap()
}

fn is_valid(value: &Value) -> bool {
    jsonschema::validator_for(results::schema().as_value()).unwrap().is_valid(value)
}

#[test]
fn the_committed_schema_is_that_of_the_types() {
    let generated = serde_json::to_string_pretty(&results::schema()).unwrap() + "\n";
    let path = in_crate("schema/run.schema.json");
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        fs::write(&path, &generated).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap();
    assert!(committed == generated, "run: UPDATE_SCHEMA=1 cargo test -p results --test schema");
}

#[test]
fn the_fixtures_are_valid() {
    for name in ["run.json", "partial.json"] {
        let validator = jsonschema::validator_for(results::schema().as_value()).unwrap();
        let value = fixture(name);
        let errors: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert_eq!(errors, [""; 0], "{name}");
    }
}

#[test]
fn what_the_types_refuse_is_invalid() {
    let change = |pointer: &str, new: Value| {
        let mut run = fixture("partial.json");
        *run.pointer_mut(pointer).unwrap() = new;
        run
    };
    assert!(!is_valid(&change("/schema_version", json!(2))), "a newer version");
    assert!(!is_valid(&change("/measurements/0/metric", json!("Startup Time"))), "a metric's name");
    assert!(!is_valid(&change("/measurements/0/unit", json!("ms"))), "a unit");
    assert!(!is_valid(&change("/measurements/0/samples/0", json!(null))), "a sample that is not finite");
    assert!(!is_valid(&change("/measurements/0/blocks/0", json!(-1))), "a negative block");
    let mut unknown_field = fixture("partial.json");
    unknown_field["host"]["colour"] = json!("grey");
    assert!(!is_valid(&unknown_field), "an unknown field");
}
