//! The column chunks of a footer, packed.
//!
//! A data set of 1,024 DLRM files has 31 million selected column chunks, so a chunk takes about ten bytes instead of the
//! 48 of a [`ColumnChunk`]. Per row group, chunk after chunk, as varints:
//!
//! ```text
//! codec, dictionary, │ gap from the end │ compressed │ uncompressed    │ values
//! encodings:         │ of the one       │ bytes      │ − compressed,   │ − rows of the
//! one byte           │ before, zigzag   │            │ zigzag          │ row group, zigzag
//! ```
//!
//! A file has a handful of different sets of encodings; they stand in a table, the byte has their number.

use std::sync::Arc;

use super::column_chunk::ColumnChunk;
use crate::codec::Codec;
use crate::encoding::EncodingSet;
use crate::thrift::varint::{self, VarintFault};

/// Bit of a chunk's first byte for a dictionary page.
const DICTIONARY: u8 = 0x80;
/// Bits of its codec.
const CODEC: u8 = 0x07;
/// Where the number of its set of encodings starts, four bits.
const ENCODINGS_SHIFT: u32 = 3;
/// The number that means: the set itself follows, in two bytes.
const ENCODINGS_FOLLOW: u8 = 0x0f;

/// All selected column chunks of a file.
#[derive(Debug)]
pub(super) struct ChunkTable {
    /// Selected leaves, ascending.
    leaves: Arc<[usize]>,
    /// Where each row group starts in `packed`.
    starts: Box<[u32]>,
    packed: Box<[u8]>,
    encodings: Box<[EncodingSet]>,
    /// Of every chunk of the file.
    v2_denies_compression: bool,
}

/// Collects chunks in the order of the file's metadata.
#[derive(Debug, Default)]
pub(super) struct ChunkTableBuilder {
    starts: Vec<u32>,
    packed: Vec<u8>,
    encodings: Vec<EncodingSet>,
    end: u64,
}

impl ChunkTableBuilder {
    /// Starts the next row group; `false` when the table is full (4 GiB).
    pub(super) fn start_row_group(&mut self) -> bool {
        self.end = 0;
        u32::try_from(self.packed.len()).map(|start| self.starts.push(start)).is_ok()
    }

    /// Adds a chunk of the current row group, which has `rows` rows.
    pub(super) fn push(&mut self, chunk: &ColumnChunk, rows: u64) {
        let dictionary = if chunk.has_dictionary { DICTIONARY } else { 0 };
        let number = self.encodings_number(chunk.encodings);
        self.packed.push(chunk.codec.to_index() | (number << ENCODINGS_SHIFT) | dictionary);
        if number == ENCODINGS_FOLLOW {
            self.packed.extend_from_slice(&chunk.encodings.0.to_le_bytes());
        }
        put_difference(&mut self.packed, chunk.offset.wrapping_sub(self.end));
        varint::write(&mut self.packed, chunk.compressed_bytes);
        let grown = chunk.uncompressed_bytes.wrapping_sub(chunk.compressed_bytes);
        put_difference(&mut self.packed, grown);
        put_difference(&mut self.packed, chunk.num_values.wrapping_sub(rows));
        self.end = chunk.offset + chunk.compressed_bytes;
    }

    fn encodings_number(&mut self, encodings: EncodingSet) -> u8 {
        let known = self.encodings.iter().position(|known| *known == encodings);
        let number = known.unwrap_or_else(|| {
            if self.encodings.len() < usize::from(ENCODINGS_FOLLOW) {
                self.encodings.push(encodings);
                self.encodings.len() - 1
            } else {
                usize::from(ENCODINGS_FOLLOW)
            }
        });
        u8::try_from(number).unwrap_or(ENCODINGS_FOLLOW)
    }

    /// The table; `leaves` are those that were pushed for every row group, in that order. `v2_denies_compression` is a fact
    /// of the file's writer, and what the chunks state about it is not kept.
    pub(super) fn finish(self, leaves: Arc<[usize]>, v2_denies_compression: bool) -> ChunkTable {
        ChunkTable {
            leaves,
            starts: self.starts.into_boxed_slice(),
            packed: self.packed.into_boxed_slice(),
            encodings: self.encodings.into_boxed_slice(),
            v2_denies_compression,
        }
    }
}

impl ChunkTable {
    pub(super) fn leaves(&self) -> &[usize] {
        &self.leaves
    }

    pub(super) fn v2_denies_compression(&self) -> bool {
        self.v2_denies_compression
    }

    pub(super) fn get(&self, row_group: usize, leaf: usize, rows: u64) -> Option<ColumnChunk> {
        let position = self.leaves.binary_search(&leaf).ok()?;
        self.row_group(row_group, rows).nth(position).map(|(_, chunk)| chunk)
    }

