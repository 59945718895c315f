//! The selected rows of a file, and the part of a batch that is among them.

use std::ops::Range;

use arrow_array::RecordBatch;
use ringquet::Batch;
use ringquet_decode::Footer;

/// A range of a file's rows.
#[derive(Debug)]
pub(super) struct Window {
    wanted: Range<u64>,
    /// Number of the first row of each row group.
    starts: Vec<u64>,
}

impl Window {
    /// `wanted` is within the file.
    pub(super) fn new(footer: &Footer, wanted: Range<u64>) -> Window {
        let rows = (0..footer.num_row_groups()).map(|row_group| footer.row_group_rows(row_group));
        Window { wanted, starts: starts(rows) }
    }

    pub(super) fn first_row(&self) -> u64 {
        self.wanted.start
    }

    pub(super) fn rows(&self) -> u64 {
        self.wanted.end - self.wanted.start
    }

    pub(super) fn is_empty(&self) -> bool {
        self.wanted.is_empty()
    }

    /// The selected rows of a batch, `None` if there are none.
    pub(super) fn cut(&self, batch: &Batch) -> Option<RecordBatch> {
        let rows = self.rows_of(batch);
        let part = rows.start.max(self.wanted.start)..rows.end.min(self.wanted.end);
        if part.is_empty() {
            return None;
        }
        let within =
            |row: u64| usize::try_from(row).expect("less than the rows of a batch in memory");
        Some(batch.columns.slice(within(part.start - rows.start), within(part.end - part.start)))
    }

    /// Whether no selected row follows this batch.
    pub(super) fn ends_with(&self, batch: &Batch) -> bool {
        self.rows_of(batch).end >= self.wanted.end
    }

    fn rows_of(&self, batch: &Batch) -> Range<u64> {
        let start = self.starts[batch.row_group as usize] + batch.first_row;
        start..start + batch.columns.num_rows() as u64
    }
}

fn starts(row_group_rows: impl Iterator<Item = u64>) -> Vec<u64> {
    let start = |next: &mut u64, rows: u64| {
        let start = *next;
        *next += rows;
        Some(start)
    };
    row_group_rows.scan(0, start).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::sync::Arc;

    use arrow_array::{ArrayRef, Int32Array, cast::AsArray as _, types::Int32Type};

    /// Rows 4..8 of a file of two row groups of 4 and 6 rows.
    fn batch() -> Batch {
        let values: ArrayRef = Arc::new(Int32Array::from_iter_values(4..8));
        let columns = RecordBatch::try_from_iter([("a", values)]).unwrap();
        Batch { file: 0, row_group: 1, first_row: 0, columns }
    }

    fn window(wanted: Range<u64>) -> Window {
        Window { wanted, starts: starts([4, 6].into_iter()) }
    }

    #[test]
    fn a_batch_is_cut_to_what_is_wanted() {
        let check = |wanted: Range<u64>, expect: &[i32]| {
            let cut = window(wanted.clone()).cut(&batch());
            let values = cut.map(|cut| cut.column(0).as_primitive::<Int32Type>().values().to_vec());
            assert_eq!(values.unwrap_or_default(), expect, "{wanted:?}");
        };
        check(0..10, &[4, 5, 6, 7]);
        check(0..4, &[]);
        check(0..5, &[4]);
        check(5..7, &[5, 6]);
        check(7..9, &[7]);
        check(8..9, &[]);
        check(6..6, &[]);
    }

    #[test]
    fn nothing_is_read_behind_the_last_wanted_row() {
        assert!(window(0..8).ends_with(&batch()));
        assert!(window(0..1).ends_with(&batch()));
        assert!(!window(0..9).ends_with(&batch()));
    }
}
