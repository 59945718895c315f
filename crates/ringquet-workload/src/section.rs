//! Typed, checked access to one mapping of a workload.
//!
//! A [`Section`] holds its dotted path and the origin of each value, so that every refusal names
//! both. An absent key and an explicit `null` both mean the default.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::distribution::{Distribution, SECONDS_MAX};
use crate::enums::{Named, Shuffle};
use crate::error::{Place, WorkloadError};
use crate::yaml::{boolean, join};

/// Counts of files, rows, steps: as large as arithmetic on their products can sensibly bear, and
/// every one of them exact as an `f64`. Products are checked one by one.
pub(crate) const COUNT_MAX: u64 = 1 << 53;

/// Where the values of the composed tree came from.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) file: PathBuf,
    /// Line of each dotted path in the file.
    pub(crate) lines: BTreeMap<String, u64>,
    /// The override, as typed, that set each dotted path.
    pub(crate) overrides: BTreeMap<String, String>,
}

impl Origin {
    pub(crate) fn new(file: &Path, lines: BTreeMap<String, u64>) -> Self {
        Self { file: file.to_owned(), lines, overrides: BTreeMap::new() }
    }

    /// The place of `path`, or of the nearest enclosing mapping that has one.
    pub(crate) fn place(&self, path: &str) -> Place {
        let mut at = path;
        loop {
            if let Some(text) = self.overrides.get(at) {
                let override_text = Some(text.clone());
                return Place { file: self.file.clone(), line: None, override_text };
            }
            if let Some(line) = self.lines.get(at) {
                return Place { file: self.file.clone(), line: Some(*line), override_text: None };
            }
            let Some(end) = at.rfind(['.', '[']) else {
                return Place { file: self.file.clone(), line: None, override_text: None };
            };
            at = &at[..end];
        }
    }
}

/// One mapping, possibly absent.
#[derive(Debug, Clone)]
pub(crate) struct Section<'a> {
    path: String,
    map: Option<&'a Map<String, Value>>,
    origin: &'a Origin,
}

/// A value as a message shows it: one line, at most 60 characters.
pub(crate) fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

impl<'a> Section<'a> {
    pub(crate) fn root(map: &'a Map<String, Value>, origin: &'a Origin) -> Self {
        Self { path: String::new(), map: Some(map), origin }
    }

    /// A mapping that is an item of a list, e.g. `dataset.parquet.columns[3]`.
    pub(crate) fn item(&self, path: String, map: &'a Map<String, Value>) -> Self {
        Self { path, map: Some(map), origin: self.origin }
    }

    pub(crate) fn path_of(&self, key: &str) -> String {
        join(&self.path, key)
    }

    pub(crate) fn is_present(&self) -> bool {
        self.map.is_some()
    }

