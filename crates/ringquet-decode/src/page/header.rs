//! The thrift header in front of every page, only the fields that decoding needs.

use crate::encoding::PageEncoding;
use crate::error::Fault;
use crate::thrift::kind;
use crate::thrift::reader::{ThriftFault, ThriftReader};

/// What kind of page, with what is particular to each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageKind {
    /// The dictionary that later data pages refer to.
    Dictionary {
        /// Values in it.
        num_values: u32,
        /// PLAIN, or its old name PLAIN_DICTIONARY.
        encoding: PageEncoding,
    },
    /// Data page v1: levels and values are compressed together.
    DataV1 {
        /// Values, nulls and empty lists included.
        num_values: u32,
        /// Of the values.
        encoding: PageEncoding,
        /// Of the definition levels.
        definition_encoding: PageEncoding,
        /// Of the repetition levels.
        repetition_encoding: PageEncoding,
    },
    /// Data page v2: levels stand uncompressed in front of the values, and the page starts and ends with a row.
    DataV2 {
        /// Values, nulls and empty lists included.
        num_values: u32,
        /// Nulls.
        num_nulls: u32,
        /// Rows.
        num_rows: u32,
        /// Of the values.
        encoding: PageEncoding,
        /// Bytes of the definition levels.
        definition_bytes: u32,
        /// Bytes of the repetition levels, which come first.
        repetition_bytes: u32,
        /// Whether the values are compressed with the codec of the column chunk.
        is_compressed: bool,
    },
    /// An index page or one of a later specification: stepped over.
    Other,
}

/// A page header, only the fields that decoding needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageHeader {
    /// Bytes of the page in the file, without this header.
    pub compressed_bytes: u32,
    /// Bytes of the page after decompression.
    pub uncompressed_bytes: u32,
    /// CRC-32 of the page's bytes in the file, where the writer gave one.
    pub crc: Option<u32>,
    /// What kind of page.
    pub kind: PageKind,
}

impl PageHeader {
    /// Values in a data page, nulls included; 0 for other pages.
    #[must_use]
    pub fn data_values(&self) -> u32 {
        match self.kind {
            PageKind::DataV1 { num_values, .. } | PageKind::DataV2 { num_values, .. } => num_values,
            PageKind::Dictionary { .. } | PageKind::Other => 0,
        }
    }

    /// Whether the page can be stepped over: it is of an unknown kind, or a data page without values.
    pub(crate) fn is_without_values(&self) -> bool {
        !matches!(self.kind, PageKind::Dictionary { .. }) && self.data_values() == 0
    }

    /// Parses a header at the start of `bytes`: the header and its length, or `None` when it goes on after `bytes`.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, Fault> {
        let mut reader = ThriftReader::new(bytes);
        match parse(&mut reader) {
            Ok(header) => Ok(Some((header?, reader.position()))),
            Err(ThriftFault::Truncated) => Ok(None),
            Err(ThriftFault::OutOfSpec(what)) => {
                Err(Fault::out_of_spec(format!("page header: {what}")))
            }
        }
    }
}

/// Fields of `DataPageHeader`, `DataPageHeaderV2` and `DictionaryPageHeader` by their ids.
#[derive(Default)]
struct HeaderFields {
    fields: [i32; 8],
    /// A bit for each id that was there.
    present: u8,
}

impl HeaderFields {
    /// Reads a struct whose needed fields are numbers and booleans; others (statistics) are stepped over.
    fn read(reader: &mut ThriftReader<'_>) -> Result<Self, ThriftFault> {
        let mut numbers = Self::default();
        let mut last = 0;
        while let Some(field) = reader.field(last)? {
            last = field.id;
            let id = usize::try_from(field.id).ok().filter(|id| *id < numbers.fields.len());
            let value = match (id, field.kind) {
                (Some(_), kind::I32) => reader.i32()?,
                (Some(_), kind::TRUE) => 1,
                (Some(_), kind::FALSE) => 0,
                (_, kind) => {
                    reader.skip(kind)?;
                    continue;
                }
            };
            let id = id.unwrap_or_default();
            numbers.fields[id] = value;
            numbers.present |= 1 << id;
        }
        Ok(numbers)
    }

    fn get(&self, id: usize) -> Option<i32> {
        (self.present >> id & 1 == 1).then(|| self.fields[id])
    }

    fn count(&self, id: usize, name: &'static str) -> Result<u32, Fault> {
        let value = self
            .get(id)
            .ok_or_else(|| Fault::out_of_spec(format!("page header: {name} is missing")))?;
        u32::try_from(value)
            .map_err(|_| Fault::out_of_spec(format!("page header: {name} is {value}")))
    }

    fn encoding(&self, id: usize, name: &'static str) -> Result<PageEncoding, Fault> {
        self.get(id)
            .map(PageEncoding::from_thrift)
            .ok_or_else(|| Fault::out_of_spec(format!("page header: {name} is missing")))
    }
}

