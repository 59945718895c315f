//! How many rows the next batch should have, from what the batches before it took.

use crate::footer::column_chunk::ColumnChunk;
use crate::footer::file_footer::Footer;
use crate::options::{BatchGrid, DecodeOptions};

/// A batch may have this many times as many rows as the one before it: what a row takes is known from a few rows only.
const GROWTH: usize = 4;

/// Bytes of a batch at least for each of its columns, as far as the largest batch allows. The arrays of a column take a few
/// hundred nanoseconds to make, however few rows they have, which is the time of about as many bytes.
pub const COLUMN_BYTES_MIN: usize = 1024;

/// Rows of the batches of one row group.
#[derive(Debug)]
pub(crate) struct BatchSize {
    /// Rows of the batch that is being decoded: as planned, then as many as every column has.
    pub(crate) rows: usize,
    /// Bytes of a batch at most.
    pub(crate) bytes_max: usize,
    /// Rows of a batch at most.
    rows_max: usize,
    /// Bytes that a batch should have.
    bytes: Option<usize>,
    /// Rows to plan the next batch with.
    planned: usize,
    /// What a row of the batches so far took.
    row_bytes: Option<usize>,
    /// What a row is expected to take where none was decoded.
    expected: usize,
    /// Every row takes as much.
    is_exact: bool,
    /// Where batches should end.
    grid: Option<BatchGrid>,
}

impl BatchSize {
    /// For a row group of `rows` rows, of which these column chunks are read.
    pub(crate) fn of_row_group(
        options: &DecodeOptions,
        footer: &Footer,
        chunks: &[(usize, ColumnChunk)],
        rows: u64,
    ) -> Self {
        let schema = footer.schema();
        let mut row_bytes = RowBytes::default();
        for (leaf, chunk) in chunks {
            let fixed = schema.layout(schema.root_of(*leaf)).and_then(|layout| layout.row_bytes());
            match fixed {
                Some(width) => row_bytes.fixed = row_bytes.fixed.saturating_add(width),
                // What is known of others is what they take in the file.
                None => {
                    let share = chunk.uncompressed_bytes / rows.max(1);
                    row_bytes.others += usize::try_from(share).unwrap_or(usize::MAX);
                }
            }
        }
        let rows = usize::try_from(rows).unwrap_or(usize::MAX);
        Self::new(options, rows.min(options.batch_rows).max(1), row_bytes, chunks.len())
    }

    fn new(options: &DecodeOptions, rows_max: usize, row_bytes: RowBytes, columns: usize) -> Self {
        let fit = |bytes: usize, of_row| bytes.checked_div(of_row).unwrap_or(usize::MAX).max(1);
        let rows_max = rows_max.min(fit(options.batch_bytes_max, row_bytes.fixed));
        let expected =
            options.row_bytes.unwrap_or(row_bytes.fixed.saturating_add(row_bytes.others));
        let bytes_min = columns.saturating_mul(COLUMN_BYTES_MIN).min(options.batch_bytes_max);
        let bytes = options.batch_bytes.map(|bytes| bytes.max(bytes_min));
        Self {
            rows: 0,
            bytes_max: options.batch_bytes_max,
            rows_max,
            bytes,
            planned: rows_max.min(fit(bytes.unwrap_or(options.batch_bytes_max), expected)),
            row_bytes: None,
            expected,
            is_exact: row_bytes.others == 0,
            grid: options.batch_grid,
        }
    }

    /// Rows that most batches should have: what memory for them is sized by.
    pub(crate) fn planned(&self) -> usize {
        let whole = self.grid.map(|grid| BatchGrid { first: 0, ..grid });
        self.on_grid(whole, 0)
    }

    /// What a row of the batches so far took.
    pub(crate) fn row_bytes(&self) -> Option<usize> {
        self.row_bytes
    }

    /// Plans the next batch, which begins at `row` and has at most the `rows_left` rows that are left.
    pub(crate) fn begin(&mut self, row: u64, rows_left: usize) {
        self.rows = self.on_grid(self.grid, row).min(rows_left);
    }

    /// As many rows from `row` on as planned, or so many that the batch ends where the consumer would cut it.
    fn on_grid(&self, grid: Option<BatchGrid>, row: u64) -> usize {
        let Some(grid) = grid else { return self.planned };
        let to_cut = grid.rows_to_cut(row);
        if to_cut <= self.planned {
            let step = grid.step.max(1);
            return to_cut + (self.planned - to_cut) / step * step;
        }
        let bytes = to_cut.saturating_mul(self.row_bytes.unwrap_or(self.expected));
        // Where rows differ, some room is left for those that are longer than the ones before.
        let bytes_max = if self.is_exact { self.bytes_max } else { self.bytes_max / 4 * 3 };
        let fits = to_cut <= self.rows_max && bytes <= bytes_max;
        if fits { to_cut } else { self.planned }
    }

