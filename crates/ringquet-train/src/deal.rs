//! Deals row groups of ranks to reader threads.
//!
//! With R ranks and T threads, both are split into g = gcd(R, T) groups; every thread of a group
//! serves every rank of it, so that all threads have work and all ranks are served alike:
//!
//! | R | T | groups | |
//! |---|---|---|---|
//! | 2 | 4 | 2 | two threads for each rank |
//! | 6 | 2 | 2 | three ranks for each thread |
//! | 3 | 2 | 1 | both threads serve all three ranks |
//!
//! A rank's files are dealt to the W threads of its group as DLIO deals them to its workers: thread k
//! takes files k, k + W, k + 2W, … Files left over when W does not divide their number (all of them
//! when there are fewer files than threads) are dealt by row group.

use ringquet_workload::Mt19937;

/// A row group: file and number within the file.
pub(crate) type FileRowGroup = (u32, u32);

/// The row groups that one thread reads for one rank in one epoch, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RankShare {
    /// The rank.
    pub(crate) rank: u32,
    /// Its row groups.
    pub(crate) row_groups: Vec<FileRowGroup>,
}

/// The ranks that each of `threads` threads serves.
pub(crate) fn ranks_of_threads(ranks: u32, threads: u32) -> Vec<Vec<u32>> {
    let groups = gcd(ranks, threads).max(1);
    (0..threads)
        .map(|thread| (0..ranks).filter(|rank| rank % groups == thread % groups).collect())
        .collect()
}

/// Deals the files in `lists` (one list per rank, in reading order) to `threads` threads.
/// `row_groups` returns the number of row groups of a file. With a `shuffle` seed the row groups of a rank
/// are shuffled over all its files first, as far as DLIO's `sample_shuffle` can go without reading a
/// row group more than once: rows within one keep their order.
pub(crate) fn deal(
    lists: &[Vec<u32>],
    row_groups: impl Fn(u32) -> u32,
    threads: u32,
    shuffle: Option<u32>,
) -> Vec<Vec<RankShare>> {
    let ranks = u32::try_from(lists.len()).expect("ranks were counted in 32 bits");
    let serving = ranks_of_threads(ranks, threads);
    let workers = (threads / gcd(ranks, threads).max(1)).max(1) as usize;
    let mut shares: Vec<Vec<Vec<FileRowGroup>>> = lists
        .iter()
        .map(|files| {
            let mut of_workers = vec![Vec::new(); workers];
            let whole = if shuffle.is_some() { 0 } else { files.len() / workers * workers };
            let all = |file: &u32| (0..row_groups(*file)).map(|group| (*file, group)).collect();
            for (place, file) in files[..whole].iter().enumerate() {
                let of_file: Vec<FileRowGroup> = all(file);
                of_workers[place % workers].extend(of_file);
            }
            let mut rest: Vec<FileRowGroup> = files[whole..].iter().flat_map(all).collect();
            if let Some(seed) = shuffle {
                Mt19937::new(seed).shuffle(&mut rest);
            }
            for (place, row_group) in rest.into_iter().enumerate() {
                of_workers[place % workers].push(row_group);
            }
            of_workers
        })
        .collect();
    let groups = threads as usize / workers;
    (0..threads as usize)
        .map(|thread| {
            let worker = thread / groups;
            let share = |rank: &u32| RankShare {
                rank: *rank,
                row_groups: std::mem::take(&mut shares[*rank as usize][worker]),
            };
            serving[thread].iter().map(share).collect()
        })
        .collect()
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_thread_has_work_and_every_rank_is_served() {
        assert_eq!(ranks_of_threads(2, 4), [vec![0], vec![1], vec![0], vec![1]]);
        assert_eq!(ranks_of_threads(6, 2), [vec![0, 2, 4], vec![1, 3, 5]]);
        assert_eq!(ranks_of_threads(3, 2), [vec![0, 1, 2], vec![0, 1, 2]]);
        assert_eq!(ranks_of_threads(1, 3), [vec![0], vec![0], vec![0]]);
    }

    #[test]
    fn files_are_dealt_like_workers_of_dlio() {
        let dealt = deal(&[vec![5, 7, 6, 4], vec![0, 1, 2, 3]], |_| 2, 4, None);
        let files = |thread: usize| -> Vec<(u32, Vec<FileRowGroup>)> {
            dealt[thread].iter().map(|share| (share.rank, share.row_groups.clone())).collect()
        };
        assert_eq!(files(0), [(0, vec![(5, 0), (5, 1), (6, 0), (6, 1)])]);
        assert_eq!(files(2), [(0, vec![(7, 0), (7, 1), (4, 0), (4, 1)])]);
        assert_eq!(files(1), [(1, vec![(0, 0), (0, 1), (2, 0), (2, 1)])]);
        assert_eq!(files(3), [(1, vec![(1, 0), (1, 1), (3, 0), (3, 1)])]);
    }

    #[test]
    fn one_file_feeds_several_threads() {
        let dealt = deal(&[vec![9]], |_| 5, 2, None);
        assert_eq!(dealt[0][0].row_groups, [(9, 0), (9, 2), (9, 4)]);
        assert_eq!(dealt[1][0].row_groups, [(9, 1), (9, 3)]);
    }

    #[test]
    fn each_row_group_goes_to_exactly_one_lane() {
        for (ranks, threads) in [(1, 1), (1, 7), (3, 2), (4, 6), (7, 64), (64, 7), (5, 5)] {
            for shuffle in [None, Some(124)] {
                let lists: Vec<Vec<u32>> =
                    (0..ranks).map(|rank| (0..5).map(|k| rank * 5 + k).collect()).collect();
                let mut seen = BTreeSet::new();
                for share in deal(&lists, |file| 1 + file % 4, threads, shuffle).iter().flatten() {
                    for row_group in &share.row_groups {
                        assert_eq!(row_group.0 / 5, share.rank, "a file of another rank");
                        assert!(seen.insert(*row_group), "{row_group:?} twice");
                    }
                }
                let expected: u32 = (0..ranks * 5).map(|file| 1 + file % 4).sum();
                assert_eq!(seen.len(), expected as usize, "{ranks} ranks, {threads} threads");
            }
        }
    }

    #[test]
    fn a_shuffle_follows_from_its_seed() {
        let order = |seed| deal(&[(0..8).collect()], |_| 3, 1, Some(seed));
        assert_eq!(order(7), order(7));
        assert_ne!(order(7), order(8));
        let (mut first, mut sorted) = (order(7)[0][0].row_groups.clone(), Vec::new());
        first.sort_unstable();
        sorted.extend((0..8).flat_map(|file| (0..3).map(move |group| (file, group))));
        assert_eq!(first, sorted);
    }
}
