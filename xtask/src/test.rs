//! `cargo xtask test`: every test there is. Needs neither root nor, once the dependencies are there, network.
//!
//! The Python package is tested as a wheel from a release build: its features differ from those of the whole workspace, so a debug
//! build would share nothing with the tests, and the release build is shared with `cargo xtask e2e`.

use anyhow::Result;
use xshell::cmd;

use crate::cases;
use crate::fork_compat;
use crate::package;
use crate::python::{self, Environment};
use crate::ringquet::{Profile, Ringquet};
use crate::wheel::Kind;
use crate::workshop::Workshop;

/// [`cargo`], then the Python package.
pub(crate) fn run(workshop: &Workshop) -> Result<()> {
    cargo(workshop)?;
    match python::PACKAGE.environment(workshop)? {
        Environment::Ready(_) => package(workshop),
        Environment::Missing(why) => {
            println!("SKIPPED {why}");
            Ok(())
        }
    }
}

/// The Python package in a wheel for this host.
pub(crate) fn package(workshop: &Workshop) -> Result<()> {
    package::run(workshop, Kind::Host)
}

/// `cargo test` over the workspace, then fork-compat with the debug binary and cases with the release one. The binary is built
/// first, together with all the rest, for the tests of the command line run it.
pub(crate) fn cargo(workshop: &Workshop) -> Result<()> {
    let ringquet = Ringquet::build(workshop, Profile::Dev)?;
    cmd!(workshop.sh, "cargo test --workspace").run()?;
    match python::FORK_COMPAT.environment(workshop)? {
        Environment::Ready(python) => {
            fork_compat::run(workshop, &ringquet, &python)?;
            match cases::folder(workshop, None) {
                Some(folder) => cases::run(workshop, &python, &folder),
                None => {
                    println!("{}", cases::SKIPPED);
                    Ok(())
                }
            }
        }
        Environment::Missing(why) => {
            println!("SKIPPED {why}");
            Ok(())
        }
    }
}
