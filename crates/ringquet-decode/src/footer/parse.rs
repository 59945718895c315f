//! One walk over the thrift bytes of a `FileMetaData`.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use super::chunks::{ChunkTable, ChunkTableBuilder};
use super::column_chunk::ColumnChunk;
use super::created_by::CreatedBy;
use super::file_footer::Footer;
use super::short_chunks::ChunkStarts;
use super::tail::{MAGIC, TAIL_LEN};
use super::template::Templates;
use crate::codec::Codec;
use crate::encoding::{EncodingSet, PageEncoding};
use crate::error::{DecodeError, Fault, Place};
use crate::schema::file_schema::FileSchema;
use crate::schema::kinds;
use crate::schema::projection::{Projection, Wanted};
use crate::schema::tree::{SchemaTree, read_schema, struct_list};
use crate::schema::views::SchemaSource;
use crate::stored::Int96;
use crate::thrift::kind;
use crate::thrift::reader::ThriftReader;

/// How a footer is to be read.
#[derive(Debug, Clone, Copy)]
pub struct ParseOptions<'a> {
    /// Which columns.
    pub projection: &'a Projection,
    /// The schema of another file, which is taken where the two are the same. Of a thousand files of a data set only the first
    /// then pays time and memory for it.
    pub shared: Option<&'a Arc<FileSchema>>,
    /// As what timestamps of INT96 are read.
    pub int96: Int96,
}

impl Footer {
    /// Reads the thrift bytes in front of the tail of a file of `file_len` bytes.
    ///
    /// # Errors
    /// When the bytes are not a Parquet footer, when anything in it lies outside the file, or when the projection names
    /// a column that is not there.
    pub fn parse(
        thrift_bytes: &[u8],
        file_len: u64,
        projection: &Projection,
    ) -> Result<Self, DecodeError> {
        Self::parse_sharing(thrift_bytes, file_len, projection, None)
    }

    /// [`Self::parse`], taking the schema of another file where the two are the same.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn parse_sharing(
        thrift_bytes: &[u8],
        file_len: u64,
        projection: &Projection,
        shared: Option<&Arc<FileSchema>>,
    ) -> Result<Self, DecodeError> {
        let options = ParseOptions { projection, shared, int96: Int96::default() };
        Self::parse_with(thrift_bytes, file_len, &options)
    }

    /// [`Self::parse`] in another way.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn parse_with(
        thrift_bytes: &[u8],
        file_len: u64,
        options: &ParseOptions<'_>,
    ) -> Result<Self, DecodeError> {
        parse(thrift_bytes, file_len, options)
    }
}

/// What was read of a `ColumnMetaData`.
struct ReadMetadata {
    chunk: ColumnChunk,
    /// To its end, and not only to the last needed field.
    is_whole: bool,
    /// The fields came in the order of their ids, as all writers do: nothing needed comes after the statistics.
    is_ordered: bool,
}

/// What column chunks looked like before.
struct LeafTemplates {
    /// Those that are read, all with their fields in order.
    wanted: Templates,
    /// Those that are stepped over.
    others: Templates,
}

/// What is known while the walk goes on.
struct FooterWalk<'a> {
    bytes: &'a [u8],
    /// First byte behind the last one that a column chunk may have.
    data_end: u64,
    projection: &'a Projection,
}

/// The schema and what the projection takes of it.
struct WantedSchema {
    /// The thrift bytes of the list.
    span: Range<usize>,
    tree: Arc<SchemaTree>,
    wanted: Wanted,
}

fn parse(bytes: &[u8], file_len: u64, options: &ParseOptions<'_>) -> Result<Footer, DecodeError> {
    let length = bytes.len() as u64;
    let data_end = file_len.saturating_sub(length + TAIL_LEN as u64);
    let walk = FooterWalk { bytes, data_end, projection: options.projection };
    walk.file(file_len, options).map_err(|error| match error {
        WalkError::At(error) => *error,
        WalkError::Fault(fault) => {
            fault.at(Place { offset: Some(data_end), length: Some(length), ..Place::default() })
        }
    })
}

/// A fault without its place, or an error with it.
enum WalkError {
    Fault(Fault),
    At(Box<DecodeError>),
}

impl<F: Into<Fault>> From<F> for WalkError {
    fn from(fault: F) -> Self {
        Self::Fault(fault.into())
    }
}

