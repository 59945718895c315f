//! A Parquet writer: columns of values and options in, the bytes of a file out. It knows neither workloads nor seeds.
//!
//! The layout is what PyArrow writes when nothing is chosen, for that is what DLIO's data sets are:
//! dictionaries up to 1 MiB and PLAIN after, no dictionary for booleans, data pages v1 of 1 MiB or
//! 20,000 rows, statistics in column chunks and page headers, no page index, `ARROW:schema`. The
//! pages equal those that PyArrow makes of the same values, byte by byte.

// what is written, how, and where to
pub(crate) mod entry_numbers;
pub(crate) mod options;
pub(crate) mod schema;
pub(crate) mod sink;

// levels and indices, values, bounds
mod hybrid;
mod plain;
mod statistics;

// dictionary, headers, codecs
pub(crate) mod codec;
pub(crate) mod dictionary;
mod page;

// pages to chunks to files
mod chunk;
pub(crate) mod footer;

pub(crate) mod file;
