//! Row groups, against those of data sets that DLIO wrote.

use proptest::prelude::*;
use ringquet_workload::RowLayout;

use super::{file, ours, text};

/// `(rows, row_group_size, generation_batch_size)` gives these rows per row group.
#[track_caller]
fn check(rows: u64, row_group_size: u64, batch: u64, expected: &[u64]) {
    let yaml = format!(
        "dataset: {{num_samples_per_file: {rows}, parquet: {{columns: [a], row_group_size: \
         {row_group_size}, generation_batch_size: {batch}}}}}"
    );
    let layout = text(&yaml, &[]).dataset.row_layout();
    let found: Vec<u64> = layout.row_groups().map(|rows| rows.end - rows.start).collect();
    assert_eq!(found, expected);
    assert_eq!(layout.row_group_rows_max(), *expected.iter().max().expect("not empty"));
}

#[test]
fn a_batch_starts_a_row_group() {
    check(5000, 2000, 1500, &[1500, 1500, 1500, 500]);
    check(5000, 1000, 1500, &[1000, 500, 1000, 500, 1000, 500, 500]);
    check(12_288, 6144, 0, &[6144, 6144]);
    check(12_288, 6144, 12_288, &[6144, 6144]);
    check(100, 6144, 0, &[100]);
    check(1, 1, 1, &[1]);
    check(6145, 6144, 0, &[6144, 1]);
}

#[test]
fn real_sizes() {
    let dlrm = file(&ours("dlrm_b200.yaml"), &[]).workload.dataset.row_layout();
    assert_eq!((dlrm.len(), dlrm.row_group(767)), (768, Some(4_712_448..4_718_592)));
    assert_eq!(dlrm.row_group(768), None);
    let flux = file(&ours("flux_b200.yaml"), &[]).workload.dataset.row_layout();
    assert_eq!((flux.len(), flux.row_group(0)), (1, Some(0..288)));
    let seed = text("dataset: {num_samples_per_file: 2000000, parquet: {legacy: seed}}", &[]);
    assert_eq!(seed.dataset.row_layout().len(), 2, "PyArrow's 1,048,576 rows");
    let huge = RowLayout::new(1 << 53, 1 << 53, 0);
    assert_eq!(huge.row_group(0), Some(0..(64 << 20)), "Arrow's own limit");
}

#[test]
fn row_groups_cover_the_file_once() {
    let small = 1_u64..40;
    proptest!(|(rows in 0_u64..200, size in small.clone(), batch in 0_u64..50)| {
        let layout = RowLayout::new(rows, size, batch);
        let mut next = 0;
        let mut count = 0;
        for (index, group) in layout.row_groups().enumerate() {
            prop_assert_eq!(group.start, next);
            prop_assert!(group.end > group.start && group.end - group.start <= size);
            for row in group.clone() {
                prop_assert_eq!(layout.row_group_of(row), Some(index as u64));
            }
            next = group.end;
            count += 1;
        }
        prop_assert_eq!(next, rows);
        prop_assert_eq!(count, layout.len());
        prop_assert_eq!(layout.row_group_of(rows), None);
    });
}
