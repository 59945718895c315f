//! Reading a file in memory twice, by us and by the `parquet` crate, and holding the two against each other.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::{Array as _, RecordBatch};
use arrow_schema::{DataType, SchemaRef};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::arrow_writer::ArrowWriter;
use parquet::file::properties::WriterProperties;
use ringquet_decode::{
    BufferPool, ChunkSource, ContentDigest, DecodeCounters, DecodeError, DecodeOptions,
    DecoderChoice, Footer, Int96, ParseOptions, Projection, RowGroupDecoder, RowGroupDigest, Step,
    TAIL_LEN, footer_len,
};

/// Writes batches as one file in memory.
pub(super) fn write(
    schema: SchemaRef,
    batches: &[RecordBatch],
    properties: WriterProperties,
) -> Bytes {
    let mut writer = ArrowWriter::try_new(Vec::new(), schema, Some(properties)).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.into_inner().unwrap().into()
}

/// Opens a file in memory.
pub(super) fn open(file: &[u8], projection: &Projection) -> Result<Arc<Footer>, DecodeError> {
    let file_len = file.len() as u64;
    let tail = file.last_chunk::<TAIL_LEN>().expect("test files have a tail");
    let length = footer_len(tail, file_len)? as usize;
    let end = file.len() - TAIL_LEN;
    Footer::parse(&file[end - length..end], file_len, projection).map(Arc::new)
}

/// A source that has the whole file.
pub(super) struct WholeFile<'a>(pub(super) &'a [u8]);

impl ChunkSource for WholeFile<'_> {
    fn bytes(&mut self, _leaf: usize, range: Range<u64>) -> Option<&[u8]> {
        let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
        Some(&self.0[range])
    }
}

/// A source that has nothing until it is asked to get it, then exactly that and only until the next time, in memory of its
/// own. It checks what the trait promises.
pub(super) struct Stingy<'a> {
    file: &'a [u8],
    chunks: HashMap<usize, Range<u64>>,
    granted: HashMap<usize, (u64, Vec<u8>)>,
    asked: HashMap<usize, u64>,
    consumed: HashMap<usize, u64>,
}

impl<'a> Stingy<'a> {
    fn new(file: &'a [u8], footer: &Footer, row_group: usize) -> Self {
        let chunks = footer
            .column_chunks(row_group)
            .map(|(leaf, chunk)| (leaf, chunk.byte_range()))
            .collect();
        Self {
            file,
            chunks,
            granted: HashMap::new(),
            asked: HashMap::new(),
            consumed: HashMap::new(),
        }
    }

    fn grant(&mut self, leaf: usize, range: Range<u64>) {
        let bytes = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
        self.granted.insert(leaf, (range.start, self.file[bytes].to_vec()));
    }

    fn note_consumed(&mut self, decoder: &RowGroupDecoder) {
        for leaf in self.chunks.keys() {
            let consumed = decoder.consumed(*leaf);
            let before = self.consumed.insert(*leaf, consumed).unwrap_or(0);
            assert!(before <= consumed, "leaf {leaf}: consumed went from {before} to {consumed}");
        }
    }
}

impl ChunkSource for Stingy<'_> {
    fn bytes(&mut self, leaf: usize, range: Range<u64>) -> Option<&[u8]> {
        let chunk = &self.chunks[&leaf];
        assert!(!range.is_empty() && chunk.start <= range.start && range.end <= chunk.end);
        assert!(
            range.start >= self.consumed.get(&leaf).copied().unwrap_or(0),
            "{range:?} is consumed"
        );
        let asked = self.asked.entry(leaf).or_default();
        assert!(range.start >= *asked, "leaf {leaf}: asked {range:?} after {asked}");
        *asked = range.start;
        let (start, bytes) = self.granted.get(&leaf)?;
        let skip = usize::try_from(range.start.checked_sub(*start)?).unwrap();
        bytes.get(skip..)?.get(..usize::try_from(range.end - range.start).unwrap())
    }
}

