//! Strings and binaries: bytes side by side, and where each one ends.

use super::output::Output;
use super::values::{Block, Dictionary, ValueCursor, each_block, no_dictionary};
use crate::error::Fault;
use crate::kernels::delta::DeltaCursor;
use crate::kernels::spread;
use crate::pool::{Word, words_mut};

/// Lengths decoded at a time.
const BLOCK: usize = 256;

/// Dictionary entries: bytes side by side, and where each one starts and ends.
#[derive(Debug)]
pub(super) struct StringDictionary {
    bytes: Vec<u8>,
    /// One more than there are entries; the first is 0.
    ends: Vec<u32>,
}

impl StringDictionary {
    pub(super) fn new(bytes: &[u8], count: usize) -> Result<Self, Fault> {
        // Each entry has a length of four bytes.
        if count > bytes.len() / 4 {
            return Err(Fault::truncated("dictionary", count.saturating_mul(4), bytes.len()));
        }
        let mut dictionary = Self { bytes: Vec::new(), ends: Vec::with_capacity(count + 1) };
        dictionary.bytes.reserve(bytes.len() - count * 4);
        dictionary.ends.push(0);
        let mut rest = bytes;
        for _ in 0..count {
            dictionary.bytes.extend_from_slice(split_plain(&mut rest)?);
            let end = u32::try_from(dictionary.bytes.len())
                .map_err(|_| Fault::unsupported("dictionaries of more than 4 GiB"))?;
            dictionary.ends.push(end);
        }
        Ok(dictionary)
    }

    fn len(&self) -> usize {
        self.ends.len() - 1
    }

    #[inline]
    fn entry(&self, index: u32) -> Option<&[u8]> {
        let index = index as usize;
        let end = *self.ends.get(index + 1)?;
        Some(&self.bytes[self.ends[index] as usize..end as usize])
    }
}

/// The next length and bytes of PLAIN strings.
#[inline]
fn split_plain<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Fault> {
    let (length, bytes) = rest
        .split_first_chunk::<4>()
        .ok_or_else(|| Fault::truncated("length of a string", 4, rest.len()))?;
    let length = u32::from_le_bytes(*length) as usize;
    let (string, bytes) = bytes
        .split_at_checked(length)
        .ok_or_else(|| Fault::truncated("string", length, bytes.len()))?;
    *rest = bytes;
    Ok(string)
}

/// Arrow's offset of a string, 32 or 64 bits.
pub(super) trait End: Word {
    fn new(end: usize) -> Option<Self>;
}

impl End for i32 {
    fn new(end: usize) -> Option<Self> {
        Self::try_from(end).ok()
    }
}

impl End for i64 {
    fn new(end: usize) -> Option<Self> {
        Self::try_from(end).ok()
    }
}

/// Appends strings to an output.
struct Appender<'a, T> {
    output: &'a mut Output,
    /// Byte in `output.ends` at which the next end goes.
    next: usize,
    ends: std::marker::PhantomData<T>,
}

impl<T: End> Appender<'_, T> {
    #[inline]
    fn push(&mut self, string: &[u8]) -> Result<(), Fault> {
        self.output.values.push(string)?;
        self.push_end()
    }

    #[inline]
    fn push_end(&mut self) -> Result<(), Fault> {
        let end = T::new(self.output.values.len).ok_or_else(|| {
            Fault::unsupported("more than 2 GiB of strings in a batch: read fewer rows per batch")
        })?;
        let ends = &mut self.output.ends.all_mut()[self.next..self.next + size_of::<T>()];
        words_mut::<T>(ends)[0] = end;
        self.next += size_of::<T>();
        Ok(())
    }
}

