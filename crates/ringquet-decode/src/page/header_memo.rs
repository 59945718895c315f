//! Page headers that were met before.
//!
//! The pages of a column have headers that differ in nothing but the smallest and largest value, and so have those of columns of the
//! same type. So the last few headers are kept, each with a mask that leaves out the bytes of strings ([`crate::thrift::masked`]), and a
//! header that equals one of them under its mask is known without being parsed.

use crate::error::Fault;
use crate::page::header::PageHeader;
use crate::thrift::masked::{MaskedStruct, Numbers};

/// Headers that are kept: those of the dictionary page and of the data pages of four types. Met: the one kept longest ago goes.
const HEADERS_MAX: usize = 8;

/// Longest header that is kept, in bytes.
const HEADER_BYTES_MAX: usize = 256;

/// Looks that may fail before headers are no longer kept, unless as many succeeded: compressed pages differ in their lengths.
const MISSES_MAX: u32 = 64;

/// Bytes at the start of a header by which most others are distinguished: its page's type and lengths.
const PREFIX_BYTES: usize = 8;

/// The last few headers.
#[derive(Debug, Default)]
pub(crate) struct HeaderMemo {
    known: Vec<Known>,
    oldest: usize,
    hits: u32,
    misses: u32,
}

#[derive(Debug)]
struct Known {
    prefix: [u8; PREFIX_BYTES],
    /// A [`PageHeader`] holds numbers and no strings, which are statistics.
    thrift: MaskedStruct,
    header: PageHeader,
}

impl HeaderMemo {
    /// As [`PageHeader::parse`].
    pub(crate) fn parse(&mut self, bytes: &[u8]) -> Result<Option<(PageHeader, usize)>, Fault> {
        if let Some(prefix) = bytes.first_chunk::<PREFIX_BYTES>() {
            let is_it = |known: &&Known| known.prefix == *prefix && known.thrift.is_like(bytes);
            if let Some(known) = self.known.iter().find(is_it) {
                self.hits = self.hits.saturating_add(1);
                return Ok(Some((known.header, known.thrift.len())));
            }
        }
        let parsed = PageHeader::parse(bytes)?;
        if let Some((header, length)) = parsed {
            self.misses = self.misses.saturating_add(1);
            if self.misses <= MISSES_MAX || self.misses <= self.hits {
                self.keep(header, &bytes[..length]);
            }
        }
        Ok(parsed)
    }

    fn keep(&mut self, header: PageHeader, bytes: &[u8]) {
        let Some(prefix) = bytes.first_chunk::<PREFIX_BYTES>() else { return };
        if bytes.len() > HEADER_BYTES_MAX {
            return;
        }
        let Ok(thrift) = MaskedStruct::new(bytes, Numbers::Same) else { return };
        let known = Known { prefix: *prefix, thrift, header };
        if self.known.len() < HEADERS_MAX {
            self.known.push(known);
        } else {
            self.known[self.oldest] = known;
            self.oldest = (self.oldest + 1) % HEADERS_MAX;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::PageEncoding;
    use crate::page::header::PageKind;

    /// A header of a data page, with statistics { 5: max = two bytes, 6: min = two bytes } in it.
    fn header(num_values: u8, statistics: [u8; 4]) -> Vec<u8> {
        let [a, b, c, d] = statistics;
        vec![
            0x15, 0, 0x15, 0x80, 0x01, 0x15, 0x80, 0x01, // type, lengths
            0x2c, // 5: data_page_header
            0x15, num_values, 0x15, 16, 0x15, 6, 0x15, 6, // values, encodings
            0x1c, 0x58, 2, a, b, 0x18, 2, c, d, 0, // 5: statistics
            0, 0,
        ]
    }

    #[test]
    fn only_strings_may_differ() {
        let mut memo = HeaderMemo::default();
        let first = header(8, [1, 2, 3, 4]);
        let parsed = PageHeader::parse(&first).unwrap();
        assert_eq!(memo.parse(&first).unwrap(), parsed);
        assert_eq!((memo.hits, memo.misses), (0, 1));
        assert_eq!(memo.parse(&header(8, [9, 9, 9, 9])).unwrap(), parsed);
        assert_eq!((memo.hits, memo.misses), (1, 1));
        let other = header(10, [1, 2, 3, 4]);
        let (found, length) = memo.parse(&other).unwrap().unwrap();
        assert_eq!((memo.hits, memo.misses), (1, 2));
        assert_eq!(length, other.len());
        let kind = PageKind::DataV1 {
            num_values: 5,
            encoding: PageEncoding::RleDictionary,
            definition_encoding: PageEncoding::Rle,
            repetition_encoding: PageEncoding::Rle,
        };
        assert_eq!(found.kind, kind);
        assert_eq!(memo.parse(&other[..other.len() - 1]).unwrap(), None, "cut short");
    }

    /// Whatever came before, a header is what it is when parsed on its own.
    #[test]
    fn bytes_are_parsed_as_without_it() {
        let mut memo = HeaderMemo::default();
        let base = header(8, [1, 2, 3, 4]);
        assert!(memo.parse(&base).is_ok());
        for position in 0..base.len() {
            for byte in 0..=u8::MAX {
                let mut bytes = base.clone();
                bytes[position] = byte;
                let (ours, plain) = (memo.parse(&bytes), PageHeader::parse(&bytes));
                assert_eq!(ours.is_ok(), plain.is_ok(), "byte {position} = {byte}");
                assert_eq!(ours.ok(), plain.ok(), "byte {position} = {byte}");
            }
        }
    }
}