/// All batches of a row group, and what it took.
pub(super) fn read_row_group(
    file: &[u8],
    footer: &Arc<Footer>,
    row_group: usize,
    options: &DecodeOptions,
    stingy: bool,
) -> Result<(Vec<RecordBatch>, DecodeCounters), DecodeError> {
    let pool = BufferPool::new();
    let mut decoder = RowGroupDecoder::new(footer, row_group, options, &pool)?;
    let mut whole = WholeFile(file);
    let mut source = Stingy::new(file, footer, row_group);
    let mut batches = Vec::new();
    let mut waits = 0;
    loop {
        let step = if stingy {
            source.note_consumed(&decoder);
            decoder.next_batch(&mut source)?
        } else {
            decoder.next_batch(&mut whole)?
        };
        match step {
            Step::Batch(batch) => batches.push(batch),
            Step::NeedsBytes { leaf, range } => {
                assert!(stingy, "the whole file is at hand, and leaf {leaf} waits for {range:?}");
                waits += 1;
                assert!(waits < 1_000_000, "the decoder asks for ever");
                source.grant(leaf, range);
            }
            Step::Finished => {
                assert_eq!(decoder.rows_left(), 0);
                return Ok((batches, decoder.counters()));
            }
        }
    }
}

/// All batches of a row group as the `parquet` crate reads them.
pub(super) fn read_reference(
    file: &Bytes,
    row_group: usize,
    batch_rows: usize,
    projection: &Projection,
) -> Vec<RecordBatch> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(file.clone()).unwrap();
    let mask = match projection {
        Projection::All => ProjectionMask::all(),
        Projection::Names(names) => {
            ProjectionMask::columns(builder.parquet_schema(), names.iter().map(|name| &**name))
        }
    };
    let reader = builder
        .with_row_groups(vec![row_group])
        .with_projection(mask)
        .with_batch_size(batch_rows)
        .build()
        .unwrap();
    reader.map(|batch| batch.unwrap()).collect()
}

pub(super) fn digest(batches: &[RecordBatch], schema: &SchemaRef) -> ContentDigest {
    let mut digest = RowGroupDigest::new(0, 0, schema);
    batches.iter().for_each(|batch| digest.update(batch));
    digest.finish()
}

fn holds_floats(data_type: &DataType) -> bool {
    match data_type {
        DataType::List(field) | DataType::LargeList(field) | DataType::FixedSizeList(field, _) => {
            holds_floats(field.data_type())
        }
        DataType::Struct(fields) => fields.iter().any(|field| holds_floats(field.data_type())),
        DataType::Map(field, _) => holds_floats(field.data_type()),
        flat => flat.is_floating(),
    }
}

/// Both have the same batches. Floats are compared bit by bit, through their digests: a NaN equals itself.
pub(super) fn assert_same(ours: &[RecordBatch], theirs: &[RecordBatch], what: &str) {
    let rows =
        |batches: &[RecordBatch]| batches.iter().map(RecordBatch::num_rows).collect::<Vec<_>>();
    assert_eq!(rows(ours), rows(theirs), "{what}: rows of the batches");
    for (index, (our, their)) in ours.iter().zip(theirs).enumerate() {
        assert_eq!(our.schema().fields(), their.schema().fields(), "{what}");
        for (column, (left, right)) in our.columns().iter().zip(their.columns()).enumerate() {
            left.to_data().validate_full().unwrap_or_else(|error| {
                panic!("{what}: batch {index}, column {column} is not valid Arrow: {error}")
            });
            let name = our.schema().field(column).name().clone();
            assert_eq!(
                left.null_count(),
                right.null_count(),
                "{what}: batch {index}, nulls of {name}"
            );
            if !holds_floats(left.data_type()) {
                assert_eq!(left, right, "{what}: batch {index}, column {name}");
            }
            let digest = |batch: &RecordBatch| {
                let batch = batch.project(&[column]).unwrap();
                digest(std::slice::from_ref(&batch), &batch.schema())
            };
            assert_eq!(
                digest(our),
                digest(their),
                "{what}: batch {index}, column {name}:\n{left:?}\n{right:?}"
            );
        }
    }
}

/// A way of reading: with which decoder, and whether the bytes come as late and as sparse as they may.
pub(super) type Way = (DecoderChoice, bool);

/// Every way of reading there is.
const WAYS: [Way; 4] = [
    (DecoderChoice::Auto, false),
    (DecoderChoice::Auto, true),
    (DecoderChoice::FallbackOnly, false),
    (DecoderChoice::FallbackOnly, true),
];

/// Reads a file in every way we have and holds each against the `parquet` crate. Gives what the default way counted.
pub(super) fn check(
    file: &Bytes,
    projection: &Projection,
    batch_rows: &[usize],
    what: &str,
) -> DecodeCounters {
    check_ways(file, projection, batch_rows, &WAYS, what)
}

