//! JSON Schemas (2020-12) of documents, generated from the types that are written.
//!
//! ```text
//!  header        schema_version, command, argv, environment, warnings       properties
//!  one of        options and report of a form; another form; the error      oneOf
//!  nothing else                                                             unevaluatedProperties: false
//! ```
//! Doc comments become descriptions. Objects are closed: a key that no type has is refused, a key that a type always writes is
//! required.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::document::{ErrorReport, Preamble, SCHEMA_VERSION};

/// Keywords whose values are lists of schemas for the same value.
const APPLICATORS: [&str; 3] = ["allOf", "anyOf", "oneOf"];

/// The schema of a document, form by form.
#[derive(Debug)]
pub struct DocumentSchema {
    command: &'static str,
    generator: SchemaGenerator,
    forms: Vec<Value>,
    /// Schemas of the options of the forms.
    options: Vec<Value>,
}

impl DocumentSchema {
    /// Of a command; it has no form yet.
    #[must_use]
    pub fn new(command: &'static str) -> DocumentSchema {
        DocumentSchema { command, generator: generator(), forms: Vec::new(), options: Vec::new() }
    }

    /// A form that the document may have: what was asked for, and the report on it.
    #[must_use]
    pub fn form<O: JsonSchema, R: JsonSchema>(mut self, title: &str) -> DocumentSchema {
        let options = self.generator.subschema_for::<O>().to_value();
        self.options.push(options.clone());
        let report = object(R::json_schema(&mut self.generator));
        self.forms.push(form(title, options, report));
        self
    }

    /// And the form of a command that failed. Its options are empty where it failed before they were known.
    #[must_use]
    pub fn or_failure(mut self) -> DocumentSchema {
        let report = object(ErrorReport::json_schema(&mut self.generator));
        let mut options = self.options.clone();
        options.push(json!({ "type": "object", "maxProperties": 0 }));
        let mut failure = form("a command that failed", json!({ "anyOf": options }), report);
        failure["description"] = json!("No report: the command failed, and `error` says why.");
        self.forms.push(failure);
        self
    }

    /// The whole.
    #[must_use]
    pub fn finish(mut self, title: &str, description: &str) -> Value {
        let mut header = object(Preamble::<Value>::json_schema(&mut self.generator));
        let mut properties = taken(&mut header, "properties");
        properties.remove("options");
        properties["schema_version"]["const"] = json!(SCHEMA_VERSION);
        properties["command"]["const"] = json!(self.command);
        let required: Vec<&String> = properties.keys().collect();
        let mut schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": title,
            "description": description,
            "type": "object",
            "required": required,
            "properties": properties,
            "oneOf": self.forms,
            "unevaluatedProperties": false,
            "$defs": self.generator.take_definitions(true),
        });
        tidy(&mut schema, Keys::Closed);
        schema
    }
}

/// The schema of a file that is no document of a command: it has no header.
#[must_use]
pub fn of_file<T: JsonSchema>(title: &str) -> Value {
    let mut schema = generator().into_root_schema_for::<T>().to_value();
    schema["title"] = json!(title);
    tidy(&mut schema, Keys::Closed);
    schema
}

fn generator() -> SchemaGenerator {
    SchemaSettings::draft2020_12().for_serialize().into_generator()
}

fn object(schema: Schema) -> Map<String, Value> {
    match schema.to_value() {
        Value::Object(object) => object,
        other => unreachable!("a report is an object with keys of its own, not {other}"),
    }
}

/// What is under `key`, out of the object.
fn taken(object: &mut Map<String, Value>, key: &str) -> Map<String, Value> {
    match object.remove(key) {
        Some(Value::Object(map)) => map,
        _ => Map::new(),
    }
}

/// Options and report as one schema. Keys that the header has are the header's.
fn form(title: &str, options: Value, mut report: Map<String, Value>) -> Value {
    let mut properties = Map::new();
    let mut asked = json!({ "description": "What was asked for." });
    match options {
        Value::Object(options) => asked.as_object_mut().expect("just made").extend(options),
        other => unreachable!("options are an object, not {other}"),
    }
    properties.insert("options".to_owned(), asked);
    properties.extend(taken(&mut report, "properties"));
    let mut required = vec![json!("options")];
    if let Some(Value::Array(of_report)) = report.remove("required") {
        required.extend(of_report);
    }
    for key in ["schema_version", "command", "argv", "environment", "warnings"] {
        properties.remove(key);
        required.retain(|required| required != key);
    }
    report.insert("title".to_owned(), json!(title));
    report.insert("type".to_owned(), json!("object"));
    report.insert("required".to_owned(), Value::Array(required));
    report.insert("properties".to_owned(), Value::Object(properties));
    Value::Object(report)
}

