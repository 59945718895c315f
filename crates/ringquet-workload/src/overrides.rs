//! Overrides in Hydra's grammar, as DLIO and `mlpstorage --params` take them.
//!
//! ```text
//! dataset.num_files_train=8                 set, whether or not the file has the key
//! ++workload.dataset.num_files_train=8      the same
//! +train.seed=7                             add; an error if the file has the key
//! ~reader.file_shuffle                      remove, back to the default
//! ~train.seed=7                             remove if it has that value
//! train.computation_time={mean: 1e-3, stdev: 1e-5}
//! dataset.parquet.columns=[a, {name: b, dtype: int8}]
//! ```
//! Values: `null`, `true` and `false` in any case, whole numbers (`1_000` too), numbers (`1e-3`,
//! `.5`), `[…]`, `{…}`, strings in single or double quotes, and bare strings. In a bare string a
//! backslash takes away the meaning of the next character. A mapping is merged into one that is
//! there; anything else replaces. Lists are replaced as a whole. Sweeps (`a=1,2`), functions and
//! interpolations are refused.

use serde_json::{Map, Value};

use crate::error::{WorkloadError, shortened};
use crate::section::{Origin, shown};
use crate::yaml::DEPTH_MAX;
use ringquet_result::{Warning, WarningCode};

/// Bound on the length of one override in bytes: the argument of a command line on Linux.
const TEXT_BYTES_MAX: usize = 128 << 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Set,
    Add,
    Remove,
}

/// Applies `text` to `root` and notes in `origin` where the value comes from now.
pub(crate) fn apply(
    root: &mut Map<String, Value>,
    text: &str,
    origin: &mut Origin,
    warnings: &mut Vec<Warning>,
) -> Result<(), WorkloadError> {
    let fail = |reason: String| WorkloadError::Override { text: shortened(text), reason };
    if text.len() > TEXT_BYTES_MAX {
        return Err(fail(format!("{} bytes; at most {TEXT_BYTES_MAX} are allowed", text.len())));
    }
    let (verb, rest) = match text.trim() {
        text if text.starts_with("++") => (Verb::Set, &text[2..]),
        text if text.starts_with('+') => (Verb::Add, &text[1..]),
        text if text.starts_with('~') => (Verb::Remove, &text[1..]),
        text => (Verb::Set, text),
    };
    let (key, value) = match rest.split_once('=') {
        Some((key, value)) => (key.trim_end(), Some(value)),
        None if verb == Verb::Remove => (rest, None),
        None => return Err(fail("write it as key=value, e.g. dataset.num_files_train=8".into())),
    };
    if key.starts_with("hydra.") {
        warnings.push(Warning {
            code: WarningCode::IneffectiveKey,
            message: format!(
                "override `{}` has no effect: there is no Hydra here; results go to `results_dir`",
                shortened(text)
            ),
        });
        return Ok(());
    }
    if key == "workload" {
        return Err(fail(
            "the workload is chosen by the path of its file, not by an override".into(),
        ));
    }
    let key = key.strip_prefix("workload.").unwrap_or(key);
    let parts: Vec<&str> = key.split('.').collect();
    if parts.len() > DEPTH_MAX {
        return Err(fail(format!("a key has at most {DEPTH_MAX} parts")));
    }
    if key.contains('[') || parts.iter().skip(1).any(|part| part.parse::<u64>().is_ok()) {
        return Err(fail("items of a list cannot be set one by one: give the whole list".into()));
    }
    let is_name = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
    };
    if !parts.iter().all(|part| is_name(part)) {
        return Err(fail(format!(
            "`{}` is not a dotted key such as dataset.num_files_train",
            shortened(key)
        )));
    }
    let value = value.map(parse_value).transpose().map_err(&fail)?;
    match (verb, value) {
        (Verb::Remove, value) => remove(root, &parts, value.as_ref()).map_err(&fail)?,
        (_, Some(value)) => insert(root, &parts, value, verb).map_err(&fail)?,
        (_, None) => unreachable!("only a removal goes without a value"),
    }
    let below = |path: &String| {
        path.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    // A merged mapping keeps what it had; lines of a replaced one would point at nothing.
    origin.lines.retain(|path, _| !below(path));
    origin.overrides.retain(|path, _| !below(path));
    if verb != Verb::Remove {
        origin.overrides.insert(key.to_owned(), text.to_owned());
    }
    Ok(())
}

