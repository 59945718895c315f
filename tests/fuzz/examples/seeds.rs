//! Writes the seeds of every target into `seeds/TARGET/`, the same ones each time: `cargo run --example seeds`.
//!
//! Files come from arrow-rs, a column each, over types, encodings, codecs, page versions, nulls and lists, a few dozen
//! rows long. The seeds of the layers are cut out of the same files.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, FixedSizeBinaryArray,
    FixedSizeListArray, Float16Array, Float32Array, Float64Array, Int8Array, Int32Array,
    Int64Array, LargeListArray, LargeStringArray, ListArray, RecordBatch, StringArray, StructArray,
    TimestampMicrosecondArray, UInt16Array,
};
use arrow_schema::{DataType, Field, Fields, Schema};
use bytes::Bytes;
use half::f16;
use parquet::arrow::arrow_writer::ArrowWriter;
use parquet::basic::{Compression, Encoding};
use parquet::column::page::{Page, PageReader};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::serialized_reader::SerializedPageReader;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const ROWS: i32 = 40;

/// Largest seed.
const SEED_BYTES_MAX: usize = 4096;

fn main() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    let mut seeds = Seeds { root };
    for (index, case) in cases().into_iter().enumerate() {
        let file = case.write(index)?;
        seeds.put("file", &case.name, &file)?;
        seeds.layers(&case, &file)?;
    }
    seeds.levels()?;
    seeds.codecs()?;
    Ok(())
}

/// A column and how it is to be written.
struct Case {
    name: String,
    array: ArrayRef,
    encoding: Option<Encoding>,
    /// Number of the leaf among those of its target, where it has one.
    leaf: u8,
}

/// Nulls in every fifth row, for every other case.
fn rows<T>(value: impl Fn(i32) -> T) -> Vec<T> {
    (0..ROWS).map(value).collect()
}

