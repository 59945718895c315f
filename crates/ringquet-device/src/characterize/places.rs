//! Which block of which file a thread reads next.

use ringquet_io::random;

use super::sweep::{Access, SweepPoint};

/// The blocks of one thread, without end.
#[derive(Debug)]
pub(super) struct Places {
    access: Access,
    block_bytes: u64,
    /// First block and number of blocks of each file.
    parts: Vec<(u64, u64)>,
    reads: u64,
    state: u64,
}

impl Places {
    /// Of thread `thread`. Files take turns, so that every mount point has its share. Sequential threads share a file
    /// out and begin again at their part's end; random ones go anywhere. `lens` are the files' lengths in bytes.
    pub(super) fn new(point: &SweepPoint, thread: usize, lens: &[u64]) -> Places {
        let block_bytes = u64::from(point.block_bytes);
        let (thread, threads) = (thread as u64, point.threads.max(1) as u64);
        let part = |&len: &u64| {
            let blocks = len / block_bytes;
            let first = u128::from(blocks) * u128::from(thread) / u128::from(threads);
            let end = u128::from(blocks) * u128::from(thread + 1) / u128::from(threads);
            let (first, end) = (narrow(first), narrow(end));
            match point.access {
                Access::Sequential if end > first => (first, end - first),
                // More threads than blocks: they read the same ones.
                _ => (0, blocks),
            }
        };
        Places {
            access: point.access,
            block_bytes,
            parts: lens.iter().map(part).collect(),
            reads: 0,
            // Any odd factor: threads must not walk in step.
            state: (thread + 1).wrapping_mul(random::STEP),
        }
    }

    /// Index of the file, and offset in bytes.
    pub(super) fn next(&mut self) -> (usize, u64) {
        let files = self.parts.len() as u64;
        let file = usize::try_from(self.reads % files).expect("an index of `parts`");
        let (first, blocks) = self.parts[file];
        let block = match self.access {
            Access::Sequential => self.reads / files % blocks,
            Access::Random => {
                // Knuth's multiplier for 64 bits; the low bits of such a generator repeat soon.
                self.state = self
                    .state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                (self.state >> 16) % blocks
            }
        };
        self.reads += 1;
        (file, (first + block) * self.block_bytes)
    }
}

fn narrow(blocks: u128) -> u64 {
    u64::try_from(blocks).expect("at most the number of blocks, which is a u64")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(access: Access, threads: usize) -> SweepPoint {
        SweepPoint {
            access,
            block_bytes: 4096,
            queue_depth: 1,
            threads,
            iopoll: false,
            registered_buffers: true,
        }
    }

    fn taken(places: &mut Places, count: usize) -> Vec<(usize, u64)> {
        (0..count).map(|_| places.next()).collect()
    }

    #[test]
    fn sequential_threads_share_a_file_out_and_begin_again() {
        let lens = [10 * 4096 + 100];
        let of = |thread| taken(&mut Places::new(&point(Access::Sequential, 3), thread, &lens), 5);
        let blocks = |thread: usize| of(thread).iter().map(|(_, at)| at / 4096).collect::<Vec<_>>();
        assert_eq!(blocks(0), [0, 1, 2, 0, 1]);
        assert_eq!(blocks(1), [3, 4, 5, 3, 4]);
        assert_eq!(blocks(2), [6, 7, 8, 9, 6]);
    }

    #[test]
    fn files_take_turns() {
        let mut places = Places::new(&point(Access::Sequential, 1), 0, &[8192, 4096]);
        let expect = [(0, 0), (1, 0), (0, 4096), (1, 0), (0, 0)];
        assert_eq!(taken(&mut places, 5), expect);
    }

    #[test]
    fn random_blocks_are_aligned_inside_and_everywhere() {
        let len = 64 * 4096 + 4095;
        let mut places = Places::new(&point(Access::Random, 2), 1, &[len]);
        let mut seen = [false; 64];
        for (_, at) in taken(&mut places, 2000) {
            assert!(at % 4096 == 0 && at + 4096 <= len);
            seen[usize::try_from(at / 4096).unwrap()] = true;
        }
        assert!(seen.iter().all(|seen| *seen), "2000 draws of 64 blocks miss none");
    }

    #[test]
    fn more_threads_than_blocks_read_the_same() {
        let mut places = Places::new(&point(Access::Sequential, 9), 8, &[4096]);
        assert_eq!(taken(&mut places, 2), [(0, 0), (0, 0)]);
        let mut places = Places::new(&point(Access::Sequential, 9), 0, &[4096]);
        assert_eq!(taken(&mut places, 2), [(0, 0), (0, 0)]);
    }
}