/// Reads a file in some ways and holds each against the `parquet` crate. Gives what the first way counted.
pub(super) fn check_ways(
    file: &Bytes,
    projection: &Projection,
    batch_rows: &[usize],
    ways: &[Way],
    what: &str,
) -> DecodeCounters {
    let footer = open(file, projection).unwrap_or_else(|error| panic!("{what}: {error}"));
    let mut counters = DecodeCounters::default();
    for row_group in 0..footer.num_row_groups() {
        for batch_rows in batch_rows.iter().copied() {
            let theirs = read_reference(file, row_group, batch_rows, projection);
            for (decoder, stingy) in ways.iter().copied() {
                let what = format!(
                    "{what}, row group {row_group}, {batch_rows} rows per batch, {decoder:?}, stingy {stingy}"
                );
                let options = DecodeOptions {
                    batch_rows,
                    decoder,
                    verify_crc: true,
                    ..DecodeOptions::default()
                };
                let (ours, counted) = read_row_group(file, &footer, row_group, &options, stingy)
                    .unwrap_or_else(|error| panic!("{what}: {error}"));
                assert_same(&ours, &theirs, &what);
                if (decoder, stingy) == ways[0] {
                    counters += counted;
                }
            }
        }
    }
    counters
}

/// Reads a file in every way we have: both decoders, bytes at hand or late, batches of several sizes, all of which must come to
/// the same arrays and the same digest. Gives all of its rows as one batch.
pub(super) fn read_every_way(file: &Bytes, int96: Int96, what: &str) -> RecordBatch {
    read_ways(file, int96, &WAYS, what)
}

/// As [`read_every_way`], in some ways.
pub(super) fn read_ways(file: &Bytes, int96: Int96, ways: &[Way], what: &str) -> RecordBatch {
    let footer = open_with(file, int96).unwrap_or_else(|error| panic!("{what}: {error}"));
    let schema = footer.projected_schema();
    let mut first: Option<(RecordBatch, ContentDigest)> = None;
    for batch_rows in [1, 3, 1000] {
        for (decoder, stingy) in ways.iter().copied() {
            let what = format!("{what}, {batch_rows} rows per batch, {decoder:?}, stingy {stingy}");
            let options = DecodeOptions { batch_rows, decoder, ..DecodeOptions::default() };
            let mut batches = Vec::new();
            for row_group in 0..footer.num_row_groups() {
                let read = read_row_group(file, &footer, row_group, &options, stingy);
                batches.extend(read.unwrap_or_else(|error| panic!("{what}: {error}")).0);
            }
            for column in batches.iter().flat_map(RecordBatch::columns) {
                let valid = column.to_data().validate_full();
                valid.unwrap_or_else(|error| panic!("{what}: not valid Arrow: {error}"));
            }
            let digest = digest(&batches, schema);
            let rows = arrow_select::concat::concat_batches(schema, &batches).unwrap();
            let (known, known_digest) = first.get_or_insert((rows.clone(), digest));
            assert_eq!(*known, rows, "{what}");
            assert_eq!(*known_digest, digest, "{what}");
        }
    }
    first.unwrap().0
}

/// What each decoder refuses a file with.
pub(super) fn refusals(file: &Bytes, int96: Int96) -> Vec<String> {
    let footer = match open_with(file, int96) {
        Ok(footer) => footer,
        Err(error) => return vec![error.to_string()],
    };
    let refusal = |decoder| {
        let options = DecodeOptions { batch_rows: 3, decoder, ..DecodeOptions::default() };
        let read = |row_group| read_row_group(file, &footer, row_group, &options, false);
        (0..footer.num_row_groups()).find_map(|row_group| read(row_group).err())
    };
    [DecoderChoice::Auto, DecoderChoice::FallbackOnly]
        .map(|decoder| refusal(decoder).expect("has to be refused").to_string())
        .to_vec()
}

/// Opens a file in memory with all of its columns.
pub(super) fn open_with(file: &[u8], int96: Int96) -> Result<Arc<Footer>, DecodeError> {
    let file_len = file.len() as u64;
    let tail = file.last_chunk::<TAIL_LEN>().expect("test files have a tail");
    let end = file.len() - TAIL_LEN;
    let length = footer_len(tail, file_len)? as usize;
    let options = ParseOptions { projection: &Projection::All, shared: None, int96 };
    Footer::parse_with(&file[end - length..end], file_len, &options).map(Arc::new)
}