    /// The value of `key` unless absent or null.
    pub(crate) fn get(&self, key: &str) -> Option<&'a Value> {
        self.map?.get(key).filter(|value| !value.is_null())
    }

    pub(crate) fn refuse(&self, key: &str, value: &Value, accepted: &str) -> WorkloadError {
        self.refuse_at(&self.path_of(key), value, accepted)
    }

    pub(crate) fn refuse_at(&self, path: &str, value: &Value, accepted: &str) -> WorkloadError {
        WorkloadError::Value {
            place: Box::new(self.origin.place(path)),
            key: path.to_owned(),
            value: shown(value),
            accepted: accepted.to_owned(),
        }
    }

    pub(crate) fn conflict(&self, key: &str, reason: String) -> WorkloadError {
        let key = self.path_of(key);
        WorkloadError::Conflict { place: Box::new(self.origin.place(&key)), key, reason }
    }

    /// The mapping under `key`; an absent one has only defaults.
    pub(crate) fn section(&self, key: &str) -> Result<Section<'a>, WorkloadError> {
        let map = match self.get(key) {
            None => None,
            Some(Value::Object(map)) => Some(map),
            Some(other) => return Err(self.refuse(key, other, "a mapping")),
        };
        Ok(Section { path: self.path_of(key), map, origin: self.origin })
    }

    /// A whole number in `range`. `8.0` and `1e6` count as whole.
    pub(crate) fn opt_count(
        &self,
        key: &str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<u64>, WorkloadError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        whole(value).filter(|count| range.contains(count)).map(Some).ok_or_else(|| {
            let accepted = format!("a whole number from {} to {}", range.start(), range.end());
            self.refuse(key, value, &accepted)
        })
    }

    pub(crate) fn count(
        &self,
        key: &str,
        default: u64,
        range: RangeInclusive<u64>,
    ) -> Result<u64, WorkloadError> {
        Ok(self.opt_count(key, range)?.unwrap_or(default))
    }

    /// As [`Self::opt_count`], where a negative number means "not set", as in DLIO.
    pub(crate) fn opt_count_or_negative(
        &self,
        key: &str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<u64>, WorkloadError> {
        match self.get(key) {
            Some(value) if value.as_f64().is_some_and(|number| number < 0.0) => Ok(None),
            _ => self.opt_count(key, range),
        }
    }

    pub(crate) fn opt_number(
        &self,
        key: &str,
        range: RangeInclusive<f64>,
    ) -> Result<Option<f64>, WorkloadError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        value.as_f64().filter(|number| range.contains(number)).map(Some).ok_or_else(|| {
            let accepted = format!("a number from {} to {}", range.start(), range.end());
            self.refuse(key, value, &accepted)
        })
    }

    pub(crate) fn number(
        &self,
        key: &str,
        default: f64,
        range: RangeInclusive<f64>,
    ) -> Result<f64, WorkloadError> {
        Ok(self.opt_number(key, range)?.unwrap_or(default))
    }

    pub(crate) fn boolean(&self, key: &str, default: bool) -> Result<bool, WorkloadError> {
        let Some(value) = self.get(key) else { return Ok(default) };
        boolean(value).ok_or_else(|| self.refuse(key, value, "true, false (also yes, no, on, off)"))
    }

    pub(crate) fn opt_text(&self, key: &str) -> Result<Option<String>, WorkloadError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::String(text)) if !text.is_empty() && !text.contains('\0') => {
                Ok(Some(text.clone()))
            }
            // `model.name: 3` is a name in DLIO, too.
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(other) => Err(self.refuse(key, other, "a string that is not empty")),
        }
    }

    pub(crate) fn text(&self, key: &str, default: &str) -> Result<String, WorkloadError> {
        Ok(self.opt_text(key)?.unwrap_or_else(|| default.to_owned()))
    }

    pub(crate) fn opt_named<E: Named>(&self, key: &str) -> Result<Option<E>, WorkloadError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let text = value.as_str().unwrap_or_default();
        E::parse_name(text).map(Some).map_err(|error| self.refuse(key, value, &error.accepted))
    }

    pub(crate) fn named<E: Named>(&self, key: &str, default: E) -> Result<E, WorkloadError> {
        Ok(self.opt_named(key)?.unwrap_or(default))
    }

    /// [`Shuffle`], where the booleans that YAML 1.1 makes of `off` and `no` mean `off`.
    pub(crate) fn shuffle(&self, key: &str) -> Result<Shuffle, WorkloadError> {
        let Some(value) = self.get(key) else { return Ok(Shuffle::Off) };
        if boolean(value) == Some(false) {
            return Ok(Shuffle::Off);
        }
        self.named(key, Shuffle::Off)
    }

    /// A list, absent meaning empty.
    pub(crate) fn list(&self, key: &str) -> Result<&'a [Value], WorkloadError> {
        match self.get(key) {
            None => Ok(&[]),
            Some(Value::Array(items)) => Ok(items),
            Some(other) => Err(self.refuse(key, other, "a list")),
        }
    }

    /// A time in seconds: a number, a number with `<key>_stdev` beside it, or a mapping.
    pub(crate) fn seconds(&self, key: &str) -> Result<Distribution, WorkloadError> {
        let stdev_key = format!("{key}_stdev");
        let stdev = self.opt_number(&stdev_key, 0.0..=SECONDS_MAX)?;
        match self.get(key) {
            None if stdev.is_some() => {
                Err(self.conflict(&stdev_key, format!("has no effect without `{key}`")))
            }
            None => Ok(Distribution::ZERO),
            Some(Value::Object(map)) => {
                let section = self.item(self.path_of(key), map);
                section.distribution(stdev)
            }
            Some(Value::Number(_)) => {
                Ok(normal(self.number(key, 0.0, 0.0..=SECONDS_MAX)?, stdev))
            }
            Some(other) => Err(self.refuse(
                key,
                other,
                "seconds as a number, or {mean, stdev}, or {type: normal|uniform|gamma|exponential|poisson, …}",
            )),
        }
    }

    fn distribution(&self, stdev_beside: Option<f64>) -> Result<Distribution, WorkloadError> {
        // The smallest scale that is distinguished from zero: a nanosecond.
        const LEAST: f64 = 1e-9;
        let required = |key: &str, least: f64| {
            self.opt_number(key, least..=SECONDS_MAX)?
                .ok_or_else(|| self.conflict(key, "is missing".to_owned()))
        };
        let allow = |keys: &[&str]| match self
            .map
            .and_then(|map| map.keys().find(|key| *key != "type" && !keys.contains(&key.as_str())))
        {
            None => Ok(()),
            Some(key) => Err(self
                .conflict(key, format!("is not a parameter here; these are: {}", keys.join(", ")))),
        };
        let kind = self.opt_text("type")?;
        if stdev_beside.is_some() && !matches!(kind.as_deref(), None | Some("normal")) {
            return Err(self.conflict("type", "cannot be combined with a `_stdev` key".to_owned()));
        }
        match kind.as_deref() {
            None | Some("normal") => {
                allow(&["mean", "stdev"])?;
                let stdev = self.opt_number("stdev", 0.0..=SECONDS_MAX)?;
                Ok(normal(required("mean", 0.0)?, stdev.or(stdev_beside)))
            }
            Some("uniform") => {
                allow(&["min", "max"])?;
                let (min, max) = (required("min", 0.0)?, required("max", 0.0)?);
                if min > max {
                    return Err(self.conflict("min", format!("{min} is above max, {max}")));
                }
                Ok(Distribution::Uniform { min, max })
            }
            Some("gamma") => {
                allow(&["shape", "scale"])?;
                let (shape, scale) = (required("shape", LEAST)?, required("scale", LEAST)?);
                Ok(Distribution::Gamma { shape, scale })
            }
            Some("exponential") => {
                allow(&["scale"])?;
                Ok(Distribution::Exponential { scale: required("scale", LEAST)? })
            }
            Some("poisson") => {
                allow(&["lam"])?;
                Ok(Distribution::Poisson { lam: required("lam", LEAST)? })
            }
            Some(other) => Err(self.refuse(
                "type",
                &Value::from(other),
                "normal, uniform, gamma, exponential, poisson",
            )),
        }
    }
}

fn normal(mean: f64, stdev: Option<f64>) -> Distribution {
    match stdev {
        Some(stdev) if stdev > 0.0 => Distribution::Normal { mean, stdev },
        _ => Distribution::Constant { mean },
    }
}

/// `value` as a whole number that is not negative.
pub(crate) fn whole(value: &Value) -> Option<u64> {
    if let Some(count) = value.as_u64() {
        return Some(count);
    }
    let number = value.as_f64().filter(|number| number.fract() == 0.0)?;
    if !(0.0..=COUNT_MAX as f64).contains(&number) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole, not negative and at most 2^53: exact"
    )]
    let count = number as u64;
    Some(count)
}
