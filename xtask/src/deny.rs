//! cargo-deny over Cargo.lock: licenses, sources, banned crates, advisories, as `deny.toml` says. Where it is not installed it is
//! built once, into the target directory.

use std::path::PathBuf;

use anyhow::{Context, Result};
use xshell::cmd;

use crate::workshop::Workshop;

/// The version that is built. Another one that is installed does as well.
const VERSION: &str = "0.20.2";

/// What is checked of Cargo.lock alone.
const OFFLINE: [&str; 3] = ["bans", "licenses", "sources"];

/// Fails where the check does, or where there is no cargo-deny and none can be built.
pub(crate) fn run(workshop: &Workshop) -> Result<()> {
    let sh = &workshop.sh;
    let deny = program(workshop)?;
    cmd!(sh, "{deny} check {OFFLINE...}").run()?;
    // Advisories are a database of their own. Where it cannot be had the rest holds all the same, and the line says what is
    // missing; `cargo deny check` elsewhere makes up for it.
    if let Err(error) = cmd!(sh, "{deny} fetch db").ignore_stderr().run() {
        println!("SKIPPED advisories: their database cannot be fetched ({error})");
        return Ok(());
    }
    Ok(cmd!(sh, "{deny} check --disable-fetch advisories").run()?)
}

/// The installed cargo-deny, or one of our own.
fn program(workshop: &Workshop) -> Result<PathBuf> {
    let sh = &workshop.sh;
    if workshop.has("cargo-deny") {
        return Ok(PathBuf::from("cargo-deny"));
    }
    let tools = workshop.target.join("tools");
    let deny = tools.join("bin/cargo-deny");
    if !deny.exists() {
        // Not optimised: it runs for seconds, and is built for minutes otherwise.
        let build = tools.join("build");
        println!("cargo-deny is not installed: building {VERSION} into {}", tools.display());
        cmd!(
            sh,
            "cargo install --quiet --debug --locked --version {VERSION} --root {tools} cargo-deny"
        )
        .env("CARGO_TARGET_DIR", &build)
        .run()
        .context("cargo-deny is missing, and could not be built")?;
        workshop.remove(&build)?;
    }
    Ok(deny)
}
