//! `cargo xtask portable`: the decoder with the kernels that other architectures get, under all of its tests, at the speed of
//! this CPU. `cargo xtask aarch64` runs the same tests on one of them, emulated.

use anyhow::Result;
use xshell::cmd;

use crate::workshop::Workshop;

/// Unit tests of the decoder, then whatever decodes in the test binary.
pub(crate) fn run(workshop: &Workshop) -> Result<()> {
    let sh = &workshop.sh;
    let portable = ["--workspace", "--features", "ringquet-decode/portable"];
    kernels(workshop)?;
    Ok(cmd!(sh, "cargo test {portable...} --test it -- decode:: deliver:: regression::").run()?)
}

/// Unit tests, as CI has time for. The whole workspace is named, so that Arrow is not built anew with the features that one
/// package alone wants.
pub(crate) fn kernels(workshop: &Workshop) -> Result<()> {
    let sh = &workshop.sh;
    let portable = ["--workspace", "--features", "ringquet-decode/portable"];
    Ok(cmd!(sh, "cargo test {portable...} --lib").run()?)
}
