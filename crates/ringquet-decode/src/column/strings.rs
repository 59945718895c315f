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
        // Short strings are copied too long, the last ones as well.
        dictionary.bytes.extend_from_slice(&[0; SHORT_BYTES]);
        Ok(dictionary)
    }

    fn len(&self) -> usize {
        self.ends.len() - 1
    }

    #[inline]
    fn span(&self, index: u32) -> Option<Span> {
        let [start, end] = *self.ends.get(index as usize..)?.first_chunk::<2>()?;
        Some((start as usize, (end - start) as usize))
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

/// Where the next of PLAIN strings lies.
#[inline]
fn plain_span(bytes: &[u8], position: &mut usize) -> Result<Span, Fault> {
    let mut rest = &bytes[*position..];
    let length = split_plain(&mut rest)?.len();
    let start = *position + 4;
    *position = start + length;
    Ok((start, length))
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

/// Where a string lies: its first byte and its length.
type Span = (usize, usize);

/// Short strings are copied as so many bytes, whatever their length: two moves instead of a call.
const SHORT_BYTES: usize = 16;

impl<T: End> Appender<'_, T> {
    /// Appends the strings that lie in `source` at `spans`, which are inside of it.
    fn push_all(&mut self, source: &[u8], spans: &[Span]) -> Result<(), Fault> {
        let total = spans.iter().fold(0_usize, |total, (_, length)| total.saturating_add(*length));
        // Behind the last string there is room for what a short one is copied too long.
        self.output.values.reserve(total.saturating_add(SHORT_BYTES))?;
        let base = self.output.values.len;
        if T::new(base + total).is_none() {
            return Err(Fault::unsupported(
                "more than 2 GiB of strings in a batch: read fewer rows per batch",
            ));
        }
        let ends_end = self.next + spans.len() * size_of::<T>();
        let ends = words_mut::<T>(&mut self.output.ends.all_mut()[self.next..ends_end]);
        let target = &mut self.output.values.all_mut()[base..];
        let mut position = 0;
        for ((start, length), end) in spans.iter().copied().zip(ends) {
            match source.get(start..start + SHORT_BYTES) {
                Some(short) if length <= SHORT_BYTES => {
                    target[position..position + SHORT_BYTES].copy_from_slice(short);
                }
                _ => {
                    let string = &source[start..start + length];
                    target[position..position + length].copy_from_slice(string);
                }
            }
            position += length;
            *end = T::new(base + position).unwrap_or_default();
        }
        self.output.values.len = base + position;
        self.next = ends_end;
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
                let mut spans = [(0, 0); BLOCK];
                let mut left = count;
                while left > 0 {
                    let spans = &mut spans[..left.min(BLOCK)];
                    for span in spans.iter_mut() {
                        *span = plain_span(bytes, position)?;
                    }
                    appender.push_all(bytes, spans)?;
                    left -= spans.len();
                }
                Ok(())
            }
            Self::Indices(cursor) => {
                let Some(Dictionary::Strings(dictionary)) = dictionary else {
                    return if count == 0 { Ok(()) } else { Err(no_dictionary()) };
                };
                let mut spans = Vec::with_capacity(count.min(1 << 16));
                let mut full = Ok(());
                each_block(cursor, bytes, count, |block, range| {
                    spans.clear();
                    match block {
                        Block::Repeated(index) => {
                            let span = dictionary.span(index).ok_or(index)?;
                            for start in range.clone().step_by(1 << 16) {
                                spans.clear();
                                spans.resize((range.end - start).min(1 << 16), span);
                                if full.is_ok() {
                                    full = appender.push_all(&dictionary.bytes, &spans);
                                }
                            }
                        }
                        Block::Indices(indices) => {
                            for index in indices {
                                spans.push(dictionary.span(*index).ok_or(*index)?);
                            }
                            if full.is_ok() {
                                full = appender.push_all(&dictionary.bytes, &spans);
                            }
                        }
                    }
                    Ok(())
                })
                .map_err(|fault| fault.with_entries(dictionary.len()))?;
                full
            }
            Self::Lengths(lengths, position) => {
                let mut block = [0; BLOCK];
                let mut spans = [(0, 0); BLOCK];
                let mut left = count;
                while left > 0 {
                    let now = left.min(BLOCK);
                    lengths.decode(bytes, &mut block[..now])?;
                    for (span, length) in spans.iter_mut().zip(&block[..now]) {
                        let length = non_negative(*length)?;
                        *span = (*position, length);
                        split(bytes, position, length)?;
                    }
                    appender.push_all(bytes, &spans[..now])?;
                    left -= now;
                }
                Ok(())
            }
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
                    appender.push_all(previous, &[(0, previous.len())])
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