impl FooterWalk<'_> {
    fn file(&self, file_len: u64, options: &ParseOptions<'_>) -> Result<Footer, WalkError> {
        let shared = options.shared;
        let mut reader = ThriftReader::new(self.bytes);
        let mut version = None;
        let mut schema: Option<WantedSchema> = None;
        let mut num_rows = None;
        let mut row_groups: Option<(Vec<u64>, ChunkTableBuilder)> = None;
        let mut row_groups_at = 0..0;
        let mut key_values: Option<Range<usize>> = None;
        let mut created_by: Option<(Range<usize>, Cow<'_, str>)> = None;
        let mut last = 0;
        while let Some(field) = reader.field(last)? {
            let start = reader.position();
            match (field.id, field.kind) {
                (1, kind::I32) => version = Some(reader.i32()?),
                // Readers differ in which of two they take.
                (2, _) if schema.is_some() => return Err(twice("the schema").into()),
                (4, _) if row_groups.is_some() => return Err(twice("the row groups").into()),
                (2, kind::LIST) => {
                    schema = Some(self.schema(&mut reader, shared)?);
                }
                (3, kind::I64) => num_rows = Some(reader.i64()?),
                (4, kind::LIST) => {
                    // The specification's order of fields; the wanted leaves must be known from here on.
                    let WantedSchema { tree, wanted, .. } = schema.as_ref().ok_or_else(|| {
                        Fault::out_of_spec("footer: row groups before the schema")
                    })?;
                    row_groups = Some(self.row_groups(&mut reader, tree, &wanted.leaves)?);
                    row_groups_at = start..reader.position();
                }
                (5, kind::LIST) => {
                    reader.skip(kind::LIST)?;
                    key_values = Some(start..reader.position());
                }
                (6, kind::BINARY) => {
                    let name = String::from_utf8_lossy(reader.binary()?);
                    created_by = Some((start..reader.position(), name));
                }
                (8, kind::STRUCT) => {
                    return Err(WalkError::At(Box::new(DecodeError::Encrypted)));
                }
                (_, kind) => reader.skip(kind)?,
            }
            last = field.id;
        }
        let missing = |name: &str| Fault::out_of_spec(format!("footer: {name} is missing"));
        let version = version.ok_or_else(|| missing("version"))?;
        let WantedSchema { span, tree, wanted } = schema.ok_or_else(|| missing("schema"))?;
        let stated_rows = num_rows.ok_or_else(|| missing("num_rows"))?;
        let (row_group_rows, chunks) = row_groups.ok_or_else(|| missing("row_groups"))?;
        let num_rows = row_group_rows
            .iter()
            .try_fold(0_u64, |sum, rows| sum.checked_add(*rows))
            .ok_or_else(|| Fault::out_of_spec("footer: rows of row groups overflow"))?;
        // Readers take the rows of the row groups, whatever the file says of itself.
        let stated_rows = Some(stated_rows).filter(|rows| u64::try_from(*rows) != Ok(num_rows));
        let habits = CreatedBy::new(created_by.as_ref().map(|(_, name)| &**name));
        let mut chunks = chunks.finish(Arc::clone(&wanted.leaves), habits.denies_compression());
        if habits.may_leave_out_headers() {
            let starts = ChunkStarts::read(&self.bytes[row_groups_at], self.data_end)?;
            chunks = lengthened(&chunks, &row_group_rows, &starts);
        }

        let (identity, schema_at) = schema_footer(
            version,
            &self.bytes[span.clone()],
            key_values.clone().map(|span| &self.bytes[span]),
            created_by.as_ref().map(|(span, _)| &self.bytes[span.clone()]),
        );
        let schema = match shared.filter(|schema| schema.has_identity(&identity, options.int96)) {
            Some(schema) => Arc::clone(schema),
            None => {
                let list = &self.bytes[span];
                kinds::check_schema(list)?;
                let key_values = key_values.map(|span| &self.bytes[span]);
                key_values.map_or(Ok(()), kinds::check_key_values)?;
                let source = SchemaSource { version, list, key_values, int96: options.int96 };
                Arc::new(FileSchema::new(source, identity, schema_at, tree)?)
            }
        };
        let projected = schema.projection(self.projection, &wanted);
        Ok(Footer {
            projected,
            schema,
            file_len,
            num_rows,
            stated_rows,
            created_by: created_by.map(|(_, name)| name.into()),
            roots: wanted.roots,
            row_group_rows: row_group_rows.into_boxed_slice(),
            chunks,
        })
    }

    /// The schema list. The one of `shared` is known again by its bytes.
    fn schema(
        &self,
        reader: &mut ThriftReader<'_>,
        shared: Option<&Arc<FileSchema>>,
    ) -> Result<WantedSchema, WalkError> {
        let start = reader.position();
        let known = shared.filter(|known| reader.rest().starts_with(known.schema_list()));
        let tree = match known {
            Some(known) => {
                reader.jump(known.schema_list().len())?;
                Arc::clone(known.tree())
            }
            None => Arc::new(read_schema(reader)?),
        };
        let span = start..reader.position();
        if let Some(wanted) = known.and_then(|known| known.wanted(self.projection)) {
            return Ok(WantedSchema { span, tree, wanted });
        }
        let names: Vec<&str> = tree.roots.iter().map(|(name, _)| &**name).collect();
        let resolved = self.projection.resolve(&names);
        let roots: Arc<[usize]> = resolved.map_err(|error| WalkError::At(Box::new(error)))?.into();
        let leaves = roots.iter().flat_map(|root| tree.roots[*root].1.clone()).collect();
        Ok(WantedSchema { span, tree, wanted: Wanted { roots, leaves } })
    }

    fn row_groups(
        &self,
        reader: &mut ThriftReader<'_>,
        tree: &SchemaTree,
        leaves: &[usize],
    ) -> Result<(Vec<u64>, ChunkTableBuilder), WalkError> {
        let length = struct_list(reader, "row_groups")?;
        let mut rows = Vec::new();
        let mut table = ChunkTableBuilder::default();
        let mut chunks = Vec::with_capacity(leaves.len());
        let mut templates = LeafTemplates {
            wanted: Templates::new(tree.leaf_types.len()),
            others: Templates::new(tree.leaf_types.len()),
        };
        for row_group in 0..length {
            chunks.clear();
            let row_group_rows =
                self.row_group(reader, tree, leaves, row_group, &mut templates, &mut chunks)?;
            if !table.start_row_group() {
                let what =
                    format!("footers of more than 4 GiB of column chunks, row group {row_group}");
                return Err(Fault::unsupported(what).into());
            }
            chunks.iter().for_each(|chunk| table.push(chunk, row_group_rows));
            rows.push(row_group_rows);
        }
        Ok((rows, table))
    }

    fn row_group(
        &self,
        reader: &mut ThriftReader<'_>,
        tree: &SchemaTree,
        leaves: &[usize],
        row_group: usize,
        templates: &mut LeafTemplates,
        chunks: &mut Vec<ColumnChunk>,
    ) -> Result<u64, WalkError> {
        let mut num_rows = None;
        let mut has_columns = false;
        let mut last = 0;
        while let Some(field) = reader.field(last)? {
            match (field.id, field.kind) {
                (1, kind::LIST) if !has_columns => {
                    let length = struct_list(reader, "columns")?;
                    if length != tree.leaf_types.len() {
                        return Err(Fault::out_of_spec(format!(
                            "footer: row group {row_group} has {length} columns, the schema {}",
                            tree.leaf_types.len()
                        ))
                        .into());
                    }
                    let mut wanted = leaves.iter().copied().peekable();
                    for leaf in 0..tree.leaf_types.len() {
                        let before = reader.clone();
                        if wanted.next_if_eq(&leaf).is_none() {
                            match templates.others.matches(leaf, reader) {
                                Some(length) => reader.jump(length)?,
                                None => {
                                    reader.skip(kind::STRUCT)?;
                                    templates.others.keep(leaf, &before, reader)?;
                                }
                            }
                            continue;
                        }
                        let known = templates.wanted.matches(leaf, reader);
                        let chunk = self.column_chunk(reader, tree.leaf_types[leaf], known);
                        let (chunk, is_ordered) = chunk.map_err(|fault| {
                            self.in_chunk(fault, row_group, &tree.leaf_paths[leaf])
                        })?;
                        chunks.push(chunk);
                        if known.is_none() && is_ordered {
                            templates.wanted.keep(leaf, &before, reader)?;
                        }
                    }
                    has_columns = true;
                }
                (3, kind::I64) => num_rows = Some(reader.i64()?),
                (_, kind) => reader.skip(kind)?,
            }
            last = field.id;
        }
        if !has_columns {
            return Err(Fault::out_of_spec(format!(
                "footer: columns of row group {row_group} are missing"
            ))
            .into());
        }
        let num_rows = num_rows.ok_or_else(|| {
            Fault::out_of_spec(format!("footer: num_rows of row group {row_group} is missing"))
        })?;
        Ok(non_negative(num_rows, "num_rows of a row group")?)
    }

    #[cold]
    fn in_chunk(&self, fault: Fault, row_group: usize, path: &str) -> WalkError {
        let place = Place {
            column: Some(path.to_owned()),
            row_group: Some(row_group),
            offset: Some(self.data_end),
            length: Some(self.bytes.len() as u64),
        };
        WalkError::At(Box::new(fault.at(place)))
    }

    /// One selected `ColumnChunk` struct. When it is `known` to be as long as that and built as one before, it is read as
    /// far as the last number that is needed, and no further. Also returns whether its fields came in order.
    fn column_chunk(
        &self,
        reader: &mut ThriftReader<'_>,
        leaf_type: i32,
        known: Option<usize>,
    ) -> Result<(ColumnChunk, bool), Fault> {
        let start = reader.clone();
        let mut chunk = None;
        let mut last = 0;
        while let Some(field) = reader.field(last)? {
            match (field.id, field.kind) {
                (1, kind::BINARY) => {
                    if !reader.binary()?.is_empty() {
                        return Err(Fault::unsupported("column chunks in other files"));
                    }
                }
                (3, kind::STRUCT) => {
                    let read = self.column_metadata(reader, leaf_type, known.is_some())?;
                    chunk = Some((read.chunk, read.is_ordered));
                    if let Some(length) = known.filter(|_| !read.is_whole) {
                        *reader = start;
                        reader.jump(length)?;
                        break;
                    }
                }
                (8, kind::STRUCT) => return Err(Fault::unsupported("encrypted columns")),
                (_, kind) => reader.skip(kind)?,
            }
            last = field.id;
        }
        chunk.ok_or_else(|| Fault::out_of_spec("footer: meta_data is missing"))
    }

    /// One `ColumnMetaData` struct: where the chunk lies and how it is encoded. Path and statistics are stepped over; with
    /// `may_stop` what follows the last needed field is left.
    fn column_metadata(
        &self,
        reader: &mut ThriftReader<'_>,
        leaf_type: i32,
        may_stop: bool,
    ) -> Result<ReadMetadata, Fault> {
        let (mut is_whole, mut is_ordered) = (true, true);
        let (mut physical_type, mut codec, mut num_values) = (None, None, None);
        let (mut uncompressed, mut compressed) = (None, None);
        let (mut data_page, mut dictionary_page) = (None, None);
        let mut encodings = EncodingSet::default();
        let mut last = 0;
        while let Some(field) = reader.field(last)? {
            is_ordered &= field.id > last;
            match (field.id, field.kind) {
                (1, kind::I32) => physical_type = Some(reader.i32()?),
                (2, kind::LIST) => {
                    let (element, length) = reader.list()?;
                    if length > 0 && element != kind::I32 {
                        return Err(Fault::out_of_spec("footer: encodings are not numbers"));
                    }
                    for _ in 0..length {
                        encodings.insert(PageEncoding::from_thrift(reader.i32()?));
                    }
                }
                (4, kind::I32) => codec = Some(reader.i32()?),
                (5, kind::I64) => num_values = Some(reader.i64()?),
                (6, kind::I64) => uncompressed = Some(reader.i64()?),
                (7, kind::I64) => compressed = Some(reader.i64()?),
                (9, kind::I64) => data_page = Some(reader.i64()?),
                (11, kind::I64) => dictionary_page = Some(reader.i64()?),
                // Fields come in the order of their ids, and the rest is statistics.
                (12.., _) if may_stop => {
                    is_whole = false;
                    break;
                }
                (_, kind) => reader.skip(kind)?,
            }
            last = field.id;
        }
        let required = |value: Option<i64>, name: &'static str| {
            value
                .ok_or_else(|| Fault::out_of_spec(format!("footer: {name} is missing")))
                .and_then(|value| non_negative(value, name))
        };
        if physical_type != Some(leaf_type) {
            return Err(Fault::out_of_spec(format!(
                "footer: column chunk has physical type {physical_type:?}, the schema {leaf_type}"
            )));
        }
        let codec = codec.ok_or_else(|| Fault::out_of_spec("footer: codec is missing"))?;
        let data_page = required(data_page, "data_page_offset")?;
        // Some writers say 0, or repeat the offset of the data page, where there is no dictionary.
        let dictionary_page = dictionary_page
            .and_then(|offset| u64::try_from(offset).ok())
            .filter(|offset| *offset >= MAGIC.len() as u64 && *offset < data_page);
        let chunk = ColumnChunk {
            offset: dictionary_page.unwrap_or(data_page),
            compressed_bytes: required(compressed, "total_compressed_size")?,
            num_values: required(num_values, "num_values")?,
            uncompressed_bytes: required(uncompressed, "total_uncompressed_size")?,
            codec: codec_of(codec)?,
            has_dictionary: dictionary_page.is_some(),
            encodings,
            v2_denies_compression: false,
        };
        let end = chunk.offset.checked_add(chunk.compressed_bytes);
        if end.is_none_or(|end| end > self.data_end) {
            return Err(Fault::out_of_spec(format!(
                "column chunk at {} with {} bytes extends beyond the row groups, which end at {}",
                chunk.offset, chunk.compressed_bytes, self.data_end
            )));
        }
        Ok(ReadMetadata { chunk, is_whole, is_ordered })
    }
}