/// Whether an object may have keys that its schema does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keys {
    /// No.
    Closed,
    /// Another schema of the same object names them.
    NamedElsewhere,
}

/// Closes objects, takes out what is required twice, and makes descriptions of doc comments.
fn tidy(schema: &mut Value, keys: Keys) {
    let Value::Object(schema) = schema else { return };
    if let Some(Value::String(description)) = schema.get_mut("description") {
        *description = described(description);
    }
    if let Some(Value::Array(required)) = schema.get_mut("required") {
        let mut seen: Vec<Value> = Vec::new();
        required.retain(|key| {
            let is_first = !seen.contains(key);
            seen.push(key.clone());
            is_first
        });
    }
    let names_keys = schema.contains_key("properties");
    let is_open = !["additionalProperties", "unevaluatedProperties"]
        .iter()
        .any(|key| schema.contains_key(*key));
    if names_keys && is_open && keys == Keys::Closed {
        let is_composed = schema.contains_key("$ref")
            || APPLICATORS.iter().any(|applicator| schema.contains_key(*applicator));
        let keyword = if is_composed { "unevaluatedProperties" } else { "additionalProperties" };
        schema.insert(keyword.to_owned(), json!(false));
    }
    let of_parts = if names_keys { Keys::NamedElsewhere } else { keys };
    for (keyword, value) in schema.iter_mut() {
        match (keyword.as_str(), value) {
            ("properties" | "$defs", Value::Object(schemas)) => {
                schemas.values_mut().for_each(|schema| tidy(schema, Keys::Closed));
            }
            ("prefixItems", Value::Array(schemas)) => {
                schemas.iter_mut().for_each(|schema| tidy(schema, Keys::Closed));
            }
            ("items" | "additionalProperties", schema) => tidy(schema, Keys::Closed),
            (keyword, Value::Array(schemas)) if APPLICATORS.contains(&keyword) => {
                schemas.iter_mut().for_each(|schema| tidy(schema, of_parts));
            }
            _ => {}
        }
    }
}

/// A doc comment as readers of JSON read it: a paragraph in one line, no links into Rust, `None` is null.
fn described(comment: &str) -> String {
    let paragraphs = comment.split("\n\n").map(|paragraph| paragraph.replace('\n', " "));
    let text = paragraphs.collect::<Vec<_>>().join("\n\n");
    text.replace("[`", "`").replace("`]", "`").replace("`crate::", "`").replace("`None`", "null")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "its fields are in the schema alone")]
    struct Options {
        /// Deep.
        depth: u32,
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "its fields are in the schema alone")]
    struct Report {
        /// [`Part`]s,
        /// or `None`.
        parts: Option<Vec<Part>>,
        warnings: Vec<u8>,
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "its fields are in the schema alone")]
    struct Part {
        bytes: u64,
        #[schemars(flatten)]
        kind: Kind,
    }

    #[derive(JsonSchema)]
    #[schemars(untagged)]
    #[expect(dead_code, reason = "its fields are in the schema alone")]
    enum Kind {
        A { a: u8 },
        B { b: u8 },
    }

    #[test]
    fn objects_are_closed_and_the_header_wins() {
        let schema = DocumentSchema::new("scan").form::<Options, Report>("a scan").or_failure();
        let schema = schema.finish("scan", "A scan.");
        assert_eq!(schema["unevaluatedProperties"], false);
        assert_eq!(schema["properties"]["command"]["const"], "scan");
        assert!(schema["properties"]["warnings"]["items"].is_object());
        let [scan, failure] = schema["oneOf"].as_array().unwrap().as_slice() else {
            panic!("{schema:#}")
        };
        assert_eq!(scan["required"], json!(["options", "parts"]));
        assert_eq!(scan["properties"]["parts"]["description"], "`Part`s, or null.");
        assert!(scan["properties"].get("warnings").is_none());
        assert!(scan.get("additionalProperties").is_none(), "the header's keys are beside them");
        assert_eq!(failure["required"], json!(["options", "error"]));
        let defs = &schema["$defs"];
        assert_eq!(defs["Options"]["additionalProperties"], false);
        assert_eq!(defs["Part"]["unevaluatedProperties"], false);
        let kinds = defs["Part"]["anyOf"].as_array().unwrap();
        assert!(kinds.iter().all(|kind| kind.get("additionalProperties").is_none()), "{defs:#}");
    }
}
