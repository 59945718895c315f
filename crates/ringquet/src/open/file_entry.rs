//! One file of a data set: its footer, and what its reads depend on.

use std::path::PathBuf;
use std::sync::Arc;

use ringquet_decode::Footer;
use ringquet_io::{Alignment, Identity};

use crate::plan::{FileShape, WantedChunk};

/// A file of a data set.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FileEntry {
    /// As found.
    pub path: PathBuf,
    /// What it holds, of the selected columns.
    pub footer: Arc<Footer>,
    /// What it was when its footer was read: a file that is another by then is an error.
    pub identity: Identity,
    /// What its reads must be aligned to.
    pub alignment: Alignment,
    /// Read around the page cache.
    pub direct: bool,
    /// Read through the page cache, whose pages are let go right after.
    pub drops_cache: bool,
}

impl FileEntry {
    /// What a plan depends on.
    pub(crate) fn shape(&self) -> FileShape {
        FileShape { len_bytes: self.footer.file_len(), alignment: self.alignment }
    }
}

/// The column chunks of a row group that are in the projection.
pub(crate) fn wanted_chunks(file: &FileEntry, row_group: usize) -> Vec<WantedChunk> {
    let chunks = file.footer.column_chunks(row_group);
    chunks.map(|(leaf, chunk)| WantedChunk { leaf, range: chunk.byte_range() }).collect()
}
