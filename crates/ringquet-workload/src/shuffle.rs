//! Which rank reads which file, epoch by epoch: DLIO's `file_shuffle`, reproduced exactly.
//!
//! Before epoch e, counted from 1,
//! 1. every rank shuffles its list with seed `train.seed` + e (without `seed_change_epoch`:
//!    `train.seed`),
//! 2. the file at place i of rank r's list goes to rank (i + r) mod ranks; what a rank receives is
//!    joined in the order of the senders,
//! 3. and every rank shuffles again, with seed `train.seed` + e + 31 · rank, whatever
//!    `seed_change_epoch` sets.
//!
//! Epoch e + 1 starts from the lists of epoch e. Four files on one rank with seed 123:
//! 0 1 2 3 → 3 1 0 2 → 2 1 3 0.

use crate::mt19937::Mt19937;
use crate::sharding::files_per_rank;

/// The files of every rank. All ranks are played at once: step 2 exchanges files between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileShuffle {
    lists: Vec<Vec<u32>>,
    seed: u32,
    seed_change_epoch: bool,
}

impl FileShuffle {
    /// Deals the files in `listing` (indices in listing order) to `ranks` ranks, round robin; each
    /// gets floor(files / ranks), the rest is not read.
    ///
    /// `listing` may be longer than `num_files`: the first ones of each rank are used.
    pub fn new(
        listing: impl Iterator<Item = u64>,
        num_files: u64,
        ranks: u32,
        seed: u32,
        seed_change_epoch: bool,
    ) -> Self {
        let ranks = ranks.max(1) as usize;
        let mut lists = vec![Vec::new(); ranks];
        let per_rank = files_per_rank(num_files, ranks as u64);
        let used = usize::try_from(per_rank).unwrap_or(usize::MAX).saturating_mul(ranks);
        for (place, file) in listing.take(used).enumerate() {
            let file = u32::try_from(file).expect("a workload has at most 2^26 files");
            lists[place % ranks].push(file);
        }
        Self { lists, seed, seed_change_epoch }
    }

    /// The list of `rank`, in the order of reading.
    pub fn rank(&self, rank: u32) -> &[u32] {
        self.lists.get(rank as usize).map_or(&[], Vec::as_slice)
    }

    /// All lists, by rank.
    pub fn lists(&self) -> &[Vec<u32>] {
        &self.lists
    }

    /// Shuffles for epoch `epoch`, counted from 1. To be called once per epoch, in order.
    pub fn reconfigure(&mut self, epoch: u32) {
        let ranks = self.lists.len();
        let of_epoch = self.seed.wrapping_add(epoch);
        let first = if self.seed_change_epoch { of_epoch } else { self.seed };
        let mut received: Vec<Vec<u32>> =
            self.lists.iter().map(|list| Vec::with_capacity(list.len())).collect();
        for (rank, list) in self.lists.iter_mut().enumerate() {
            Mt19937::new(first).shuffle(list);
            for (place, file) in list.iter().enumerate() {
                received[(place + rank) % ranks].push(*file);
            }
        }
        for (rank, list) in (0_u32..).zip(received.iter_mut()) {
            let seed = of_epoch.wrapping_add(rank.wrapping_mul(31));
            Mt19937::new(seed).shuffle(list);
        }
        self.lists = received;
    }
}
