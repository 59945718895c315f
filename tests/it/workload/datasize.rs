//! How many files, and what they weigh: against MLPerf Storage's example and files of PyArrow.

use ringquet_workload::{Client, WorkloadError};

use super::{file, ours, reference, text};

const GIB: u64 = 1 << 30;

fn client(accelerators: u64, hosts: u64, gib: u64) -> Client {
    Client { accelerators, hosts, host_memory_bytes: gib * GIB }
}

#[test]
fn dlrm_on_one_host() {
    let workload = file(&ours("dlrm_b200.yaml"), &[]).workload;
    let size = workload.datasize(client(1, 1, 256)).expect("it can be sized");
    assert_eq!((size.num_files_by_memory, size.num_files_by_steps), (383, 2));
    assert_eq!((size.num_files_train, size.num_subfolders_train), (383, 0));
    assert_eq!(size.nominal_file_bytes, 4_718_592 * 761);
    assert_eq!(size.nominal_bytes, 383 * 4_718_592 * 761);
    assert_eq!(size.overrides, ["dataset.num_files_train=383", "dataset.num_subfolders_train=0"]);
    let ratio = size.disk_bytes as f64 / size.nominal_bytes as f64;
    assert!(
        (1.335..1.350).contains(&ratio),
        "{ratio}: 1.339 in pages and half a percent of footer"
    );
}

#[test]
fn steps_can_ask_for_more_than_memory() {
    let workload = file(&ours("flux_b200.yaml"), &[]).workload;
    let size = workload.datasize(client(64, 1, 1)).expect("it can be sized");
    // 500 · 64 · 48 / 288 files of 288 rows.
    assert_eq!((size.num_files_by_steps, size.num_files_train), (5334, 5334));
    let size = workload.datasize(client(1, 20, 512)).expect("it can be sized");
    assert_eq!(size.num_files_train, (5 * 20 * 512 * GIB).div_ceil(288 * 2_164_832));
    assert_eq!(size.num_subfolders_train, size.num_files_train / 10_000);
    assert!(size.num_subfolders_train > 1);
}

/// Without `record_length_bytes` the rule sums the columns, and takes int8 for four bytes.
#[test]
fn the_record_length_key_decides() {
    let flux = file(&reference("flux_b200.yaml"), &[]).workload;
    assert_eq!(flux.dataset.datasize_record_bytes(), 2_164_832);
    let dlrm = file(&reference("dlrm_b200.yaml"), &["~dataset.record_length_bytes"]).workload;
    assert_eq!(dlrm.dataset.datasize_record_bytes(), 49 * 8 + 151 * 4);
    assert_eq!(dlrm.dataset.record_bytes(), 761);
}

#[test]
fn what_cannot_be_sized() {
    let workload = file(&ours("dlrm_b200.yaml"), &[]).workload;
    let error = workload.datasize(client(0, 1, 1)).expect_err("no accelerator");
    assert_eq!(
        error.to_string(),
        "accelerators: 0 is not supported by this command: at least 1 is needed"
    );
    let host = Client { accelerators: 1, hosts: u64::MAX, host_memory_bytes: u64::MAX };
    assert!(matches!(workload.datasize(host), Err(WorkloadError::Overflow { .. })));
    let jpeg = file(&reference("retinanet_b200.yaml"), &[]).workload;
    assert!(matches!(jpeg.datasize(client(1, 1, 1)), Err(WorkloadError::Unsupported { .. })));
}

/// The estimated bytes of a file are within `percent` of what PyArrow 26 wrote.
#[track_caller]
fn check(workload: ringquet_workload::Workload, written: u64, percent: f64) {
    let footprint = workload.dataset.footprint();
    let error = (footprint.file_bytes as f64 / written as f64 - 1.0) * 100.0;
    assert!(error.abs() <= percent, "{footprint:?} for {written}: {error:+.3} %");
}

#[test]
fn estimates_hold_against_files_of_pyarrow() {
    let dlrm = |rows: u64| {
        file(&ours("dlrm_b200.yaml"), &[&format!("dataset.num_samples_per_file={rows}")]).workload
    };
    check(dlrm(12_288), 12_581_262, 0.02);
    check(dlrm(61_440), 62_830_000, 0.02);
    let flux = |rows: u64| {
        file(&ours("flux_b200.yaml"), &[&format!("dataset.num_samples_per_file={rows}")]).workload
    };
    check(flux(4), 10_107_649, 0.01);
    check(flux(288), 626_318_299, 0.01);
    let mixed = "dataset: {format: parquet, num_samples_per_file: 5000, parquet: {row_group_size: 2000, \
                 generation_batch_size: 1500, columns: [{name: label, dtype: int8}, {name: u16, dtype: \
                 uint16}, {name: i64, dtype: int64}, {name: vec, size: 16}, {name: f16v, dtype: float16, \
                 size: 4}, {name: lst, dtype: list, size: 3}, {name: txt, dtype: string}, {name: bin, dtype: \
                 binary, size: 12}, {name: flag, dtype: bool}, {name: odd, size: 2}]}}";
    check(text(mixed, &[]), 965_654, 0.6);
    let legacy = "dataset: {format: parquet, record_length_bytes: 16384, num_samples_per_file: 64, \
                  parquet: {legacy: fork}}";
    check(text(legacy, &[]), 1_052_695, 0.1);
    check(text(legacy, &["dataset.parquet.legacy=seed"]), 1_053_798, 0.2);
}
