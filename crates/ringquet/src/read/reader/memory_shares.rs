//! The shares of a reader thread's memory, as the decoder is given them.

use ringquet_decode::{DecodeOptions, PoolLimits};

use crate::open::dataset::Dataset;
use crate::options::BATCH_ROWS_MAX;
use crate::shares::Shares;

/// How the row groups of one of `lanes` lanes are decoded.
pub(super) fn decode_options(dataset: &Dataset, lanes: usize) -> DecodeOptions {
    let (options, resolved) = (dataset.options(), dataset.resolved());
    let (batch_bytes, batch_bytes_max) = resolved.shares.batch(lanes);
    DecodeOptions {
        batch_rows: options
            .batch_rows
            .unwrap_or(BATCH_ROWS_MAX.max(options.whole_batch_rows.unwrap_or(0))),
        // A requested number of rows is used, if the memory allows.
        batch_bytes: options.batch_rows.is_none().then(|| in_memory(batch_bytes)),
        row_bytes: None,
        batch_bytes_max: in_memory(batch_bytes_max),
        batch_grid: None,
        row_bytes_max: in_memory(resolved.row_bytes_max),
        page_bytes_max: in_memory(resolved.page_bytes_max),
        verify_crc: options.verify_crc,
        decoder: options.decoder,
    }
}

/// What decoders may hold.
pub(super) fn pool_limits(shares: &Shares) -> PoolLimits {
    PoolLimits {
        free_bytes_max: in_memory(shares.free_bytes),
        held_bytes: in_memory(shares.held_bytes),
        held_bytes_max: in_memory(shares.held_bytes_max),
    }
}

/// Bytes of memory; more than there can be is as much as there can be.
fn in_memory(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
