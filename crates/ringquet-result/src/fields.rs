//! Looking into a JSON document by dotted paths, where anything may be missing or another type.

use serde_json::Value;

/// A place in a document.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a>(pub &'a Value);

impl<'a> Fields<'a> {
    /// The value at `path`; `None` if it is missing or null.
    pub fn at(self, path: &str) -> Option<Fields<'a>> {
        let found = path.split('.').try_fold(self.0, |value, key| value.get(key))?;
        (!found.is_null()).then_some(Fields(found))
    }

    /// A finite number at `path`; booleans count as 0 and 1.
    pub fn number(self, path: &str) -> Option<f64> {
        match self.at(path)?.0 {
            Value::Bool(is) => Some(f64::from(u8::from(*is))),
            value => value.as_f64().filter(|number| number.is_finite()),
        }
    }

    /// A count at `path`.
    pub fn count(self, path: &str) -> Option<u64> {
        self.at(path)?.0.as_u64()
    }

    /// A word at `path`.
    pub fn text(self, path: &str) -> Option<&'a str> {
        self.at(path)?.0.as_str()
    }

    /// The list at `path`; empty if there is none.
    pub fn list(self, path: &str) -> impl Iterator<Item = Fields<'a>> + use<'a> {
        let list = self.at(path).and_then(|found| found.0.as_array());
        list.into_iter().flatten().map(Fields)
    }

    /// The numbers of the list at `path`.
    pub fn numbers(self, path: &str) -> Vec<f64> {
        self.list(path).filter_map(|item| item.0.as_f64()).filter(|n| n.is_finite()).collect()
    }

    /// The value at `path` in few words: text without quotes, lists joined by commas.
    pub fn shown(self, path: &str) -> Option<String> {
        Some(words(self.at(path)?.0))
    }
}

fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(true) => "on".to_owned(),
        Value::Bool(false) => "off".to_owned(),
        Value::Array(items) => items.iter().map(words).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_there_and_what_is_not() {
        let document = json!({"a": {"b": 1.5, "c": null, "on": true}, "l": [1, "x", 2], "t": "w"});
        let fields = Fields(&document);
        assert_eq!(fields.number("a.b"), Some(1.5));
        assert_eq!(fields.number("a.on"), Some(1.0));
        assert_eq!(fields.number("a.c"), None);
        assert_eq!(fields.number("a.b.c"), None);
        assert_eq!(fields.numbers("l"), [1.0, 2.0]);
        assert_eq!(fields.list("t").count(), 0);
        assert_eq!(fields.shown("l").as_deref(), Some("1, x, 2"));
        assert_eq!(fields.shown("a.on").as_deref(), Some("on"));
    }
}
