//! Keyword arguments as options of the engine.

use pyo3::exceptions::{PyIndexError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use ringquet::engine::{DirectChoice, DriverChoice, EngineOptions, Int96};
use ringquet_result::ByteSize;
use serde_json::Value;

/// Options of the engine whose keyword has another name. Messages of the engine have its names in backticks.
const KEYWORDS: &[(&str, &str)] = &[
    ("memory_budget_bytes", "memory"),
    ("read_size_bytes", "read_size"),
    ("coalesce_gap_bytes", "coalesce_gap"),
];

/// The text with keywords for options.
pub(crate) fn spelt(text: &str) -> String {
    KEYWORDS.iter().fold(text.to_owned(), |text, (option, keyword)| {
        text.replace(&format!("`{option}`"), &format!("`{keyword}`"))
    })
}

/// The keyword of an option.
pub(crate) fn keyword(option: &str) -> &str {
    KEYWORDS.iter().find(|(name, _)| *name == option).map_or(option, |(_, keyword)| keyword)
}

/// Spells the texts of a report, wherever they are in it.
pub(crate) fn spell(report: &mut Value) {
    match report {
        Value::String(text) if text.contains('`') => *text = spelt(text),
        Value::Array(items) => items.iter_mut().for_each(spell),
        Value::Object(fields) => fields.values_mut().for_each(spell),
        _ => {}
    }
}

/// What `open`, `scan` and `measure` take. What is `None` stays as it was.
#[derive(Default)]
pub(crate) struct Keywords<'py> {
    pub(crate) columns: Option<Vec<String>>,
    pub(crate) ordered: Option<bool>,
    pub(crate) threads: Option<Bound<'py, PyAny>>,
    pub(crate) cpus: Option<Vec<usize>>,
    pub(crate) direct: Option<Bound<'py, PyAny>>,
    pub(crate) memory: Option<Bound<'py, PyAny>>,
    pub(crate) driver: Option<&'py str>,
    pub(crate) batch_rows: Option<Bound<'py, PyAny>>,
    pub(crate) verify_crc: Option<bool>,
}

impl Keywords<'_> {
    /// Whether any of them is given.
    pub(crate) fn change_nothing(&self) -> bool {
        let Keywords {
            columns,
            ordered,
            threads,
            cpus,
            direct,
            memory,
            driver,
            batch_rows,
            verify_crc,
        } = self;
        columns.is_none()
            && ordered.is_none()
            && threads.is_none()
            && cpus.is_none()
            && direct.is_none()
            && memory.is_none()
            && driver.is_none()
            && batch_rows.is_none()
            && verify_crc.is_none()
    }

    /// `options`, changed by what is given.
    ///
    /// # Errors
    /// `ValueError` or `TypeError` with the keyword and what is accepted.
    pub(crate) fn applied_to(self, mut options: EngineOptions) -> PyResult<EngineOptions> {
        if let Some(columns) = self.columns {
            options.columns = Some(columns);
        }
        if let Some(ordered) = self.ordered {
            options.is_ordered = ordered;
        }
        if let Some(threads) = &self.threads {
            options.threads = Some(count("threads", threads)?);
        }
        if let Some(cpus) = self.cpus {
            options.cpus = Some(cpus);
        }
        if let Some(direct) = &self.direct {
            options.io.direct = direct_choice(direct)?;
        }
        if let Some(memory) = &self.memory {
            options.memory_budget_bytes = Some(size("memory", memory)?);
        }
        if let Some(driver) = self.driver {
            options.io.driver = driver_choice(driver)?;
        }
        if let Some(rows) = &self.batch_rows {
            options.batch_rows = Some(count("batch_rows", rows)?);
        }
        if let Some(verify_crc) = self.verify_crc {
            options.verify_crc = verify_crc;
        }
        Ok(options)
    }
}

/// What only `open` takes, for files and devices that need something else than the defaults.
pub(crate) struct OpenKeywords<'py> {
    pub(crate) int96: &'py str,
    pub(crate) queue_depth: Option<Bound<'py, PyAny>>,
    pub(crate) read_size: Option<Bound<'py, PyAny>>,
    pub(crate) coalesce_gap: Option<Bound<'py, PyAny>>,
    pub(crate) page_bytes_max: Option<Bound<'py, PyAny>>,
    pub(crate) row_bytes_max: Option<Bound<'py, PyAny>>,
    pub(crate) footer_bytes_max: Option<Bound<'py, PyAny>>,
}

