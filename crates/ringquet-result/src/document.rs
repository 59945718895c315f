//! The document of a command: one JSON object.
//!
//! ```json
//! { "schema_version": 1, "command": "scan", "argv": ["ringquet", "scan", "data/"], "environment": {…},
//!   "options": {…}, "warnings": [{"code": "…", "message": "…"}], …the report of the command, flat… }
//! ```
//! A command that fails has `error: {message}` in place of a report.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::environment::Environment;
use crate::warning::Warning;

/// Raised when a key changes its meaning or goes away; new keys do not raise it.
pub const SCHEMA_VERSION: u32 = 1;

/// What a document states about its command. Schema version and environment are added to it.
#[derive(Debug)]
pub struct Header<'a, O> {
    /// The verb, e.g. `scan`.
    pub command: &'a str,
    /// The command line as it was typed, a word each; empty if a program called the library.
    pub argv: &'a [String],
    /// Options of the command.
    pub options: &'a O,
    /// Warnings.
    pub warnings: &'a [Warning],
}

/// What every document begins with.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct Preamble<'a, O> {
    /// Version of this schema: it grows when a key changes its meaning or goes away. New keys do not change it.
    schema_version: u32,
    /// The verb.
    command: &'a str,
    /// The command line as it was typed, a word each; empty if a program called the library.
    argv: &'a [String],
    /// Where and when it ran.
    environment: Environment,
    /// What was asked for.
    options: &'a O,
    /// What the user should know although the work went on.
    warnings: &'a [Warning],
}

/// Header and report in one object, with [`SCHEMA_VERSION`] and the environment of this machine. Where a key is in both, the header's stays.
///
/// # Errors
/// When the report cannot be written as a JSON object.
pub fn document<O: Serialize>(
    header: &Header<'_, O>,
    report: &impl Serialize,
) -> Result<Value, serde_json::Error> {
    let &Header { command, argv, options, warnings } = header;
    let preamble = Preamble {
        schema_version: SCHEMA_VERSION,
        command,
        argv,
        environment: Environment::of_this_machine(),
        options,
        warnings,
    };
    let mut document = object(serde_json::to_value(preamble)?)?;
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

/// The report of a command that failed.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ErrorReport {
    /// Why the command failed.
    error: ErrorText,
}

/// Why a command failed.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct ErrorText {
    /// One line, as on standard error.
    message: String,
}

impl ErrorReport {
    /// With the error in one line.
    pub fn new(message: impl Into<String>) -> ErrorReport {
        ErrorReport { error: ErrorText { message: message.into() } }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::warning::WarningCode;

    #[test]
    fn the_header_comes_first_and_wins() {
        let warnings = [Warning::new(WarningCode::PageCache, "cached")];
        let header = Header {
            command: "scan",
            argv: &["ringquet".to_owned(), "scan".to_owned()],
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
