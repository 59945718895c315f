//! `cargo xtask portable`: the decoder with the kernels that other architectures get, under all of its tests, at the speed of
//! this CPU. `cargo xtask aarch64` runs the same tests on one of them, emulated.

use anyhow::Result;
use xshell::cmd;

use crate::workshop::Workshop;

/// Unit tests of the decoder, then whatever decodes in the test binary.
pub(crate) fn run(workshop: &Workshop) -> Result<()> {
    let sh = &workshop.sh;
    let portable = ["--workspace", "--features", "ringquet-decode/portable"];
    cmd!(sh, "cargo test {portable...} --lib -- kernels levels").run()?;
    Ok(cmd!(sh, "cargo test {portable...} --test it -- decode:: deliver:: regression::").run()?)
}

/// The kernels alone, as CI has time for: the crate is built with them, and its unit tests run.
pub(crate) fn kernels(workshop: &Workshop) -> Result<()> {
    let sh = &workshop.sh;
    Ok(cmd!(sh, "cargo test --package ringquet-decode --features portable --lib").run()?)
}
