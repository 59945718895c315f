//! A page before it goes to the `parquet` crate: what the crate would trust without a check is checked, and what it
//! would read in another way than the specification has it is rewritten.
//!
//! - The crate allocates as many dictionary entries as the header of a dictionary page states, and as many lengths as a
//!   delta-encoded page states. A process cannot catch a failed allocation as it can a panic.
//! - The crate looks for the header of values that a page of nothing but nulls may leave out: for the width of dictionary indices,
//!   say. Such headers are put at the end of every page that may lack them. Behind values they are not read.
//! - The crate reads BIT_PACKED levels from the least significant bit, the specification writes them from the most
//!   significant one. They become RLE levels, which both read alike.

use parquet::basic::Type;
use parquet::schema::types::ColumnDescriptor;

use crate::encoding::PageEncoding;
use crate::error::Fault;
use crate::kernels::delta::DeltaCursor;
use crate::levels::{self, bit_width};
use crate::page::header::{PageHeader, PageKind};

/// What the handover needs of a leaf column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Handover {
    physical: Type,
    /// Bytes of a FIXED_LEN_BYTE_ARRAY.
    type_length: usize,
    max_definition_level: i16,
    max_repetition_level: i16,
}

/// Where the levels of a v1 page are rewritten: (highest level, encoding), the repetition levels first.
type LevelsOfV1 = [(i16, PageEncoding); 2];

impl Handover {
    pub(super) fn new(column: &ColumnDescriptor) -> Self {
        Self {
            physical: column.physical_type(),
            type_length: usize::try_from(column.type_length()).unwrap_or(0),
            max_definition_level: column.max_def_level(),
            max_repetition_level: column.max_rep_level(),
        }
    }

    /// Bytes of an integer; of other types, 8.
    pub(super) fn integer_bytes(&self) -> usize {
        if self.physical == Type::INT32 { 4 } else { 8 }
    }

    pub(super) fn max_repetition_level(&self) -> i16 {
        self.max_repetition_level
    }

    fn levels_of_v1(&self, kind: PageKind) -> Option<(u32, LevelsOfV1)> {
        match kind {
            PageKind::DataV1 { num_values, definition_encoding, repetition_encoding, .. } => {
                let levels = [
                    (self.max_repetition_level, repetition_encoding),
                    (self.max_definition_level, definition_encoding),
                ];
                Some((num_values, levels))
            }
            _ => None,
        }
    }

    /// What is put at the end of a page: the headers of its encoding for no values. Pages of columns that have no nulls need none.
    fn tail(&self, kind: PageKind) -> &'static [u8] {
        match kind {
            PageKind::DataV1 { encoding, .. } | PageKind::DataV2 { encoding, .. }
                if self.max_definition_level > 0 =>
            {
                empty_values(encoding, self.physical)
            }
            _ => &[],
        }
    }

    /// The decompressed page as the crate is given it.
    pub(super) fn page(&self, header: &PageHeader, bytes: Vec<u8>) -> Result<Vec<u8>, Fault> {
        let mut page = self.with_rle_levels(header, bytes)?;
        page.extend_from_slice(self.tail(header.kind));
        Ok(page)
    }

    /// The page with BIT_PACKED levels rewritten, once its counts are checked.
    fn with_rle_levels(&self, header: &PageHeader, bytes: Vec<u8>) -> Result<Vec<u8>, Fault> {
        match header.kind {
            PageKind::Dictionary { num_values, .. } => self.check_dictionary(num_values, &bytes)?,
            PageKind::DataV2 {
                num_values, encoding, definition_bytes, repetition_bytes, ..
            } => {
                let levels = definition_bytes as usize + repetition_bytes as usize;
                check_lengths(encoding, num_values, bytes.get(levels..).unwrap_or(&[]))?;
            }
            PageKind::DataV1 { .. } | PageKind::Other => {}
        }
        let Some((num_values, levels)) = self.levels_of_v1(header.kind) else {
            return Ok(bytes);
        };
        let mut rest = bytes.as_slice();
        let mut rewritten = Vec::new();
        for (max, encoding) in levels.into_iter().filter(|(max, _)| *max > 0) {
            let (of_page, after) = levels::split_v1(rest, encoding, max, num_values)?;
            if encoding == PageEncoding::BitPacked {
                let hybrid = levels::from_bit_packed(of_page, bit_width(max), num_values);
                let length = u32::try_from(hybrid.len())
                    .map_err(|_| Fault::unsupported("levels of more than 4 GiB"))?;
                rewritten.extend_from_slice(&length.to_le_bytes());
                rewritten.extend_from_slice(&hybrid);
            } else {
                rewritten.extend_from_slice(&rest[..rest.len() - after.len()]);
            }
            rest = after;
        }
        if let PageKind::DataV1 { encoding, .. } = header.kind {
            check_lengths(encoding, num_values, rest)?;
        }
        if !levels.into_iter().any(is_rewritten) {
            return Ok(bytes);
        }
        rewritten.extend_from_slice(rest);
        Ok(rewritten)
    }

    /// As many entries as the header states must be there.
    fn check_dictionary(&self, num_values: u32, bytes: &[u8]) -> Result<(), Fault> {
        let entry_bytes = match self.physical {
            Type::BOOLEAN => return Err(Fault::out_of_spec("a dictionary of booleans")),
            Type::INT32 | Type::FLOAT => 4,
            Type::INT64 | Type::DOUBLE => 8,
            Type::INT96 => 12,
            // Each has a length in front.
            Type::BYTE_ARRAY => 4,
            Type::FIXED_LEN_BYTE_ARRAY => self.type_length.max(1),
        };
        let wanted = (num_values as usize).saturating_mul(entry_bytes);
        if wanted > bytes.len() {
            return Err(Fault::truncated("dictionary", wanted, bytes.len()));
        }
        Ok(())
    }
}

