//! `cargo xtask schemas`: writes the JSON Schemas of docs/schema, or with `--check` says whether they are what the types of the
//! documents say. Both are a test of `ringquet-cli`, for the types are private there: `verbs/schemas.rs`. All of the workspace is
//! named, so that what `cargo xtask test` built is used.

use anyhow::Result;
use xshell::cmd;

use crate::workshop::Workshop;

/// Writes the schemas, or compares them.
///
/// # Errors
/// A type without a schema, a key without a description; with `check`, schemas that differ.
pub(crate) fn run(workshop: &Workshop, check: bool) -> Result<()> {
    let test = cmd!(workshop.sh, "cargo test --workspace --lib -- verbs::schemas");
    Ok(test.env("RINGQUET_SCHEMAS", if check { "check" } else { "write" }).run()?)
}
