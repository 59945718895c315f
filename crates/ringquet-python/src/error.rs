//! Errors of the engine as exceptions.
//!
//! | what | exception |
//! |---|---|
//! | storage: missing, refused, EIO | `OSError` and its subclasses, with `errno` and `filename` |
//! | an option, a column that no file has | `ValueError` |
//! | a row or a row group that there is not | `IndexError` |
//! | bytes that are damaged or no Parquet | `ringquet.CorruptFileError` |
//! | a feature of the format that is not read | `ringquet.UnsupportedFileError` |
//! | a file that changed while it was read | `ringquet.FileChangedError` |
//! | files whose columns differ | `ringquet.SchemaError` |
//! | anything else | `ringquet.RingquetError`, the base of these four |
//!
//! The classes are Python's (`ringquet/_errors.py`). Their attributes say where the error is.

use std::io;
use std::path::Path;

use pyo3::exceptions::{PyIndexError, PyOSError, PyValueError};
use pyo3::prelude::*;
use ringquet::Error;
use ringquet::engine::{DecodeError, IoError};
use rustix::io::Errno;

use crate::options::{keyword, spelt};

/// Where an error is, as far as that is known.
#[derive(Default)]
struct At<'a> {
    path: Option<&'a Path>,
    row_group: Option<usize>,
    column: Option<&'a str>,
    offset: Option<u64>,
    length: Option<u64>,
}

/// The exception for an error of the engine.
pub(crate) fn raised(py: Python<'_>, error: &Error) -> PyErr {
    with_text(py, error, spelt(&text(error)))
}

/// The exception for an error of the engine, under a text of the caller.
fn with_text(py: Python<'_>, error: &Error, text: String) -> PyErr {
    match error {
        Error::Io(error) => io_error(py, error, text),
        Error::Path { path, source } => os_error(path, source, &text),
        Error::NoFiles { path } => os_error(path, &io::Error::from(Errno::NOENT), &text),
        Error::Decode { path, source } => decode_error(py, path, source, text),
        Error::TooShort { path, .. } | Error::NotParquet { path, .. } => {
            of_class(py, "CorruptFileError", text, &At { path: Some(path), ..At::default() })
        }
        Error::NoneReadable { first, .. } => with_text(py, first, text),
        Error::Unopened(error) => with_text(py, error, text),
        Error::Schemas { other, .. } => {
            of_class(py, "SchemaError", text, &At { path: Some(other), ..At::default() })
        }
        Error::NoRow { .. } | Error::NoRowGroup { .. } => PyIndexError::new_err(text),
        Error::Options(_) => PyValueError::new_err(text),
        _ => of_class(py, "RingquetError", text, &At::default()),
    }
}

/// The text of an error. What Python has no name for is said in another way.
fn text(error: &Error) -> String {
    match error {
        Error::Schemas { first, other, difference } => format!(
            "{}: {difference} in {}; open the files of each schema as a data set of their own",
            other.display(),
            first.display()
        ),
        Error::Decode { source: DecodeError::OverLimit { option, .. }, .. } => {
            error.to_string().replace(option, &format!("`{}`", keyword(option)))
        }
        other => other.to_string(),
    }
}

fn io_error(py: Python<'_>, error: &IoError, text: String) -> PyErr {
    use IoError as E;
    match error {
        E::Open { path, source }
        | E::Stat { path, source }
        | E::DirectRefused { path, source }
        | E::Read { path, source, .. }
        | E::Write { path, source, .. }
        | E::Register { path, source } => os_error(path, source, &text),
        E::NotSeekable { path, kind, .. } => {
            let errno = if *kind == "a directory" { Errno::ISDIR } else { Errno::SPIPE };
            os_error(path, &errno.into(), &text)
        }
        E::NoAnswer { path, .. } => os_error(path, &Errno::TIMEDOUT.into(), &text),
        E::Enter { source, .. } | E::Arena { source, .. } => {
            PyOSError::new_err((source.raw_os_error(), text))
        }
        E::UnexpectedEof { path, offset, length, .. } => {
            let (offset, length) = (Some(*offset), Some(*length));
            let at = At { path: Some(path), offset, length, ..At::default() };
            of_class(py, "FileChangedError", text, &at)
        }
        E::Changed { path, .. } => {
            of_class(py, "FileChangedError", text, &At { path: Some(path), ..At::default() })
        }
        E::UringUnavailable { .. } => of_class(py, "RingquetError", text, &At::default()),
        E::Options(_) => PyValueError::new_err(text),
    }
}

fn decode_error(py: Python<'_>, path: &Path, error: &DecodeError, text: String) -> PyErr {
    use DecodeError as E;
    let mut at = At { path: Some(path), ..At::default() };
    let class = match error {
        E::UnknownColumn { .. } => return PyValueError::new_err(text),
        E::Unsupported { .. } | E::Encrypted => "UnsupportedFileError",
        E::Parquet { source, .. } if source.to_string().starts_with("NYI") => {
            "UnsupportedFileError"
        }
        E::OverLimit { .. } => "RingquetError",
        _ => "CorruptFileError",
    };
    if let E::OutOfSpec { at: place, .. }
    | E::Unsupported { at: place, .. }
    | E::WouldOverAllocate { at: place, .. }
    | E::OverLimit { at: place, .. }
    | E::Truncated { at: place, .. }
    | E::CrcMismatch { at: place, .. }
    | E::Codec { at: place, .. }
    | E::Parquet { at: place, .. }
    | E::Arrow { at: place, .. } = error
    {
        at.column = place.column.as_deref();
        at.row_group = place.row_group;
        at.offset = place.offset;
        at.length = place.length;
    }
    of_class(py, class, text, &at)
}

/// `OSError(errno, text, filename)`, of which Python makes `FileNotFoundError` and the like. Python prints number and file
/// itself, so they are left out of the text.
fn os_error(path: &Path, source: &io::Error, text: &str) -> PyErr {
    let text = text.strip_prefix(&format!("{}: ", path.display())).unwrap_or(text);
    let number = source.raw_os_error();
    let text = match number {
        Some(number) => text.replace(&format!(" (os error {number})"), ""),
        None => text.to_owned(),
    };
    PyOSError::new_err((
        number.unwrap_or(Errno::IO.raw_os_error()),
        text,
        path.as_os_str().to_owned(),
    ))
}

/// An exception of the module `ringquet._errors`.
fn of_class(py: Python<'_>, name: &str, text: String, at: &At<'_>) -> PyErr {
    let made = || -> PyResult<PyErr> {
        let class = py.import("ringquet._errors")?.getattr(name)?;
        let raised = class.call1((text,))?;
        raised.setattr("path", at.path.map(Path::as_os_str))?;
        raised.setattr("row_group", at.row_group)?;
        raised.setattr("column", at.column)?;
        raised.setattr("offset", at.offset)?;
        raised.setattr("length", at.length)?;
        Ok(PyErr::from_value(raised))
    };
    made().unwrap_or_else(|error| error)
}
