//! Values of fixed width, and booleans.

use super::dictionary::{Dictionary, TABLE, no_dictionary};
use super::index_blocks::{BLOCK, IndexBlock, IndexFault, each_block};
use super::output::Output;
use super::prefixed::next_prefixed;
use super::value_cursor::ValueCursor;
use crate::error::Fault;
use crate::kernels::convert::{Convert, convert};
use crate::kernels::{ascending, bitmap, byte_stream_split, gather, spread_bits};
use crate::levels::{HybridCursor, HybridRun};
use crate::schema::column_layout::FixedLeaf;
use crate::words::{Word, words, words_mut};

/// Stretches of indices that count up are looked for again at once after one that was at least as long. Among values of which
/// one in twenty repeats, stretches are shorter, and looking for them takes longer than looking the values up.
const LONG_STRETCH: usize = 256;

impl ValueCursor {
    pub(super) fn fixed(
        &mut self,
        bytes: &[u8],
        leaf: &FixedLeaf,
        dictionary: Option<&Dictionary>,
        out: &mut [u8],
    ) -> Result<(), Fault> {
        let count = out.len() / leaf.width;
        match self {
            Self::Plain(position) => {
                let wanted = count * leaf.stored;
                let source = &bytes[*position..];
                let source = source
                    .get(..wanted)
                    .ok_or_else(|| Fault::truncated("values", wanted, source.len()))?;
                convert(leaf.convert, leaf.stored, source, out);
                *position += wanted;
                Ok(())
            }
            Self::Indices(cursor) => {
                let Some(Dictionary::Fixed { values, count: entries, .. }) = dictionary else {
                    return if count == 0 { Ok(()) } else { Err(no_dictionary()) };
                };
                let (count, values) = (*entries, values.bytes());
                match leaf.width {
                    1 => indices::<u8>(cursor, bytes, values, count, out),
                    2 => indices::<u16>(cursor, bytes, values, count, out),
                    4 => indices::<u32>(cursor, bytes, values, count, out),
                    8 => indices::<u64>(cursor, bytes, values, count, out),
                    16 => indices::<u128>(cursor, bytes, values, count, out),
                    width => indices_bytes(cursor, bytes, &values[..count * width], width, out),
                }
            }
            Self::Delta(cursor) if leaf.convert == Convert::Same && leaf.width == 8 => {
                cursor.decode(bytes, words_mut::<i64>(out))
            }
            Self::Delta(cursor) if leaf.convert == Convert::Same && leaf.width == 4 => {
                cursor.decode(bytes, words_mut::<u32>(out))
            }
            Self::Delta(cursor) => {
                let mut numbers = [0_i64; BLOCK];
                let mut stored = [0_u8; BLOCK * 8];
                for out in out.chunks_mut(BLOCK * leaf.width) {
                    let numbers = &mut numbers[..out.len() / leaf.width];
                    cursor.decode(bytes, numbers)?;
                    let stored = &mut stored[..numbers.len() * leaf.stored];
                    for (number, stored) in numbers.iter().zip(stored.chunks_exact_mut(leaf.stored))
                    {
                        stored.copy_from_slice(&number.to_le_bytes()[..leaf.stored]);
                    }
                    convert(leaf.convert, leaf.stored, stored, out);
                }
                Ok(())
            }
            Self::Split { start, count: values, first } => {
                if count > *values - *first {
                    return Err(Fault::truncated("values", count, *values - *first));
                }
                let streams = &bytes[*start..*start + *values * leaf.stored];
                if leaf.convert == Convert::Same {
                    byte_stream_split::join(streams, *values, leaf.stored, *first, out);
                } else {
                    let mut joined = vec![0; BLOCK * leaf.stored];
                    for (block, out) in out.chunks_mut(BLOCK * leaf.width).enumerate() {
                        let joined = &mut joined[..out.len() / leaf.width * leaf.stored];
                        let first = *first + block * BLOCK;
                        byte_stream_split::join(streams, *values, leaf.stored, first, joined);
                        convert(leaf.convert, leaf.stored, joined, out);
                    }
                }
                *first += count;
                Ok(())
            }
            Self::Prefixes { prefixes, suffixes, position, previous } => {
                let (mut prefix_block, mut suffix_block) = ([0_i64; BLOCK], [0_i64; BLOCK]);
                let mut stored = vec![0; count.min(BLOCK) * leaf.stored];
                for out in out.chunks_mut(BLOCK * leaf.width) {
                    let values = out.len() / leaf.width;
                    prefixes.decode(bytes, &mut prefix_block[..values])?;
                    suffixes.decode(bytes, &mut suffix_block[..values])?;
                    let lengths = prefix_block.iter().zip(&suffix_block);
                    let stored = &mut stored[..values * leaf.stored];
                    for (value, (prefix, suffix)) in
                        stored.chunks_exact_mut(leaf.stored).zip(lengths)
                    {
                        next_prefixed(previous, (*prefix, *suffix), bytes, position)?;
                        if previous.len() != leaf.stored {
                            return Err(Fault::out_of_spec(format!(
                                "a value of {} bytes in a column of {}",
                                previous.len(),
                                leaf.stored
                            )));
                        }
                        value.copy_from_slice(previous);
                    }
                    convert(leaf.convert, leaf.stored, stored, out);
                }
                Ok(())
            }
            Self::Bits(_) | Self::Lengths(..) => {
                Err(Fault::out_of_spec("values of fixed width in an encoding for other types"))
            }
        }
    }

