//! The document of `--json`: one object on standard output, and nothing else there.
//!
//! ```json
//! { "schema_version": 1, "command": "scan", "environment": {…}, "options": {…},
//!   "warnings": [{"code": "…", "message": "…"}], …the report of the command, flat… }
//! ```
//! A command that fails prints the document too, with `error: {message}` in place of a report.

use anyhow::{Context as _, Result};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// Raised when a key changes its meaning or goes away; new keys do not raise it.
pub(crate) const SCHEMA_VERSION: u32 = 1;

/// What the user should know although the work went on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Warning {
    /// Stable word for scripts.
    pub(crate) code: String,
    /// The sentence for people.
    pub(crate) message: String,
}

/// What stands in every document before the report.
pub(crate) struct Header<'a> {
    pub(crate) command: &'a str,
    pub(crate) environment: &'a Value,
    pub(crate) options: &'a Value,
    pub(crate) warnings: &'a [Warning],
}

/// Header and report in one object. Keys of the report that the header has (`warnings`) are the header's.
pub(crate) fn document(header: &Header<'_>, report: &impl Serialize) -> Result<Value> {
    let mut document = Map::new();
    document.insert("schema_version".to_owned(), json!(SCHEMA_VERSION));
    document.insert("command".to_owned(), json!(header.command));
    document.insert("environment".to_owned(), header.environment.clone());
    document.insert("options".to_owned(), header.options.clone());
    document.insert("warnings".to_owned(), serde_json::to_value(header.warnings)?);
    let report = serde_json::to_value(report).context("the report is no JSON")?;
    let Value::Object(report) = report else {
        anyhow::bail!("the report is no JSON object");
    };
    for (key, value) in report {
        document.entry(key).or_insert(value);
    }
    Ok(Value::Object(document))
}

/// `error: {message}`, the report of a command that failed.
pub(crate) fn failure(message: &str) -> Value {
    json!({ "error": { "message": message } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_comes_first_and_wins() {
        let warnings = [Warning { code: "warm".to_owned(), message: "cached".to_owned() }];
        let header = Header {
            command: "scan",
            environment: &json!({"cores": 2}),
            options: &json!({}),
            warnings: &warnings,
        };
        let report = json!({"rows": 7, "warnings": [], "seconds": 0.5});
        let text = serde_json::to_string(&document(&header, &report).unwrap()).unwrap();
        let expect = r#"{"schema_version":1,"command":"scan","environment":{"cores":2},"options":{},"warnings":[{"code":"warm","message":"cached"}],"rows":7,"seconds":0.5}"#;
        assert_eq!(text, expect);
        assert!(document(&header, &7).is_err());
    }
}
