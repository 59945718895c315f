//! What several verbs begin with: files, or a workload.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use ringquet::Dataset;
use ringquet::engine::EngineOptions;
use ringquet::report::Failure;
use ringquet_result::path_text::{serialize_path, serialize_paths};
use ringquet_workload::Loaded;
use serde::Serialize;
use serde_json::Value;

use crate::args::{SourceArgs, WorkloadArgs};
use crate::console::Console;
use crate::exit::Exit;

/// Opens the files of `paths`. Prints one error for each file that cannot be opened; the verb continues with the others and
/// ends with [`end`].
pub(super) fn open(
    paths: &[PathBuf],
    options: EngineOptions,
    console: &mut Console,
) -> Result<Arc<Dataset>> {
    let dataset = Dataset::open_with(paths, options)?;
    console.warn_all(dataset.warnings());
    for unopened in dataset.failures() {
        console.error(&unopened.error.to_string());
    }
    Ok(Arc::new(dataset))
}

/// As [`open`], for a data set of `source`: with `--strict` the first file that cannot be opened is the end.
pub(super) fn open_all_of(
    source: &SourceArgs,
    options: EngineOptions,
    console: &mut Console,
) -> Result<Arc<Dataset>> {
    if !source.strict {
        return open(&source.paths, options, console);
    }
    let dataset = Dataset::open_with(&source.paths, options)?;
    console.warn_all(dataset.warnings());
    Ok(Arc::new(dataset.require_all()?))
}

/// How a verb ends after it has finished with all files that could be opened.
pub(super) fn end(dataset: &Dataset) -> Exit {
    if dataset.failures().is_empty() { Exit::Done } else { Exit::Failed }
}

/// The files of a data set that could not be opened, as a document has them.
pub(super) fn failures(dataset: &Dataset) -> Vec<Failure> {
    dataset.failures().iter().map(Failure::from).collect()
}

/// Loads a workload and warns about keys without effect.
pub(super) fn load(args: &WorkloadArgs, console: &mut Console) -> Result<Loaded> {
    let loaded = ringquet_workload::load(&args.workload, &args.overrides, args.strict)?;
    for warning in &loaded.warnings {
        console.warn(warning.code, &*warning.message);
    }
    Ok(loaded)
}

/// Which files were asked for, as a document has it. Their columns are an option of the engine.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct SourceOptions<'a> {
    /// Files and directories, as typed.
    #[serde(serialize_with = "serialize_paths")]
    paths: &'a [PathBuf],
    /// A file that cannot be opened ends the command.
    strict: bool,
}

impl<'a> SourceOptions<'a> {
    pub(super) fn new(args: &'a SourceArgs) -> SourceOptions<'a> {
        let SourceArgs { paths, strict, columns: _ } = args;
        SourceOptions { paths, strict: *strict }
    }
}

/// Which workload was asked for, as a document has it.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct WorkloadOptions<'a> {
    /// File of the workload.
    #[serde(serialize_with = "serialize_path")]
    workload_file: &'a Path,
    /// Overrides of the workload, as typed.
    overrides: &'a [String],
    /// The workload: the file with the overrides applied, in DLIO's form.
    workload: &'a Value,
    /// Keys that are unknown or have no effect end the command.
    strict: bool,
}

impl<'a> WorkloadOptions<'a> {
    pub(super) fn new(args: &WorkloadArgs, loaded: &'a Loaded) -> WorkloadOptions<'a> {
        let WorkloadArgs { workload: _, overrides: _, strict } = args;
        WorkloadOptions {
            workload_file: &loaded.source,
            overrides: &loaded.overrides,
            workload: &loaded.resolved["workload"],
            strict: *strict,
        }
    }
}