fn parse(reader: &mut ThriftReader<'_>) -> Result<Result<PageHeader, Fault>, ThriftFault> {
    let (mut page_type, mut uncompressed, mut compressed, mut crc) = (None, None, None, None);
    let (mut v1, mut dictionary, mut v2) = (None, None, None);
    let mut last = 0;
    while let Some(field) = reader.field(last)? {
        match (field.id, field.kind) {
            (1, kind::I32) => page_type = Some(reader.i32()?),
            (2, kind::I32) => uncompressed = Some(reader.i32()?),
            (3, kind::I32) => compressed = Some(reader.i32()?),
            (4, kind::I32) => crc = Some(reader.i32()?.cast_unsigned()),
            (5, kind::STRUCT) => v1 = Some(HeaderFields::read(reader)?),
            (7, kind::STRUCT) => dictionary = Some(HeaderFields::read(reader)?),
            (8, kind::STRUCT) => v2 = Some(HeaderFields::read(reader)?),
            (_, kind) => reader.skip(kind)?,
        }
        last = field.id;
    }
    Ok(assemble(page_type, uncompressed, compressed, crc, v1, dictionary, v2))
}

fn assemble(
    page_type: Option<i32>,
    uncompressed: Option<i32>,
    compressed: Option<i32>,
    crc: Option<u32>,
    v1: Option<HeaderFields>,
    dictionary: Option<HeaderFields>,
    v2: Option<HeaderFields>,
) -> Result<PageHeader, Fault> {
    let length = |value: Option<i32>, name: &'static str| {
        let value =
            value.ok_or_else(|| Fault::out_of_spec(format!("page header: {name} is missing")))?;
        u32::try_from(value)
            .map_err(|_| Fault::out_of_spec(format!("page header: {name} is {value}")))
    };
    let missing =
        |name: &'static str| Fault::out_of_spec(format!("page header: {name} is missing"));
    let kind = match page_type.ok_or_else(|| missing("type"))? {
        0 => {
            let fields = v1.ok_or_else(|| missing("data_page_header"))?;
            PageKind::DataV1 {
                num_values: fields.count(1, "num_values")?,
                encoding: fields.encoding(2, "encoding")?,
                definition_encoding: fields.encoding(3, "definition_level_encoding")?,
                repetition_encoding: fields.encoding(4, "repetition_level_encoding")?,
            }
        }
        2 => {
            let fields = dictionary.ok_or_else(|| missing("dictionary_page_header"))?;
            PageKind::Dictionary {
                num_values: fields.count(1, "num_values")?,
                encoding: fields.encoding(2, "encoding")?,
            }
        }
        3 => {
            let fields = v2.ok_or_else(|| missing("data_page_header_v2"))?;
            PageKind::DataV2 {
                num_values: fields.count(1, "num_values")?,
                num_nulls: fields.count(2, "num_nulls")?,
                num_rows: fields.count(3, "num_rows")?,
                encoding: fields.encoding(4, "encoding")?,
                definition_bytes: fields.count(5, "definition_levels_byte_length")?,
                repetition_bytes: fields.count(6, "repetition_levels_byte_length")?,
                // Absent means compressed, says the specification.
                is_compressed: fields.get(7) != Some(0),
            }
        }
        _ => PageKind::Other,
    };
    Ok(PageHeader {
        compressed_bytes: length(compressed, "compressed_page_size")?,
        uncompressed_bytes: length(uncompressed, "uncompressed_page_size")?,
        crc,
        kind,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// PageHeader { DATA_PAGE, 100, 60, crc -1, v1 { 10, RLE_DICTIONARY, RLE, RLE, statistics { null_count 3 } } }
    const V1: &[u8] = &[
        0x15, 0x00, 0x15, 0xc8, 0x01, 0x15, 0x78, 0x15, 0x01, 0x1c, 0x15, 0x14, 0x15, 0x10, 0x15,
        0x06, 0x15, 0x06, 0x1c, 0x36, 0x06, 0x00, 0x00, 0x00,
    ];

    #[test]
    fn data_page_v1() {
        let (header, length) = PageHeader::parse(V1).unwrap().unwrap();
        assert_eq!(length, V1.len());
        let expect = PageHeader {
            compressed_bytes: 60,
            uncompressed_bytes: 100,
            crc: Some(u32::MAX),
            kind: PageKind::DataV1 {
                num_values: 10,
                encoding: PageEncoding::RleDictionary,
                definition_encoding: PageEncoding::Rle,
                repetition_encoding: PageEncoding::Rle,
            },
        };
        assert_eq!(header, expect);
    }

    #[test]
    fn a_cut_header_asks_for_more() {
        for end in 0..V1.len() {
            assert!(PageHeader::parse(&V1[..end]).unwrap().is_none(), "cut at {end}");
        }
    }

    #[test]
    fn absent_is_compressed_means_compressed() {
        let bytes = [
            0x15, 0x06, 0x15, 0x02, 0x15, 0x02, 0x5c, 0x15, 0x02, 0x15, 0x00, 0x15, 0x02, 0x15,
            0x00, 0x15, 0x00, 0x15, 0x00, 0x00, 0x00,
        ];
        let (header, _) = PageHeader::parse(&bytes).unwrap().unwrap();
        assert!(matches!(header.kind, PageKind::DataV2 { is_compressed: true, .. }), "{header:?}");
    }

    #[test]
    fn negative_lengths_are_refused() {
        let mut bytes = V1.to_vec();
        bytes[6] = 0x79; // compressed_page_size = -61
        let fault = PageHeader::parse(&bytes).unwrap_err();
        assert!(format!("{fault:?}").contains("compressed_page_size is -61"), "{fault:?}");
    }
}
