//! A file with one column chunk, whose pages are given: footer and page headers are right, whatever the pages hold.

use crate::leaf::Leaf;
use crate::thrift::{self, Struct};

/// How values or levels are encoded; the numbers are those of the specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Values one after another.
    Plain = 0,
    /// Old name of the next but five.
    PlainDictionary = 2,
    /// Runs and bit-packed groups.
    Rle = 3,
    /// Levels, from the most significant bit.
    BitPacked = 4,
    /// Differences in miniblocks.
    DeltaBinaryPacked = 5,
    /// Lengths, then bytes.
    DeltaLengthByteArray = 6,
    /// Shared prefixes, then suffixes.
    DeltaByteArray = 7,
    /// Indices into the dictionary.
    RleDictionary = 8,
    /// All first bytes, all second bytes, …
    ByteStreamSplit = 9,
}

/// How slots make rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A value per row.
    Required,
    /// A value or null per row.
    Optional,
    /// A list without nulls anywhere per row.
    RequiredList,
    /// A list, both it and its elements perhaps null.
    OptionalList,
}

impl Shape {
    /// The highest definition level.
    pub fn max_definition(self) -> u32 {
        match self {
            Self::Required => 0,
            Self::Optional | Self::RequiredList => 1,
            Self::OptionalList => 3,
        }
    }

    /// The highest repetition level.
    pub fn max_repetition(self) -> u32 {
        match self {
            Self::Required | Self::Optional => 0,
            Self::RequiredList | Self::OptionalList => 1,
        }
    }
}

/// What kind of page.
#[derive(Debug, Clone, Copy)]
pub enum PageKind {
    /// The dictionary.
    Dictionary,
    /// Data page v1.
    V1 {
        /// Of the definition levels.
        definition_encoding: Encoding,
        /// Of the repetition levels.
        repetition_encoding: Encoding,
    },
    /// Data page v2.
    V2 {
        /// Nulls that the header announces.
        num_nulls: u32,
        /// Rows that the header announces.
        num_rows: u32,
        /// Bytes of the definition levels.
        definition_bytes: u32,
        /// Bytes of the repetition levels.
        repetition_bytes: u32,
    },
}

/// A page.
#[derive(Debug, Clone)]
pub struct Page {
    /// What kind.
    pub kind: PageKind,
    /// Of its values.
    pub encoding: Encoding,
    /// Values that the header announces.
    pub num_values: u32,
    /// Levels and values, uncompressed.
    pub bytes: Vec<u8>,
}

impl Page {
    fn header(&self) -> Vec<u8> {
        let (values, length) = (self.num_values as i32, self.bytes.len() as i32);
        let encoding = self.encoding as i32;
        let header = |number| Struct::default().i32(1, number).i32(2, length).i32(3, length);
        match self.kind {
            PageKind::Dictionary => {
                let particular = Struct::default().i32(1, values).i32(2, encoding);
                header(2).field(7, &particular.finish())
            }
            PageKind::V1 { definition_encoding, repetition_encoding } => {
                let particular = Struct::default()
                    .i32(1, values)
                    .i32(2, encoding)
                    .i32(3, definition_encoding as i32)
                    .i32(4, repetition_encoding as i32);
                header(0).field(5, &particular.finish())
            }
            PageKind::V2 { num_nulls, num_rows, definition_bytes, repetition_bytes } => {
                let particular = Struct::default()
                    .i32(1, values)
                    .i32(2, num_nulls as i32)
                    .i32(3, num_rows as i32)
                    .i32(4, encoding)
                    .i32(5, definition_bytes as i32)
                    .i32(6, repetition_bytes as i32)
                    .bool(7, false);
                header(3).field(8, &particular.finish())
            }
        }
        .finish()
    }
}

/// A column chunk, alone in its file.
#[derive(Debug, Clone)]
pub struct Column {
    /// Type of its leaf.
    pub leaf: Leaf,
    /// How slots make rows.
    pub shape: Shape,
    /// Rows of the row group.
    pub rows: u64,
    /// Its pages, the dictionary first.
    pub pages: Vec<Page>,
}

const REQUIRED: i32 = 0;
const OPTIONAL: i32 = 1;
const REPEATED: i32 = 2;
/// ConvertedType LIST.
const LIST: i32 = 3;

impl Column {
    /// The file.
    pub fn file(&self) -> Vec<u8> {
        let mut file = b"PAR1".to_vec();
        let (mut data_page, mut dictionary_page) = (None, None);
        let (mut num_values, mut encodings) = (0, vec![Encoding::Rle as i32]);
        for page in &self.pages {
            let offset = file.len() as u64;
            if matches!(page.kind, PageKind::Dictionary) {
                dictionary_page.get_or_insert(offset);
            } else {
                data_page.get_or_insert(offset);
                num_values += u64::from(page.num_values);
            }
            if !encodings.contains(&(page.encoding as i32)) {
                encodings.push(page.encoding as i32);
            }
            file.extend(page.header());
            file.extend_from_slice(&page.bytes);
        }
        let bytes = file.len() as u64 - 4;
        let (schema, path) = self.schema();
        let mut metadata = Struct::default()
            .i32(1, self.leaf.physical as i32)
            .list(2, thrift::I32, &encodings.into_iter().map(thrift::number).collect::<Vec<_>>())
            .list(3, thrift::BINARY, &path)
            .i32(4, 0)
            .i64(5, num_values)
            .i64(6, bytes)
            .i64(7, bytes)
            .i64(9, data_page.unwrap_or(4));
        if let Some(offset) = dictionary_page {
            metadata = metadata.i64(11, offset);
        }
        let chunk = Struct::default().i64(2, 4).field(3, &metadata.finish()).finish();
        let row_group = Struct::default()
            .list(1, thrift::STRUCT, &[chunk])
            .i64(2, bytes)
            .i64(3, self.rows)
            .finish();
        let footer = Struct::default()
            .i32(1, 1)
            .list(2, thrift::STRUCT, &schema)
            .i64(3, self.rows)
            .list(4, thrift::STRUCT, &[row_group])
            .finish();
        file.extend_from_slice(&footer);
        file.extend_from_slice(&(footer.len() as u32).to_le_bytes());
        file.extend_from_slice(b"PAR1");
        file
    }

    /// Schema elements, and the path of the leaf.
    fn schema(&self) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
        let root = Struct::default().binary(4, b"schema").i32(5, 1).finish();
        let list = |repetition, element| {
            let outer = Struct::default()
                .i32(3, repetition)
                .binary(4, b"c")
                .i32(5, 1)
                .i32(6, LIST)
                .finish();
            let group = Struct::default().i32(3, REPEATED).binary(4, b"list").i32(5, 1).finish();
            let leaf = self.leaf.schema_element("element", element);
            (
                vec![root.clone(), outer, group, leaf],
                vec![thrift::binary(b"c"), thrift::binary(b"list"), thrift::binary(b"element")],
            )
        };
        let flat = |repetition| {
            let leaf = self.leaf.schema_element("c", repetition);
            (vec![root.clone(), leaf], vec![thrift::binary(b"c")])
        };
        match self.shape {
            Shape::Required => flat(REQUIRED),
            Shape::Optional => flat(OPTIONAL),
            Shape::RequiredList => list(REQUIRED, REQUIRED),
            Shape::OptionalList => list(OPTIONAL, OPTIONAL),
        }
    }
}
