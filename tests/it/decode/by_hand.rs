//! Parquet files put together byte by byte: what no writer at hand would write.
//!
//! Thrift is written here on its own and not with the writer of `ringquet-decode`: what reads these files is not to be
//! tested with its own idea of the format, and fields come out of order here, or twice, or not at all.

use bytes::Bytes;

/// Physical types by their numbers.
pub(crate) mod physical {
    pub(crate) const BOOLEAN: i32 = 0;
    pub(crate) const INT32: i32 = 1;
    pub(crate) const INT64: i32 = 2;
    pub(crate) const INT96: i32 = 3;
    pub(crate) const FLOAT: i32 = 4;
    pub(crate) const DOUBLE: i32 = 5;
    pub(crate) const BYTE_ARRAY: i32 = 6;
    pub(crate) const FIXED: i32 = 7;
}

/// Encodings by their numbers.
pub(crate) mod encoding {
    pub(crate) const PLAIN: i32 = 0;
    pub(crate) const PLAIN_DICTIONARY: i32 = 2;
    pub(crate) const RLE: i32 = 3;
    pub(crate) const DELTA_BINARY_PACKED: i32 = 5;
    pub(crate) const DELTA_LENGTH_BYTE_ARRAY: i32 = 6;
    pub(crate) const DELTA_BYTE_ARRAY: i32 = 7;
    pub(crate) const RLE_DICTIONARY: i32 = 8;
    pub(crate) const BYTE_STREAM_SPLIT: i32 = 9;
}

/// Repetitions by their numbers.
pub(crate) const REQUIRED: i32 = 0;
pub(crate) const OPTIONAL: i32 = 1;
pub(crate) const REPEATED: i32 = 2;

fn varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).unwrap());
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

/// A thrift struct in the compact protocol; fields come in any order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Thrift {
    bytes: Vec<u8>,
    last: i16,
}

impl Thrift {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    fn field(mut self, id: i16, kind: u8) -> Self {
        match u8::try_from(id - self.last) {
            Ok(delta @ 1..=15) => self.bytes.push(delta << 4 | kind),
            _ => {
                self.bytes.push(kind);
                varint(&mut self.bytes, zigzag(i64::from(id)));
            }
        }
        self.last = id;
        self
    }

    pub(crate) fn boolean(self, id: i16, value: bool) -> Self {
        self.field(id, if value { 1 } else { 2 })
    }

    pub(crate) fn i8(self, id: i16, value: u8) -> Self {
        let mut this = self.field(id, 3);
        this.bytes.push(value);
        this
    }

    pub(crate) fn i32(self, id: i16, value: i32) -> Self {
        let mut this = self.field(id, 5);
        varint(&mut this.bytes, zigzag(i64::from(value)));
        this
    }

    pub(crate) fn i64(self, id: i16, value: i64) -> Self {
        let mut this = self.field(id, 6);
        varint(&mut this.bytes, zigzag(value));
        this
    }

    pub(crate) fn binary(self, id: i16, value: &[u8]) -> Self {
        let mut this = self.field(id, 8);
        varint(&mut this.bytes, value.len() as u64);
        this.bytes.extend(value);
        this
    }

    pub(crate) fn structure(self, id: i16, value: Thrift) -> Self {
        let mut this = self.field(id, 12);
        this.bytes.extend(value.finish());
        this
    }

    fn list(self, id: i16, kind: u8, items: Vec<Vec<u8>>) -> Self {
        let mut this = self.field(id, 9);
        match u8::try_from(items.len()) {
            Ok(length @ 0..15) => this.bytes.push(length << 4 | kind),
            _ => {
                this.bytes.push(0xf0 | kind);
                varint(&mut this.bytes, items.len() as u64);
            }
        }
        this.bytes.extend(items.concat());
        this
    }

    pub(crate) fn structures(self, id: i16, items: Vec<Thrift>) -> Self {
        self.list(id, 12, items.into_iter().map(Thrift::finish).collect())
    }

    fn numbers(self, id: i16, items: &[i32]) -> Self {
        let number = |item: &i32| {
            let mut bytes = Vec::new();
            varint(&mut bytes, zigzag(i64::from(*item)));
            bytes
        };
        self.list(id, 5, items.iter().map(number).collect())
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.bytes.push(0);
        self.bytes
    }
}

