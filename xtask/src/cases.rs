//! `cargo xtask cases`: does ringquet read the files that other readers stumbled over, and with the right values?
//!
//! The files and what is right for each lie in a folder beside the checkout, `shared/cases`, or where one says. It is not part of
//! the repository: tests of the same faults that need no files stand in `tests/it`. The comparison is Python, under
//! xtask/python, with the environment of fork-compat.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Result, bail};
use xshell::cmd;

use crate::host::{self, Ability};
use crate::ringquet::{Profile, Ringquet};
use crate::workshop::Workshop;

/// The folder that was named, or else the one beside the checkout.
pub(crate) fn folder(workshop: &Workshop, named: Option<PathBuf>) -> Option<PathBuf> {
    match named {
        Some(named) => Some(named),
        None => Some(workshop.root.parent()?.join("shared").join("cases"))
            .filter(|folder| folder.join("expected.json").is_file()),
    }
}

/// What is said where there is no such folder.
pub(crate) const SKIPPED: &str = "SKIPPED cases: there is no ../shared/cases beside the checkout (cargo xtask cases FOLDER names another)";

/// Checks every case of `folder` with the release build: some hold a scan to a time.
///
/// # Errors
/// When a case fails; each is printed with what is wrong.
pub(crate) fn run(workshop: &Workshop, python: &Path, folder: &Path) -> Result<()> {
    if !folder.join("expected.json").is_file() {
        bail!("{}: holds no expected.json", folder.display());
    }
    let ringquet = Ringquet::build(workshop, Profile::Release)?;
    let begun = Instant::now();
    let sh = &workshop.sh;
    let scratch = workshop.target.join("cases");
    workshop.empty_dir(&scratch)?;
    let uring = match host::io_uring(sh) {
        Ability::Must => "uring",
        Ability::May(_) => "auto",
    };
    let (program, binary) = (workshop.root.join("xtask/python/cases.py"), &ringquet.path);
    cmd!(
        sh,
        "{python} -B {program} --ringquet {binary} --scratch {scratch} --uring {uring} {folder}"
    )
    .run()?;
    workshop.remove(&scratch)?;
    println!("cases passed in {:.1} s", begun.elapsed().as_secs_f64());
    Ok(())
}
