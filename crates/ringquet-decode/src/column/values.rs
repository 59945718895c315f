//! Values of a page: dictionaries, and a cursor for each encoding.

use super::output::Output;
use super::page_memory::PageMemory;
use super::strings::{StringDictionary, next_prefixed};
use crate::encoding::PageEncoding;
use crate::error::Fault;
use crate::kernels::convert::{Convert, convert};
use crate::kernels::delta::DeltaCursor;
use crate::kernels::{ascending, bitmap, byte_stream_split, gather, spread, spread_bits};
use crate::levels::{HybridCursor, HybridRun};
use crate::pool::{BufferPool, Hold, PoolBuffer};
use crate::schema::column_plan::{FixedLeaf, Leaf, StoredAs};
use crate::words::{Word, words, words_mut};

/// Indices or differences decoded at a time: their scratch stays in the first-level cache.
const BLOCK: usize = 1024;

/// Stretches of indices that count up are looked for again at once after one that was at least as long. Among values of which
/// one in twenty repeats, stretches are shorter, and looking for them takes longer than looking the values up.
const LONG_STRETCH: usize = 256;

/// Entries that indices of eight bits can name.
const TABLE: usize = 256;

/// The dictionary of a column chunk.
#[derive(Debug)]
pub(super) enum Dictionary {
    /// Values as Arrow has them, `count` of them; of up to 16 bytes each, with room for [`TABLE`] at least.
    Fixed {
        values: PoolBuffer,
        count: usize,
        _hold: Hold,
    },
    Strings(StringDictionary),
}

impl Dictionary {
    /// The dictionary in a page that lies in the memory of the source.
    pub(super) fn at_source(
        leaf: &Leaf,
        num_values: u32,
        encoding: PageEncoding,
        bytes: &[u8],
        pool: &BufferPool,
    ) -> Result<Self, Fault> {
        let count = checked_count(leaf, num_values, encoding)?;
        match leaf {
            Leaf::Fixed(leaf) => Self::fixed(leaf, count, bytes, pool),
            Leaf::Bool | Leaf::Bytes { .. } => {
                let memory = PageMemory::copied(bytes, pool)?;
                StringDictionary::new(memory, count, leaf.is_text()).map(Self::Strings)
            }
        }
    }

    /// The dictionary in a page of its own memory, which becomes the dictionary's where its values are already those of Arrow.
    pub(super) fn of_page(
        leaf: &Leaf,
        num_values: u32,
        encoding: PageEncoding,
        page: PageMemory,
        pool: &BufferPool,
    ) -> Result<Self, Fault> {
        let count = checked_count(leaf, num_values, encoding)?;
        match leaf {
            Leaf::Fixed(leaf) => {
                let fits = count.saturating_mul(leaf.width) <= page.bytes().len();
                let is_as_in_arrow = leaf.convert == Convert::Same && fits;
                if !is_as_in_arrow || room_of(leaf, count) > page.room() {
                    return Self::fixed(leaf, count, page.bytes(), pool);
                }
                match page.into_parts() {
                    Some((values, hold)) => Ok(Self::Fixed { values, count, _hold: hold }),
                    None => Self::fixed(leaf, 0, &[], pool),
                }
            }
            Leaf::Bool | Leaf::Bytes { .. } => {
                StringDictionary::new(page, count, leaf.is_text()).map(Self::Strings)
            }
        }
    }

    /// Values of fixed width, converted from `bytes`.
    fn fixed(
        leaf: &FixedLeaf,
        count: usize,
        bytes: &[u8],
        pool: &BufferPool,
    ) -> Result<Self, Fault> {
        let stored = count.saturating_mul(leaf.stored);
        let source = bytes
            .get(..stored)
            .ok_or_else(|| Fault::truncated("dictionary", stored, bytes.len()))?;
        let mut hold = pool.hold();
        hold.set(room_of(leaf, count))?;
        let mut values = pool.take(room_of(leaf, count));
        let target = &mut values.bytes_mut()[..count * leaf.width];
        convert(leaf.convert, leaf.stored, source, target);
        Ok(Self::Fixed { values, count, _hold: hold })
    }
}

/// Bytes of memory for the values of a dictionary. Those of up to 16 bytes are looked up in a table.
fn room_of(leaf: &FixedLeaf, count: usize) -> usize {
    let entries = if leaf.width <= 16 { count.max(TABLE) } else { count };
    entries.saturating_mul(leaf.width)
}

/// Entries of a dictionary, as its page says.
fn checked_count(leaf: &Leaf, num_values: u32, encoding: PageEncoding) -> Result<usize, Fault> {
    if !matches!(encoding, PageEncoding::Plain | PageEncoding::PlainDictionary) {
        let what = format!("dictionary page encoded as {}", encoding.name());
        return Err(Fault::out_of_spec(what));
    }
    if matches!(leaf, Leaf::Bool) {
        return Err(Fault::out_of_spec("a dictionary of booleans"));
    }
    Ok(num_values as usize)
}

