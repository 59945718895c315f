//! What a rank gets, and which steps count.

use ringquet_workload::{DatasetType, Sharding};

use super::{file, ours, text};

fn train(yaml: &str, ranks: u64) -> Result<Sharding, String> {
    text(yaml, &[]).sharding(DatasetType::Train, ranks).map_err(|error| error.to_string())
}

#[test]
fn files_and_steps_are_those_of_dlio() {
    let yaml = "{dataset: {num_files_train: 7, num_samples_per_file: 10}, reader: {batch_size: 4}}";
    assert_eq!(
        train(yaml, 2).expect("it can be dealt"),
        Sharding {
            ranks: 2,
            files_per_rank: 3,
            surplus_files: 1,
            samples_per_rank: 30,
            batch_size: 4,
            steps: 7,
            dropped_samples: 2,
            announced_steps: 8,
            metric_steps: 8,
        }
    );
    let shuffled = text(yaml, &["reader.file_shuffle=seed"]);
    let sharding = shuffled.sharding(DatasetType::Train, 2).expect("it can be dealt");
    assert_eq!(sharding.announced_steps, 7, "the reshuffle of the fork counts with floor");
    let smoke = file(&ours("dlrm_smoke.yaml"), &[]).workload;
    let steps = |ranks| smoke.sharding(DatasetType::Train, ranks).expect("it can be dealt").steps;
    assert_eq!([steps(1), steps(2), steps(4)], [24, 12, 6]);
    let dlrm = file(&ours("dlrm_b200.yaml"), &[]).workload;
    let sharding = dlrm.sharding(DatasetType::Train, 1).expect("it can be dealt");
    assert_eq!((sharding.steps, sharding.dropped_samples), (393_216, 0));
}

#[test]
fn total_training_steps_hold_an_epoch() {
    let yaml = "{dataset: {num_files_train: 4}, train: {total_training_steps: 3}}";
    let sharding = train(yaml, 1).expect("four steps are there");
    assert_eq!((sharding.steps, sharding.metric_steps, sharding.announced_steps), (3, 3, 3));
    assert_eq!(
        train(yaml, 2).expect_err("two steps are there"),
        "train.total_training_steps: 3 is not supported by this command: an epoch has only 2 steps"
    );
}

#[test]
fn too_little_data_is_refused() {
    let yaml =
        "{dataset: {num_files_train: 4, num_samples_per_file: 10}, reader: {batch_size: 11}}";
    for (ranks, expected) in [
        (0, "accelerators: 0 is not supported"),
        (1 << 21, "accelerators: 2097152 is not supported"),
        (
            5,
            "dataset.num_files_train: 4 is not supported by this command: 5 accelerators need at least one file each",
        ),
        (4, "an accelerator has 10 samples (1 files × 10): fewer than one batch"),
    ] {
        let refused = train(yaml, ranks).expect_err("too little");
        assert!(refused.contains(expected), "{refused}");
    }
    assert_eq!(train(yaml, 2).expect("20 samples").steps, 1);
    let error = text(yaml, &[]).sharding(DatasetType::Valid, 1).expect_err("no file");
    assert!(error.to_string().starts_with("dataset.num_files_eval: 0"), "{error}");
}

#[test]
fn the_metric_window_leaves_out_both_ends() {
    let yaml = "dataset: {num_files_train: 10}";
    let sharding = train(yaml, 1).expect("ten steps");
    assert_eq!(sharding.metric_window(1, 0), Some(1..=9));
    assert_eq!(sharding.metric_window(2, 3), Some(2..=6));
    assert_eq!(sharding.metric_window(0, 9), Some(0..=0));
    assert_eq!(sharding.metric_window(5, 5), None);
    assert_eq!(sharding.metric_window(0, 10), None);
    assert_eq!(sharding.metric_window(u64::MAX, u64::MAX), None);
}

#[test]
fn evaluation_has_its_own_files_and_batch() {
    let legacy = file(&ours("legacy_smoke.yaml"), &[]).workload;
    let eval = legacy.sharding(DatasetType::Valid, 2).expect("one file each");
    assert_eq!((eval.files_per_rank, eval.samples_per_rank, eval.steps), (1, 256, 4));
}
