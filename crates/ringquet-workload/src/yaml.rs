//! YAML text to a tree of values, with the line of every key.
//!
//! DLIO's files are YAML 1.1, where the bare words `on`, `off`, `yes` and `no` are booleans. Here
//! they arrive as the words they are, and every place that needs a boolean takes them as one
//! ([`boolean`]). That serves both sides: `file_shuffle: off` is `off` instead of `false`, a column
//! may be called `y`, and `profiling: no` is false.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use serde_saphyr::Spanned;

use crate::error::{Place, WorkloadError};

/// Bound on the nesting of mappings and lists, in a file as in an override. DLIO's own keys are
/// five deep. Deeper text is an error.
pub(crate) const DEPTH_MAX: usize = 32;

/// Bound on the nodes of a document. The 200 columns of DLRM take 1,800; a table of 50,000 columns
/// still fits. More is an error, before aliases can multiply.
const NODES_MAX: usize = 1_000_000;

/// Bound on what the parser reads: nodes, and the ends of mappings and lists. Aliases count as what they stand for.
pub(crate) const EVENTS_MAX: usize = NODES_MAX;

/// Bound on the length of a key in bytes. DLIO's longest has 31. Longer ones are an error, so that
/// the paths of a document stay within a small multiple of it.
pub(crate) const KEY_BYTES_MAX: usize = 128;

/// Bound on the bytes of all paths whose lines are kept. Beyond it messages name no line; the 200
/// columns of DLRM take 40 kB.
const LINES_BYTES_MAX: usize = 64 << 20;

/// A parsed document: the tree and the line of each dotted path.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) root: Map<String, Value>,
    pub(crate) lines: BTreeMap<String, u64>,
}

/// A boolean as YAML 1.1 spells it: `true`/`false`, `yes`/`no`, `on`/`off`, in the three cases.
pub(crate) fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::String(text) => match text.as_str() {
            "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
            "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// Parses `text`, the content of `file`.
pub(crate) fn parse(text: &str, file: &Path) -> Result<Document, WorkloadError> {
    let options = serde_saphyr::options! {
        strict_booleans: true,
        with_snippet: false,
        budget: serde_saphyr::budget! {
            max_nodes: NODES_MAX,
            max_events: EVENTS_MAX,
            max_depth: DEPTH_MAX,
        },
    };
    let syntax = |line: Option<u64>, message: String| WorkloadError::Syntax {
        place: Box::new(Place { file: file.to_owned(), line, override_text: None }),
        message,
    };
    let node: Spanned<Node> =
        serde_saphyr::from_str_with_options(text, options).map_err(|error| {
            let line = error.location().map(|location| location.line());
            let message = error.to_string();
            syntax(line, message.lines().next().unwrap_or("not YAML").to_owned())
        })?;
    let Node::Map(entries) = node.value else {
        return Err(syntax(None, "a workload is one mapping with keys such as `dataset`".into()));
    };
    let mut lines = Lines { lines: BTreeMap::new(), bytes_left: LINES_BYTES_MAX };
    let root = into_map(entries, "", &mut lines);
    Ok(Document { root, lines: lines.lines })
}

struct Lines {
    lines: BTreeMap<String, u64>,
    bytes_left: usize,
}

impl Lines {
    fn insert(&mut self, path: &str, line: u64) {
        if let Some(bytes_left) = self.bytes_left.checked_sub(path.len()) {
            self.bytes_left = bytes_left;
            self.lines.insert(path.to_owned(), line);
        }
    }
}

/// A node of the document, with the lines of its children.
enum Node {
    Leaf(Value),
    List(Vec<Spanned<Node>>),
    Map(Vec<(String, Spanned<Node>)>),
}

fn into_value(node: Node, path: &str, lines: &mut Lines) -> Value {
    match node {
        Node::Leaf(value) => value,
        Node::List(items) => Value::Array(
            items
                .into_iter()
                .enumerate()
                .map(|(index, item)| {
                    let path = format!("{path}[{index}]");
                    lines.insert(&path, item.referenced.line());
                    into_value(item.value, &path, lines)
                })
                .collect(),
        ),
        Node::Map(entries) => Value::Object(into_map(entries, path, lines)),
    }
}

fn into_map(
    entries: Vec<(String, Spanned<Node>)>,
    path: &str,
    lines: &mut Lines,
) -> Map<String, Value> {
    let mut map = Map::new();
    for (key, node) in entries {
        let path = join(path, &key);
        lines.insert(&path, node.referenced.line());
        let value = into_value(node.value, &path, lines);
        map.insert(key, value);
    }
    map
}

/// `section` and `key`, joined by a dot unless the section is the root.
pub(crate) fn join(section: &str, key: &str) -> String {
    if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping, a list or a scalar")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Leaf(Value::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Leaf(Value::from(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Leaf(Value::from(value)))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Node, E> {
        let number = serde_json::Number::from_f64(value)
            .ok_or_else(|| E::custom("a number must be finite"))?;
        Ok(Node::Leaf(Value::Number(number)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Leaf(Value::String(value.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Leaf(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Leaf(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = access.next_key::<String>()? {
            if key.len() > KEY_BYTES_MAX {
                let message = format!("a key of {} bytes; at most {KEY_BYTES_MAX}", key.len());
                return Err(serde::de::Error::custom(message));
            }
            entries.push((key, access.next_value()?));
        }
        Ok(Node::Map(entries))
    }
}