    /// The batch of `self.rows` rows took `bytes`. Where pages `are_read_again` for each batch, the next ones are as large as they
    /// may be.
    pub(crate) fn end(&mut self, bytes: usize, are_read_again: bool) {
        let rows = self.rows.max(1);
        let row_bytes = bytes.div_ceil(rows).max(1);
        self.row_bytes = Some(row_bytes);
        let is_cut = rows < self.planned;
        let target = match self.bytes {
            Some(bytes) if !are_read_again => bytes,
            Some(bytes) => bytes.max(self.bytes_max / 4 * 3),
            None => self.bytes_max,
        };
        // Batches keep their number of rows as long as that does: consumers like them to be alike.
        if !is_cut && (target / 2..=target + target / 4).contains(&bytes) {
            return;
        }
        let fit = (target / row_bytes).clamp(1, rows.saturating_mul(GROWTH));
        self.planned = fit.min(self.rows_max);
    }
}

/// What a row is known to take before any was decoded.
#[derive(Debug, Clone, Copy, Default)]
struct RowBytes {
    /// Of columns whose rows all take the same.
    fixed: usize,
    /// Of the others, by what they take in the file.
    others: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(batch_bytes: Option<usize>) -> BatchSize {
        let options =
            DecodeOptions { batch_bytes, batch_bytes_max: 4000, ..DecodeOptions::default() };
        BatchSize::new(&options, 1000, RowBytes { fixed: 8, others: 0 }, 1)
    }

    #[test]
    fn batches_of_many_columns_are_longer() {
        let options = DecodeOptions {
            batch_bytes: Some(4 << 20),
            batch_bytes_max: 24 << 20,
            ..DecodeOptions::default()
        };
        let planned = |columns: usize| {
            let row_bytes = RowBytes { fixed: 4 * columns, others: 0 };
            BatchSize::new(&options, 100_000, row_bytes, columns).planned()
        };
        assert_eq!(planned(40), (4 << 20) / 160);
        assert_eq!(planned(10_000), 256);
        assert_eq!(planned(60_000), (24 << 20) / 240_000, "the largest batch");
    }

    fn next(size: &mut BatchSize, rows: usize, bytes: usize) -> usize {
        size.begin(0, usize::MAX);
        size.rows = size.rows.min(rows);
        size.end(bytes, false);
        size.begin(0, usize::MAX);
        size.rows
    }

    #[test]
    fn rows_of_known_size_are_planned_from_the_start() {
        let mut size = sizes(None);
        size.begin(0, 10_000);
        assert_eq!(size.rows, 500);
        size.begin(0, 7);
        assert_eq!(size.rows, 7);
        let mut size = sizes(Some(2000));
        size.begin(0, 10_000);
        assert_eq!(size.rows, 250);
    }

    #[test]
    fn batches_end_where_the_consumer_would_cut_them() {
        let of = |step, first, row| {
            let mut size = sizes(Some(2000));
            size.grid = Some(BatchGrid { first, step });
            size.begin(row, 10_000);
            size.rows
        };
        assert_eq!(of(100, 0, 0), 200, "two of them, where 250 rows are planned");
        assert_eq!(of(100, 30, 0), 230, "the first cut comes after 30 rows");
        assert_eq!(of(100, 30, 230), 200);
        assert_eq!(of(100, 30, 250), 180);
        assert_eq!(of(300, 0, 0), 300, "more than planned, if the memory allows");
        assert_eq!(of(500, 0, 0), 500, "as much as it allows, for every row takes 8 bytes");
        assert_eq!(of(600, 0, 0), 250, "which it does not here");
        assert_eq!(of(600, 0, 500), 100);
        assert_eq!(of(0, 0, 0), 250);
    }

    #[test]
    fn a_batch_that_ended_early_says_what_rows_take() {
        let mut size = sizes(Some(2000));
        assert_eq!(next(&mut size, 10, 4000), 5);
        assert_eq!(next(&mut size, 5, 2000), 5);
        assert_eq!(next(&mut size, 5, 2400), 5, "near enough");
        assert_eq!(next(&mut size, 5, 100), 20, "no more than four times as many");
        assert_eq!(next(&mut size, 20, 400), 80);
        assert_eq!(next(&mut size, 1, 9000), 1);
        assert_eq!(next(&mut size, 1, 0), 4);
    }

    #[test]
    fn the_last_batch_of_a_row_group_is_no_measure_beyond_its_rows() {
        let mut size = sizes(Some(2000));
        size.begin(0, 3);
        size.end(24, false);
        assert!(size.planned <= 250);
    }
}
