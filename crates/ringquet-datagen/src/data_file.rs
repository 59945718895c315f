//! One file: content in, a whole Parquet file under its final name out.
//!
//! The layout is what PyArrow writes when nothing is chosen, for that is what DLIO's data sets are:
//! dictionaries up to 1 MiB and PLAIN after, no dictionary for booleans, data pages v1 of 1 MiB or
//! 20,000 rows, statistics in column chunks and page headers, no page index, `ARROW:schema`. The
//! pages equal those that PyArrow makes of the same values, byte by byte.
//!
//! A row group is made column by column, a few pages at a time, so that memory does not depend on
//! its size.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{Schema, SchemaRef};
use ringquet::engine::DirectChoice;
use ringquet_decode::{ContentDigest, FileDigest, RowGroupDigest};
use ringquet_io::{WriteDriver, WriteQueue};
use ringquet_workload::{Compression, RowLayout};

use crate::content::column::{ColumnContent, FileKey};
use crate::error::DatagenError;
use crate::options::{ContentOptions, PageOptions, Progress};
use crate::partial::PartialFile;
use crate::sink::{FileSink, Finished};
use crate::writer::chunk::{ChunkScratch, ChunkWriter, WrittenChunk};
use crate::writer::codec::PageCodec;
use crate::writer::footer::{Footer, MAGIC, RowGroup};
use crate::writer::page;
use crate::writer::schema::{DataColumn, schema_of};

/// Bytes of values that are made, hashed and encoded at a time: with what they are made of they stay
/// in the caches of a core. A row that has more is made whole.
const SLICE_BYTES: u64 = 256 << 10;

/// All that a file is made from.
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

/// A file that was written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written {
    pub(crate) bytes: u64,
    pub(crate) digest: ContentDigest,
    /// XXH3-128 of its bytes.
    pub(crate) bytes_hash: u128,
    /// Whether it was written around the page cache.
    pub(crate) direct: bool,
    pub(crate) written_with: WriteDriver,
}

/// Writes the file at `path` through `queue`, `bytes_known` of them. `None` if `stop` was set before it was
/// whole; then there is no file.
pub(crate) fn write_file(
    path: &Path,
    recipe: &Recipe,
    bytes_known: Option<u64>,
    direct: DirectChoice,
    queue: &mut WriteQueue,
    progress: &dyn Progress,
    stop: &AtomicBool,
) -> Result<Option<Written>, DatagenError> {
    let file = PartialFile::create(path)?;
    if let Some(bytes) = bytes_known {
        file.reserve(bytes);
    }
    let fail = || DatagenError::writing(path);
    let written_with = queue.driver();
    let mut sink = FileSink::new(path, file, direct, queue, progress).map_err(fail())?;
    let Some(digest) = write_content(recipe, &mut sink, stop).map_err(fail())? else {
        return Ok(None);
    };
    let Finished { file, bytes, bytes_hash, direct } = sink.finish().map_err(fail())?;
    file.commit()?;
    progress.advance(0, 1);
    Ok(Some(Written { bytes, digest, bytes_hash, direct, written_with }))
}

fn write_content(
    recipe: &Recipe,
    sink: &mut FileSink<'_>,
    stop: &AtomicBool,
) -> io::Result<Option<ContentDigest>> {
    sink.write(&MAGIC)?;
    let codec = PageCodec::new(recipe.compression, recipe.compression_level)?;
    let mut scratch = ChunkScratch::new(codec);
    let schemas: Vec<_> =
        recipe.columns.iter().map(|column| schema_of(std::slice::from_ref(column))).collect();
    let mut footer = Footer::default();
    let mut digest = FileDigest::new();
    for (row_group, rows) in (0..).zip(recipe.layout.row_groups()) {
        let rows = rows.end - rows.start;
        let offset = sink.position();
        let mut chunks = Vec::with_capacity(recipe.columns.len());
        let mut row_group_digest = RowGroupSum::new(row_group, rows);
        for (index, schema) in schemas.iter().enumerate() {
            let place = ChunkPlace { row_group, column: index, rows };
            let Some((chunk, column_digest)) =
                write_chunk(recipe, place, schema, &mut scratch, sink, stop)?
            else {
                return Ok(None);
            };
            row_group_digest.add(column_digest);
            chunks.push(chunk);
        }
        digest.add(row_group_digest.finish());
        footer.add(&RowGroup {
            columns: chunks.len(),
            rows,
            offset,
            uncompressed_bytes: chunks.iter().map(WrittenChunk::uncompressed_bytes).sum(),
            compressed_bytes: chunks.iter().map(WrittenChunk::compressed_bytes).sum(),
            chunks: &encode_chunks(recipe, &chunks, sink)?,
        });
    }
    let end = footer.encode(&recipe.columns, &schema_of(&recipe.columns)).ok_or_else(|| {
        io::Error::other(
            "the footer would have more than 2^31 bytes: fewer or larger row groups are needed",
        )
    })?;
    sink.write(&end)?;
    Ok(Some(digest.finish()))
}

/// Which chunk.
#[derive(Clone, Copy)]
struct ChunkPlace {
    row_group: u64,
    column: usize,
    rows: u64,
}

