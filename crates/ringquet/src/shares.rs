//! What the memory of a reader thread is used for.
//!
//! ```text
//! │ arena: reads in flight, bytes not decoded yet      │ queue     │ batch     │ pages, dictionaries ─▶ ◀─ free │
//! 0                                                   1/2         5/8         3/4                              1
//!
//! │ arena                    │ row group that waits    │           │ batch     │ pages, dictionaries ─▶ ◀─ free │    in order
//! 0                         1/4                       1/2         5/8         3/4                              1
//! ```
//! Decoding needs memory by what is in the files; these are the bounds that it is held to.

use serde::Serialize;

/// Rows per batch are chosen so that a batch has about this many decoded bytes, if the memory allows: small enough to be
/// still in the cache when it is consumed, large enough that per-batch work does not show.
pub const BATCH_BYTES: u64 = 4 << 20;

/// A batch may always have this many bytes.
const BATCH_BYTES_MIN: u64 = 128 << 10;

/// Shares of one reader thread's memory, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Shares {
    /// Reads in flight and bytes that are not decoded yet: half, in whole huge pages.
    pub arena_bytes: u64,
    /// Copied and decompressed pages and dictionaries of the columns that are decoded together: a quarter, with the free
    /// buffers. Beyond it, they are read again for each batch. Where no budget was given, as much as at most.
    pub held_bytes: u64,
    /// The same, at most: a quarter of the memory that the process may use is added, for what cannot be given back.
    pub held_bytes_max: u64,
    /// Batches that wait for a consumer: an eighth.
    pub queue_bytes: u64,
    /// Batches of the next row groups that wait for their turn, where the order counts: a quarter, taken from the arena. Their memory
    /// waits here or among the free buffers. Where no
    /// budget was given, a sixteenth of the memory that the process may use, shared by the threads.
    pub ahead_bytes: u64,
    /// A batch at most: an eighth.
    pub batch_bytes_max: u64,
    /// Buffers that wait to be used again: an eighth, as much as a batch, if pages and dictionaries leave it; half where no
    /// budget was given, for fresh memory costs more than decoding does.
    pub free_bytes: u64,
}

impl Shares {
    /// Of a reader thread with `bytes` of memory. `beyond` is what pages and dictionaries may take in
    /// addition where they cannot be given back; `is_given` is true if the user set the budget.
    #[must_use]
    pub fn of(bytes: u64, beyond: u64, is_given: bool) -> Shares {
        let held_bytes_max = (bytes / 4).saturating_add(beyond);
        Shares {
            arena_bytes: (bytes / 2).next_multiple_of(2 << 20),
            held_bytes: if is_given { bytes / 4 } else { held_bytes_max },
            held_bytes_max,
            queue_bytes: bytes / 8,
            ahead_bytes: 0,
            batch_bytes_max: bytes / 8,
            free_bytes: if is_given { bytes / 8 } else { bytes / 2 },
        }
    }

    /// Makes room for a row group that waits for its turn, of `bytes` in all. `most` is what it may take where no budget was given.
    pub(crate) fn keep_order(&mut self, bytes: u64, most: Option<u64>) {
        match most {
            Some(most) => {
                self.ahead_bytes = most.max(self.queue_bytes);
                // What a row group leaves when it was consumed is what the next one is decoded into.
                self.free_bytes = self.free_bytes.max(self.ahead_bytes);
            }
            None => {
                self.arena_bytes = (bytes / 4).next_multiple_of(2 << 20);
                self.ahead_bytes = bytes / 4;
                self.free_bytes = bytes / 4;
            }
        }
    }

    /// Lets a batch, and the buffers for one, have `bytes`. The bytes by which this is more than before.
    pub(crate) fn fit_batch(&mut self, bytes: u64) -> u64 {
        let before = self.batch_bytes_max + self.free_bytes;
        self.batch_bytes_max = self.batch_bytes_max.max(bytes);
        self.free_bytes = self.free_bytes.max(bytes);
        self.batch_bytes_max + self.free_bytes - before
    }

    /// Bytes that a batch of one of `lanes` lanes should have, and has at most.
    #[must_use]
    pub fn batch(&self, lanes: usize) -> (u64, u64) {
        let most = (self.batch_bytes_max / lanes.max(1) as u64).max(BATCH_BYTES_MIN);
        (BATCH_BYTES.min(most / 4 * 3), most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_stay_within_the_memory() {
        for bytes in [8 << 20, 32 << 20, 192 << 20, 1 << 40] {
            let shares = Shares::of(bytes, 0, true);
            let rest = shares.held_bytes + shares.queue_bytes;
            let rest = rest + shares.batch_bytes_max;
            assert!(shares.free_bytes <= shares.held_bytes, "they share it");
            assert!(rest <= bytes / 2, "{shares:?}");
            assert!(shares.arena_bytes <= bytes / 2 + (2 << 20));
            let mut ordered = shares;
            ordered.keep_order(bytes, None);
            let rest = ordered.held_bytes + ordered.batch_bytes_max;
            let rest = rest + ordered.ahead_bytes.max(ordered.queue_bytes);
            assert!(ordered.free_bytes <= ordered.held_bytes, "they share it");
            assert!(ordered.arena_bytes <= bytes / 4 + (2 << 20));
            assert!(rest <= bytes / 4 * 3, "{ordered:?}");
        }
    }

    #[test]
    fn lanes_share_the_memory_of_a_batch() {
        let shares = Shares::of(192 << 20, 0, true);
        assert_eq!(shares.batch(1), (4 << 20, 24 << 20));
        assert_eq!(shares.batch(12), (1536 << 10, 2 << 20));
        assert_eq!(shares.batch(10_000), (96 << 10, 128 << 10));
    }
}
