//! `cargo xtask sanitize`: the tests of reads, faults and drops under valgrind, where a buffer that the kernel still
//! writes to after it was freed, a slot read after it was given back, or a leak would show. valgrind supports io_uring and
//! needs no second build of everything, as AddressSanitizer does.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use xshell::cmd;

use crate::workshop::Workshop;

/// What is run: every driver's list, among it hundreds of queues dropped with reads in the kernel, and the faults.
const TESTS: [&str; 2] = ["submit::", "complete::"];

/// Needs valgrind (Debian: `apt-get install valgrind`).
pub(crate) fn run(workshop: &Workshop) -> Result<()> {
    let sh = &workshop.sh;
    ensure!(workshop.has("valgrind"), "sanitize needs valgrind: 'apt-get install valgrind'");
    let messages =
        cmd!(sh, "cargo test --workspace --no-run --message-format json-render-diagnostics")
            .read()?;
    let test = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == "it")
        .find_map(|message| message["executable"].as_str().map(str::to_owned))
        .context("cargo named no executable of the tests")?;
    cmd!(
        sh,
        "valgrind --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite {test} {TESTS...} --test-threads 1"
    )
    .run()?;
    Ok(())
}