fn cases() -> Vec<Case> {
    use Encoding::{
        BYTE_STREAM_SPLIT as SPLIT, DELTA_BINARY_PACKED as DELTA, DELTA_BYTE_ARRAY as PREFIXES,
        DELTA_LENGTH_BYTE_ARRAY as LENGTHS, PLAIN, RLE,
    };
    let some_nulls = |index: i32| (index % 5 != 2).then_some(index);
    let text = |index: i32| format!("row {} of {}", index % 9, index / 10);
    let int32: ArrayRef = Arc::new(Int32Array::from(rows(|index| index * 77 % 1000)));
    let int64: ArrayRef =
        Arc::new(Int64Array::from(rows(|index| i64::from(index) << (index % 40))));
    let strings: ArrayRef = Arc::new(StringArray::from(rows(text)));
    let floats: ArrayRef = Arc::new(Float32Array::from(rows(|index| (index as f32 - 9.0) / 3.0)));
    let fixed: ArrayRef = Arc::new(
        FixedSizeBinaryArray::try_from_iter(rows(|index| [index as u8, 1, 2, 3, 4]).into_iter())
            .expect("all of one length"),
    );
    let list = |index: i32| {
        (index % 7 != 3).then(|| (0..index % 4).map(|n| (n != 2).then_some(n)).collect::<Vec<_>>())
    };
    let list64 = |index: i32| Some(vec![Some(i64::from(index)), Some(2), Some(3)]);
    let item = |data_type, nullable| Arc::new(Field::new("item", data_type, nullable));
    let flux = FixedSizeListArray::new(
        item(DataType::Float32, false),
        8,
        Arc::new(Float32Array::from((0..ROWS * 8).map(|n| n as f32).collect::<Vec<_>>())),
        None,
    );
    let structs = StructArray::new(
        Fields::from(vec![
            Field::new("a", DataType::Int32, true),
            Field::new("b", DataType::Utf8, false),
        ]),
        vec![Arc::new(Int32Array::from(rows(some_nulls))), Arc::clone(&strings)],
        None,
    );
    let case = |name: &str, array: ArrayRef, encoding, leaf| Case {
        name: name.to_owned(),
        array,
        encoding,
        leaf,
    };
    vec![
        case("bool-plain", Arc::new(BooleanArray::from(rows(|n| n % 3 == 0))), Some(PLAIN), 0),
        case("bool-rle", Arc::new(BooleanArray::from(rows(|n| n > 20))), Some(RLE), 0),
        case(
            "bool-null",
            Arc::new(BooleanArray::from(rows(|n| (n % 4 > 0).then_some(n > 9)))),
            Some(RLE),
            0,
        ),
        case("int32-plain", Arc::clone(&int32), Some(PLAIN), 1),
        case("int32-delta", Arc::clone(&int32), Some(DELTA), 0),
        case("int32-split", Arc::clone(&int32), Some(SPLIT), 0),
        case("int32-dictionary", Arc::clone(&int32), None, 0),
        case(
            "int32-null-dictionary",
            Arc::new(Int32Array::from(rows(|n| some_nulls(n / 4)))),
            None,
            0,
        ),
        case("int8-dictionary", Arc::new(Int8Array::from(rows(|n| n as i8))), None, 1),
        case("int8-plain", Arc::new(Int8Array::from(rows(|n| -n as i8))), Some(PLAIN), 2),
        case("uint16-delta", Arc::new(UInt16Array::from(rows(|n| n as u16 * 9))), Some(DELTA), 2),
        case("date-delta", Arc::new(Date32Array::from(rows(some_nulls))), Some(DELTA), 3),
        case("int64-plain", Arc::clone(&int64), Some(PLAIN), 7),
        case("int64-delta", Arc::clone(&int64), Some(DELTA), 6),
        case("int64-dictionary", int64, None, 6),
        case(
            "timestamp-dictionary",
            Arc::new(TimestampMicrosecondArray::from(rows(|n| some_nulls(n).map(i64::from)))),
            None,
            7,
        ),
        case(
            "decimal-plain",
            Arc::new(
                Decimal128Array::from(rows(|n| i128::from(n) - 7))
                    .with_precision_and_scale(15, 2)
                    .expect("fits"),
            ),
            Some(PLAIN),
            9,
        ),
        case(
            "decimal-wide",
            Arc::new(
                Decimal128Array::from(rows(|n| i128::from(n) << 60))
                    .with_precision_and_scale(38, 2)
                    .expect("fits"),
            ),
            Some(PLAIN),
            19,
        ),
        case(
            "float16-split",
            Arc::new(Float16Array::from(rows(|n| f16::from_f32(n as f32 / 8.0)))),
            Some(SPLIT),
            11,
        ),
        case(
            "float16-dictionary",
            Arc::new(Float16Array::from(rows(|n| f16::from_f32((n % 6) as f32)))),
            None,
            14,
        ),
        case("float32-plain", Arc::clone(&floats), Some(PLAIN), 11),
        case("float32-split", Arc::clone(&floats), Some(SPLIT), 9),
        case("float32-dictionary", floats, None, 10),
        case(
            "float64-null-split",
            Arc::new(Float64Array::from(rows(|n| some_nulls(n).map(f64::from)))),
            Some(SPLIT),
            10,
        ),
        case("string-plain", Arc::clone(&strings), Some(PLAIN), 14),
        case("string-dictionary", Arc::clone(&strings), None, 13),
        case("string-lengths", Arc::clone(&strings), Some(LENGTHS), 1),
        case("string-prefixes", Arc::clone(&strings), Some(PREFIXES), 1),
        case(
            "string-null",
            Arc::new(StringArray::from(rows(|n| some_nulls(n).map(text)))),
            Some(PREFIXES),
            1,
        ),
        case("large-string", Arc::new(LargeStringArray::from(rows(text))), None, 13),
        case(
            "binary-plain",
            Arc::new(BinaryArray::from_iter_values(rows(|n| vec![n as u8; (n % 6) as usize]))),
            Some(PLAIN),
            13,
        ),
        case("fixed-plain", Arc::clone(&fixed), Some(PLAIN), 16),
        case("fixed-split", Arc::clone(&fixed), Some(SPLIT), 12),
        case("fixed-prefixes", Arc::clone(&fixed), Some(PREFIXES), 2),
        case("fixed-dictionary", fixed, None, 15),
        case(
            "list-int32",
            Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(rows(list))),
            Some(PLAIN),
            0,
        ),
        case(
            "list-int32-dictionary",
            Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(rows(list))),
            None,
            0,
        ),
        case(
            "large-list-int64",
            Arc::new(LargeListArray::from_iter_primitive::<Int64Type, _, _>(rows(list64))),
            Some(DELTA),
            0,
        ),
        case("fixed-list-float", Arc::new(flux), Some(PLAIN), 0),
        case("struct", Arc::new(structs), None, 0),
    ]
}