/// The headers of an encoding for no values. Values of BYTE_STREAM_SPLIT have none, and nothing may come behind them.
fn empty_values(encoding: PageEncoding, physical: Type) -> &'static [u8] {
    /// Blocks of 128 in four miniblocks, no values, the first one is 0.
    const NO_NUMBERS: [u8; 5] = [0x80, 1, 4, 0, 0];
    const NO_PREFIXES_NO_SUFFIXES: [u8; 10] = [0x80, 1, 4, 0, 0, 0x80, 1, 4, 0, 0];
    match encoding {
        // Indices of no bits.
        PageEncoding::PlainDictionary | PageEncoding::RleDictionary => &[0],
        PageEncoding::DeltaBinaryPacked | PageEncoding::DeltaLengthByteArray => &NO_NUMBERS,
        PageEncoding::DeltaByteArray => &NO_PREFIXES_NO_SUFFIXES,
        // Runs of no bytes.
        PageEncoding::Rle if physical == Type::BOOLEAN => &[0; 4],
        _ => &[],
    }
}

/// Whether these levels become RLE ones. Those of one value only are not written at all.
fn is_rewritten((max, encoding): (i16, PageEncoding)) -> bool {
    max > 0 && encoding == PageEncoding::BitPacked
}

/// Holds the number of lengths that delta-encoded byte arrays start with against the values of their page.
fn check_lengths(encoding: PageEncoding, num_values: u32, values: &[u8]) -> Result<(), Fault> {
    let check = |lengths: &DeltaCursor| {
        if lengths.left() > num_values as usize {
            return Err(Fault::out_of_spec(format!(
                "{} lengths in a page of {num_values} values",
                lengths.left()
            )));
        }
        Ok(())
    };
    match encoding {
        // A page of nulls may leave even the header out.
        _ if values.is_empty() => Ok(()),
        PageEncoding::DeltaLengthByteArray => check(&DeltaCursor::new(values, 0)?),
        PageEncoding::DeltaByteArray => {
            let prefixes = DeltaCursor::new(values, 0)?;
            check(&prefixes)?;
            check(&DeltaCursor::new(values, prefixes.end(values)?)?)
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn handover(physical: Type, max_definition_level: i16, max_repetition_level: i16) -> Handover {
        Handover { physical, type_length: 16, max_definition_level, max_repetition_level }
    }

    fn header(kind: PageKind) -> PageHeader {
        PageHeader { compressed_bytes: 0, uncompressed_bytes: 0, crc: None, kind }
    }

    #[test]
    fn dictionaries_are_as_long_as_their_header_says() {
        let check = |physical, num_values, bytes: usize| {
            let kind = PageKind::Dictionary { num_values, encoding: PageEncoding::Plain };
            handover(physical, 0, 0).page(&header(kind), vec![0; bytes]).is_ok()
        };
        assert!(check(Type::INT64, 3, 24) && !check(Type::INT64, 4, 31));
        assert!(check(Type::FIXED_LEN_BYTE_ARRAY, 3, 48));
        assert!(!check(Type::FIXED_LEN_BYTE_ARRAY, u32::MAX, 48));
        assert!(check(Type::BYTE_ARRAY, 6, 24) && !check(Type::BYTE_ARRAY, 7, 24));
        assert!(!check(Type::BOOLEAN, 1, 24));
    }

    proptest! {
        #[test]
        fn rewritten_levels_stand_where_the_others_stood(
            num_values in 0_u32..300,
            max_definition in 0_i16..8,
            max_repetition in 0_i16..3,
            is_packed in any::<[bool; 2]>(),
            bytes in proptest::collection::vec(any::<u8>(), 300),
        ) {
            let encoding = |packed| if packed { PageEncoding::BitPacked } else { PageEncoding::Rle };
            let maxima = [max_repetition, max_definition];
            // RLE levels of a length that is right, whatever they hold; packed ones straight from the bytes.
            let mut page = Vec::new();
            for (max, packed) in maxima.into_iter().zip(is_packed) {
                if max > 0 && packed {
                    let length = (num_values as usize * bit_width(max) as usize).div_ceil(8);
                    page.extend(bytes.iter().cycle().take(length));
                } else if max > 0 {
                    page.extend(3_u32.to_le_bytes());
                    page.extend(&bytes[..3]);
                }
            }
            page.extend(&bytes);
            let header = header(PageKind::DataV1 {
                num_values,
                encoding: PageEncoding::Plain,
                definition_encoding: encoding(is_packed[1]),
                repetition_encoding: encoding(is_packed[0]),
            });
            let handover = handover(Type::INT32, max_definition, max_repetition);
            let handed = handover.page(&header, page.clone()).unwrap();
            prop_assert!(handed.ends_with(&bytes));
            if maxima.into_iter().zip(is_packed).all(|(max, packed)| max == 0 || !packed) {
                prop_assert_eq!(&handed, &page);
            }
            let mut rest = handed.as_slice();
            for max in maxima.into_iter().filter(|max| *max > 0) {
                let (_, after) =
                    levels::split_v1(rest, PageEncoding::Rle, max, num_values).unwrap();
                rest = after;
            }
            prop_assert_eq!(rest, bytes.as_slice());
        }
    }
}