impl OpenKeywords<'_> {
    /// `options`, changed by what is given.
    ///
    /// # Errors
    /// As [`Keywords::applied_to`].
    pub(crate) fn applied_to(&self, mut options: EngineOptions) -> PyResult<EngineOptions> {
        options.int96 = match self.int96 {
            "ns" => Int96::Nanoseconds,
            "us" => Int96::Microseconds,
            other => return Err(invalid("int96", other, "'ns' or 'us'")),
        };
        let bytes = |keyword, value: &Option<Bound<'_, PyAny>>| {
            value.as_ref().map(|value| size(keyword, value)).transpose()
        };
        let within_32_bits = |keyword, bytes: u64| {
            let wrong =
                |_| PyValueError::new_err(format!("`{keyword}` {bytes}: must be less than 4 GiB"));
            u32::try_from(bytes).map_err(wrong)
        };
        if let Some(depth) = &self.queue_depth {
            let depth = count("queue_depth", depth)?;
            options.io.queue_depth = within_32_bits("queue_depth", depth as u64)?;
        }
        if let Some(read_size) = bytes("read_size", &self.read_size)? {
            options.io.read_size_bytes = within_32_bits("read_size", read_size)?;
        }
        options.coalesce_gap_bytes = bytes("coalesce_gap", &self.coalesce_gap)?;
        options.page_bytes_max = bytes("page_bytes_max", &self.page_bytes_max)?;
        options.row_bytes_max = bytes("row_bytes_max", &self.row_bytes_max)?;
        options.footer_bytes_max = bytes("footer_bytes_max", &self.footer_bytes_max)?;
        Ok(options)
    }
}

fn invalid(keyword: &str, value: impl std::fmt::Display, expected: &str) -> PyErr {
    PyValueError::new_err(format!("`{keyword}` '{value}': expected {expected}"))
}

/// A number from 1 up.
fn count(keyword: &str, value: &Bound<'_, PyAny>) -> PyResult<usize> {
    let number: i128 = value.extract().map_err(|_| {
        PyTypeError::new_err(format!("`{keyword}`: expected an int, got {}", value.get_type()))
    })?;
    usize::try_from(number)
        .ok()
        .filter(|number| *number > 0)
        .ok_or_else(|| PyValueError::new_err(format!("`{keyword}` {number}: must be at least 1")))
}

/// Numbers from 0 up: a sequence or an array of them.
pub(crate) fn numbers(keyword: &str, values: &Bound<'_, PyAny>) -> PyResult<Vec<u64>> {
    let number = |value: PyResult<Bound<'_, PyAny>>| {
        let value = value?;
        let number: i128 = value.extract().map_err(|_| {
            let found = value.get_type();
            PyTypeError::new_err(format!("`{keyword}`: expected ints, got {found}"))
        })?;
        u64::try_from(number)
            .map_err(|_| PyIndexError::new_err(format!("`{keyword}`: there is no number {number}")))
    };
    values.try_iter()?.map(number).collect()
}

/// Bytes: a number, or a text as `"512KiB"`.
fn size(keyword: &str, value: &Bound<'_, PyAny>) -> PyResult<u64> {
    if let Ok(text) = value.extract::<String>() {
        let size: Result<ByteSize, _> = text.parse();
        let ByteSize(bytes) =
            size.map_err(|error| PyValueError::new_err(format!("`{keyword}`: {error}")))?;
        return Ok(bytes);
    }
    let number: i128 = value.extract().map_err(|_| {
        let found = value.get_type();
        PyTypeError::new_err(format!(
            "`{keyword}`: expected bytes as an int or a text like '1GiB', got {found}"
        ))
    })?;
    u64::try_from(number)
        .map_err(|_| PyValueError::new_err(format!("`{keyword}` {number}: not a number of bytes")))
}

fn direct_choice(value: &Bound<'_, PyAny>) -> PyResult<DirectChoice> {
    const EXPECTED: &str = "'auto', 'on' or True, 'off' or False";
    if let Ok(is_on) = value.extract::<bool>() {
        return Ok(if is_on { DirectChoice::On } else { DirectChoice::Off });
    }
    let Ok(word) = value.extract::<String>() else {
        return Err(PyTypeError::new_err(format!("`direct`: expected {EXPECTED}")));
    };
    match &*word {
        "auto" => Ok(DirectChoice::Auto),
        "on" => Ok(DirectChoice::On),
        "off" => Ok(DirectChoice::Off),
        other => Err(invalid("direct", other, EXPECTED)),
    }
}

fn driver_choice(word: &str) -> PyResult<DriverChoice> {
    match word {
        "auto" => Ok(DriverChoice::Auto),
        "uring" => Ok(DriverChoice::Uring),
        "pread" => Ok(DriverChoice::Pread),
        "mmap" => Ok(DriverChoice::Mmap),
        other => Err(invalid("driver", other, "'auto', 'uring', 'pread' or 'mmap'")),
    }
}
