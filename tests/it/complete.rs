//! Faults: what becomes of reads that fail, come short or never come, made common by the `sim` driver.

use proptest::prelude::*;
use ringquet_io::sim::SimOptions;
use ringquet_io::{DirectChoice, IoError, IoOptions};

use crate::scratch;
use crate::submit::{read_ranges, sim};

fn options() -> IoOptions {
    IoOptions {
        queue_depth: 16,
        read_size_bytes: 4096,
        arena_bytes: 2 << 20,
        direct: DirectChoice::Off,
        ..IoOptions::default()
    }
}

#[test]
fn eio_on_one_read_is_one_error_with_file_offset_and_length() {
    let dir = scratch::dir();
    let path = scratch::bytes_file(dir.path(), "sick.parquet", 100_000, 1);
    let expected = scratch::expected_bytes(100_000, 1);
    let sim_options = SimOptions { seed: 11, eio: Some(50_000..50_001), ..SimOptions::default() };
    let mut queue = sim(options(), sim_options);
    let ranges: Vec<_> = (0..10u64).map(|n| n * 10_000..(n + 1) * 10_000).collect();
    let answers = read_ranges(&mut queue, 0, &path, &ranges);
    for (n, answer) in answers.into_iter().enumerate() {
        match answer {
            Ok(bytes) => assert!(bytes == expected[n * 10_000..(n + 1) * 10_000], "range {n}"),
            Err(error) => {
                assert_eq!(n, 5, "only the range that holds byte 50000 fails: {error}");
                assert!(
                    matches!(&error, IoError::Read { offset, length, .. } if *offset <= 50_000 && offset + length > 50_000)
                );
                let text = error.to_string();
                assert!(
                    text.contains("sick.parquet") && text.contains("Input/output error"),
                    "{text}"
                );
            }
        }
    }
    assert_eq!(queue.counters().failed_reads, 1);
    assert_eq!(
        queue.arena().free_bytes(),
        queue.arena().len_bytes(),
        "no slot is lost to a failed read"
    );
}

#[test]
fn a_device_that_answers_eagain_for_ever_is_an_error_in_the_end() {
    let dir = scratch::dir();
    let path = scratch::bytes_file(dir.path(), "f", 10_000, 1);
    let mut queue = sim(
        options(),
        SimOptions { retry_share: 255, delay_share: 0, seed: 1, ..SimOptions::default() },
    );
    // 255 of 256 answers are EAGAIN or EINTR: it still gets through, or gives up with the errno.
    let ranges: Vec<_> = (0..1u64).map(|_| 0..10_000).collect();
    match &read_ranges(&mut queue, 0, &path, &ranges)[0] {
        Ok(bytes) => assert!(*bytes == scratch::expected_bytes(10_000, 1)),
        Err(error) => assert!(matches!(error, IoError::Read { .. }), "{error}"),
    }
    assert!(queue.counters().retries > 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the kernel does to reads, the bytes are those of the file.
    #[test]
    fn late_short_and_interrupted_reads_change_nothing(
        seed in any::<u64>(),
        short_share in any::<u8>(),
        retry_share in 0u8..200,
        delay_share in 0u8..200,
        granule in prop::sample::select(vec![1u32, 100, 512, 4096]),
        depth in 1u32..32,
    ) {
        let dir = scratch::dir();
        let len = 60_001;
        let path = scratch::bytes_file(dir.path(), "f", len, seed);
        let expected = scratch::expected_bytes(len, seed);
        let sim_options = SimOptions { seed, short_share, short_granule: granule, retry_share, delay_share, ..SimOptions::default() };
        let mut queue = sim(IoOptions { queue_depth: depth, ..options() }, sim_options);
        let ranges: Vec<_> = (0..12u64).map(|n| n * 5000..(n * 5000 + 5500).min(len as u64)).collect();
        for (range, answer) in ranges.iter().zip(read_ranges(&mut queue, 0, &path, &ranges)) {
            let (start, end) = (usize::try_from(range.start).unwrap(), usize::try_from(range.end).unwrap());
            prop_assert!(answer.unwrap() == expected[start..end]);
        }
    }

    /// A file that ends early is an error for every range beyond its end and for no other.
    #[test]
    fn truncation_is_noticed_wherever_it_happens(seed in any::<u64>(), cut in 0u64..60_000) {
        let dir = scratch::dir();
        let path = scratch::bytes_file(dir.path(), "f", 60_000, seed);
        let sim_options = SimOptions { seed, truncate_at: Some(cut), ..SimOptions::default() };
        let mut queue = sim(options(), sim_options);
        let ranges: Vec<_> = (0..12u64).map(|n| n * 5000..(n + 1) * 5000).collect();
        for (range, answer) in ranges.iter().zip(read_ranges(&mut queue, 0, &path, &ranges)) {
            if range.end <= cut {
                prop_assert!(answer.is_ok());
            } else {
                let too_short = matches!(answer, Err(IoError::UnexpectedEof { .. }));
                prop_assert!(too_short);
            }
        }
    }
}