/// The same column chunks, with what their announced sizes leave out.
fn lengthened(chunks: &ChunkTable, rows: &[u64], starts: &ChunkStarts) -> ChunkTable {
    let mut table = ChunkTableBuilder::default();
    for (row_group, rows) in rows.iter().enumerate() {
        // The table is as full as the one before, which took all of them.
        table.start_row_group();
        for (_, chunk) in chunks.row_group(row_group, *rows) {
            let compressed_bytes = starts.length(chunk.offset, chunk.compressed_bytes);
            table.push(&ColumnChunk { compressed_bytes, ..chunk }, *rows);
        }
    }
    table.finish(chunks.leaves().into(), chunks.v2_denies_compression())
}

fn twice(name: &str) -> Fault {
    Fault::out_of_spec(format!("footer: {name} twice"))
}

fn codec_of(number: i32) -> Result<Codec, Fault> {
    Codec::of_number(number).ok_or_else(|| match number {
        3 => Fault::unsupported("codec LZO"),
        other => Fault::unsupported(format!("codec number {other}")),
    })
}

fn non_negative(value: i64, name: &'static str) -> Result<u64, Fault> {
    u64::try_from(value).map_err(|_| Fault::out_of_spec(format!("footer: {name} is {value}")))
}

/// What a schema depends on, as the thrift bytes of a footer without row groups, and where the schema lies in it.
fn schema_footer(
    version: i32,
    schema: &[u8],
    key_values: Option<&[u8]>,
    created_by: Option<&[u8]>,
) -> (Vec<u8>, Range<usize>) {
    let optional = key_values.map_or(0, <[u8]>::len) + created_by.map_or(0, <[u8]>::len);
    let mut bytes = Vec::with_capacity(schema.len() + optional + 24);
    // 1: version, zigzag
    bytes.push(0x15);
    let mut zigzag = ((version << 1) ^ (version >> 31)).cast_unsigned();
    while zigzag >= 0x80 {
        bytes.push((zigzag & 0x7f) as u8 | 0x80);
        zigzag >>= 7;
    }
    bytes.push((zigzag & 0x7f) as u8);
    bytes.push(0x19); // 2: schema, as it is
    let schema_at = bytes.len()..bytes.len() + schema.len();
    bytes.extend_from_slice(schema);
    bytes.extend_from_slice(&[0x16, 0x00]); // 3: num_rows = 0
    bytes.extend_from_slice(&[0x19, 0x0c]); // 4: row_groups, an empty list of structs
    let mut delta = 0x10;
    if let Some(key_values) = key_values {
        bytes.push(0x19); // 5
        bytes.extend_from_slice(key_values);
    } else {
        delta = 0x20;
    }
    if let Some(created_by) = created_by {
        bytes.push(delta | kind::BINARY); // 6
        bytes.extend_from_slice(created_by);
    }
    bytes.push(kind::STOP);
    (bytes, schema_at)
}