impl Case {
    /// The file: codec and page version go round with `index`.
    fn write(&self, index: usize) -> Result<Vec<u8>> {
        let codecs = [
            Compression::UNCOMPRESSED,
            Compression::SNAPPY,
            Compression::UNCOMPRESSED,
            Compression::ZSTD(Default::default()),
            Compression::LZ4_RAW,
            Compression::UNCOMPRESSED,
            Compression::GZIP(Default::default()),
            Compression::BROTLI(Default::default()),
            Compression::LZ4,
        ];
        let version = [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0][index / 2 % 2];
        let mut properties = WriterProperties::builder()
            .set_compression(codecs[index % codecs.len()])
            .set_writer_version(version)
            .set_statistics_enabled(EnabledStatistics::None)
            .set_offset_index_disabled(true)
            .set_write_batch_size(8)
            .set_data_page_row_count_limit(if index % 3 == 0 { 16 } else { 1000 })
            .set_dictionary_enabled(self.encoding.is_none())
            .set_created_by("seeds".to_owned());
        if let Some(encoding) = self.encoding {
            properties = properties.set_encoding(encoding);
        }
        let nullable = self.array.null_count() > 0 || index % 4 == 1;
        let field = Field::new("c", self.array.data_type().clone(), nullable);
        let schema = Arc::new(Schema::new(vec![field]));
        let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::clone(&self.array)])?;
        let mut writer = ArrowWriter::try_new(Vec::new(), schema, Some(properties.build()))?;
        writer.write(&batch)?;
        Ok(writer.into_inner()?)
    }
}

/// The directory that they go to.
struct Seeds {
    root: PathBuf,
}

impl Seeds {
    fn put(&mut self, target: &str, name: &str, bytes: &[u8]) -> Result<()> {
        if bytes.len() > SEED_BYTES_MAX {
            return Err(format!("{target}/{name}: a seed of {} bytes", bytes.len()).into());
        }
        let dir = self.root.join(target);
        fs::create_dir_all(&dir)?;
        Ok(fs::write(dir.join(name), bytes)?)
    }

    /// What the layers' targets take of a file: footer, page headers, pages.
    fn layers(&mut self, case: &Case, file: &[u8]) -> Result<()> {
        let tail = file.len() - 8;
        let length = u32::from_le_bytes(file[tail..tail + 4].try_into()?) as usize;
        self.put("footer", &case.name, &file[tail - length..tail])?;

        let bytes = Bytes::copy_from_slice(file);
        let reader = SerializedFileReader::new(bytes.clone())?;
        let metadata = reader.metadata();
        let chunk = metadata.row_group(0).column(0);
        let (start, chunk_bytes) = chunk.byte_range();
        let end = (start + chunk_bytes.min(64)) as usize;
        self.put("page_header", &case.name, &file[start as usize..end])?;
        let data_page = chunk.data_page_offset() as usize;
        self.put(
            "page_header",
            &format!("{}-data", case.name),
            &file[data_page..(data_page + 64).min(file.len())],
        )?;

        let column = chunk.column_descr();
        if column.max_def_level() > 0 {
            return Ok(());
        }
        let mut pages = SerializedPageReader::new(Arc::new(bytes), chunk, ROWS as usize, None)?;
        let mut dictionary: Option<(u32, Bytes)> = None;
        while let Some(page) = pages.get_next_page()? {
            match page {
                Page::DictionaryPage { buf, num_values, .. } => {
                    dictionary = Some((num_values, buf));
                }
                Page::DataPage { buf, num_values, encoding, .. }
                | Page::DataPageV2 { buf, num_values, encoding, .. } => {
                    let num_values = (num_values as u16).to_le_bytes();
                    let head = [case.leaf, 0, 0, 0];
                    let (target, first) = match (encoding, &dictionary) {
                        (Encoding::RLE_DICTIONARY, _) => ("dictionary", 1),
                        (Encoding::DELTA_BINARY_PACKED, _) => ("delta", 0),
                        (Encoding::DELTA_LENGTH_BYTE_ARRAY, _) => ("delta", 1),
                        (Encoding::DELTA_BYTE_ARRAY, _) => ("delta", 2),
                        (Encoding::BYTE_STREAM_SPLIT, _) => ("plain", 2),
                        (Encoding::RLE, _) => ("plain", 3),
                        (_, _) => ("plain", 0),
                    };
                    let mut seed = vec![first];
                    seed.extend(head);
                    if let (Encoding::RLE_DICTIONARY, Some((entries, dictionary))) =
                        (encoding, &dictionary)
                    {
                        seed.extend((*entries as u16).to_le_bytes());
                        seed.extend((dictionary.len() as u16).to_le_bytes());
                        seed.extend(num_values);
                        seed.extend_from_slice(dictionary);
                    } else {
                        seed.extend(num_values);
                    }
                    seed.extend_from_slice(&buf);
                    self.put(target, &case.name, &seed)?;
                    // The same values with nulls between them, in both page versions.
                    for (name, flags) in [("optional", 1), ("optional-2", 3), ("late-2", 6)] {
                        seed[2] = flags;
                        seed[3] = 0b1101_1111;
                        self.put(target, &format!("{}-{name}", case.name), &seed)?;
                    }
                    break;
                }
            }
        }
        Ok(())
    }

