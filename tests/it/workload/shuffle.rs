//! File orders, against those of NumPy 2.4: `np.random.seed(s); np.random.shuffle(list)`.

use ringquet_workload::{DatasetType, FileShuffle, Mt19937};

use super::{file, ours};

fn shuffled(items: u32, seed: u32) -> Vec<u32> {
    let mut list: Vec<u32> = (0..items).collect();
    Mt19937::new(seed).shuffle(&mut list);
    list
}

#[test]
fn the_generator_is_the_published_one() {
    let mut rng = Mt19937::new(5489);
    let first: Vec<u32> = std::iter::repeat_with(|| rng.next_u32()).take(4).collect();
    assert_eq!(first, [3_499_211_612, 581_869_302, 3_890_346_734, 3_586_334_585]);
    let mut rng = Mt19937::new(5489);
    let ten_thousandth = std::iter::repeat_with(|| rng.next_u32()).nth(9_999);
    assert_eq!(ten_thousandth, Some(4_123_659_995), "the check value of C++'s std::mt19937");
}

#[test]
fn numpy_shuffles() {
    assert_eq!(shuffled(0, 1), [0_u32; 0]);
    assert_eq!(shuffled(1, 0), [0]);
    assert_eq!(shuffled(2, 1), [0, 1]);
    assert_eq!(shuffled(4, 124), [3, 1, 0, 2]);
    assert_eq!(shuffled(10, 0), [2, 8, 4, 9, 1, 6, 7, 3, 0, 5]);
    assert_eq!(shuffled(10, 42), [8, 1, 5, 0, 7, 2, 9, 4, 3, 6]);
    assert_eq!(shuffled(17, 123), [4, 9, 16, 8, 5, 7, 0, 10, 11, 3, 1, 6, 15, 12, 2, 14, 13]);
    assert_eq!(
        shuffled(33, u32::MAX),
        [
            24, 15, 19, 3, 21, 2, 28, 30, 1, 6, 8, 31, 27, 4, 32, 16, 17, 9, 5, 14, 13, 10, 23, 11,
            18, 29, 25, 26, 22, 0, 20, 7, 12
        ]
    );
    let thousand = shuffled(1000, 7);
    assert_eq!(thousand[..8], [778, 334, 271, 802, 216, 408, 812, 94]);
    assert_eq!(thousand[992..], [615, 919, 211, 579, 502, 537, 196, 175]);
}

#[test]
fn numpy_normals() {
    let mut rng = Mt19937::new(10);
    let drawn: Vec<f64> = std::iter::repeat_with(|| rng.normal(20.0, 3.0)).take(8).collect();
    let numpy = [
        23.994759512388555,
        22.145836923195215,
        15.363799123666196,
        19.974848450214434,
        21.86400792167144,
        17.839743317843308,
        20.79653475707636,
        20.325645577144908,
    ];
    for (ours, theirs) in drawn.iter().zip(numpy) {
        // The last bit is the business of the mathematics library.
        assert!((ours - theirs).abs() <= 4e-15, "{ours} {theirs}");
    }
}

/// The lists of `ranks` ranks after each of `epochs` epochs.
fn epochs(files: u64, ranks: u32, epochs: u32, seed_change_epoch: bool) -> Vec<Vec<Vec<u32>>> {
    let mut shuffle = FileShuffle::new(0..files, files, ranks, 123, seed_change_epoch);
    (1..=epochs)
        .map(|epoch| {
            shuffle.reconfigure(epoch);
            shuffle.lists().to_vec()
        })
        .collect()
}

#[test]
fn one_rank_follows_dlio() {
    let orders = epochs(4, 1, 2, true);
    assert_eq!(orders, [[[2, 1, 3, 0]], [[0, 3, 1, 2]]]);
    let orders = epochs(16, 1, 2, true);
    assert_eq!(orders[0], [[2, 9, 1, 3, 15, 5, 14, 4, 6, 11, 0, 13, 8, 10, 7, 12]]);
    assert_eq!(orders[1], [[5, 8, 2, 15, 4, 3, 12, 14, 13, 6, 7, 9, 0, 11, 10, 1]]);
}

#[test]
fn ranks_exchange_files_as_dlio_does() {
    assert_eq!(
        epochs(12, 3, 3, true),
        [
            [[5, 6, 9, 1], [7, 2, 10, 3], [11, 8, 0, 4]],
            [[3, 9, 11, 6], [10, 2, 4, 5], [7, 1, 0, 8]],
            [[3, 11, 1, 5], [8, 10, 4, 9], [6, 2, 0, 7]],
        ]
    );
    assert_eq!(epochs(8, 2, 2, true), [[[5, 0, 6, 3], [7, 1, 4, 2]], [[7, 6, 1, 3], [0, 4, 2, 5]]]);
}

/// Without `seed_change_epoch` only the second shuffle changes.
#[test]
fn a_fixed_seed() {
    assert_eq!(
        epochs(12, 3, 2, false),
        [
            [[2, 6, 9, 4], [7, 5, 10, 0], [11, 8, 3, 1]],
            [[5, 4, 11, 9], [0, 10, 8, 2], [7, 6, 1, 3]],
        ]
    );
}

#[test]
fn every_file_is_read_by_one_rank() {
    for (files, ranks) in [(7, 3), (64, 8), (5, 5), (3, 4), (1, 1)] {
        let mut shuffle = FileShuffle::new(0..files, files, ranks, 123, true);
        assert_eq!(shuffle.rank(ranks), [0_u32; 0], "there is no such rank");
        let used = files / u64::from(ranks) * u64::from(ranks);
        for epoch in 1..=3 {
            shuffle.reconfigure(epoch);
            let mut all = shuffle.lists().concat();
            assert!(
                shuffle.lists().iter().all(|list| list.len() as u64 == files / u64::from(ranks))
            );
            all.sort_unstable();
            assert_eq!(all, (0..u32::try_from(used).expect("few")).collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_workload_deals_its_listing() {
    let workload = file(&ours("dlrm_smoke.yaml"), &["dataset.num_subfolders_train=2"]).workload;
    let listing = workload.dataset.listing_order(DatasetType::Train);
    let train = &workload.train;
    let shuffle = FileShuffle::new(
        listing,
        workload.dataset.num_files_train,
        2,
        train.seed,
        train.seed_change_epoch,
    );
    assert_eq!(shuffle.lists(), [[0, 1], [2, 3]], "the listing is 0, 2, 1, 3");
}
