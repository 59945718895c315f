//! `cargo xtask test`: every test there is. Needs neither root nor, once the dependencies are there, network.

use anyhow::Result;
use xshell::cmd;

use crate::fork_compat;
use crate::python::{self, Environment};
use crate::ringquet::{Profile, Ringquet};
use crate::workshop::Workshop;

/// `cargo test` over the workspace, then fork-compat with the debug binary, which that has built already.
pub(crate) fn run(workshop: &Workshop) -> Result<()> {
    cmd!(workshop.sh, "cargo test --workspace").run()?;
    match python::environment(workshop)? {
        Environment::Ready(python) => {
            let ringquet = Ringquet::build(workshop, Profile::Dev)?;
            fork_compat::run(workshop, &ringquet, &python)
        }
        Environment::Missing(why) => {
            println!("SKIPPED {why}");
            Ok(())
        }
    }
}