    fn levels(&mut self) -> Result<()> {
        // Runs: 20 × 1, then two groups; then the same with three bits.
        self.put("levels", "hybrid-1", &[0, 1, 7, 40, 1, 5, 0b1010_1010, 0xff])?;
        self.put("levels", "hybrid-3", &[0, 3, 9, 16, 5, 3, 0x88, 0xc6, 0xfa])?;
        self.put(
            "levels",
            "hybrid-counting",
            &[
                0, 8, 64, 7, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19,
                20, 21, 22, 23,
            ],
        )?;
        self.put("levels", "rows-rle", &[1, 2, 16, 0, 4, 0, 0, 0, 16, 0, 3, 0x55])?;
        self.put("levels", "rows-packed", &[1, 3, 16, 0, 0x55, 0xaa])?;
        // Optional, required list, optional list; v1, v2, BIT_PACKED, two pages; bytes that come late.
        self.put("levels", "optional", &[2, 0, 0, 4, 24, 0, 0, 24, 1, 3, 0x5a])?;
        self.put("levels", "optional-2", &[2, 0, 2, 4, 24, 0, 0, 7, 0xff, 0x0f, 0x5a])?;
        self.put("levels", "optional-packed", &[2, 0, 12, 1, 16, 0, 0, 0xa5, 0x5a])?;
        self.put("levels", "list-required", &[2, 1, 0, 4, 24, 0, 4, 7, 0xee, 0xee, 0xee, 48, 1])?;
        self.put(
            "levels",
            "list-required-2",
            &[2, 1, 10, 2, 24, 0, 4, 7, 0xee, 0xee, 0xee, 48, 1],
        )?;
        self.put(
            "levels",
            "list-optional",
            &[2, 2, 0, 1, 16, 0, 3, 5, 0xee, 0xee, 16, 3, 3, 0xb5, 0xfe],
        )?;
        self.put(
            "levels",
            "list-two-pages",
            &[
                2, 2, 1, 2, 16, 0, 3, 5, 0xee, 0xee, 2, 32, 3, //
                16, 0, 3, 5, 0xef, 0xee, 2, 32, 3,
            ],
        )?;
        Ok(())
    }

    fn codecs(&mut self) -> Result<()> {
        let text: Vec<u8> = (0..60_u32)
            .flat_map(|index| format!("value {}, ", index * index % 17).into_bytes())
            .collect();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), Default::default());
        gzip.write_all(&text)?;
        let mut brotli_bytes = Vec::new();
        let mut brotli = brotli::CompressorWriter::new(&mut brotli_bytes, 4096, 5, 20);
        brotli.write_all(&text)?;
        drop(brotli);
        let mut frame = lz4_flex::frame::FrameEncoder::new(Vec::new());
        frame.write_all(&text)?;
        let block = lz4_flex::block::compress(&text);
        let hadoop =
            [&(text.len() as u32).to_be_bytes()[..], &(block.len() as u32).to_be_bytes(), &block];
        let compressed = [
            ("uncompressed", 0, text.clone()),
            ("snappy", 1, snap::raw::Encoder::new().compress_vec(&text)?),
            ("gzip", 2, gzip.finish()?),
            ("brotli", 3, brotli_bytes),
            ("lz4-hadoop", 4, hadoop.concat()),
            ("lz4-frame", 4, frame.finish()?),
            ("zstd", 5, zstd::bulk::compress(&text, 3)?),
            ("lz4-raw", 6, block),
        ];
        let length = (text.len() as u16).to_le_bytes();
        for (name, codec, bytes) in compressed {
            self.put("codecs", name, &[&[codec][..], &length, &bytes].concat())?;
        }
        Ok(())
    }
}