/// Writes a column chunk. Its digest is that of a row group with this column alone.
fn write_chunk(
    recipe: &Recipe,
    place: ChunkPlace,
    schema: &SchemaRef,
    scratch: &mut ChunkScratch,
    sink: &mut FileSink<'_>,
    stop: &AtomicBool,
) -> io::Result<Option<(WrittenChunk, ContentDigest)>> {
    let ChunkPlace { row_group, column: index, rows } = place;
    let column = &recipe.columns[index];
    let key = recipe.key.chunk(row_group, index);
    let mut content = ColumnContent::new(key, column, recipe.content);
    let mut chunk =
        ChunkWriter::new(column, rows, scratch, recipe.pages, recipe.content.raw_floats);
    let mut digest = RowGroupDigest::new(0, row_group, schema);
    let slice_rows = (SLICE_BYTES / column.row_bytes().max(1)).max(1);
    let mut rows_left = rows;
    while rows_left > 0 {
        if stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let taken = rows_left.min(slice_rows);
        rows_left -= taken;
        let taken = usize::try_from(taken).expect("at most the rows of a slice");
        let (leaf, run) = content.next_leaf(taken);
        chunk.push(&leaf, &run, sink)?;
        let array = content.in_rows(leaf, taken);
        let batch = RecordBatch::try_new(schema.clone(), vec![array]);
        digest.update(&batch.expect("the array is of the column's type"));
    }
    Ok(Some((chunk.finish(sink)?, digest.finish())))
}

/// The metadata of the chunks of a row group, after its page index was written, if it has one.
fn encode_chunks(
    recipe: &Recipe,
    chunks: &[WrittenChunk],
    sink: &mut FileSink<'_>,
) -> io::Result<Vec<u8>> {
    let mut extents = vec![(None, None); chunks.len()];
    if recipe.pages.page_index {
        let mut put = |index: Vec<u8>| {
            let offset = sink.position();
            sink.write(&index).map(|()| (offset, index.len()))
        };
        let chunks = || chunks.iter().zip(&recipe.columns);
        for ((chunk, column), (extent, _)) in chunks().zip(&mut extents) {
            *extent = page::column_index(column.kind, &chunk.pages).map(&mut put).transpose()?;
        }
        for ((chunk, _), (_, extent)) in chunks().zip(&mut extents) {
            *extent = Some(put(page::offset_index(&chunk.pages))?);
        }
    }
    let mut out = Vec::new();
    for ((chunk, column), extents) in chunks.iter().zip(&recipe.columns).zip(extents) {
        chunk.encode(column, extents.0, extents.1, &mut out);
    }
    Ok(out)
}

/// The digest of a row group from those of its columns taken alone.
///
/// A digest is a sum with one term per column and one for the row group itself, which every column
/// taken alone has as well.
struct RowGroupSum {
    own: ContentDigest,
    sum: ContentDigest,
}

impl RowGroupSum {
    fn new(row_group: u64, rows: u64) -> Self {
        let schema = Schema::empty();
        let mut own = RowGroupDigest::new(0, row_group, &schema);
        let rows = usize::try_from(rows).expect("a row group has at most 2^26 rows");
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(schema.into(), Vec::new(), &options);
        own.update(&batch.expect("no columns, and a number of rows"));
        let own = own.finish();
        Self { own, sum: own }
    }

    fn add(&mut self, column_alone: ContentDigest) {
        self.sum += ContentDigest(column_alone.0.wrapping_sub(self.own.0));
    }

    fn finish(self) -> ContentDigest {
        self.sum
    }
}

#[cfg(test)]
mod tests {
    use ringquet_io::WriteOptions;
    use ringquet_workload::DatasetType;

    use super::*;
    use crate::content::column::RowGroupContent;
    use crate::options::Silent;
    use crate::writer::schema::{DataKind, Shape};

    #[test]
    fn digest_of_columns_is_that_of_batches() {
        let column = |name: &str, kind, shape| DataColumn { name: name.to_owned(), kind, shape };
        let recipe = Recipe {
            key: FileKey { seed: 3, half: DatasetType::Train, file: 1 },
            layout: RowLayout::new(700, 300, 0),
            columns: vec![
                column("a", DataKind::Float32, Shape::FixedSizeList(3)),
                column("b", DataKind::Utf8, Shape::Scalar),
                column("c", DataKind::Boolean, Shape::Scalar),
            ],
            content: ContentOptions::default(),
            pages: PageOptions::default(),
            compression: Compression::None,
            compression_level: None,
        };
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.parquet");
        let mut queue = WriteQueue::new(&WriteOptions::default(), &mut Vec::new()).unwrap();
        let stop = AtomicBool::new(false);
        let written = write_file(
            &path,
            &recipe,
            Some(1 << 20),
            DirectChoice::Auto,
            &mut queue,
            &Silent,
            &stop,
        );
        let written = written.unwrap().unwrap();

        let schema = schema_of(&recipe.columns);
        let mut digest = FileDigest::new();
        for (row_group, rows) in (0..).zip([300, 300, 100]) {
            let mut row_group_digest = RowGroupDigest::new(0, row_group, &schema);
            let content =
                RowGroupContent::new(recipe.key, row_group, rows, &recipe.columns, recipe.content);
            content.for_each(|batch| row_group_digest.update(&batch));
            digest.add(row_group_digest.finish());
        }
        assert_eq!(written.digest, digest.finish());
        assert_eq!(written.bytes, std::fs::metadata(&path).unwrap().len());
    }
}
