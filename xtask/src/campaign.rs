//! `cargo xtask campaign`: whole scans, data generations, verifications and runs over a simulated kernel, each seed with faults of
//! its own; and `ringquet datagen` killed at random moments. See tests/campaign.

use anyhow::{Result, ensure};
use xshell::cmd;

use crate::ringquet::{Profile, Ringquet};
use crate::workshop::Workshop;

/// Seeds and kills of CI.
const CI_SEEDS: u64 = 2000;
const CI_KILLS: u64 = 10;

/// Plays `seeds` seeds from `from` on and kills `kills` times.
pub(crate) fn run(
    workshop: &Workshop,
    profile: Profile,
    seeds: u64,
    from: u64,
    kills: u64,
) -> Result<()> {
    ensure!(seeds > 0 || kills > 0, "nothing to do: give --seeds N or --kills N");
    let ringquet = Ringquet::build(workshop, profile)?;
    let (profile, path) = (profile.name(), &ringquet.path);
    let [seeds, from, kills] = [seeds, from, kills].map(|n| n.to_string());
    // Beside the tests in the dev profile, where it was built with them.
    cmd!(
        workshop.sh,
        "cargo run --package ringquet-tests --example campaign --profile {profile} -- --seeds {seeds} --from {from} --kills {kills} --ringquet {path}"
    )
    .run()?;
    Ok(())
}

/// What CI runs.
pub(crate) fn ci(workshop: &Workshop) -> Result<()> {
    run(workshop, Profile::Dev, CI_SEEDS, 0, CI_KILLS)
}
