//! What a footer holds beyond what decoding needs: for people who inspect a file.
//!
//! Read by our own walk, which steps over statistics: nothing depends on them, and what is wrong in them does not keep a file
//! from being shown.

use super::file_footer::Footer;
use super::short_chunks::each_struct;
use crate::encoding::PageEncoding;
use crate::error::{DecodeError, Fault, Place};
use crate::schema::rewrite::KeyValue;
use crate::schema::tree::struct_list;
use crate::thrift::kind;
use crate::thrift::reader::ThriftReader;

/// What a footer holds beyond what decoding needs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FooterDetails {
    /// Version of the format.
    pub version: i32,
    /// Keys of the key-value metadata, in order; U+FFFD in place of what is not UTF-8.
    pub keys: Vec<String>,
    /// By row group, for all columns.
    pub row_groups: Vec<Vec<ColumnChunkDetails>>,
}

/// What a footer holds about a column chunk beyond what decoding needs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ColumnChunkDetails {
    /// Encodings of pages and levels by their names, each once, in the order of their numbers.
    pub encodings: Vec<&'static str>,
    /// Number of pages of each kind; `None` if the writer did not record it.
    pub pages: Option<Vec<PageCount>>,
}

/// Pages of one kind and encoding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageCount {
    /// Name of the kind in the specification.
    pub kind: &'static str,
    /// Name of the encoding in the specification.
    pub encoding: &'static str,
    /// How many.
    pub count: u64,
}

impl Footer {
    /// Reads the details of a footer from its thrift bytes.
    ///
    /// # Errors
    /// When the bytes are not a Parquet footer.
    pub fn details(thrift_bytes: &[u8]) -> Result<FooterDetails, DecodeError> {
        read(thrift_bytes).map_err(|fault| {
            fault.at(Place { length: Some(thrift_bytes.len() as u64), ..Place::default() })
        })
    }
}

fn read(bytes: &[u8]) -> Result<FooterDetails, Fault> {
    let mut details = FooterDetails::default();
    each_struct(&mut ThriftReader::new(bytes), |id, kind, reader| {
        match (id, kind) {
            (1, kind::I32) => details.version = reader.i32()?,
            (4, kind::LIST) => {
                for _ in 0..struct_list(reader, "row_groups")? {
                    details.row_groups.push(row_group(reader)?);
                }
            }
            (5, kind::LIST) => {
                for _ in 0..struct_list(reader, "key_value_metadata")? {
                    let key = KeyValue::read(reader)?.key;
                    details.keys.push(String::from_utf8_lossy(key).into_owned());
                }
            }
            (_, kind) => reader.skip(kind)?,
        }
        Ok(())
    })?;
    Ok(details)
}

fn row_group(reader: &mut ThriftReader<'_>) -> Result<Vec<ColumnChunkDetails>, Fault> {
    let mut chunks = Vec::new();
    each_struct(reader, |id, kind, reader| {
        match (id, kind) {
            (1, kind::LIST) => {
                for _ in 0..struct_list(reader, "columns")? {
                    chunks.push(column_chunk(reader)?);
                }
            }
            (_, kind) => reader.skip(kind)?,
        }
        Ok(())
    })?;
    Ok(chunks)
}

fn column_chunk(reader: &mut ThriftReader<'_>) -> Result<ColumnChunkDetails, Fault> {
    let mut details = ColumnChunkDetails::default();
    each_struct(reader, |id, kind, reader| match (id, kind) {
        (3, kind::STRUCT) => each_struct(reader, |id, kind, reader| {
            match (id, kind) {
                (2, kind::LIST) => details.encodings = encodings(reader)?,
                (13, kind::LIST) => {
                    let length = struct_list(reader, "encoding_stats")?;
                    let pages =
                        (0..length).map(|_| page_count(reader)).collect::<Result<_, _>>()?;
                    details.pages = Some(pages);
                }
                (_, kind) => reader.skip(kind)?,
            }
            Ok(())
        }),
        (_, kind) => Ok(reader.skip(kind)?),
    })?;
    Ok(details)
}

fn encodings(reader: &mut ThriftReader<'_>) -> Result<Vec<&'static str>, Fault> {
    let (element, length) = reader.list()?;
    if length > 0 && element != kind::I32 {
        return Err(Fault::out_of_spec("footer: encodings are not numbers"));
    }
    let mut numbers = (0..length).map(|_| reader.i32()).collect::<Result<Vec<i32>, _>>()?;
    numbers.sort_unstable();
    numbers.dedup();
    Ok(numbers.into_iter().map(|number| PageEncoding::from_thrift(number).name()).collect())
}

fn page_count(reader: &mut ThriftReader<'_>) -> Result<PageCount, Fault> {
    let (mut page_type, mut encoding, mut count) = (-1, -1, 0);
    each_struct(reader, |id, kind, reader| {
        match (id, kind) {
            (1, kind::I32) => page_type = reader.i32()?,
            (2, kind::I32) => encoding = reader.i32()?,
            (3, kind::I32) => count = reader.i32()?,
            (_, kind) => reader.skip(kind)?,
        }
        Ok(())
    })?;
    Ok(PageCount {
        kind: match page_type {
            0 => "DATA_PAGE",
            1 => "INDEX_PAGE",
            2 => "DICTIONARY_PAGE",
            3 => "DATA_PAGE_V2",
            _ => "unknown",
        },
        encoding: PageEncoding::from_thrift(encoding).name(),
        count: u64::try_from(count).unwrap_or(0),
    })
}
