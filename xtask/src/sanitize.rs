//! `cargo xtask sanitize`: the tests of reads, faults and drops under AddressSanitizer, where a buffer that the
//! kernel still writes to after it was freed, or a slot read after it was given back, would show.

use anyhow::{Result, ensure};
use xshell::cmd;

use crate::workshop::Workshop;

/// Needs a nightly toolchain (`rustup toolchain install nightly`): sanitizers are not in the stable one.
pub(crate) fn run(workshop: &Workshop) -> Result<()> {
    let sh = &workshop.sh;
    let toolchains = cmd!(sh, "rustup toolchain list").read().unwrap_or_default();
    ensure!(
        toolchains.lines().any(|line| line.starts_with("nightly")),
        "sanitize needs a nightly toolchain: 'rustup toolchain install nightly'"
    );
    let host = cmd!(sh, "rustc -vV").read()?;
    let host = host
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .unwrap_or("x86_64-unknown-linux-gnu")
        .to_owned();
    // A target directory of its own: everything is built again with other flags.
    let target = workshop.target.join("sanitize");
    let _flags = sh.push_env("RUSTFLAGS", "-Zsanitizer=address");
    let _target = sh.push_env("CARGO_TARGET_DIR", &target);
    let _options = sh.push_env("ASAN_OPTIONS", "detect_leaks=1");
    cmd!(sh, "cargo +nightly test --target {host} -p ringquet-io -p ringquet --lib").run()?;
    cmd!(
        sh,
        "cargo +nightly test --target {host} -p ringquet-tests --test it -- submit complete deliver"
    )
    .run()?;
    Ok(())
}
