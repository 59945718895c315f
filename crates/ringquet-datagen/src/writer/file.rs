//! A file, row group by row group, each column by column.
//!
//! ```text
//! FileWriter ─ row_group ─▶ RowGroupWriter ─ chunk ─▶ OpenChunk ◀─ push: leaf values
//!  magic                     chunks, page index         pages
//!  … footer, magic
//! ```

use std::io;

use arrow_array::ArrayRef;

use super::chunk::{ChunkScratch, ChunkWriter, WrittenChunk};
use super::codec::PageCodec;
use super::entry_numbers::EntryNumbers;
use super::footer::{Footer, MAGIC, RowGroup};
use super::options::PageOptions;
use super::page;
use super::schema::{DataColumn, schema_of};
use super::sink::ByteSink;

/// A file in the making.
pub(crate) struct FileWriter<'a> {
    columns: &'a [DataColumn],
    options: PageOptions,
    scratch: ChunkScratch,
    footer: Footer,
    sink: &'a mut (dyn ByteSink + 'a),
}

impl<'a> FileWriter<'a> {
    /// Begins a file.
    pub(crate) fn new(
        columns: &'a [DataColumn],
        options: PageOptions,
        codec: PageCodec,
        sink: &'a mut (dyn ByteSink + 'a),
    ) -> io::Result<Self> {
        sink.write(&MAGIC)?;
        let (scratch, footer) = (ChunkScratch::new(codec), Footer::default());
        Ok(Self { columns, options, scratch, footer, sink })
    }

    /// Begins the next row group, of `rows` rows.
    pub(crate) fn row_group(&mut self, rows: u64) -> RowGroupWriter<'_, 'a> {
        let offset = self.sink.position();
        let chunks = Vec::with_capacity(self.columns.len());
        RowGroupWriter { file: self, rows, offset, chunks }
    }

    /// Writes the footer.
    pub(crate) fn finish(self) -> io::Result<()> {
        let end = self.footer.encode(self.columns, &schema_of(self.columns)).ok_or_else(|| {
            io::Error::other(
                "the footer would have more than 2^31 bytes: use fewer or larger row groups",
            )
        })?;
        self.sink.write(&end)
    }
}

/// A row group in the making.
pub(crate) struct RowGroupWriter<'f, 'a> {
    file: &'f mut FileWriter<'a>,
    rows: u64,
    /// Where it begins.
    offset: u64,
    chunks: Vec<WrittenChunk>,
}

impl<'a> RowGroupWriter<'_, 'a> {
    /// Begins the chunk of the next column, which has no more than `values_max` different values if that is known.
    ///
    /// # Panics
    /// When every column has its chunk.
    pub(crate) fn chunk(&mut self, values_max: Option<usize>) -> OpenChunk<'_, 'a> {
        let FileWriter { columns, options, scratch, sink, .. } = &mut *self.file;
        let column = &columns[self.chunks.len()];
        let chunk = ChunkWriter::new(column, self.rows, scratch, *options, values_max);
        OpenChunk { chunk, sink: &mut **sink, chunks: &mut self.chunks }
    }

    /// Ends it, and writes its page index, if it is to have one.
    pub(crate) fn finish(self) -> io::Result<()> {
        let Self { file, rows, offset, chunks } = self;
        let encoded = encode_chunks(file, &chunks)?;
        file.footer.add(&RowGroup {
            columns: chunks.len(),
            rows,
            offset,
            uncompressed_bytes: chunks.iter().map(WrittenChunk::uncompressed_bytes).sum(),
            compressed_bytes: chunks.iter().map(WrittenChunk::compressed_bytes).sum(),
            chunks: &encoded,
        });
        Ok(())
    }
}

/// A column chunk in the making.
pub(crate) struct OpenChunk<'c, 'a> {
    chunk: ChunkWriter<'c>,
    sink: &'c mut (dyn ByteSink + 'a),
    chunks: &'c mut Vec<WrittenChunk>,
}

impl OpenChunk<'_, '_> {
    /// Adds the leaf values of whole rows, which are the entries `numbers` of the dictionary.
    pub(crate) fn push(&mut self, leaf: &ArrayRef, numbers: &EntryNumbers) -> io::Result<()> {
        self.chunk.push(leaf, numbers, self.sink)
    }

    /// Writes what is left.
    pub(crate) fn finish(self) -> io::Result<()> {
        self.chunks.push(self.chunk.finish(self.sink)?);
        Ok(())
    }
}