impl ValueCursor {
    /// Appends `present` strings and puts their ends into the last `slots` slots, those that are not null.
    pub(super) fn strings<T: End>(
        &mut self,
        bytes: &[u8],
        dictionary: Option<&Dictionary>,
        output: &mut Output,
        slots: usize,
        present: usize,
    ) -> Result<(), Fault> {
        let first_slot = output.slots - slots;
        let first_end = output.ends.len;
        output.ends.extend(slots * size_of::<T>())?;
        let start = T::new(output.values.len).unwrap_or_default();
        let mut appender =
            Appender::<T> { output, next: first_end, ends: std::marker::PhantomData };
        self.append(bytes, dictionary, &mut appender, present)?;
        if present < slots {
            let validity = output.validity.bits().unwrap_or(&[]);
            let ends = &mut output.ends.all_mut()[first_end..first_end + slots * size_of::<T>()];
            spread::spread_ends(words_mut::<T>(ends), start, present, validity, first_slot);
        }
        Ok(())
    }

    fn append<T: End>(
        &mut self,
        bytes: &[u8],
        dictionary: Option<&Dictionary>,
        appender: &mut Appender<'_, T>,
        count: usize,
    ) -> Result<(), Fault> {
        match self {
            Self::Plain(position) => {
                let mut rest = &bytes[*position..];
                for _ in 0..count {
                    appender.push(split_plain(&mut rest)?)?;
                }
                *position = bytes.len() - rest.len();
                Ok(())
            }
            Self::Indices(cursor) => {
                let Some(Dictionary::Strings(dictionary)) = dictionary else {
                    return if count == 0 { Ok(()) } else { Err(no_dictionary()) };
                };
                let mut full = Ok(());
                each_block(cursor, bytes, count, |block, range| {
                    let mut push = |index: u32| {
                        let entry = dictionary.entry(index).ok_or(index)?;
                        if full.is_ok() {
                            full = appender.push(entry);
                        }
                        Ok(())
                    };
                    match block {
                        Block::Repeated(index) => range.into_iter().try_for_each(|_| push(index)),
                        Block::Indices(indices) => {
                            indices.iter().try_for_each(|index| push(*index))
                        }
                    }
                })
                .map_err(|fault| fault.with_entries(dictionary.len()))?;
                full
            }
            Self::Lengths(lengths, position) => each_length(lengths, bytes, count, |length| {
                let string = split(bytes, position, length)?;
                appender.push(string)
            }),
            Self::Prefixes { prefixes, suffixes, position, previous } => {
                let mut suffix_lengths = [0; BLOCK];
                let mut next = 0;
                let mut left = count;
                each_length(prefixes, bytes, count, |prefix| {
                    if next == 0 {
                        let now = left.min(BLOCK);
                        suffixes.decode(bytes, &mut suffix_lengths[..now])?;
                        left -= now;
                    }
                    let length = non_negative(suffix_lengths[next])?;
                    next = (next + 1) % BLOCK;
                    if prefix > previous.len() {
                        return Err(Fault::out_of_spec(format!(
                            "prefix of {prefix} bytes of a string of {}",
                            previous.len()
                        )));
                    }
                    previous.truncate(prefix);
                    previous.extend_from_slice(split(bytes, position, length)?);
                    appender.push(previous)
                })
            }
            Self::Bits(_) | Self::Delta(_) | Self::Split { .. } => {
                Err(Fault::out_of_spec("strings in an encoding of others"))
            }
        }
    }
}

/// The next `length` bytes at `position`.
fn split<'a>(bytes: &'a [u8], position: &mut usize, length: usize) -> Result<&'a [u8], Fault> {
    let rest = &bytes[*position..];
    let string =
        rest.get(..length).ok_or_else(|| Fault::truncated("string", length, rest.len()))?;
    *position += length;
    Ok(string)
}

fn non_negative(length: i64) -> Result<usize, Fault> {
    usize::try_from(length).map_err(|_| Fault::out_of_spec(format!("a string of {length} bytes")))
}

fn each_length(
    lengths: &mut DeltaCursor,
    bytes: &[u8],
    count: usize,
    mut take: impl FnMut(usize) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut block = [0; BLOCK];
    let mut left = count;
    while left > 0 {
        let block = &mut block[..left.min(BLOCK)];
        lengths.decode(bytes, block)?;
        block.iter().try_for_each(|length| take(non_negative(*length)?))?;
        left -= block.len();
    }
    Ok(())
}