/// A position in the values of a page.
#[derive(Debug)]
pub(super) enum ValueCursor {
    /// The next value starts at this byte, or, of booleans, bit.
    Plain(usize),
    /// Indices into the dictionary.
    Indices(HybridCursor),
    /// Booleans in runs.
    Bits(HybridCursor),
    Delta(DeltaCursor),
    /// BYTE_STREAM_SPLIT from `start` to the end of the page; `first` is the next value of `count`.
    Split {
        start: usize,
        count: usize,
        first: usize,
    },
    /// Lengths of strings, and the byte at which the next one starts.
    Lengths(DeltaCursor, usize),
    /// Lengths of shared prefixes and of the suffixes that follow them, where the next suffix starts, and the last string.
    Prefixes {
        prefixes: DeltaCursor,
        suffixes: DeltaCursor,
        position: usize,
        previous: Vec<u8>,
    },
}

impl ValueCursor {
    /// The values that start at `start` of a page's bytes.
    pub(super) fn new(
        encoding: PageEncoding,
        bytes: &[u8],
        start: usize,
        leaf: &Leaf,
        _is_v2: bool,
    ) -> Result<Self, Fault> {
        Ok(match (encoding, leaf) {
            (PageEncoding::Plain, Leaf::Bool) => Self::Plain(start * 8),
            (PageEncoding::Plain, _) => Self::Plain(start),
            (
                PageEncoding::RleDictionary | PageEncoding::PlainDictionary,
                Leaf::Fixed(_) | Leaf::Bytes { .. },
            ) => {
                // A page of nulls may have no values at all, not even their width.
                let width = bytes.get(start).copied().unwrap_or(0);
                if width > 32 {
                    let what = format!("dictionary indices of {width} bits");
                    return Err(Fault::out_of_spec(what));
                }
                let start = (start + 1).min(bytes.len());
                Self::Indices(HybridCursor::new(start, bytes.len(), u32::from(width)))
            }
            (PageEncoding::Rle, Leaf::Bool) => {
                let length = match bytes[start..].first_chunk::<4>() {
                    Some(length) => u32::from_le_bytes(*length) as usize,
                    None if start == bytes.len() => {
                        return Ok(Self::Bits(HybridCursor::new(0, 0, 1)));
                    }
                    None => return Err(Fault::truncated("booleans", 4, bytes.len() - start)),
                };
                let end = (start + 4).saturating_add(length);
                if end > bytes.len() {
                    return Err(Fault::truncated("booleans", end, bytes.len()));
                }
                Self::Bits(HybridCursor::new(start + 4, end, 1))
            }
            // Pages of nulls may leave out the headers of these as well.
            (
                PageEncoding::DeltaBinaryPacked
                | PageEncoding::DeltaLengthByteArray
                | PageEncoding::DeltaByteArray,
                _,
            ) if start == bytes.len() => Self::Plain(start),
            (PageEncoding::DeltaBinaryPacked, Leaf::Fixed(leaf))
                if leaf.stored_as == StoredAs::Integer =>
            {
                Self::Delta(DeltaCursor::new(bytes, start)?)
            }
            (PageEncoding::ByteStreamSplit, Leaf::Fixed(leaf)) => {
                let count = (bytes.len() - start) / leaf.stored;
                Self::Split { start, count, first: 0 }
            }
            (PageEncoding::DeltaLengthByteArray, Leaf::Bytes { .. }) => {
                let lengths = DeltaCursor::new(bytes, start)?;
                let position = lengths.end(bytes)?;
                Self::Lengths(lengths, position)
            }
            (PageEncoding::DeltaByteArray, leaf)
                if matches!(leaf, Leaf::Bytes { .. })
                    || matches!(leaf, Leaf::Fixed(leaf) if leaf.stored_as == StoredAs::Binary) =>
            {
                let prefixes = DeltaCursor::new(bytes, start)?;
                let suffixes = DeltaCursor::new(bytes, prefixes.end(bytes)?)?;
                let position = suffixes.end(bytes)?;
                Self::Prefixes { prefixes, suffixes, position, previous: Vec::new() }
            }
            (other, leaf) => {
                let what = format!("{} encoded as {}", leaf.name(), other.name());
                return Err(Fault::unsupported(what));
            }
        })
    }

    /// Whether values are looked up in the dictionary.
    pub(super) fn are_indices(&self) -> bool {
        matches!(self, Self::Indices(_))
    }