/// The metadata of the chunks of a row group, after its page index was written, if it has one.
fn encode_chunks(file: &mut FileWriter<'_>, chunks: &[WrittenChunk]) -> io::Result<Vec<u8>> {
    let mut extents = vec![(None, None); chunks.len()];
    if file.options.page_index {
        let mut put = |index: Vec<u8>| {
            let offset = file.sink.position();
            file.sink.write(&index).map(|()| (offset, index.len()))
        };
        let chunks = || chunks.iter().zip(file.columns);
        for ((chunk, column), (extent, _)) in chunks().zip(&mut extents) {
            *extent = page::column_index(column.kind, &chunk.pages).map(&mut put).transpose()?;
        }
        for ((chunk, _), (_, extent)) in chunks().zip(&mut extents) {
            *extent = Some(put(page::offset_index(&chunk.pages))?);
        }
    }
    let mut out = Vec::new();
    for ((chunk, column), extents) in chunks.iter().zip(file.columns).zip(extents) {
        chunk.encode(column, extents.0, extents.1, &mut out);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Arc;

    use arrow_array::cast::AsArray as _;
    use arrow_array::types::Int32Type;
    use arrow_array::{Array as _, Int32Array, RecordBatch, StringArray};
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use ringquet_decode::Codec;

    use super::*;
    use crate::writer::schema::{DataKind, Shape};

    impl ByteSink for Vec<u8> {
        fn position(&self) -> u64 {
            self.len() as u64
        }

        fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
            self.extend_from_slice(bytes);
            Ok(())
        }
    }

    /// Lists of new numbers, and strings of which some come again, in two row groups.
    #[test]
    fn columns_of_values_become_a_file() {
        let column = |name: &str, kind, shape| DataColumn { name: name.to_owned(), kind, shape };
        let columns = [
            column("numbers", DataKind::Int32, Shape::FixedSizeList(2)),
            column("words", DataKind::Utf8, Shape::Scalar),
        ];
        let words = ["a", "bc", "a", "def"];
        let mut bytes = Vec::new();
        let codec = PageCodec::new(Codec::Zstd, None).unwrap();
        let options = PageOptions { page_index: true, ..PageOptions::default() };
        let mut file = FileWriter::new(&columns, options, codec, &mut bytes).unwrap();
        for row_group in 0..2 {
            let mut writer = file.row_group(4);
            let mut chunk = writer.chunk(None);
            let first = 8 * row_group;
            for half in [first..first + 4, first + 4..first + 8] {
                let leaf: ArrayRef = Arc::new(Int32Array::from_iter_values(half));
                chunk.push(&leaf, &EntryNumbers::Fresh).unwrap();
            }
            chunk.finish().unwrap();
            let mut chunk = writer.chunk(Some(3));
            let new = Arc::new(StringArray::from(vec!["a", "bc", "def"]));
            let numbers = EntryNumbers::Listed { numbers: vec![0, 1, 0, 2], first: 0, new };
            let leaf: ArrayRef = Arc::new(StringArray::from(words.to_vec()));
            chunk.push(&leaf, &numbers).unwrap();
            chunk.finish().unwrap();
            writer.finish().unwrap();
        }
        file.finish().unwrap();

        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.parquet");
        fs::write(&path, &bytes).unwrap();
        let builder = ParquetRecordBatchReaderBuilder::try_new(fs::File::open(&path).unwrap());
        let builder = builder.unwrap();
        assert_eq!(builder.schema().fields(), schema_of(&columns).fields());
        assert_eq!(builder.metadata().num_row_groups(), 2);
        let batches: Vec<RecordBatch> = builder.build().unwrap().map(Result::unwrap).collect();
        let (mut read_numbers, mut read_words) = (Vec::new(), Vec::new());
        for batch in &batches {
            let lists = batch.column(0).as_fixed_size_list();
            read_numbers.extend_from_slice(lists.values().as_primitive::<Int32Type>().values());
            let strings = batch.column(1).as_string::<i32>();
            read_words.extend((0..strings.len()).map(|row| strings.value(row).to_owned()));
        }
        assert!(read_numbers.into_iter().eq(0..16));
        assert_eq!(read_words, [words, words].concat());
    }

    #[test]
    fn codecs_that_are_only_read_are_refused() {
        for codec in [Codec::Brotli, Codec::Lz4Hadoop] {
            assert!(PageCodec::new(codec, None).is_err(), "{codec}");
        }
    }
}
