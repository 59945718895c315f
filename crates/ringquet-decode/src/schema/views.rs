//! A list of columns, seen through the `parquet` crate: as it is shown and as it is decoded.
//!
//! The two differ where values have twelve bytes ([`crate::stored`]): the decoders give them as they lie there.

use std::sync::Arc;

use arrow_schema::SchemaRef;
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use parquet::file::metadata::ParquetMetaDataReader;
use parquet::schema::types::SchemaDescPtr;

use super::rewrite;
use crate::error::Fault;
use crate::guarded::guarded;
use crate::stored::{self, Int96};

/// The thrift bytes that a schema is made from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SchemaSource<'a> {
    /// Version of the format.
    pub(crate) version: i32,
    /// The list of columns.
    pub(crate) list: &'a [u8],
    /// The list of key-value pairs.
    pub(crate) key_values: Option<&'a [u8]>,
    /// As what timestamps of INT96 are read.
    pub(crate) int96: Int96,
}

/// What the `parquet` crate makes of a list of columns.
#[derive(Debug)]
pub(super) struct Views {
    /// Types of batches.
    pub(super) arrow: SchemaRef,
    /// Leaf columns with the types that the file has.
    pub(super) parquet: SchemaDescPtr,
    /// Types of what the decoders give.
    pub(super) stored_arrow: SchemaRef,
    /// Leaf columns as they are decoded.
    pub(super) stored_parquet: SchemaDescPtr,
    /// Why `ARROW:schema` was ignored, where it was.
    pub(super) arrow_schema_ignored: Option<String>,
}

impl Views {
    pub(super) fn new(source: SchemaSource<'_>) -> Result<Self, Fault> {
        let schemas = rewrite::schemas(source.list)?;
        let key_values = |with_arrow_schema| {
            source.key_values.map(|list| rewrite::key_values(list, with_arrow_schema)).transpose()
        };
        let all = key_values(true)?;
        let hints = all.as_ref().is_some_and(|(_, has_arrow_schema)| *has_arrow_schema);
        let views = |key_values: Option<(Vec<u8>, bool)>, hints: bool| {
            let key_values = key_values.as_ref().map(|(list, _)| list.as_slice());
            let read = |list: &[u8]| read(&rewrite::footer(source.version, list, key_values));
            let (parquet, shown) = read(&schemas.shown)?;
            let Some(stored) = &schemas.stored else {
                return Ok(Self {
                    stored_arrow: Arc::clone(&shown),
                    stored_parquet: Arc::clone(&parquet),
                    arrow: shown,
                    parquet,
                    arrow_schema_ignored: None,
                });
            };
            let (stored_parquet, stored_arrow) = read(stored)?;
            let shown = if hints { shown } else { stored::whole_intervals(&shown) };
            let arrow = stored::target_schema(&stored_arrow, &shown, source.int96);
            let arrow_schema_ignored = None;
            Ok(Self { arrow, parquet, stored_arrow, stored_parquet, arrow_schema_ignored })
        };
        match views(all, hints) {
            // No value depends on the entry: types are what the schema of the file says.
            Err::<_, Fault>(fault) if hints => {
                let without = views(key_values(false)?, false)?;
                Ok(Self { arrow_schema_ignored: Some(fault.what()), ..without })
            }
            result => result,
        }
    }
}

fn read(footer: &[u8]) -> Result<(SchemaDescPtr, SchemaRef), Fault> {
    let metadata = guarded("schema", || ParquetMetaDataReader::decode_metadata(footer))?;
    let metadata = Arc::new(metadata);
    let arrow = guarded("schema", || {
        ArrowReaderMetadata::try_new(Arc::clone(&metadata), Default::default())
    })?;
    Ok((metadata.file_metadata().schema_descr_ptr(), stored::wide_indices(arrow.schema())))
}
