//! The footer: schema, row groups, `ARROW:schema`, in the fields and the order of Arrow's writer.
//!
//! A row group is encoded as soon as it is written, about 110 bytes per column chunk; the footer of
//! a real DLRM file has 153,600 of them and 17.7 MB.

use arrow_schema::Schema;
use parquet::arrow::encode_arrow_schema;
use ringquet_decode::thrift::StructWriter;

use super::page::offset_i64;
use super::schema::{DataColumn, DataKind};

/// In `created_by` of every file.
pub(crate) const CREATED_BY: &str = concat!("ringquet version ", env!("CARGO_PKG_VERSION"));

/// First and last bytes of a file.
pub(crate) const MAGIC: [u8; 4] = *b"PAR1";

/// Parquet's version of the format's types, which Arrow writes for 2.6.
const VERSION: i32 = 2;

/// Parquet's numbers of repetitions.
const REQUIRED: i32 = 0;
const OPTIONAL: i32 = 1;
const REPEATED: i32 = 2;

/// Parquet's numbers of converted types.
const UTF8: i32 = 0;
const LIST: i32 = 3;
const UINT_8: i32 = 11;
const INT_8: i32 = 15;

/// Row groups, encoded as they come.
#[derive(Debug, Default)]
pub(crate) struct Footer {
    row_groups: Vec<u8>,
    count: usize,
    rows: u64,
}

/// A row group that was written.
pub(crate) struct RowGroup<'a> {
    /// Its column chunks, encoded.
    pub(crate) chunks: &'a [u8],
    pub(crate) columns: usize,
    pub(crate) rows: u64,
    /// Where it begins.
    pub(crate) offset: u64,
    pub(crate) uncompressed_bytes: u64,
    pub(crate) compressed_bytes: u64,
}

impl Footer {
    pub(crate) fn add(&mut self, row_group: &RowGroup<'_>) {
        let mut fields = StructWriter::new(&mut self.row_groups);
        fields.encoded_structures(1, row_group.columns, row_group.chunks);
        fields.i64(2, offset_i64(row_group.uncompressed_bytes));
        fields.i64(3, offset_i64(row_group.rows));
        fields.i64(5, offset_i64(row_group.offset));
        fields.i64(6, offset_i64(row_group.compressed_bytes));
        fields.end();
        self.count += 1;
        self.rows += row_group.rows;
    }

    /// The end of the file: the footer, its length, the magic. `None` if the footer is longer than
    /// a file can state.
    pub(crate) fn encode(&self, columns: &[DataColumn], schema: &Schema) -> Option<Vec<u8>> {
        let mut out = Vec::with_capacity(self.row_groups.len() + 4096);
        let mut file = StructWriter::new(&mut out);
        file.i32(1, VERSION);
        file.structures(2, &schema_elements(columns), |element, fields| element.write(fields));
        file.i64(3, offset_i64(self.rows));
        file.encoded_structures(4, self.count, &self.row_groups);
        let arrow_schema = encode_arrow_schema(schema);
        file.structures(5, &[("ARROW:schema", arrow_schema)], |(key, value), fields| {
            fields.bytes(1, key.as_bytes());
            fields.bytes(2, value.as_bytes());
        });
        file.bytes(6, CREATED_BY.as_bytes());
        // Every column is ordered by its type.
        file.structures(7, columns, |_, fields| fields.structure(1, |_| ()));
        file.end();
        let length = u32::try_from(out.len()).ok().filter(|length| *length < 1 << 31)?;
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&MAGIC);
        Some(out)
    }
}

/// One line of the schema, depth first.
enum Element<'a> {
    Root(usize),
    /// The outer group of a list.
    List(&'a str),
    /// Its repeated group.
    Repeated,
    Leaf(&'a str, DataKind),
}

fn schema_elements(columns: &[DataColumn]) -> Vec<Element<'_>> {
    let mut elements = vec![Element::Root(columns.len())];
    for column in columns {
        if column.is_list() {
            elements.push(Element::List(&column.name));
            elements.push(Element::Repeated);
            elements.push(Element::Leaf("element", column.kind));
        } else {
            elements.push(Element::Leaf(&column.name, column.kind));
        }
    }
    elements
}

impl Element<'_> {
    fn write(&self, fields: &mut StructWriter<'_>) {
        match self {
            Self::Root(children) => {
                fields.i32(3, REQUIRED);
                fields.bytes(4, b"schema");
                fields.i32(5, i32::try_from(*children).unwrap_or(i32::MAX));
            }
            Self::List(name) => {
                fields.i32(3, OPTIONAL);
                fields.bytes(4, name.as_bytes());
                fields.i32(5, 1);
                fields.i32(6, LIST);
                fields.structure(10, |logical| logical.structure(3, |_| ()));
            }
            Self::Repeated => {
                fields.i32(3, REPEATED);
                fields.bytes(4, b"list");
                fields.i32(5, 1);
            }
            Self::Leaf(name, kind) => {
                fields.i32(1, kind.physical_type());
                if *kind == DataKind::Float16 {
                    fields.i32(2, 2);
                }
                fields.i32(3, OPTIONAL);
                fields.bytes(4, name.as_bytes());
                write_annotation(*kind, fields);
            }
        }
    }
}

/// Converted and logical type, if the physical type is not enough.
fn write_annotation(kind: DataKind, fields: &mut StructWriter<'_>) {
    let mut integer = |converted: i32, bits: u8, signed: bool| {
        fields.i32(6, converted);
        fields.structure(10, |logical| {
            logical.structure(10, |integer| {
                integer.i8(1, bits);
                integer.bool(2, signed);
            });
        });
    };
    match kind {
        DataKind::Uint8 => integer(UINT_8, 8, false),
        DataKind::Uint16 => integer(UINT_8 + 1, 16, false),
        DataKind::Uint32 => integer(UINT_8 + 2, 32, false),
        DataKind::Uint64 => integer(UINT_8 + 3, 64, false),
        DataKind::Int8 => integer(INT_8, 8, true),
        DataKind::Int16 => integer(INT_8 + 1, 16, true),
        DataKind::Float16 => fields.structure(10, |logical| logical.structure(15, |_| ())),
        DataKind::Utf8 => {
            fields.i32(6, UTF8);
            fields.structure(10, |logical| logical.structure(1, |_| ()));
        }
        DataKind::Int32
        | DataKind::Int64
        | DataKind::Float32
        | DataKind::Float64
        | DataKind::Binary(_)
        | DataKind::Boolean
        | DataKind::ByteAsInt64 => {}
    }
}
