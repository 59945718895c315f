//! Workload files: YAML text. What is taken is checked again in the form in which a run keeps it, and stays the same.

use std::path::Path;

use ringquet_workload::{DatasetType, Loaded, WorkloadError, load, load_text};

use crate::folder::in_folder;

/// Of the file, as messages have it.
const NAME: &str = "hostile.yaml";

/// Longest message. It may quote the text, but not all of it; a path of keys is what takes most.
const MESSAGE_BYTES_MAX: usize = 12 << 10;

/// Runs the target on `bytes`.
///
/// # Panics
/// When what must hold does not.
pub fn workload(bytes: &[u8]) {
    match std::str::from_utf8(bytes) {
        Ok(text) => check_workload(text, &[]),
        Err(_) => in_folder(&[(NAME, bytes)], |dir| {
            let error = load(&dir.join(NAME), &[], false).expect_err("YAML is UTF-8");
            check_refusal(&error, "", &[]);
        }),
    }
}

/// Loads `text` with `overrides`. A refusal names the file or the override in a message of some length, and a line that is there. What is taken
/// reads back, from the composed configuration, as the same workload; and all that follows from it can be asked for.
pub(super) fn check_workload(text: &str, overrides: &[String]) {
    let file = Path::new(NAME);
    let loaded = match load_text(text, file, overrides, false) {
        Ok(loaded) => loaded,
        Err(error) => return check_refusal(&error, text, overrides),
    };
    let composed = serde_saphyr::to_string(&loaded.resolved).expect("a tree of values is YAML");
    let again = load_text(&composed, file, &[], false)
        .unwrap_or_else(|error| panic!("taken, but not once composed: {error}\n{composed}"));
    assert_eq!(loaded.workload, again.workload, "composed: {composed}");
    assert_eq!(loaded.resolved, again.resolved, "composed: {composed}");
    if let Err(error) = load_text(text, file, overrides, true) {
        assert!(matches!(error, WorkloadError::Strict { .. }), "{error}");
        assert!(!loaded.warnings.is_empty(), "strict refuses what gives no warning: {error}");
    }
    ask(&loaded);
}

fn check_refusal(error: &WorkloadError, text: &str, overrides: &[String]) {
    let message = error.to_string();
    if let WorkloadError::Syntax { place, .. }
    | WorkloadError::Value { place, .. }
    | WorkloadError::Conflict { place, .. } = error
        && let Some(line) = place.line
    {
        // The end of the text is a place, too.
        let lines = text.split(['\n', '\r']).count() as u64 + 1;
        assert!((1..=lines).contains(&line), "line {line} of {lines}: {message}");
    }
    assert!(message.len() <= MESSAGE_BYTES_MAX, "a message of {} bytes", message.len());
    let names = |text: &String| message.contains(&text.chars().take(100).collect::<String>());
    assert!(
        message.contains(NAME) || overrides.iter().any(names),
        "names neither the file nor an override: {message}"
    );
}

/// What other commands ask of a workload, in constant time each.
fn ask(loaded: &Loaded) {
    let dataset = &loaded.workload.dataset;
    let layout = dataset.row_layout();
    let _ = (layout.len(), layout.row_group_rows_max(), layout.row_group(0));
    let _ = (layout.row_group(layout.len()), layout.row_group_of(layout.rows()));
    let _ = (dataset.record_bytes(), dataset.read_record_bytes(), dataset.datasize_record_bytes());
    let _ = (dataset.parquet.read_column_names(), dataset.parquet.read_column_indices());
    for half in [DatasetType::Train, DatasetType::Valid] {
        let files = dataset.num_files_total(half);
        for index in [0, files / 2, files.saturating_sub(1)] {
            if index < files {
                let _ = dataset.file_path(half, index);
            }
        }
    }
    let _ = dataset.footprint();
    let _ = loaded.workload.data_dir();
    let _ = loaded.workload.require_local_parquet();
    for warning in &loaded.warnings {
        assert!(!warning.message.is_empty());
    }
}