/// The mapping that holds the last of `parts`, made on the way if `make`.
fn parent<'a>(
    root: &'a mut Map<String, Value>,
    parts: &[&str],
    make: bool,
) -> Result<Option<&'a mut Map<String, Value>>, String> {
    let mut map = root;
    for (depth, part) in parts.iter().take(parts.len().saturating_sub(1)).enumerate() {
        if !map.contains_key(*part) || map[*part].is_null() {
            if !make {
                return Ok(None);
            }
            map.insert((*part).to_owned(), Value::Object(Map::new()));
        }
        map = match map.get_mut(*part).expect("it is there or was made") {
            Value::Object(map) => map,
            other => {
                return Err(format!(
                    "`{}` is {}, not a mapping",
                    shortened(&parts[..=depth].join(".")),
                    shown(other)
                ));
            }
        };
    }
    Ok(Some(map))
}

fn insert(
    root: &mut Map<String, Value>,
    parts: &[&str],
    value: Value,
    verb: Verb,
) -> Result<(), String> {
    let Some(map) = parent(root, parts, true)? else { return Ok(()) };
    let name = parts[parts.len() - 1];
    if verb == Verb::Add && map.contains_key(name) {
        return Err("the key is there already; `++` sets it in any case".to_owned());
    }
    match (map.get_mut(name), value) {
        (Some(Value::Object(old)), Value::Object(new)) => merge(old, new),
        (_, value) => {
            map.insert(name.to_owned(), value);
        }
    }
    Ok(())
}

fn merge(old: &mut Map<String, Value>, new: Map<String, Value>) {
    for (key, value) in new {
        match (old.get_mut(&key), value) {
            (Some(Value::Object(old)), Value::Object(new)) => merge(old, new),
            (_, value) => {
                old.insert(key, value);
            }
        }
    }
}

fn remove(
    root: &mut Map<String, Value>,
    parts: &[&str],
    expected: Option<&Value>,
) -> Result<(), String> {
    let name = parts[parts.len() - 1];
    let map = parent(root, parts, false)?.filter(|map| map.contains_key(name));
    let map = map.ok_or_else(|| "there is no such key to remove".to_owned())?;
    if let Some(expected) = expected
        && map[name] != *expected
    {
        return Err(format!("the key is {}, so it stays", shown(&map[name])));
    }
    map.shift_remove(name);
    Ok(())
}

/// One value in Hydra's grammar.
pub(crate) fn parse_value(text: &str) -> Result<Value, String> {
    let mut parser = Parser { chars: text.chars().collect(), at: 0 };
    parser.skip_space();
    if parser.peek().is_none() {
        return Ok(Value::String(String::new()));
    }
    let value = parser.element(0, &[])?;
    parser.skip_space();
    match parser.peek() {
        None => Ok(value),
        Some(',') => Err("a list of alternatives is a sweep; write one value, or [a, b]".into()),
        Some(other) => Err(format!("`{other}` after the value; put a string in quotes")),
    }
}

struct Parser {
    chars: Vec<char>,
    at: usize,
}

