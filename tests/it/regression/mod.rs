//! Bytes that once went wrong, each under the name of its story. Most come from the fuzz targets of `tests/fuzz`; the
//! files are whole Parquet files, as the target made them around the bytes that it found.

// counts that a page gives of itself, and that memory was taken for
mod believed_counts;

// levels in the deprecated encoding, which the `parquet` crate reads the other way round
mod bit_packed_levels;

// pages that end before their values, and were read as if zeros followed
mod cut_pages;

// runs without values, which readers take for one byte or for two
mod empty_runs;

// footers that the `parquet` crate read otherwise than we do, and without end
mod lists_of_booleans;

// footers that say twice what they can say once
mod two_schemas;

mod support;