    pub(super) fn row_group(
        &self,
        row_group: usize,
        rows: u64,
    ) -> impl Iterator<Item = (usize, ColumnChunk)> + '_ {
        let start = self.starts[row_group] as usize;
        let mut packed = Packed { bytes: &self.packed[start..], position: 0 };
        let mut end = 0_u64;
        self.leaves.iter().map(move |leaf| {
            let first = packed.byte().expect("the builder pushed every leaf of a row group");
            let number = (first >> ENCODINGS_SHIFT) & ENCODINGS_FOLLOW;
            let encodings = match self.encodings.get(usize::from(number)) {
                Some(encodings) if number != ENCODINGS_FOLLOW => *encodings,
                _ => {
                    let mut byte = || packed.byte().unwrap_or_default();
                    EncodingSet(u16::from_le_bytes([byte(), byte()]))
                }
            };
            let offset = end.wrapping_add(packed.difference());
            let compressed_bytes = packed.number();
            let uncompressed_bytes = compressed_bytes.wrapping_add(packed.difference());
            let num_values = rows.wrapping_add(packed.difference());
            end = offset + compressed_bytes;
            let chunk = ColumnChunk {
                offset,
                compressed_bytes,
                num_values,
                uncompressed_bytes,
                codec: Codec::from_index(first & CODEC),
                has_dictionary: first & DICTIONARY != 0,
                encodings,
                v2_denies_compression: self.v2_denies_compression,
            };
            (*leaf, chunk)
        })
    }

    pub(super) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.leaves)
            + size_of_val(&*self.starts)
            + size_of_val(&*self.encodings)
            + self.packed.len()
    }
}

/// A number as small as its distance from 0 is.
fn put_difference(packed: &mut Vec<u8>, difference: u64) {
    varint::write(packed, varint::zigzag(difference.cast_signed()));
}

/// The packed numbers of a row group.
struct Packed<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl Packed<'_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.position).copied();
        self.position += usize::from(byte.is_some());
        byte
    }

    fn number(&mut self) -> u64 {
        let number: Result<u64, VarintFault> = varint::read(self.bytes, &mut self.position);
        number.expect("the builder wrote whole numbers")
    }

    fn difference(&mut self) -> u64 {
        varint::unzigzag(self.number()).cast_unsigned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packing_keeps_everything() {
        let chunk = |offset, compressed_bytes, uncompressed_bytes, num_values, has_dictionary| {
            ColumnChunk {
                offset,
                compressed_bytes,
                num_values,
                uncompressed_bytes,
                codec: Codec::Zstd,
                has_dictionary,
                encodings: EncodingSet(0x109),
                v2_denies_compression: true,
            }
        };
        let row_groups = [
            [chunk(4, 34_652, 34_652, 6144, true), chunk(5_000_000, 0, 0, 0, false)],
            [
                chunk(1 << 50, 1 << 40, 7, 1 << 45, true),
                chunk(0, u64::MAX >> 1, 1 << 62, 6144, false),
            ],
        ];
        let mut builder = ChunkTableBuilder::default();
        for row_group in &row_groups {
            assert!(builder.start_row_group());
            row_group.iter().for_each(|chunk| builder.push(chunk, 6144));
        }
        let table = builder.finish([3, 9].into(), true);
        for (index, row_group) in row_groups.iter().enumerate() {
            assert_eq!(table.get(index, 3, 6144), Some(row_group[0]));
            assert_eq!(table.get(index, 9, 6144), Some(row_group[1]));
            assert_eq!(table.get(index, 4, 6144), None);
        }
    }

    #[test]
    fn many_sets_of_encodings() {
        let chunk = |encodings| ColumnChunk {
            offset: 4,
            compressed_bytes: 10,
            num_values: 1,
            uncompressed_bytes: 10,
            codec: Codec::Lz4Raw,
            has_dictionary: true,
            encodings: EncodingSet(encodings),
            v2_denies_compression: false,
        };
        let mut builder = ChunkTableBuilder::default();
        for encodings in 0..40 {
            assert!(builder.start_row_group());
            builder.push(&chunk(encodings), 1);
            builder.push(&chunk(encodings + 1), 1);
        }
        let table = builder.finish([0, 1].into(), false);
        for encodings in 0..40 {
            let row_group = usize::from(encodings);
            assert_eq!(table.get(row_group, 0, 1), Some(chunk(encodings)));
            assert_eq!(table.get(row_group, 1, 1), Some(chunk(encodings + 1)));
        }
    }
}
