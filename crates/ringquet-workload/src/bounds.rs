//! Bounds of the composed configuration. A run keeps it as `dlio_config/config.yaml`, so whatever was taken, from a file with
//! aliases and from overrides, must be a workload file again.

use std::fmt;

use serde_json::{Map, Value};

use crate::error::WorkloadError;
use crate::section::Origin;
use crate::yaml::{DEPTH_MAX, EVENTS_MAX, KEY_BYTES_MAX, join};

/// Bound on the length of a workload file in bytes, and of the composed configuration as one; a longer file is an error before
/// it is parsed. DLRM's, the longest known, has 14,475.
pub(crate) const FILE_BYTES_MAX: u64 = 4 << 20;

/// Events that a parser handles besides those of the tree: begin and end of text and document, twice as many as there are.
const EVENTS_AROUND: usize = 8;

/// Letters of a key that a message shows.
const KEY_SHOWN: usize = 40;

/// Bytes of text that a character of a string may take, escaped.
const ESCAPED_BYTES_MAX: usize = 10;

/// What a tree has, as a file of YAML.
#[derive(Debug, Default)]
struct Extent {
    /// Nodes, keys included, and ends of mappings and lists.
    events: usize,
    /// At most, whatever needs quotes.
    bytes: usize,
}

/// Checks `resolved`, `{"workload": …}`, whose places are those of `origin`.
///
/// # Errors
/// When it is deeper, has longer keys, more nodes or more bytes than a workload file may have.
pub(crate) fn check(resolved: &Map<String, Value>, origin: &Origin) -> Result<(), WorkloadError> {
    let mut extent = Extent::default();
    walk_map(resolved, "", 1, origin, &mut extent)?;
    let whole = |message: String| WorkloadError::Syntax {
        place: Box::new(origin.place("")),
        message: format!("{message}: composed with its aliases and overrides"),
    };
    let limit = EVENTS_MAX - EVENTS_AROUND;
    if extent.events > limit {
        return Err(whole(format!("{} nodes and ends; at most {limit}", extent.events)));
    }
    if extent.bytes as u64 > FILE_BYTES_MAX {
        let mut length = Length(0);
        serde_saphyr::to_fmt_writer(&mut length, resolved)
            .map_err(|error| whole(error.to_string()))?;
        let length = length.0;
        if length > FILE_BYTES_MAX {
            return Err(whole(format!("{length} bytes; at most {FILE_BYTES_MAX}")));
        }
    }
    Ok(())
}

/// Counts what is written.
struct Length(u64);

impl fmt::Write for Length {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len() as u64;
        Ok(())
    }
}

fn walk_map(
    map: &Map<String, Value>,
    path: &str,
    depth: usize,
    origin: &Origin,
    extent: &mut Extent,
) -> Result<(), WorkloadError> {
    extent.begin(depth);
    for (key, value) in map {
        if key.len() > KEY_BYTES_MAX {
            let shown: String = key.chars().take(KEY_SHOWN).collect();
            return Err(WorkloadError::Conflict {
                place: Box::new(origin.place(&join(path, key))),
                key: format!("{}…", join(path, &shown)),
                reason: format!("a key of {} bytes; at most {KEY_BYTES_MAX}", key.len()),
            });
        }
        extent.add(key, depth);
        // Places have no wrapper.
        let path = if depth == 1 { String::new() } else { join(path, key) };
        walk(value, &path, depth + 1, origin, extent)?;
    }
    Ok(())
}

fn walk(
    value: &Value,
    path: &str,
    depth: usize,
    origin: &Origin,
    extent: &mut Extent,
) -> Result<(), WorkloadError> {
    if depth > DEPTH_MAX && (value.is_object() || value.is_array()) {
        return Err(WorkloadError::Conflict {
            place: Box::new(origin.place(path)),
            key: path.to_owned(),
            reason: format!("nested more than {DEPTH_MAX} deep, with `workload` around it"),
        });
    }
    match value {
        Value::Object(map) => walk_map(map, path, depth, origin, extent)?,
        Value::Array(items) => {
            extent.begin(depth);
            for (index, item) in items.iter().enumerate() {
                walk(item, &format!("{path}[{index}]"), depth + 1, origin, extent)?;
            }
        }
        Value::String(text) => extent.add(text, depth),
        Value::Number(number) => extent.add(&number.to_string(), depth),
        Value::Null | Value::Bool(_) => extent.add("false", depth),
    }
    Ok(())
}