/// A logical type without parameters.
pub(crate) fn logical(id: i16) -> Thrift {
    Thrift::new().structure(id, Thrift::new())
}

/// One `SchemaElement`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Element {
    name: Vec<u8>,
    physical: Option<i32>,
    length: Option<i32>,
    repetition: Option<i32>,
    children: Option<i32>,
    converted: Option<i32>,
    decimal: Option<(i32, i32)>,
    logical: Option<Thrift>,
}

/// A leaf column.
pub(crate) fn leaf(name: &str, physical: i32, repetition: i32) -> Element {
    Element {
        name: name.into(),
        physical: Some(physical),
        repetition: Some(repetition),
        ..Element::default()
    }
}

/// A group of so many children, which come next.
pub(crate) fn group(name: &str, repetition: i32, children: i32) -> Element {
    Element {
        name: name.into(),
        repetition: Some(repetition),
        children: Some(children),
        ..Element::default()
    }
}

impl Element {
    pub(crate) fn named(self, name: &[u8]) -> Self {
        Self { name: name.into(), ..self }
    }

    pub(crate) fn length(self, bytes: i32) -> Self {
        Self { length: Some(bytes), ..self }
    }

    pub(crate) fn converted(self, number: i32) -> Self {
        Self { converted: Some(number), ..self }
    }

    /// Scale and precision.
    pub(crate) fn decimal(self, scale: i32, precision: i32) -> Self {
        Self { decimal: Some((scale, precision)), ..self }
    }

    pub(crate) fn logical(self, logical: Thrift) -> Self {
        Self { logical: Some(logical), ..self }
    }

    /// The converted type LIST.
    pub(crate) fn list(self) -> Self {
        self.converted(3)
    }

    /// The converted type MAP.
    pub(crate) fn map(self) -> Self {
        self.converted(1)
    }

    fn thrift(&self) -> Thrift {
        let mut thrift = Thrift::new();
        for (id, value) in [(1, self.physical), (2, self.length), (3, self.repetition)] {
            thrift = value.into_iter().fold(thrift, |thrift, value| thrift.i32(id, value));
        }
        thrift = thrift.binary(4, &self.name);
        let (scale, precision) = self.decimal.unzip();
        for (id, value) in [(5, self.children), (6, self.converted), (7, scale), (8, precision)] {
            thrift = value.into_iter().fold(thrift, |thrift, value| thrift.i32(id, value));
        }
        match &self.logical {
            Some(logical) => thrift.structure(10, logical.clone()),
            None => thrift,
        }
    }
}

/// Levels as runs of one.
fn runs(levels: &[i16], max: i16) -> Vec<u8> {
    let mut bytes = Vec::new();
    if max > 0 {
        for level in levels {
            varint(&mut bytes, 2);
            bytes.push(u8::try_from(*level).unwrap());
        }
    }
    bytes
}

/// How pages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct How {
    pub(crate) v2: bool,
    pub(crate) snappy: bool,
}

/// Every way to write pages.
pub(crate) const HOWS: [How; 4] = [
    How { v2: false, snappy: false },
    How { v2: false, snappy: true },
    How { v2: true, snappy: false },
    How { v2: true, snappy: true },
];

pub(crate) const SIMPLE: How = HOWS[0];

impl How {
    fn compress(self, bytes: &[u8]) -> Vec<u8> {
        if !self.snappy {
            return bytes.to_vec();
        }
        let mut compressed = Vec::new();
        varint(&mut compressed, bytes.len() as u64);
        for literal in bytes.chunks(60) {
            compressed.push(u8::try_from(literal.len() - 1).unwrap() << 2);
            compressed.extend(literal);
        }
        compressed
    }
}

/// A column chunk: its pages, and what the footer says of it.
#[derive(Debug, Clone)]
pub(crate) struct Chunk {
    physical: i32,
    how: How,
    max_levels: (i16, i16),
    num_values: i64,
    dictionary: Option<Vec<u8>>,
    pages: Vec<Vec<u8>>,
    encodings: Vec<i32>,
    left_out: i64,
    statistics: Option<Thrift>,
    key_values: Option<Vec<Thrift>>,
    denies_compression: bool,
}

