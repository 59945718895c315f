//! All that a file is made from.

use ringquet_workload::{Compression, RowLayout};

use crate::content::options::ContentOptions;
use crate::content::row_group::FileKey;
use crate::writer::options::PageOptions;
use crate::writer::schema::DataColumn;

/// Rows, columns, the key of every value, and how both are written.
#[derive(Debug, Clone)]
pub(crate) struct Recipe {
    pub(crate) key: FileKey,
    pub(crate) layout: RowLayout,
    pub(crate) columns: Vec<DataColumn>,
    pub(crate) content: ContentOptions,
    pub(crate) pages: PageOptions,
    pub(crate) compression: Compression,
    pub(crate) compression_level: Option<u32>,
}