impl Extent {
    /// A mapping or list, with its end.
    fn begin(&mut self, depth: usize) {
        self.events += 1;
        self.add("", depth);
    }

    /// A node with its text, indented on a line of its own, with quotes, dash or colon around it.
    fn add(&mut self, text: &str, depth: usize) {
        self.events += 1;
        let around = 2 * depth + 8;
        self.bytes = self.bytes.saturating_add(around + ESCAPED_BYTES_MAX * text.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Loaded, load_text};
    use std::path::Path;

    fn load(text: &str, overrides: &[&str]) -> Result<Loaded, WorkloadError> {
        let overrides: Vec<String> = overrides.iter().map(|&text| text.to_owned()).collect();
        load_text(text, Path::new("w.yaml"), &overrides, false)
    }

    fn refusal(text: &str, overrides: &[&str]) -> String {
        load(text, overrides).expect_err("it is refused").to_string()
    }

    /// A fuzzer set a key of 133 bytes: the workload was taken, and `dlio_config/config.yaml` of its run could not be read.
    #[test]
    fn what_is_taken_can_be_read_again_once_composed() {
        let again = |loaded: &Loaded| {
            let text = serde_saphyr::to_string(&loaded.resolved).expect("a tree is YAML");
            load_text(&text, Path::new("config.yaml"), &[], false).expect("it was taken").workload
        };
        let key = |bytes: usize| format!("+{}=1", "k".repeat(bytes));
        let inner = |bytes: usize| format!("+a=[{{{}: 1}}]", "k".repeat(bytes));
        let deep = |parts: usize, lists: usize| {
            format!("+a{}={}{}", ".b".repeat(parts - 1), "[".repeat(lists), "]".repeat(lists))
        };
        let nested = |depth: usize| format!("a: {}{}", "[".repeat(depth), "]".repeat(depth));
        for taken in [key(128), inner(128), deep(30, 1), deep(1, 30), deep(15, 16)] {
            let loaded = load("{}", &[&taken]).unwrap_or_else(|error| panic!("{taken}: {error}"));
            assert_eq!(again(&loaded), loaded.workload, "{taken}");
        }
        let loaded = load(&nested(30), &[]).expect("as deep as it may be");
        assert_eq!(again(&loaded), loaded.workload);
        for (refused, reason) in [
            (key(129), "a key of 129 bytes; at most 128"),
            (inner(1000), "a key of 1000 bytes; at most 128"),
            (deep(31, 1), "nested more than 32 deep"),
            (deep(1, 31), "nested more than 32 deep"),
            (deep(16, 16), "nested more than 32 deep"),
        ] {
            let message = refusal("{}", &[&refused]);
            assert!(message.contains(reason), "{message}");
            assert!(
                message.contains(&format!("override `{}", &refused[..refused.len().min(200)])),
                "{message}"
            );
            assert!(message.len() < 1000, "{message}");
        }
        // In a file, with its line.
        let message = refusal(&nested(31), &[]);
        assert!(message.contains("yaml:1: a"), "{message}");
        // Together, though each part alone may be there.
        let long: String =
            ('a'..='z').map(|c| format!("{c}: &{c} {}\n", "x".repeat(100_000))).collect();
        let aliases: String = ('a'..='z').map(|c| format!("z{c}: *{c}\n")).collect();
        let message = refusal(&format!("{long}{aliases}"), &[]);
        assert!(message.contains("bytes; at most 4194304"), "{message}");
        let list = format!("[{}]", vec!["0"; 65_000].join(","));
        let overrides: Vec<String> = (0..16).map(|index| format!("+k{index}={list}")).collect();
        let texts: Vec<&str> = overrides.iter().map(String::as_str).collect();
        let message = refusal("{}", &texts);
        assert!(message.contains("w.yaml: 104"), "{message}");
        assert!(message.contains("nodes and ends; at most 999992"), "{message}");
    }
}
