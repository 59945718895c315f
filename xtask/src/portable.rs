//! `cargo xtask portable`: the decoder with the kernels that other architectures get, under all of its tests, at the speed of
//! this CPU. `cargo xtask aarch64` runs the same tests on one of them, emulated.

use anyhow::Result;
use xshell::cmd;

use crate::workshop::Workshop;

/// Whatever is built for it, all with the portable kernels.
const PORTABLE: [&str; 3] = ["--workspace", "--features", "ringquet-decode/portable"];

/// Unit tests, then whatever decodes in the test binary.
pub(crate) fn run(workshop: &Workshop) -> Result<()> {
    let sh = &workshop.sh;
    kernels(workshop)?;
    Ok(cmd!(sh, "cargo test {PORTABLE...} --test it -- decode:: deliver:: regression::").run()?)
}

/// Unit tests, as CI has time for. The whole workspace is named, so that Arrow is not built anew with the features that one
/// package alone wants.
pub(crate) fn kernels(workshop: &Workshop) -> Result<()> {
    let sh = &workshop.sh;
    Ok(cmd!(sh, "cargo test {PORTABLE...} --lib").run()?)
}
