//! `cargo xtask interleave [TEST]`: locks and condition variables under many schedules of their threads.
//!
//! The crates are built with the types of `ringquet_interleave`, which says how to run a failed schedule again. Nothing
//! else can run with them, so only the tests under `interleavings` do.

use anyhow::Result;
use xshell::cmd;

use crate::workshop::Workshop;

/// What has synchronisation of its own.
const PACKAGES: [&str; 4] = ["ringquet-io", "ringquet-decode", "ringquet", "ringquet-train"];

/// Every model, or those whose names hold `name`.
pub(crate) fn run(workshop: &Workshop, name: Option<&str>) -> Result<()> {
    let features = PACKAGES.map(|package| format!("{package}/interleave")).join(",");
    let name = name.unwrap_or("interleavings::");
    let sh = &workshop.sh;
    Ok(cmd!(sh, "cargo test --workspace --lib --features {features} -- {name}").run()?)
}

/// Every model: the step of CI.
pub(crate) fn all(workshop: &Workshop) -> Result<()> {
    run(workshop, None)
}
