//! Rows by their numbers.

use std::ops::Range;

use arrow_array::{RecordBatch, UInt64Array};
use arrow_select::concat::concat_batches;
use arrow_select::take::take_record_batch;

use crate::error::Error;
use crate::open::dataset::Dataset;
use crate::plan::RowGroupId;
use crate::read::lane::Batch;
use crate::scan::Scan;

impl Scan {
    /// These rows as one batch, in the order of `rows`; a row that is asked for twice comes twice. Rows are numbered from 0 through
    /// the files in their order. The row groups that hold them are read and decoded; what stays in memory are the rows alone.
    ///
    /// # Errors
    /// As [`Scan::batches`], [`Error::NoRow`], and the first error of a file.
    pub fn take(self, rows: &[u64]) -> Result<RecordBatch, Error> {
        let dataset = self.dataset()?;
        let schema = dataset.schema()?;
        let row_groups = RowGroups::of(&dataset);
        if let Some(&row) = rows.iter().find(|&&row| row >= row_groups.rows()) {
            return Err(Error::NoRow { row, rows: row_groups.rows() });
        }
        let mut sorted = rows.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        let mut parts: Vec<(u64, RecordBatch)> = Vec::new();
        let scan = self.row_groups(row_groups.holding(&sorted)).ordered(false);
        for batch in scan.placed_batches()? {
            let batch = batch?;
            let place = row_groups.place(&batch);
            let wanted = &sorted[within(&sorted, &place)];
            if wanted.is_empty() {
                continue;
            }
            let offsets = UInt64Array::from_iter_values(wanted.iter().map(|row| row - place.start));
            let part = if wanted.len() == batch.columns.num_rows() {
                batch.columns
            } else {
                take_record_batch(&batch.columns, &offsets)
                    .map_err(|source| Error::Arrow { source })?
            };
            let with_schema = crate::deliver::batches::with_schema(&schema, part);
            parts.push((place.start, with_schema.map_err(|source| Error::Arrow { source })?));
        }
        // Threads deliver them in any order.
        parts.sort_unstable_by_key(|&(start, _)| start);
        let parts = parts.iter().map(|(_, part)| part);
        let found = concat_batches(&schema, parts).map_err(|source| Error::Arrow { source })?;
        debug_assert_eq!(found.num_rows(), sorted.len(), "each row came once");
        if sorted == rows {
            return Ok(found);
        }
        let at = |row| sorted.binary_search(row).expect("it was sorted in") as u64;
        let order = UInt64Array::from_iter_values(rows.iter().map(at));
        take_record_batch(&found, &order).map_err(|source| Error::Arrow { source })
    }
}

/// The row groups of a data set in the order of their rows.
struct RowGroups {
    ids: Vec<RowGroupId>,
    /// The number of each one's first row, and the number of all rows.
    starts: Vec<u64>,
}

impl RowGroups {
    fn of(dataset: &Dataset) -> RowGroups {
        let ids = dataset.row_groups_in_order();
        let mut starts = vec![0];
        for id in &ids {
            starts.push(starts[starts.len() - 1] + dataset.rows_of(*id));
        }
        RowGroups { ids, starts }
    }

    /// All rows.
    fn rows(&self) -> u64 {
        self.starts[self.ids.len()]
    }

    /// Those that hold these rows, which ascend.
    fn holding<'a>(&'a self, rows: &'a [u64]) -> Vec<RowGroupId> {
        let of_row = |&row: &u64| self.starts.partition_point(|&start| start <= row) - 1;
        let mut numbers: Vec<usize> = rows.iter().map(of_row).collect();
        numbers.dedup();
        numbers.into_iter().map(|number| self.ids[number]).collect()
    }

    /// The numbers of the rows of a batch.
    fn place(&self, batch: &Batch) -> Range<u64> {
        let id = RowGroupId { file: batch.file, row_group: batch.row_group };
        let number = self.ids.binary_search(&id).expect("it was asked for");
        let start = self.starts[number] + batch.first_row;
        start..start + batch.columns.num_rows() as u64
    }
}

/// Those of ascending rows that lie in a range.
fn within(rows: &[u64], range: &Range<u64>) -> Range<usize> {
    let before = |end: u64| rows.partition_point(|&row| row < end);
    before(range.start)..before(range.end)
}
