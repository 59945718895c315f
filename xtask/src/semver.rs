//! `cargo xtask semver`: the public names of the library `ringquet` against those of another revision.
//!
//! No release is published, so the base is a revision of this repository. `cargo semver-checks` builds the documentation of
//! both and reports what a caller of the base would have to change; without a change of the version such a thing is an error.

use anyhow::{Result, bail};
use xshell::cmd;

use crate::workshop::Workshop;

/// Compares the working tree with `baseline`.
pub(crate) fn run(workshop: &Workshop, baseline: &str) -> Result<()> {
    if !workshop.has("cargo semver-checks") {
        bail!("semver needs cargo-semver-checks: 'cargo install cargo-semver-checks --locked'");
    }
    let check = cmd!(
        workshop.sh,
        "cargo semver-checks --package ringquet --only-explicit-features --features async --baseline-rev {baseline}"
    );
    Ok(check.run()?)
}
