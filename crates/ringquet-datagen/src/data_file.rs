//! One file: content in, a whole Parquet file under its final name out.
//!
//! A row group is made column by column, a few pages at a time, so that memory does not depend on
//! its size.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{Schema, SchemaRef};
use ringquet::engine::DirectChoice;
use ringquet_decode::{Codec, ContentDigest, FileDigest, RowGroupDigest};
use ringquet_io::{WriteDriver, WriteQueue};
use ringquet_workload::Compression;

use crate::content::column::ColumnContent;
use crate::error::DatagenError;
use crate::options::Progress;
use crate::partial::PartialFile;
use crate::recipe::Recipe;
use crate::sink::{FileSink, Finished};
use crate::writer::codec::PageCodec;
use crate::writer::file::{FileWriter, OpenChunk};
use crate::writer::schema::schema_of;

/// Bytes of values that are made, hashed and encoded at a time: with what they are made of they stay
/// in the caches of a core. A row that has more is made whole.
const SLICE_BYTES: u64 = 256 << 10;

/// A file that was written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WrittenFile {
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
) -> Result<Option<WrittenFile>, DatagenError> {
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
    Ok(Some(WrittenFile { bytes, digest, bytes_hash, direct, written_with }))
}

fn write_content(
    recipe: &Recipe,
    sink: &mut FileSink<'_>,
    stop: &AtomicBool,
) -> io::Result<Option<ContentDigest>> {
    let codec = PageCodec::new(codec_of(recipe.compression), recipe.compression_level)?;
    let mut file = FileWriter::new(&recipe.columns, recipe.pages, codec, sink)?;
    let schemas: Vec<_> =
        recipe.columns.iter().map(|column| schema_of(std::slice::from_ref(column))).collect();
    let mut digest = FileDigest::new();
    for (row_group, rows) in (0..).zip(recipe.layout.row_groups()) {
        let rows = rows.end - rows.start;
        let mut writer = file.row_group(rows);
        let mut row_group_digest = RowGroupSum::new(row_group, rows);
        for (index, (column, schema)) in recipe.columns.iter().zip(&schemas).enumerate() {
            let key = recipe.key.chunk(row_group, index);
            let content = ColumnContent::new(key, column, recipe.content);
            let chunk = writer.chunk(content.values_max());
            let column_digest = RowGroupDigest::new(0, row_group, schema);
            let Some(digest) = write_chunk(content, rows, chunk, column_digest, schema, stop)?
            else {
                return Ok(None);
            };
            row_group_digest.add(digest);
        }
        digest.add(row_group_digest.finish());
        writer.finish()?;
    }
    file.finish()?;
    Ok(Some(digest.finish()))
}

/// The codec that a workload names. Those that Parquet does not have are refused when a workload is loaded; they count as none.
fn codec_of(compression: Compression) -> Codec {
    match compression {
        Compression::Snappy => Codec::Snappy,
        Compression::Gzip => Codec::Gzip,
        Compression::Lz4 => Codec::Lz4Raw,
        Compression::Zstd => Codec::Zstd,
        _ => Codec::Uncompressed,
    }
}

/// Writes `rows` rows of a column. Their digest is that of a row group with this column alone.
fn write_chunk(
    mut content: ColumnContent<'_>,
    rows: u64,
    mut chunk: OpenChunk<'_, '_>,
    mut digest: RowGroupDigest,
    schema: &SchemaRef,
    stop: &AtomicBool,
) -> io::Result<Option<ContentDigest>> {
    let slice_rows = (SLICE_BYTES / content.row_bytes().max(1)).max(1);
    let mut rows_left = rows;
    while rows_left > 0 {
        if stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let taken = rows_left.min(slice_rows);
        rows_left -= taken;
        let taken = usize::try_from(taken).expect("at most the rows of a slice");
        let (leaf, numbers) = content.next_leaf(taken);
        chunk.push(&leaf, &numbers)?;
        let array = content.in_rows(leaf, taken);
        let batch = RecordBatch::try_new(schema.clone(), vec![array]);
        digest.update(&batch.expect("the array is of the column's type"));
    }
    chunk.finish()?;
    Ok(Some(digest.finish()))
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
    use ringquet_workload::{DatasetType, RowLayout};

    use super::*;
    use crate::content::options::ContentOptions;
    use crate::content::row_group::{FileKey, RowGroupContent};
    use crate::options::Silent;
    use crate::writer::options::PageOptions;
    use crate::writer::schema::{DataColumn, DataKind, Shape};

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
