//! `cargo xtask test`: every test there is. Needs neither root nor, once the dependencies are there, network.

use anyhow::Result;
use xshell::cmd;

use crate::fork_compat;
use crate::python::{self, Environment};
use crate::ringquet::{Profile, Ringquet};
use crate::workshop::Workshop;

/// `cargo test` over the workspace, then fork-compat with the debug binary. The binary is built first, together with
/// all the rest, for the tests of the command line run it.
pub(crate) fn run(workshop: &Workshop) -> Result<()> {
    let ringquet = Ringquet::build(workshop, Profile::Dev)?;
    cmd!(workshop.sh, "cargo test --workspace").run()?;
    match python::environment(workshop)? {
        Environment::Ready(python) => fork_compat::run(workshop, &ringquet, &python),
        Environment::Missing(why) => {
            println!("SKIPPED {why}");
            Ok(())
        }
    }
}