    /// Whether the next `count` values are dictionary entries 0, 1, 2, … of values of fixed width, each once.
    pub(super) fn counts_through(&self, bytes: &[u8], count: usize) -> bool {
        let Self::Indices(cursor) = self else { return false };
        let mut cursor = *cursor;
        let mut done = 0;
        while done < count {
            let Ok((HybridRun::Packed(_), left)) = cursor.run(bytes) else { return false };
            let now = left.min(count - done);
            if !cursor.counts_from(bytes, done, now) {
                return false;
            }
            cursor.advance(now);
            done += now;
        }
        count > 0
    }

    /// Decodes `present` values and puts them into the last `slots` slots of the output, those that are not null.
    pub(super) fn decode(
        &mut self,
        bytes: &[u8],
        leaf: &Leaf,
        dictionary: Option<&Dictionary>,
        output: &mut Output,
        slots: usize,
        present: usize,
    ) -> Result<(), Fault> {
        let first_slot = output.slots - slots;
        match leaf {
            Leaf::Fixed(leaf) => {
                let target = output.values.extend(slots * leaf.width)?;
                let dense = &mut target[..present * leaf.width];
                self.fixed(bytes, leaf, dictionary, dense)?;
                if present < slots {
                    let validity = output.validity.bits().unwrap_or(&[]);
                    spread_fixed(target, leaf.width, present, validity, first_slot);
                }
                Ok(())
            }
            Leaf::Bool => self.bools(bytes, output, first_slot, slots, present),
            Leaf::Bytes { large: false, is_text } => {
                self.strings::<i32>(bytes, dictionary, output, slots, present, *is_text)
            }
            Leaf::Bytes { large: true, is_text } => {
                self.strings::<i64>(bytes, dictionary, output, slots, present, *is_text)
            }
        }
    }

    fn fixed(
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
                Err(Fault::out_of_spec("values of fixed width in an encoding of others"))
            }
        }
    }

    fn bools(
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
            _ => Err(Fault::out_of_spec("booleans in an encoding of others")),
        }
    }
}

fn spread_fixed(target: &mut [u8], width: usize, present: usize, validity: &[u8], offset: usize) {
    match width {
        1 => spread::spread::<u8>(target, present, validity, offset),
        2 => spread::spread::<u16>(words_mut(target), present, validity, offset),
        4 => spread::spread::<u32>(words_mut(target), present, validity, offset),
        8 => spread::spread::<u64>(words_mut(target), present, validity, offset),
        16 => spread::spread::<u128>(words_mut(target), present, validity, offset),
        width => spread::spread_bytes(target, width, present, validity, offset),
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
            Block::Repeated(index) => {
                let indices = vec![index; range.len()];
                gather::gather_bytes(entries, width, &indices, out)
            }
            Block::Indices(indices) => gather::gather_bytes(entries, width, indices, out),
        }
    })
    .map_err(|fault| fault.with_entries(entries.len() / width))
}

/// Some indices of a page.
pub(super) enum Block<'a> {
    /// One index for all.
    Repeated(u32),
    /// One index for each.
    Indices(&'a [u32]),
}

/// What went wrong with an index.
pub(super) enum IndexFault {
    Fault(Fault),
    /// No such dictionary entry.
    OutOfRange(u32),
}

impl IndexFault {
    pub(super) fn with_entries(self, entries: usize) -> Fault {
        match self {
            Self::Fault(fault) => fault,
            Self::OutOfRange(index) => {
                Fault::out_of_spec(format!("dictionary index {index} among {entries} entries"))
            }
        }
    }
}

/// Hands out the next `count` indices in blocks, with the range of values that each stands for.
pub(super) fn each_block(
    cursor: &mut HybridCursor,
    bytes: &[u8],
    count: usize,
    mut take: impl FnMut(Block<'_>, std::ops::Range<usize>) -> Result<(), u32>,
) -> Result<(), IndexFault> {
    let mut scratch = [0_u32; BLOCK];
    let mut done = 0;
    while done < count {
        let (run, left) = cursor.run(bytes).map_err(IndexFault::Fault)?;
        let taken = match run {
            HybridRun::Rle(index) => {
                let now = left.min(count - done);
                cursor.advance(now);
                take(Block::Repeated(index), done..done + now).map(|()| now)
            }
            HybridRun::Packed(_) => {
                let now = left.min(count - done).min(BLOCK);
                let indices = &mut scratch[..now];
                cursor.read_packed(bytes, indices);
                take(Block::Indices(indices), done..done + now).map(|()| now)
            }
        };
        done += taken.map_err(IndexFault::OutOfRange)?;
    }
    Ok(())
}

#[cold]
pub(super) fn no_dictionary() -> Fault {
    Fault::out_of_spec("dictionary indices without a dictionary page")
}
