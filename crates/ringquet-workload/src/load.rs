//! From a file and overrides to a checked workload.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Map, Value};

use crate::bounds::{self, FILE_BYTES_MAX};
use crate::error::WorkloadError;
use ringquet_result::Warning;

use crate::keys;
use crate::overrides;
use crate::section::{Origin, Section};
use crate::workload::Workload;
use crate::yaml::{self, boolean, join};

/// A workload and how it came about.
#[derive(Debug, Clone, Serialize)]
pub struct Loaded {
    /// The checked value.
    pub workload: Workload,
    /// Keys without effect, in the order of the file.
    pub warnings: Vec<Warning>,
    /// The composed configuration, `{"workload": …}`: the file with the overrides applied, as
    /// DLIO's `dlio_config/config.yaml` holds it.
    pub resolved: Value,
    /// The file.
    pub source: PathBuf,
    /// The overrides as typed.
    pub overrides: Vec<String>,
}

/// Reads and checks the workload in `path` with `overrides` applied in order.
///
/// A file whose only key is `workload`, as `dlio_config/config.yaml` is, counts as what lies under
/// that key.
///
/// # Errors
/// [`WorkloadError`] names file, line or override, key, and what is accepted. With `strict`, keys
/// that are unknown or have no effect are an error, too.
pub fn load(path: &Path, overrides: &[String], strict: bool) -> Result<Loaded, WorkloadError> {
    let fail = |source| WorkloadError::Read { file: path.to_owned(), source };
    let file = File::open(path).map_err(fail)?;
    let mut text = String::new();
    file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(fail)?;
    load_text(&text, path, overrides, strict)
}

/// As [`load`], from the `text` of the file `source`.
///
/// # Errors
/// As [`load`].
pub fn load_text(
    text: &str,
    source: &Path,
    overrides: &[String],
    strict: bool,
) -> Result<Loaded, WorkloadError> {
    let length = text.len() as u64;
    if length > FILE_BYTES_MAX {
        let file = source.to_owned();
        return Err(WorkloadError::TooLarge { file, length, limit: FILE_BYTES_MAX });
    }
    let document = yaml::parse(text, source)?;
    let mut origin = Origin::new(source, document.lines);
    let mut root = document.root;
    unwrap_workload(&mut root, &mut origin);
    let mut warnings = Vec::new();
    for text in overrides {
        overrides::apply(&mut root, text, &mut origin, &mut warnings)?;
    }
    refuse_unresolved(&root, "", &origin)?;
    normalise_booleans(&mut root, "");
    let workload = Workload::read(&Section::root(&root, &origin))?;
    warnings.extend(keys::warnings(&root, &origin));
    if strict && !warnings.is_empty() {
        return Err(WorkloadError::Strict { file: source.to_owned(), warnings });
    }
    let mut resolved = Map::new();
    resolved.insert("workload".to_owned(), Value::Object(root));
    bounds::check(&resolved, &origin)?;
    Ok(Loaded {
        workload,
        warnings,
        resolved: Value::Object(resolved),
        source: source.to_owned(),
        overrides: overrides.to_vec(),
    })
}

fn unwrap_workload(root: &mut Map<String, Value>, origin: &mut Origin) {
    if root.len() != 1 {
        return;
    }
    if let Some(Value::Object(inner)) = root.get_mut("workload") {
        *root = std::mem::take(inner);
        origin.lines = std::mem::take(&mut origin.lines)
            .into_iter()
            .filter_map(|(path, line)| Some((path.strip_prefix("workload.")?.to_owned(), line)))
            .collect();
    }
}

/// Hydra would compose and interpolate; a workload that relies on it must not be read as if it did
/// not.
fn refuse_unresolved(
    map: &Map<String, Value>,
    path: &str,
    origin: &Origin,
) -> Result<(), WorkloadError> {
    if path.is_empty() && map.contains_key("defaults") {
        return Err(WorkloadError::Conflict {
            place: Box::new(origin.place("defaults")),
            key: "defaults".to_owned(),
            reason: "composing several files is not supported: put all keys into one".to_owned(),
        });
    }
    for (key, value) in map {
        refuse_unresolved_value(value, &join(path, key), origin)?;
    }
    Ok(())
}

fn refuse_unresolved_value(
    value: &Value,
    path: &str,
    origin: &Origin,
) -> Result<(), WorkloadError> {
    match value {
        Value::Object(map) => refuse_unresolved(map, path, origin),
        Value::Array(items) => items.iter().enumerate().try_for_each(|(index, item)| {
            refuse_unresolved_value(item, &format!("{path}[{index}]"), origin)
        }),
        Value::String(text) if text.contains("${") => Err(WorkloadError::Value {
            place: Box::new(origin.place(path)),
            key: path.to_owned(),
            value: crate::section::shown(value),
            accepted: "the value itself; `${…}` is not interpolated".to_owned(),
        }),
        _ => Ok(()),
    }
}

/// `yes` and `off` become booleans where DLIO has a boolean, so that the composed configuration has
/// what is meant.
fn normalise_booleans(map: &mut Map<String, Value>, path: &str) {
    for (key, value) in map {
        let path = match join(path, key) {
            alias if alias == "data_reader" => "reader".to_owned(),
            path => path,
        };
        match value {
            Value::Object(map) => normalise_booleans(map, &path),
            Value::Array(items) => {
                for item in items {
                    if let Value::Object(map) = item {
                        normalise_booleans(map, &format!("{path}[]"));
                    }
                }
            }
            Value::String(_) if keys::is_boolean(&path) => {
                if let Some(meant) = boolean(value) {
                    *value = Value::Bool(meant);
                }
            }
            _ => {}
        }
    }
}
