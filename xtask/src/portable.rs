//! `cargo xtask portable`: the decoder with the kernels that other architectures get, under all of its tests. Where the target
//! and a C cross compiler are installed, the workspace is checked for aarch64 as well.

use anyhow::Result;
use xshell::cmd;

use crate::workshop::Workshop;

const AARCH64: &str = "aarch64-unknown-linux-gnu";

/// Unit tests of the decoder, then whatever decodes in the test binary.
pub(crate) fn run(workshop: &Workshop) -> Result<()> {
    let sh = &workshop.sh;
    let portable = ["--workspace", "--features", "ringquet-decode/portable"];
    cmd!(sh, "cargo test {portable...} --lib -- kernels levels").run()?;
    cmd!(sh, "cargo test {portable...} --test it -- decode:: deliver:: regression::").run()?;
    let targets = cmd!(sh, "rustup target list --installed").quiet().read().unwrap_or_default();
    if !targets.lines().any(|line| line == AARCH64) {
        println!(
            "SKIPPED {AARCH64}: 'rustup target add {AARCH64}' and 'apt-get install gcc-aarch64-linux-gnu'"
        );
        return Ok(());
    }
    Ok(cmd!(sh, "cargo check --workspace --target {AARCH64}").run()?)
}
