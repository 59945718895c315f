//! How the rows of a file fall into row groups.
//!
//! The generator hands rows to the Parquet writer in batches, and a batch always starts a new row
//! group. With `row_group_size` R and `generation_batch_size` B a batch of b rows makes ceil(b / R)
//! row groups:
//!
//! ```text
//! R = 2000, B = 1500, 5000 rows     1500 │ 1500 │ 1500 │ 500
//! R = 1000, B = 1500, 5000 rows     1000 500 │ 1000 500 │ 1000 500 │ 500
//! R = 6144, B = 6144, 4,718,592     6144 │ 6144 │ … 768 times
//! ```

use std::ops::Range;

use serde::Serialize;

use crate::dataset::Dataset;
use crate::enums::LegacySchema;

/// Arrow's writers end a row group at this many rows, whatever was requested.
pub const ROW_GROUP_ROWS_MAX: u64 = 64 << 20;

/// PyArrow's own row group size, which the first Parquet support left alone.
pub(crate) const SEED_ROW_GROUP_SIZE: u64 = 1 << 20;

/// The row groups of a file: any of them by its index, without a list of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RowLayout {
    rows: u64,
    row_group_rows: u64,
    batch_rows: u64,
}

impl RowLayout {
    /// The split of `rows` rows. `row_group_size` and `batch_rows` of 0 count as 1 and as
    /// `row_group_size`.
    pub fn new(rows: u64, row_group_size: u64, batch_rows: u64) -> Self {
        let row_group_rows = row_group_size.clamp(1, ROW_GROUP_ROWS_MAX);
        let batch_rows = if batch_rows == 0 { row_group_size.max(1) } else { batch_rows };
        Self { rows, row_group_rows, batch_rows }
    }

    /// Rows of the file.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Rows at which a batch is cut into row groups.
    pub fn row_group_size(&self) -> u64 {
        self.row_group_rows
    }

    /// Rows that are handed to the writer at once.
    pub fn batch_rows(&self) -> u64 {
        self.batch_rows
    }

    /// Rows of the largest row group.
    pub fn row_group_rows_max(&self) -> u64 {
        self.row_group_rows.min(self.batch_rows).min(self.rows)
    }

    /// Row groups that a full batch makes.
    fn per_batch(&self) -> u64 {
        self.batch_rows.div_ceil(self.row_group_rows)
    }

    /// Row groups of the file.
    pub fn len(&self) -> u64 {
        // At most `rows` of them: neither product nor sum can overflow.
        (self.rows / self.batch_rows) * self.per_batch()
            + (self.rows % self.batch_rows).div_ceil(self.row_group_rows)
    }

    /// Whether the file has no row.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The rows of row group `index`, counted from the start of the file. `None` from
    /// [`Self::len`] on.
    pub fn row_group(&self, index: u64) -> Option<Range<u64>> {
        if index >= self.len() {
            return None;
        }
        let batch_start = (index / self.per_batch()) * self.batch_rows;
        let batch_end = self.rows.min(batch_start.saturating_add(self.batch_rows));
        let start = batch_start + (index % self.per_batch()) * self.row_group_rows;
        Some(start..batch_end.min(start.saturating_add(self.row_group_rows)))
    }

    /// The rows of every row group, in file order.
    pub fn row_groups(&self) -> impl Iterator<Item = Range<u64>> + use<> {
        let layout = *self;
        (0..self.len()).filter_map(move |index| layout.row_group(index))
    }

    /// The row group that holds row `row`. `None` from [`Self::rows`] on.
    pub fn row_group_of(&self, row: u64) -> Option<u64> {
        if row >= self.rows {
            return None;
        }
        let in_batch = (row % self.batch_rows) / self.row_group_rows;
        Some((row / self.batch_rows) * self.per_batch() + in_batch)
    }
}

impl Dataset {
    /// The row groups of each file. The seed's legacy mode writes a file in one call.
    pub fn row_layout(&self) -> RowLayout {
        let (rows, parquet) = (self.num_samples_per_file, &self.parquet);
        if parquet.is_legacy() && parquet.legacy == LegacySchema::Seed {
            return RowLayout::new(rows, parquet.row_group_size, rows);
        }
        RowLayout::new(rows, parquet.row_group_size, parquet.generation_batch_size)
    }
}
