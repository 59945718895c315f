//! What a seed does to the kernel.

use std::time::Duration;

use ringquet_io::sim::{SimOptions, SimRandom};
use ringquet_io::{DirectChoice, DriverChoice, IoOptions, Patience};

/// Faults of a seed, and what may come of them.
pub(crate) struct Faults {
    pub(crate) io: IoOptions,
    /// Something may fail for good; otherwise everything must come out right.
    pub(crate) may_fail: bool,
    /// A device may fall silent or a ring die: memory that the kernel still has stays for ever.
    pub(crate) may_keep: bool,
}

impl Faults {
    /// Requests that fail for good fail `times` as often.
    pub(crate) fn fail_more(&mut self, times: u16) {
        let sim = &mut self.io.sim;
        for share in [&mut sim.fault_share, &mut sim.torn_share] {
            *share = share.saturating_mul(times);
        }
    }
}

pub(crate) fn of(random: &mut SimRandom) -> Faults {
    let mut sim = SimOptions {
        seed: random.bits(),
        short_share: share(random),
        retry_share: share(random).min(160),
        delay_share: share(random).min(220),
        short_granule: [1, 7, 512, 4096][random.below(4) as usize],
        ..SimOptions::default()
    };
    if random.chance(64) {
        sim.refuse_share = share(random).min(120);
    }
    if random.chance(64) {
        sim.cq_entries = Some(1 + random.below(8));
    }
    if random.chance(24) {
        sim.storm_share = u16::try_from(random.below(3000)).unwrap();
    }
    if random.chance(80) {
        sim.alignment = Some(512 << random.below(8));
    }
    let (mut may_fail, mut may_keep, mut may_fall_silent) = (false, false, false);
    match random.below(100) {
        0..45 => {}
        45..78 => {
            may_fail = true;
            let rate = [300, 3000, 20_000][random.below(3) as usize];
            let rate = u16::try_from(random.below(rate)).unwrap();
            match random.below(4) {
                0 => sim.file_table_share = rate.saturating_mul(4),
                1 => sim.torn_share = rate,
                _ => sim.fault_share = rate,
            }
        }
        78..86 => {
            may_fail = true;
            sim.truncate_at = Some(u64::from(random.below(200_000)));
        }
        86..93 => {
            (may_fail, may_keep) = (true, true);
            sim.enters_max = Some(random.below(200));
        }
        _ => {
            (may_fail, may_keep, may_fall_silent) = (true, true, true);
            sim.answers_max = Some(random.below(200));
        }
    }
    let direct = random.chance(48) && sim.alignment.is_none_or(|alignment| alignment >= 4096);
    if direct {
        // What the real file system requires, because its requests are carried out.
        sim.short_granule = sim.alignment.unwrap_or(4096);
    }
    let io = IoOptions {
        driver: DriverChoice::Sim,
        direct: if direct { DirectChoice::Auto } else { DirectChoice::Off },
        queue_depth: 1 + random.below(32),
        submit_batch: 1 + random.below(16),
        read_size_bytes: 4096 << random.below(8),
        open_files: 1 + random.below(12),
        patience: Patience {
            // Where every request is answered, only a hang or a machine that is busy elsewhere takes long.
            answer: Duration::from_millis(if may_fall_silent { 300 } else { 20_000 }),
            retry: Duration::from_secs(20),
            // Long where everything is answered in the end: then nothing may be left.
            drain: Duration::from_millis(if may_keep { 25 } else { 20_000 }),
        },
        sim,
        ..IoOptions::default()
    };
    Faults { io, may_fail, may_keep }
}

/// None, a few, or many of 256.
fn share(random: &mut SimRandom) -> u8 {
    let most = [1, 30, 256][random.below(3) as usize];
    u8::try_from(random.below(most)).unwrap()
}