    pub(super) fn bools(
        &mut self,
        bytes: &[u8],
        output: &mut Output,
        first_slot: usize,
        slots: usize,
        present: usize,
    ) -> Result<(), Fault> {
        let end = (first_slot + slots).div_ceil(8);
        let missing = end.saturating_sub(output.values.len);
        output.values.extend(missing)?;
        let target = output.values.all_mut();
        if present == slots {
            return self.bits(bytes, target, first_slot, present);
        }
        let mut dense = vec![0; present.div_ceil(8)];
        self.bits(bytes, &mut dense, 0, present)?;
        let validity = output.validity.bits().unwrap_or(&[]);
        spread_bits::spread_bits(&dense, target, first_slot, slots, validity);
        Ok(())
    }

    /// Writes `count` booleans as bits from `start` on.
    fn bits(
        &mut self,
        bytes: &[u8],
        target: &mut [u8],
        start: usize,
        count: usize,
    ) -> Result<(), Fault> {
        match self {
            Self::Plain(bit) => {
                let end = *bit + count;
                if end > bytes.len() * 8 {
                    return Err(Fault::truncated("booleans", end.div_ceil(8), bytes.len()));
                }
                bitmap::copy(bytes, *bit, target, start, count);
                *bit = end;
                Ok(())
            }
            Self::Bits(cursor) => {
                let mut done = 0;
                while done < count {
                    let (run, left) = cursor.run(bytes)?;
                    let now = left.min(count - done);
                    match run {
                        HybridRun::Rle(value) => {
                            bitmap::fill(target, start + done, now, value != 0)
                        }
                        HybridRun::Packed(bit) => {
                            bitmap::copy(bytes, bit, target, start + done, now);
                        }
                    }
                    cursor.advance(now);
                    done += now;
                }
                Ok(())
            }
            _ => Err(Fault::out_of_spec("booleans in an encoding for other types")),
        }
    }
}

/// Looks up as many indices as `out` has room for.
fn indices<T: Word>(
    cursor: &mut HybridCursor,
    bytes: &[u8],
    values: &[u8],
    count: usize,
    out: &mut [u8],
) -> Result<(), Fault> {
    let table = words::<T>(&values[..count.max(TABLE) * size_of::<T>()]);
    let entries = &table[..count];
    let table = table.first_chunk::<TABLE>().expect("dictionaries have room for a table");
    let out_of_range = |index| IndexFault::OutOfRange(index).with_entries(entries.len());
    let mut scratch = [0_u32; BLOCK];
    // After a stretch that did not count up, the next look comes later and later.
    let mut block = ascending::STEP;
    let mut out = words_mut::<T>(out);
    while !out.is_empty() {
        let (run, left) = cursor.run(bytes)?;
        let left = left.min(out.len());
        let now = match run {
            HybridRun::Rle(index) => {
                let value = *entries.get(index as usize).ok_or_else(|| out_of_range(index))?;
                out[..left].fill(value);
                cursor.advance(left);
                left
            }
            HybridRun::Packed(_) if cursor.bit_width() == 8 => {
                gather::gather_8(table, count, cursor.take_bytes(bytes, left), &mut out[..left])
                    .map_err(out_of_range)?;
                left
            }
            HybridRun::Packed(_) => {
                let (first, counting) = cursor.leading_ascending(bytes, left);
                if counting > 0 {
                    let values =
                        entries.get(first as usize..).and_then(|from| from.get(..counting));
                    let values = values.ok_or_else(|| {
                        out_of_range(
                            first.saturating_add(u32::try_from(counting - 1).unwrap_or(u32::MAX)),
                        )
                    })?;
                    out[..counting].copy_from_slice(values);
                    cursor.advance(counting);
                    if counting >= LONG_STRETCH {
                        block = ascending::STEP;
                    }
                    counting
                } else {
                    let now = left.min(block);
                    block = (block * 4).min(BLOCK);
                    cursor.read_packed(bytes, &mut scratch[..now]);
                    gather::gather(entries, &scratch[..now], &mut out[..now])
                        .map_err(out_of_range)?;
                    now
                }
            }
        };
        out = &mut out[now..];
    }
    Ok(())
}

fn indices_bytes(
    cursor: &mut HybridCursor,
    bytes: &[u8],
    entries: &[u8],
    width: usize,
    out: &mut [u8],
) -> Result<(), Fault> {
    each_block(cursor, bytes, out.len() / width, |block, range| {
        let out = &mut out[range.start * width..range.end * width];
        match block {
            IndexBlock::Repeated(index) => {
                let indices = vec![index; range.len()];
                gather::gather_bytes(entries, width, &indices, out)
            }
            IndexBlock::Indices(indices) => gather::gather_bytes(entries, width, indices, out),
        }
    })
    .map_err(|fault| fault.with_entries(entries.len() / width))
}
