//! What is kept of a footer.

use std::sync::Arc;

use super::chunks::ChunkTable;
use super::column_chunk::ColumnChunk;
use crate::schema::file_schema::FileSchema;

/// What a file's footer states about the selected columns. Immutable; shared by all readers of the file.
#[derive(Debug)]
pub struct Footer {
    pub(super) schema: Arc<FileSchema>,
    pub(super) file_len: u64,
    pub(super) num_rows: u64,
    /// Rows that the file states, if the row groups have another number.
    pub(super) stated_rows: Option<i64>,
    pub(super) created_by: Option<Box<str>>,
    pub(super) roots: Arc<[usize]>,
    pub(super) projected: arrow_schema::SchemaRef,
    pub(super) row_group_rows: Box<[u64]>,
    pub(super) chunks: ChunkTable,
}

impl Footer {
    /// The schema of the whole file.
    #[must_use]
    pub fn schema(&self) -> &Arc<FileSchema> {
        &self.schema
    }

    /// The Arrow schema of the projection: that of every batch.
    #[must_use]
    pub fn projected_schema(&self) -> &arrow_schema::SchemaRef {
        &self.projected
    }

    /// Bytes of the file.
    #[must_use]
    pub fn file_len(&self) -> u64 {
        self.file_len
    }

    /// Rows of the file: those of its row groups.
    #[must_use]
    pub fn num_rows(&self) -> u64 {
        self.num_rows
    }

    /// Rows that the file states, if its row groups have another number.
    #[must_use]
    pub fn stated_rows(&self) -> Option<i64> {
        self.stated_rows
    }

    /// Row groups of the file.
    #[must_use]
    pub fn num_row_groups(&self) -> usize {
        self.row_group_rows.len()
    }

    /// Rows of a row group.
    ///
    /// # Panics
    /// When the file has no such row group.
    #[must_use]
    pub fn row_group_rows(&self, row_group: usize) -> u64 {
        self.row_group_rows[row_group]
    }

    /// Where a column chunk lies; `None` when the leaf is not in the projection.
    ///
    /// # Panics
    /// When the file has no such row group.
    #[must_use]
    pub fn column_chunk(&self, row_group: usize, leaf: usize) -> Option<ColumnChunk> {
        self.chunks.get(row_group, leaf, self.row_group_rows[row_group])
    }

    /// All selected column chunks of a row group with their leaves, in the order of the schema.
    ///
    /// # Panics
    /// When the file has no such row group.
    pub fn column_chunks(
        &self,
        row_group: usize,
    ) -> impl Iterator<Item = (usize, ColumnChunk)> + '_ {
        self.chunks.row_group(row_group, self.row_group_rows[row_group])
    }

    /// The writer that the file names.
    #[must_use]
    pub fn created_by(&self) -> Option<&str> {
        self.created_by.as_deref()
    }

    /// The root columns that the projection takes, in the order of the file.
    #[must_use]
    pub fn roots(&self) -> &[usize] {
        &self.roots
    }

    /// The leaf columns that the projection takes, in the order of the file.
    #[must_use]
    pub fn leaves(&self) -> &[usize] {
        self.chunks.leaves()
    }

    /// Bytes of heap memory that this footer holds, without the shared schema.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.chunks.heap_bytes()
            + size_of_val(&*self.roots)
            + size_of_val(&*self.row_group_rows)
            + self.created_by.as_ref().map_or(0, |name| name.len())
    }
}
