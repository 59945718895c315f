//! The pages of a root column as the `parquet` crate reads them for one batch.
//!
//! The crate reads all leaves of a column from the same row on. Pages of different leaves start at different rows, so a
//! leaf whose first page starts later gets a page in front that stands for the rows before. It holds nothing: those rows
//! are skipped, and a page that is skipped whole is never looked into.
//!
//! ```text
//! leaf 0   │ dictionary │ page: rows 100 to 180    │ page: rows 181 …
//! leaf 1   │ dictionary │ rows 100 to 149 │ page: rows 150 to 210 │ …
//!                         ◀──── skipped ──────────▶◀─ batch ─▶
//! ```

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use parquet::arrow::arrow_reader::RowGroups;
use parquet::column::page::{Page, PageIterator, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};

/// An entry of the list of a leaf.
#[derive(Debug, Clone)]
pub(super) enum Entry {
    /// The dictionary.
    Dictionary(Page),
    /// A data page. `rows` is how many rows it has, where it starts and ends with one.
    Data { page: Page, rows: Option<usize>, continues: bool },
    /// So many rows, which are skipped.
    Skipped(usize),
}

/// The pages of each leaf.
pub(super) struct PageLists {
    leaves: Vec<Mutex<Option<VecDeque<Entry>>>>,
    metadata: Arc<ParquetMetaData>,
}

impl PageLists {
    /// One list for each leaf of the only column of `metadata`.
    pub(super) fn new(leaves: Vec<VecDeque<Entry>>, metadata: Arc<ParquetMetaData>) -> Self {
        Self { leaves: leaves.into_iter().map(|pages| Mutex::new(Some(pages))).collect(), metadata }
    }
}

impl RowGroups for PageLists {
    fn num_rows(&self) -> usize {
        usize::MAX
    }

    fn column_chunks(&self, leaf: usize) -> ParquetResult<Box<dyn PageIterator>> {
        let list = self.leaves.get(leaf).and_then(|list| {
            // Each list is taken once, as a whole.
            list.lock().unwrap_or_else(PoisonError::into_inner).take()
        });
        let list = list.ok_or_else(|| {
            ParquetError::General(format!("leaf {leaf} is missing or duplicated"))
        })?;
        Ok(Box::new(OneChunk(Some(PageList(list)))))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(self.metadata.row_groups().iter())
    }

    fn metadata(&self) -> &ParquetMetaData {
        &self.metadata
    }
}

/// A column chunk, once.
struct OneChunk(Option<PageList>);

impl Iterator for OneChunk {
    type Item = ParquetResult<Box<dyn PageReader>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.take().map(|list| Ok(Box::new(list) as _))
    }
}

impl PageIterator for OneChunk {}

/// The pages of a leaf that were not read yet.
struct PageList(VecDeque<Entry>);

impl Iterator for PageList {
    type Item = ParquetResult<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for PageList {
    fn get_next_page(&mut self) -> ParquetResult<Option<Page>> {
        match self.0.pop_front() {
            None => Ok(None),
            Some(Entry::Dictionary(page) | Entry::Data { page, .. }) => Ok(Some(page)),
            Some(Entry::Skipped(rows)) => Err(ParquetError::General(format!(
                "{rows} rows in front of a page were read instead of skipped"
            ))),
        }
    }

    fn peek_next_page(&mut self) -> ParquetResult<Option<PageMetadata>> {
        let metadata =
            |num_rows, num_levels, is_dict| PageMetadata { num_rows, num_levels, is_dict };
        Ok(self.0.front().map(|entry| match entry {
            Entry::Dictionary(_) => metadata(None, None, true),
            Entry::Data { page, rows, .. } => {
                metadata(*rows, usize::try_from(page.num_values()).ok(), false)
            }
            Entry::Skipped(rows) => metadata(Some(*rows), Some(*rows), false),
        }))
    }

    fn skip_next_page(&mut self) -> ParquetResult<()> {
        self.0.pop_front();
        Ok(())
    }

    fn at_record_boundary(&mut self) -> ParquetResult<bool> {
        Ok(!matches!(self.0.front(), Some(Entry::Data { continues: true, .. })))
    }
}
