//! The JSON Schema of `run.json`, generated from the types; a copy is committed as `schema/run.schema.json`.

use schemars::Schema;

use crate::Run;

/// The schema of the version that this build writes.
pub fn schema() -> Schema {
    schemars::schema_for!(Run)
}