impl Chunk {
    /// With the highest repetition and definition level of its column.
    pub(crate) fn new(physical: i32, max_repetition: i16, max_definition: i16, how: How) -> Self {
        Self {
            physical,
            how,
            max_levels: (max_repetition, max_definition),
            num_values: 0,
            dictionary: None,
            pages: Vec::new(),
            encodings: vec![encoding::RLE],
            left_out: 0,
            statistics: None,
            key_values: None,
            denies_compression: false,
        }
    }

    /// The headers of the v2 data pages that follow say: not compressed.
    pub(crate) fn denying_compression(mut self) -> Self {
        self.denies_compression = true;
        self
    }

    pub(crate) fn dictionary(mut self, num_values: i32, values: &[u8]) -> Self {
        let compressed = self.how.compress(values);
        let header = Thrift::new().i32(1, num_values).i32(2, encoding::PLAIN);
        let mut page = page_header(2, values.len(), compressed.len(), 7, header);
        page.extend(compressed);
        self.dictionary = Some(page);
        self
    }

    /// A data page; repetition levels only count where the column has some.
    pub(crate) fn page(
        mut self,
        repetition: &[i16],
        definition: &[i16],
        encoding: i32,
        values: &[u8],
    ) -> Self {
        let (max_repetition, max_definition) = self.max_levels;
        let count = i32::try_from(definition.len()).unwrap();
        let (repetition_bytes, definition_bytes) =
            (runs(repetition, max_repetition), runs(definition, max_definition));
        let page = if self.how.v2 {
            let rows = match max_repetition {
                0 => definition.len(),
                _ => repetition.iter().filter(|level| **level == 0).count(),
            };
            let nulls = definition.iter().filter(|level| **level < max_definition).count();
            let levels = [&repetition_bytes[..], &definition_bytes].concat();
            let compressed = self.how.compress(values);
            let size = |bytes: usize| i32::try_from(bytes).unwrap();
            let header = Thrift::new()
                .i32(1, count)
                .i32(2, size(nulls))
                .i32(3, size(rows))
                .i32(4, encoding)
                .i32(5, size(definition_bytes.len()))
                .i32(6, size(repetition_bytes.len()))
                .boolean(7, self.how.snappy && !self.denies_compression);
            let (whole, stored) = (levels.len() + values.len(), levels.len() + compressed.len());
            [page_header(3, whole, stored, 8, header), levels, compressed].concat()
        } else {
            let mut bytes = Vec::new();
            for (max, levels) in
                [(max_repetition, repetition_bytes), (max_definition, definition_bytes)]
            {
                if max > 0 {
                    bytes.extend(u32::try_from(levels.len()).unwrap().to_le_bytes());
                    bytes.extend(levels);
                }
            }
            bytes.extend(values);
            let compressed = self.how.compress(&bytes);
            let header = Thrift::new()
                .i32(1, count)
                .i32(2, encoding)
                .i32(3, encoding::RLE)
                .i32(4, encoding::RLE);
            [page_header(0, bytes.len(), compressed.len(), 5, header), compressed].concat()
        };
        self.pages.push(page);
        self.encodings.push(encoding);
        self.num_values += i64::from(count);
        self
    }

    /// The footer says so many bytes less than there are.
    pub(crate) fn leaving_out(self, bytes: i64) -> Self {
        Self { left_out: bytes, ..self }
    }

    /// Bytes of the dictionary page's header.
    pub(crate) fn dictionary_header_bytes(&self, values: &[u8]) -> i64 {
        let page = self.dictionary.as_ref().unwrap().len();
        i64::try_from(page - self.how.compress(values).len()).unwrap()
    }

    pub(crate) fn statistics(self, statistics: Thrift) -> Self {
        Self { statistics: Some(statistics), ..self }
    }

    pub(crate) fn key_values(self, pairs: Vec<Thrift>) -> Self {
        Self { key_values: Some(pairs), ..self }
    }
}

fn page_header(kind: i32, whole: usize, stored: usize, id: i16, header: Thrift) -> Vec<u8> {
    let size = |bytes: usize| i32::try_from(bytes).unwrap();
    let page = Thrift::new().i32(1, kind).i32(2, size(whole)).i32(3, size(stored));
    page.structure(id, header).finish()
}

