//! The workshop: what one does with the whole repository, as `cargo xtask VERB`.
//!
//! ```text
//!  cargo xtask ci            fmt, tidy, clippy, doc, deny, test, a small e2e, …: what CI runs
//!  cargo xtask tidy          what a reader relies on and no compiler checks: ARCHITECTURE and README against the tree, …
//!  cargo xtask readme        README's tables from the kept runs of the benches; --check compares
//!  cargo xtask example       docs/example-report.html from its kept documents; --measure makes them anew
//!  cargo xtask schemas       the JSON Schemas of docs/schema from the types of documents; --check compares
//!  cargo xtask test          every test, then fork-compat, cases and the Python package where Python is there
//!  cargo xtask e2e           generate, read, train, verify; a table of what was measured
//!  cargo xtask datagen       the smoke data sets
//!  cargo xtask wheel         the wheel of the Python package, for manylinux2014
//!  cargo xtask python        that wheel in fresh environments: smoke, types, pytest, examples, PyTorch and Ray
//!  cargo xtask dlio          the real DLIO, from a checkout, with our data loader and others
//!  cargo xtask fork-compat   ringquet and PyArrow read each other's files
//!  cargo xtask cases         files that other readers stumbled over, with the values that are right
//!  cargo xtask bench         what is fast, beside whom; --keep puts the run under benches/runs
//!  cargo xtask campaign      everything over a simulated kernel with faults, from seeds; datagen killed
//!  cargo xtask mpi           two processes of a training run under Open MPI
//!  cargo xtask sanitize      reads, faults and drops under valgrind
//!  cargo xtask portable      the decoder's tests on the kernels of other architectures
//!  cargo xtask aarch64       built for aarch64, unit tests and the decoder's run under qemu-user
//!  cargo xtask interleave    locks and condition variables under many schedules of their threads
//!  cargo xtask semver        the library's public names against those of another revision
//!  cargo xtask fuzz          hostile bytes for each layer (cargo-fuzz)
//! ```
//!
//! Everything that is made lies under cargo's target directory, wherever that is. One file per verb; what
//! several verbs need has a file of its own: the checkout and its directories, the built binary, the
//! Python environments, what this host can do, and the table.

#![expect(clippy::print_stdout, reason = "xtask talks to the person who typed the command")]
#![expect(clippy::print_stderr, reason = "and says there what went wrong")]

mod ci;
mod example;
mod readme;
mod schemas;
mod test;
mod tidy;

mod e2e;

mod cases;
mod datagen;
mod fork_compat;

mod aarch64;
mod bench;
mod campaign;
mod deny;
mod dlio;
mod fuzz;
mod interleave;
mod mpi;
mod package;
mod portable;
mod sanitize;
mod semver;
mod wheel;

mod host;
mod python;
mod ringquet;
mod structure;
mod table;
mod workshop;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use crate::datagen::SmokeSet;
use crate::ringquet::{Profile, Ringquet};
use crate::workshop::Workshop;

