//! `cargo xtask ci`: what CI runs, and what one runs before a commit.
//!
//! Tests use the dev profile and e2e the release profile, clippy shares its metadata with nobody: those
//! three builds are most of the time. Stops at the first step that fails.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use xshell::cmd;

use crate::ringquet::{Profile, Ringquet};
use crate::workshop::Workshop;
use crate::{campaign, deny, e2e, interleave, mpi, portable, table, test, tidy};

/// Bytes of the release binary at most: what a download may take.
const BINARY_BYTES_MAX: u64 = 20_000_000;

/// A step's name and what it does.
type Step = (&'static str, fn(&Workshop) -> Result<()>);

const STEPS: &[Step] = &[
    ("fmt", fmt),
    ("tidy", tidy::run),
    ("clippy", clippy),
    ("doc", doc),
    ("deny", deny::run),
    // The README's command, in two parts. Seeds of the fuzz targets are replayed by it (tests/hostile).
    ("test", test::cargo),
    ("portable kernels", portable::kernels),
    ("interleave", interleave::all),
    ("campaign", campaign::ci),
    ("e2e --small", small_e2e),
    ("size of the binary", binary_size),
    ("mpi", mpi::run),
    // The rest of the README's command. Last, because it builds with other settings of PyO3: the release build of the steps before
    // is shared, and what is built here is not built again.
    ("python", test::package),
];

/// Runs every step and shows its seconds.
pub(crate) fn run(workshop: &Workshop) -> Result<()> {
    let begun = Instant::now();
    // Everything is built once: what incremental builds would save for the next one takes time and disk here.
    workshop.sh.set_var("CARGO_INCREMENTAL", "0");
    let mut rows = vec![vec!["step".to_owned(), "seconds".to_owned()]];
    for (name, step) in STEPS {
        println!("── {name}");
        let step_begun = Instant::now();
        step(workshop).with_context(|| format!("step {name} failed"))?;
        let seconds = format!("{:.1}", step_begun.elapsed().as_secs_f64());
        println!("── {name}: {seconds} s");
        rows.push(vec![(*name).to_owned(), seconds]);
    }
    rows.push(vec!["all".to_owned(), format!("{:.1}", begun.elapsed().as_secs_f64())]);
    print!("\n{}", table::render(&rows));
    Ok(())
}

fn fmt(workshop: &Workshop) -> Result<()> {
    Ok(cmd!(workshop.sh, "cargo fmt --all --check").run()?)
}

/// `--locked` here, in the first step that resolves: a Cargo.lock that is out of date ends the run.
fn clippy(workshop: &Workshop) -> Result<()> {
    let sh = &workshop.sh;
    Ok(cmd!(sh, "cargo clippy --workspace --all-targets --locked -- --deny warnings").run()?)
}

fn doc(workshop: &Workshop) -> Result<()> {
    let doc = cmd!(workshop.sh, "cargo doc --workspace --no-deps");
    Ok(doc.env("RUSTDOCFLAGS", "--deny warnings").run()?)
}

/// The release binary as `cargo install` leaves it.
fn binary_size(workshop: &Workshop) -> Result<()> {
    let path = Ringquet::build(workshop, Profile::Release)?.path;
    let bytes = std::fs::metadata(&path).with_context(|| path.display().to_string())?.len();
    println!("{}: {bytes} bytes", path.display());
    ensure!(bytes <= BINARY_BYTES_MAX, "it has {bytes} bytes, more than {BINARY_BYTES_MAX}");
    Ok(())
}

fn small_e2e(workshop: &Workshop) -> Result<()> {
    e2e::run(workshop, true)
}