/// One `KeyValue`.
pub(crate) fn key_value(key: &[u8], value: Option<&[u8]>) -> Thrift {
    let pair = Thrift::new().binary(1, key);
    value.into_iter().fold(pair, |pair, value| pair.binary(2, value))
}

/// A file: its columns, and row groups of so many rows.
#[derive(Debug, Clone)]
pub(crate) struct File {
    pub(crate) schema: Vec<Element>,
    pub(crate) row_groups: Vec<(i64, Vec<Chunk>)>,
    pub(crate) created_by: Option<Vec<u8>>,
    pub(crate) key_values: Option<Vec<Thrift>>,
    /// Rows that the file says it has, where that is not the sum.
    pub(crate) stated_rows: Option<i64>,
}

impl File {
    /// One row group.
    pub(crate) fn new(columns: Vec<Element>, rows: i64, chunks: Vec<Chunk>) -> Self {
        Self {
            schema: columns,
            row_groups: vec![(rows, chunks)],
            created_by: Some(b"by hand".to_vec()),
            key_values: None,
            stated_rows: None,
        }
    }

    pub(crate) fn bytes(&self) -> Bytes {
        let mut file = b"PAR1".to_vec();
        let mut row_groups = Vec::new();
        for (rows, chunks) in &self.row_groups {
            let columns: Vec<Thrift> = chunks.iter().map(|chunk| place(&mut file, chunk)).collect();
            row_groups.push(Thrift::new().structures(1, columns).i64(2, 0).i64(3, *rows));
        }
        let rows: i64 = self.row_groups.iter().map(|(rows, _)| rows).sum();
        // The root has as many children as there are elements that belong to no other.
        let (mut top, mut below) = (0, 0_i32);
        for element in &self.schema {
            if below == 0 {
                top += 1;
            } else {
                below -= 1;
            }
            below += element.children.unwrap_or(0);
        }
        let root = Element { name: b"schema".into(), children: Some(top), ..Element::default() };
        let schema = std::iter::once(&root).chain(&self.schema).map(Element::thrift).collect();
        let mut footer = Thrift::new()
            .i32(1, 1)
            .structures(2, schema)
            .i64(3, self.stated_rows.unwrap_or(rows))
            .structures(4, row_groups);
        if let Some(pairs) = &self.key_values {
            footer = footer.structures(5, pairs.clone());
        }
        if let Some(created_by) = &self.created_by {
            footer = footer.binary(6, created_by);
        }
        let footer = footer.finish();
        file.extend(&footer);
        file.extend(u32::try_from(footer.len()).unwrap().to_le_bytes());
        file.extend(b"PAR1");
        file.into()
    }
}

/// Writes the pages of a chunk; its `ColumnChunk`.
fn place(file: &mut Vec<u8>, chunk: &Chunk) -> Thrift {
    let offset = |file: &[u8]| i64::try_from(file.len()).unwrap();
    let start = offset(file);
    file.extend(chunk.dictionary.iter().flatten());
    let data = offset(file);
    file.extend(chunk.pages.iter().flatten());
    let bytes = offset(file) - start;
    let mut metadata = Thrift::new()
        .i32(1, chunk.physical)
        .numbers(2, &chunk.encodings)
        .list(3, 8, Vec::new())
        .i32(4, i32::from(chunk.how.snappy))
        .i64(5, chunk.num_values)
        .i64(6, 1 << 20)
        .i64(7, bytes - chunk.left_out);
    if let Some(pairs) = &chunk.key_values {
        metadata = metadata.structures(8, pairs.clone());
    }
    metadata = metadata.i64(9, data);
    if chunk.dictionary.is_some() {
        metadata = metadata.i64(11, start);
    }
    if let Some(statistics) = &chunk.statistics {
        metadata = metadata.structure(12, statistics.clone());
    }
    Thrift::new().i64(2, start).structure(3, metadata)
}

/// INT32 values.
pub(crate) fn int32s(values: &[i32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Indices of eight bits into a dictionary, each a run of one.
pub(crate) fn indices(values: &[u8]) -> Vec<u8> {
    std::iter::once(8).chain(values.iter().flat_map(|value| [2, *value])).collect()
}
