//! How a row group is to be decoded.

use serde::Serialize;

/// Which decoder may serve a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DecoderChoice {
    /// Our kernels where they cover the column, the `parquet` crate elsewhere.
    #[default]
    Auto,
    /// The `parquet` crate only: to compare, or to get round a bug of ours.
    #[serde(rename = "fallback")]
    FallbackOnly,
}

/// Where a consumer that wants batches of a fixed number of rows would cut those of a row group. A batch that ends there need not
/// be copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchGrid {
    /// Rows from the start of the row group to the first cut.
    pub first: u64,
    /// Rows between cuts; 0 is taken as 1.
    pub step: usize,
}

impl BatchGrid {
    /// Rows from a row of the row group to the next cut: at least 1.
    pub(crate) fn rows_to_cut(&self, row: u64) -> usize {
        let step = self.step.max(1) as u64;
        let to_cut =
            if row < self.first { self.first - row } else { step - (row - self.first) % step };
        usize::try_from(to_cut).unwrap_or(usize::MAX)
    }
}

/// How to decode.
#[derive(Debug, Clone)]
pub struct DecodeOptions {
    /// Rows per batch at most; the last batch of a row group may have fewer. 0 is taken as 1.
    pub batch_rows: usize,
    /// Decoded bytes that a batch should have: the number of its rows follows from the batches before it. `None`: a batch
    /// has `batch_rows` rows, as far as `batch_bytes_max` allows.
    pub batch_bytes: Option<usize>,
    /// What a row is expected to take, in decoded bytes, where a row group like this one was decoded before. `None`: the
    /// footer's sizes are all that is known of the first batch.
    pub row_bytes: Option<usize>,
    /// Decoded bytes that a batch, and with it each of its columns, has at most. A batch that would grow longer ends with
    /// the row before; one row it always has, whatever that takes.
    pub batch_bytes_max: usize,
    /// Where batches should end, if the memory allows.
    pub batch_grid: Option<BatchGrid>,
    /// Bytes that one column may take in a batch of one row. Beyond it is an error.
    pub row_bytes_max: usize,
    /// Bytes that a page may have, compressed or not. Beyond it is an error.
    pub page_bytes_max: usize,
    /// Whether to check the checksums of pages that have one.
    pub verify_crc: bool,
    /// Which decoder may serve a column.
    pub decoder: DecoderChoice,
}

impl Default for DecodeOptions {
    fn default() -> Self {
        Self {
            batch_rows: 8192,
            batch_bytes: None,
            row_bytes: None,
            batch_bytes_max: LONG_BYTES_MAX,
            batch_grid: None,
            row_bytes_max: LONG_BYTES_MAX,
            page_bytes_max: LONG_BYTES_MAX,
            verify_crc: false,
            decoder: DecoderChoice::Auto,
        }
    }
}

/// What a batch, a row and a page may take by default, in bytes. Levels and indices of a hostile page expand without end.
const LONG_BYTES_MAX: usize = 1 << 30;
