//! The document of a command: one JSON object.
//!
//! ```json
//! { "schema_version": 1, "command": "scan", "argv": ["ringquet", "scan", "data/"], "environment": {…},
//!   "options": {…}, "warnings": [{"code": "…", "message": "…"}], …the report of the command, flat… }
//! ```
//! A command that fails has `error: {message}` in place of a report.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::environment::Environment;
use crate::warning::Warning;

/// Raised when a key changes its meaning or goes away; new keys do not raise it.
pub const SCHEMA_VERSION: u32 = 1;

/// What stands in every document before the report.
#[derive(Debug, Clone, Serialize)]
pub struct Header<'a> {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The verb, e.g. `scan`.
    pub command: &'a str,
    /// The command line as it was typed, a word each; empty where a program called the library.
    pub argv: &'a [String],
    /// Where it ran.
    pub environment: &'a Environment,
    /// What was asked for.
    pub options: &'a Value,
    /// What the user should know.
    pub warnings: &'a [Warning],
}

/// Header and report in one object. Where a key is in both, the header's stays.
///
/// # Errors
/// When the report cannot be written as a JSON object.
pub fn document(header: &Header<'_>, report: &impl Serialize) -> Result<Value, serde_json::Error> {
    let mut document = object(serde_json::to_value(header)?)?;
    for (key, value) in object(serde_json::to_value(report)?)? {
        document.entry(key).or_insert(value);
    }
    Ok(Value::Object(document))
}

fn object(value: Value) -> Result<Map<String, Value>, serde_json::Error> {
    match value {
        Value::Object(object) => Ok(object),
        _ => Err(serde::ser::Error::custom("a report must be an object")),
    }
}

/// `error: {message}`, the report of a command that failed.
#[must_use]
pub fn failure(message: &str) -> Value {
    json!({ "error": { "message": message } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::warning::WarningCode;

    #[test]
    fn the_header_comes_first_and_wins() {
        let warnings = [Warning::new(WarningCode::PageCache, "cached")];
        let environment = Environment::of_this_machine();
        let header = Header {
            schema_version: SCHEMA_VERSION,
            command: "scan",
            argv: &["ringquet".to_owned(), "scan".to_owned()],
            environment: &environment,
            options: &json!({}),
            warnings: &warnings,
        };
        let report = json!({"rows": 7, "warnings": [], "seconds": 0.5});
        let mut document = document(&header, &report).unwrap();
        document["environment"] = json!({});
        let expect = r#"{"schema_version":1,"command":"scan","argv":["ringquet","scan"],"environment":{},"options":{},"warnings":[{"code":"page_cache","message":"cached"}],"rows":7,"seconds":0.5}"#;
        assert_eq!(document.to_string(), expect);
        assert!(super::document(&header, &7).is_err());
    }
}