/// What one does with the whole repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Verb {
    /// What CI runs: fmt, tidy, clippy, doc, deny, test, portable kernels, a small e2e, …; each step with its seconds
    Ci,
    /// Check what no compiler checks: ARCHITECTURE and README against the tree, length of files, flags, words
    Tidy,
    /// Write README's tables from the kept runs under benches/runs
    Readme {
        /// Write nothing; fail if the tables are not those of the runs
        #[arg(long)]
        check: bool,
    },
    /// Write docs/example-report.html from the documents in docs/example-report
    Example {
        /// Measure first: make the documents anew, from a smoke workload
        #[arg(long)]
        measure: bool,
    },
    /// Write the JSON Schemas of documents to docs/schema, from their types
    Schemas {
        /// Write nothing; fail if the schemas are not those of the types
        #[arg(long)]
        check: bool,
    },
    /// All tests of the workspace, then fork-compat, cases and the Python package where Python and its venv module are there
    Test,
    /// Generate DLRM and FLUX data, read, train and verify it, and show what was measured
    E2e {
        /// Fewer files of the same shape: for CI
        #[arg(long)]
        small: bool,
    },
    /// Generate the smoke data sets under target/e2e/data
    Datagen {
        /// Which ones; all of them if none is named
        sets: Vec<SmokeSet>,
    },
    /// Build the wheel of the Python package under target/wheels, and check what it holds and needs
    Wheel {
        /// Which one
        #[arg(long, value_enum, default_value = "manylinux")]
        kind: wheel::Kind,
    },
    /// Install the wheel in fresh environments and test it: alone, with PyArrow and others, with PyTorch and Ray
    Python {
        /// Which wheel; CI takes that of the host
        #[arg(long, value_enum, default_value = "manylinux")]
        wheel: wheel::Kind,
    },
    /// Run the real DLIO with its own reader, PyArrow's and ours, and compare what came of it
    Dlio {
        /// A checkout of DLIO_local_changes of mlcommons; f6796ed is what this was written for
        #[arg(long, value_name = "DIR")]
        source: PathBuf,
        /// Measure real shapes instead, as many times in turn
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        rounds: Option<u32>,
    },
    /// Check that ringquet and PyArrow read each other's files alike
    ForkCompat {
        /// Use the debug build, as `cargo xtask test` does
        #[arg(long)]
        dev: bool,
    },
    /// Check that files which other readers stumbled over are read with the right values
    Cases {
        /// Folder with expected.json [default: ../shared/cases beside the checkout]
        folder: Option<PathBuf>,
    },
    /// Run a bench of benches/ in the release profile
    Bench {
        /// Which one: io, decode, …
        name: String,
        /// Only cases whose names hold one of these words
        cases: Vec<String>,
        /// Keep the output with its set-up under benches/runs
        #[arg(long)]
        keep: bool,
    },
    /// Play scans, datagens, verifies and runs over a simulated kernel with faults, and kill datagen
    Campaign {
        /// Seeds to play
        #[arg(long, default_value_t = 0)]
        seeds: u64,
        /// The first of them: a seed that failed is repeated with --seeds 1 --from SEED
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// How often to kill datagen
        #[arg(long, default_value_t = 0)]
        kills: u64,
        /// Use the debug build, as `cargo xtask ci` does
        #[arg(long)]
        dev: bool,
    },
    /// Run two processes under Open MPI against one: skipped where MPI is not installed
    Mpi,
    /// Run the tests of reads, faults and drops under valgrind
    Sanitize,
    /// Run the decoder's tests on the kernels that other architectures get
    Portable,
    /// Build for aarch64, run the unit tests and the decoder's under qemu-user (takes a C cross compiler)
    Aarch64,
    /// Run the models of locks and condition variables under many schedules of their threads
    Interleave {
        /// Only tests whose names hold this
        test: Option<String>,
    },
    /// Report what changed in the public names of the library since another revision (needs cargo-semver-checks)
    Semver {
        /// The revision to compare with
        #[arg(long, default_value = "origin/main", value_name = "REVISION")]
        baseline: String,
    },
    /// Give hostile bytes to each layer (needs cargo-fuzz)
    Fuzz {
        /// Which targets; all of them if none is named
        targets: Vec<fuzz::Target>,
        /// Minutes for each target
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
        minutes: u32,
    },
}

fn main() -> ExitCode {
    match run(Verb::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        // One line, without a back trace even where RUST_BACKTRACE is set: what failed has said more above.
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(verb: Verb) -> Result<()> {
    let workshop = Workshop::open()?;
    match verb {
        Verb::Ci => ci::run(&workshop),
        Verb::Test => test::run(&workshop),
        Verb::Tidy => tidy::run(&workshop),
        Verb::Readme { check } => readme::run(&workshop, check),
        Verb::Example { measure } => example::run(&workshop, measure),
        Verb::Schemas { check } => schemas::run(&workshop, check),
        Verb::E2e { small } => e2e::run(&workshop, small),
        Verb::Bench { name, cases, keep } => bench::run(&workshop, &name, &cases, keep),
        Verb::Mpi => mpi::run(&workshop),
        Verb::Campaign { seeds, from, kills, dev } => {
            let profile = if dev { Profile::Dev } else { Profile::Release };
            campaign::run(&workshop, profile, seeds, from, kills)
        }
        Verb::Portable => portable::run(&workshop),
        Verb::Aarch64 => aarch64::run(&workshop),
        Verb::Sanitize => sanitize::run(&workshop),
        Verb::Interleave { test } => interleave::run(&workshop, test.as_deref()),
        Verb::Semver { baseline } => semver::run(&workshop, &baseline),
        Verb::Fuzz { targets, minutes } => fuzz::run(&workshop, &targets, minutes),
        Verb::Datagen { sets } => datagen::run(&workshop, &sets),
        Verb::Cases { folder } => match cases::folder(&workshop, folder) {
            Some(folder) => {
                let python = python::FORK_COMPAT.environment(&workshop)?.ready()?;
                cases::run(&workshop, &python, &folder)
            }
            None => {
                println!("{}", cases::SKIPPED);
                Ok(())
            }
        },
        Verb::Wheel { kind } => wheel::run(&workshop, kind),
        Verb::Python { wheel } => package::run(&workshop, wheel),
        Verb::Dlio { source, rounds } => dlio::run(&workshop, &source, rounds),
        Verb::ForkCompat { dev } => {
            let python = python::FORK_COMPAT.environment(&workshop)?.ready()?;
            let profile = if dev { Profile::Dev } else { Profile::Release };
            let ringquet = Ringquet::build(&workshop, profile)?;
            fork_compat::run(&workshop, &ringquet, &python)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_verbs_are_well_formed_and_the_guides_name_them() {
        let command = Verb::command();
        command.clone().debug_assert();
        let guides =
            concat!(include_str!("../../README.md"), include_str!("../../CONTRIBUTING.md"));
        for verb in ["ci", "test", "e2e", "fork-compat", "wheel", "python"] {
            assert!(command.find_subcommand(verb).is_some(), "no verb {verb}");
            assert!(guides.contains(&format!("cargo xtask {verb}")), "no guide names {verb}");
        }
    }
}
