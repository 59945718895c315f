//! What several verbs begin with: files, or a workload.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use ringquet::{Dataset, EngineOptions};
use ringquet_workload::Loaded;
use serde::Serialize;
use serde_json::{Value, json};

use crate::args::WorkloadArgs;
use crate::console::Console;

/// Opens the files of `paths` and says what the user should know about it.
pub(super) fn open(
    paths: &[PathBuf],
    options: EngineOptions,
    console: &mut Console,
) -> Result<Arc<Dataset>> {
    let dataset = Dataset::open(paths, options)?;
    console.warn_all(dataset.warnings());
    Ok(Arc::new(dataset))
}

/// Loads a workload and says which of its keys have no effect.
pub(super) fn load(args: &WorkloadArgs, console: &mut Console) -> Result<Loaded> {
    let loaded = ringquet_workload::load(&args.workload, &args.overrides, args.strict)?;
    for warning in &loaded.warnings {
        console.warn(code(&warning.code)?, &*warning.message);
    }
    Ok(loaded)
}

/// The word of a warning's code, as it stands in documents.
pub(super) fn code(code: &impl Serialize) -> Result<String> {
    Ok(serde_json::from_value(serde_json::to_value(code)?)?)
}

/// `options` of a document: the workload, and what only the verb has.
pub(super) fn workload_options(loaded: &Loaded, verb: Value) -> Value {
    let mut options = json!({
        "workload_file": loaded.source,
        "overrides": loaded.overrides,
        "workload": loaded.resolved.get("workload"),
    });
    if let (Value::Object(options), Value::Object(verb)) = (&mut options, verb) {
        options.extend(verb);
    }
    options
}
