//! Which changes to a workload leave a run CLOSED, make it OPEN, or INVALID.

use serde::Serialize;

/// What a run may be submitted as, by what was changed in its workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Eligibility {
    /// Only what everybody may change.
    Closed,
    /// Something that only OPEN submissions may change.
    Open,
    /// Something that must not be changed.
    Invalid,
}

impl Eligibility {
    /// MLPerf's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Eligibility::Closed => "CLOSED",
            Eligibility::Open => "OPEN",
            Eligibility::Invalid => "INVALID",
        }
    }
}

/// Parameters that a CLOSED submission may set.
const CLOSED: [&str; 11] = [
    "dataset.num_files_train",
    "dataset.num_subfolders_train",
    "dataset.data_folder",
    "reader.read_threads",
    "reader.computation_threads",
    "reader.transfer_size",
    "reader.prefetch_size",
    "checkpoint.checkpoint_folder",
    "storage.storage_type",
    "storage.storage_root",
    "storage.storage_options.prefetch_window",
];

/// Set by the benchmark's own tool.
const INJECTED: [&str; 7] = [
    "dataset.skip_listing",
    "dataset.listing_validation_interval",
    "dataset.num_files_generated",
    "dataset.total_disk_bytes",
    "storage.storage_options.storage_library",
    "storage.storage_options.uri_scheme",
    "storage.s3_force_path_style",
];

/// Parameters that an OPEN submission may set beyond those.
const OPEN: [&str; 4] =
    ["framework", "dataset.format", "dataset.num_samples_per_file", "reader.data_loader"];

/// CLOSED for one model only.
const ODIRECT: (&str, &str) = ("reader.odirect", "unet3d");

/// What setting `key` means for a run of `model`; `None` if it is not judged.
pub(crate) fn standing(key: &str, model: &str) -> Option<Eligibility> {
    if key.starts_with("workflow.") || INJECTED.contains(&key) {
        return None;
    }
    if CLOSED.contains(&key) || (key, model) == ODIRECT {
        return Some(Eligibility::Closed);
    }
    Some(if OPEN.contains(&key) { Eligibility::Open } else { Eligibility::Invalid })
}

/// The workload's key of an override as Hydra takes it; `None` for what chooses the workload or is
/// Hydra's own.
pub(crate) fn key_of(text: &str) -> Option<&str> {
    let text = text.trim().trim_start_matches(['+', '~']);
    let key = text.split_once('=').map_or(text, |(key, _)| key).trim();
    key.strip_prefix("workload.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standings_of_parameters() {
        let check = |key, model, expect| assert_eq!(standing(key, model), expect, "{key}");
        check("dataset.num_files_train", "dlrm", Some(Eligibility::Closed));
        check("dataset.format", "dlrm", Some(Eligibility::Open));
        check("train.computation_time", "dlrm", Some(Eligibility::Invalid));
        check("reader.odirect", "unet3d", Some(Eligibility::Closed));
        check("reader.odirect", "dlrm", Some(Eligibility::Invalid));
        check("workflow.train", "dlrm", None);
        check("dataset.skip_listing", "dlrm", None);
        check("dataset.num_files_train.x", "dlrm", Some(Eligibility::Invalid));
        assert!(
            Eligibility::Closed < Eligibility::Open && Eligibility::Open < Eligibility::Invalid
        );
    }

    #[test]
    fn keys_of_overrides() {
        let check = |text, expect| assert_eq!(key_of(text), expect, "{text}");
        check("++workload.reader.batch_size=7", Some("reader.batch_size"));
        check("~workload.train.seed", Some("train.seed"));
        check(" workload.a=b=c ", Some("a"));
        check("workload=flux_smoke", None);
        check("hydra.run.dir=/x", None);
    }
}