impl Parser {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    /// `stops` end a bare string besides `,`.
    fn element(&mut self, depth: usize, stops: &[char]) -> Result<Value, String> {
        if depth > DEPTH_MAX {
            return Err(format!("nested more than {DEPTH_MAX} deep"));
        }
        self.skip_space();
        match self.peek() {
            Some('[') => self.list(depth),
            Some('{') => self.mapping(depth),
            Some(quote @ ('\'' | '"')) => self.quoted(quote).map(Value::String),
            _ => self.bare(stops),
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value, String> {
        self.at += 1;
        let mut items = Vec::new();
        loop {
            self.skip_space();
            match self.peek() {
                Some(']') if items.is_empty() => break,
                _ => items.push(self.element(depth + 1, &[']'])?),
            }
            self.skip_space();
            match self.peek() {
                Some(',') => self.at += 1,
                Some(']') => break,
                _ => return Err("a list ends with `]`".to_owned()),
            }
        }
        self.at += 1;
        Ok(Value::Array(items))
    }

    fn mapping(&mut self, depth: usize) -> Result<Value, String> {
        self.at += 1;
        let mut map = Map::new();
        loop {
            self.skip_space();
            if self.peek() == Some('}') && map.is_empty() {
                break;
            }
            let key = match self.peek() {
                Some(quote @ ('\'' | '"')) => self.quoted(quote)?,
                _ => match self.bare(&[':', '}'])? {
                    Value::String(key) => key,
                    other => other.to_string(),
                },
            };
            self.skip_space();
            if self.peek() != Some(':') {
                return Err(format!(
                    "`:` is missing after `{}`: write {{key: value}}",
                    shortened(&key)
                ));
            }
            self.at += 1;
            map.insert(key, self.element(depth + 1, &['}'])?);
            self.skip_space();
            match self.peek() {
                Some(',') => self.at += 1,
                Some('}') => break,
                _ => return Err("a mapping ends with `}`".to_owned()),
            }
        }
        self.at += 1;
        Ok(Value::Object(map))
    }

    /// Backslashes count only in front of a quote: every two stand for one, and an odd one makes the
    /// quote a character.
    fn quoted(&mut self, quote: char) -> Result<String, String> {
        self.at += 1;
        let mut text = String::new();
        while let Some(next) = self.peek() {
            self.at += 1;
            if next == quote {
                return Ok(text);
            }
            if next != '\\' {
                text.push(next);
                continue;
            }
            let mut slashes = 1;
            while self.peek() == Some('\\') {
                slashes += 1;
                self.at += 1;
            }
            if self.peek() != Some(quote) {
                text.extend(std::iter::repeat_n('\\', slashes));
                continue;
            }
            text.extend(std::iter::repeat_n('\\', slashes / 2));
            if slashes % 2 == 1 {
                text.push(quote);
                self.at += 1;
            }
        }
        Err(format!("a string that begins with {quote} must end with it"))
    }

    fn bare(&mut self, stops: &[char]) -> Result<Value, String> {
        let mut text = String::new();
        let mut escaped = false;
        while let Some(next) = self.peek() {
            if next == ',' || stops.contains(&next) {
                break;
            }
            match next {
                '\\' => {
                    self.at += 1;
                    match self.peek() {
                        Some(
                            meant @ ('\\' | '(' | ')' | '[' | ']' | '{' | '}' | ':' | '=' | ','
                            | ' ' | '\t'),
                        ) => {
                            text.push(meant);
                            escaped = true;
                        }
                        _ => {
                            text.push('\\');
                            continue;
                        }
                    }
                }
                '$' if self.chars.get(self.at + 1) == Some(&'{') => {
                    return Err("interpolation `${…}` is not supported: write the value".to_owned());
                }
                '(' => return Err("functions are not supported: put a string in quotes".to_owned()),
                '[' | ']' | '{' | '}' | '\'' | '"' | '=' => {
                    return Err(format!("`{next}` within a bare string: put it in quotes"));
                }
                _ => text.push(next),
            }
            self.at += 1;
        }
        let text = text.trim();
        if text.is_empty() && !escaped {
            return Err("a value is missing".to_owned());
        }
        Ok(if escaped { Value::String(text.to_owned()) } else { scalar(text) })
    }
}

/// A bare word as Hydra types it.
fn scalar(text: &str) -> Value {
    if text.eq_ignore_ascii_case("null") {
        return Value::Null;
    }
    if text.eq_ignore_ascii_case("true") {
        return Value::Bool(true);
    }
    if text.eq_ignore_ascii_case("false") {
        return Value::Bool(false);
    }
    if let Some(digits) = number_digits(text) {
        let unsigned = digits.trim_start_matches('+');
        if let Ok(whole) = unsigned.parse::<u64>() {
            return Value::from(whole);
        }
        if let Ok(whole) = digits.parse::<i64>() {
            return Value::from(whole);
        }
        let number = unsigned.parse::<f64>().ok().and_then(serde_json::Number::from_f64);
        if let Some(number) = number {
            return Value::Number(number);
        }
    }
    Value::String(text.to_owned())
}

/// `text` without its underscores if it is written like a number: underscores stand singly between
/// digits, and a whole number has no zero in front (`007` is a string in Hydra).
fn number_digits(text: &str) -> Option<String> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_number = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && unsigned.chars().all(|c| matches!(c, '0'..='9' | '_' | '.' | 'e' | 'E' | '+' | '-'));
    let is_whole = unsigned.chars().all(|c| matches!(c, '0'..='9' | '_'));
    if !is_number || is_whole && unsigned.len() > 1 && unsigned.starts_with('0') {
        return None;
    }
    let bytes = text.as_bytes();
    let is_digit = |index: usize| bytes.get(index).is_some_and(u8::is_ascii_digit);
    let misplaced = |(index, byte): (usize, &u8)| {
        *byte == b'_' && !(index > 0 && is_digit(index - 1) && is_digit(index + 1))
    };
    if bytes.iter().enumerate().any(misplaced) {
        return None;
    }
    Some(text.replace('_', ""))
}
