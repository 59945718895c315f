//! Strings and binaries: bytes side by side, and where each one ends.
//!
//! Text is held to be UTF-8 as soon as it is copied, while it is in the cache; that of a dictionary only once.

use super::dictionary::{Dictionary, StringDictionary, no_dictionary, not_text};
use super::index_blocks::{BLOCK, IndexBlock, each_block};
use super::output::{Output, STRING_ROOM_BYTES};
use super::prefixed::{next_prefixed, non_negative, split};
use super::value_cursor::ValueCursor;
use crate::error::Fault;
use crate::kernels::join_strings::{
    self, End, Joined, SHORT_BYTES, Target, are_text, plain_string,
};
use crate::kernels::spread;
use crate::words::words_mut;

/// Appends strings to an output.
struct Appender<'a, T> {
    output: &'a mut Output,
    /// Byte in `output.ends` at which the next end goes.
    next: usize,
    /// Whether what is appended must be UTF-8.
    is_text: bool,
    ends: std::marker::PhantomData<T>,
}

impl<T: End> Appender<'_, T> {
    /// Appends `count` strings with a kernel that is given the target, the ends that are still to be written, and how
    /// many are; when it needs more room, it is called again. `rest` is how many bytes there may still be at most.
    fn append(
        &mut self,
        count: usize,
        rest: usize,
        mut kernel: impl FnMut(&mut Target<'_>, &mut [T], usize) -> Result<Joined, Fault>,
    ) -> Result<(), Fault> {
        let first_byte = self.output.values.len;
        let ends_end = self.next + count * size_of::<T>();
        let mut room = rest.min(STRING_ROOM_BYTES).saturating_add(SHORT_BYTES);
        let mut done = 0;
        while done < count {
            self.output.values.reserve(room)?;
            let used = self.output.values.len;
            let bytes = self.output.values.all_mut();
            let length = bytes.len().min(T::END_MAX);
            let mut target = Target { bytes: &mut bytes[..length], used };
            let ends = &mut self.output.ends.all_mut()[self.next..ends_end];
            let joined = kernel(&mut target, &mut words_mut::<T>(ends)[done..], done)?;
            let used = target.used;
            self.output.values.len = used;
            done += joined.strings;
            if done < count && used.saturating_add(joined.wants_room) > T::END_MAX {
                return Err(Fault::unsupported(
                    "more than 2 GiB of strings in one row, too many for 32-bit offsets",
                ));
            }
            room = joined.wants_room.max(room);
        }
        let ends = &mut self.output.ends.all_mut()[self.next..ends_end];
        self.next = ends_end;
        if self.is_text && !are_text(self.output.values.all(), first_byte, words_mut::<T>(ends)) {
            return Err(not_text());
        }
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
        is_text: bool,
    ) -> Result<(), Fault> {
        let first_slot = output.slots - slots;
        let first_end = output.ends.len;
        output.ends.extend(slots * size_of::<T>())?;
        let start = T::of(output.values.len);
        let mut appender =
            Appender::<T> { output, next: first_end, is_text, ends: std::marker::PhantomData };
        self.append(bytes, dictionary, &mut appender, present)?;
        if present < slots {
            let validity = output.validity.bits().unwrap_or(&[]);
            let ends = &mut output.ends.all_mut()[first_end..first_end + slots * size_of::<T>()];
            spread::spread_ends(words_mut::<T>(ends), start, present, validity, first_slot);
        }
        Ok(())
    }

    /// Whether it is plain, without adding their lengths up, that the next `count` strings take at most `room` bytes.
    pub(super) fn all_fit(
        &self,
        bytes: &[u8],
        dictionary: Option<&Dictionary>,
        room: usize,
        count: usize,
    ) -> bool {
        match (self, dictionary) {
            // The strings themselves lie in the page.
            (Self::Plain(position) | Self::Lengths(_, position), _) => {
                bytes.len() - position <= room
            }
            (Self::Indices(_), Some(Dictionary::Strings(dictionary))) => {
                dictionary.longest.saturating_mul(count) <= room
            }
            (Self::Prefixes { .. }, _) => false,
            // Decoding says what is wrong.
            _ => true,
        }
    }

    /// How many of the next `count` strings take at most `room` bytes together; `count` if the page has fewer, and they fit.
    pub(super) fn fitting(
        &self,
        bytes: &[u8],
        dictionary: Option<&Dictionary>,
        room: usize,
        count: usize,
    ) -> usize {
        // Slots that are null have no string, so the strings may end before `count`. What is wrong with them otherwise,
        // decoding says: it comes no further than this did.
        self.measure(bytes, dictionary, room, count).unwrap_or(count)
    }

    fn measure(
        &self,
        bytes: &[u8],
        dictionary: Option<&Dictionary>,
        room: usize,
        count: usize,
    ) -> Result<usize, Fault> {
        let mut fitting = Fitting { room, count: 0 };
        match self {
            Self::Plain(position) => {
                let mut rest = &bytes[*position..];
                while fitting.count < count {
                    let string = plain_string(rest)?;
                    if fitting.add(string.len(), 1) == 0 {
                        break;
                    }
                    rest = &rest[4 + string.len()..];
                }
            }
            Self::Indices(cursor) => {
                let Some(Dictionary::Strings(strings)) = dictionary else {
                    return Ok(count);
                };
                let spans = &strings.spans;
                let length = |index: u32| spans.get(index as usize).map(|span| span.1 as usize);
                let mut cursor = *cursor;
                let mut is_full = false;
                each_block(&mut cursor, bytes, count, |block, range| {
                    match block {
                        _ if is_full => {}
                        IndexBlock::Repeated(index) => {
                            let length = length(index).ok_or(index)?;
                            is_full = fitting.add(length, range.len()) < range.len();
                        }
                        IndexBlock::Indices(indices) => {
                            for index in indices {
                                if fitting.add(length(*index).ok_or(*index)?, 1) == 0 {
                                    is_full = true;
                                    break;
                                }
                            }
                        }
                    }
                    Ok(())
                })
                .map_err(|fault| fault.with_entries(spans.len()))?;
            }
            Self::Lengths(lengths, _) => {
                let mut lengths = lengths.clone();
                let mut block = [0; BLOCK];
                fitting.add_parts(count, |part, out| {
                    lengths.decode(bytes, &mut block[..part])?;
                    out.extend_from_slice(&block[..part]);
                    Ok(())
                })?;
            }
            Self::Prefixes { prefixes, suffixes, .. } => {
                let (mut prefixes, mut suffixes) = (prefixes.clone(), suffixes.clone());
                let (mut prefix_block, mut suffix_block) = ([0_i64; BLOCK], [0_i64; BLOCK]);
                fitting.add_parts(count, |part, out| {
                    prefixes.decode(bytes, &mut prefix_block[..part])?;
                    suffixes.decode(bytes, &mut suffix_block[..part])?;
                    let lengths = prefix_block[..part].iter().zip(&suffix_block[..part]);
                    out.extend(lengths.map(|(prefix, suffix)| prefix.saturating_add(*suffix)));
                    Ok(())
                })?;
            }
            Self::Bits(_) | Self::Delta(_) | Self::Split { .. } => return Ok(count),
        }
        Ok(fitting.count)
    }

    fn append<T: End>(
        &mut self,
        bytes: &[u8],
        dictionary: Option<&Dictionary>,
        appender: &mut Appender<'_, T>,
        count: usize,
    ) -> Result<(), Fault> {
        match self {
            Self::Plain(position) => each_part(count, |part| {
                let rest = bytes.len() - *position;
                appender.append(part, rest, |target, ends, _| {
                    join_strings::plain(bytes, position, target, ends)
                })
            }),
            Self::Indices(cursor) => {
                let Some(Dictionary::Strings(dictionary)) = dictionary else {
                    return if count == 0 { Ok(()) } else { Err(no_dictionary()) };
                };
                // Its entries were checked when it was read.
                appender.is_text = false;
                let StringDictionary { page, spans, .. } = dictionary;
                let entries = page.bytes();
                let out_of_range = |index| {
                    let entries = spans.len();
                    Fault::out_of_spec(format!("dictionary index {index} among {entries} entries"))
                };
                let mut repeated = [0; BLOCK];
                let mut failed = Ok(());
                each_block(cursor, bytes, count, |block, range| {
                    if failed.is_err() {
                        return Ok(());
                    }
                    let mut append = |indices: &[u32]| {
                        appender.append(indices.len(), STRING_ROOM_BYTES, |target, ends, done| {
                            join_strings::gather(entries, spans, &indices[done..], target, ends)
                                .map_err(out_of_range)
                        })
                    };
                    failed = match block {
                        IndexBlock::Indices(indices) => append(indices),
                        IndexBlock::Repeated(index) => {
                            repeated.fill(index);
                            each_part(range.len(), |part| append(&repeated[..part]))
                        }
                    };
                    Ok(())
                })
                .map_err(|fault| fault.with_entries(spans.len()))?;
                failed
            }
            Self::Lengths(lengths, position) => {
                let mut block = [0; BLOCK];
                each_part(count, |part| {
                    let block = &mut block[..part];
                    lengths.decode(bytes, block)?;
                    let total = block.iter().try_fold(0_usize, |total, length| {
                        non_negative(*length).map(|length| total.saturating_add(length))
                    })?;
                    // They lie side by side already.
                    let strings = split(bytes, position, total)?;
                    appender.append(part, total, |target, ends, _| {
                        Ok(join_strings::side_by_side(strings, block, target, ends))
                    })
                })
            }
            Self::Prefixes { prefixes, suffixes, position, previous } => {
                let (mut prefix_block, mut suffix_block) = ([0_i64; BLOCK], [0_i64; BLOCK]);
                each_part(count, |part| {
                    let prefix_block = &mut prefix_block[..part];
                    let suffix_block = &mut suffix_block[..part];
                    prefixes.decode(bytes, prefix_block)?;
                    suffixes.decode(bytes, suffix_block)?;
                    appender.append(part, STRING_ROOM_BYTES, |target, ends, done| {
                        let lengths = prefix_block[done..].iter().zip(&suffix_block[done..]);
                        for (index, ((prefix, suffix), end)) in lengths.zip(ends).enumerate() {
                            let length = non_negative(prefix.saturating_add(*suffix))?;
                            let room = target.used..target.used.saturating_add(length);
                            // It is not longer than what there is to make it from.
                            let bound = previous.len() + bytes.len();
                            if length > bound {
                                return Err(Fault::truncated("string", length, bound));
                            }
                            let Some(room) = target.bytes.get_mut(room) else {
                                return Ok(Joined { strings: index, wants_room: length });
                            };
                            next_prefixed(previous, (*prefix, *suffix), bytes, position)?;
                            room.copy_from_slice(previous);
                            target.used += length;
                            *end = T::of(target.used);
                        }
                        Ok(Joined { strings: part - done, wants_room: 0 })
                    })
                })
            }
            Self::Bits(_) | Self::Delta(_) | Self::Split { .. } => {
                Err(Fault::out_of_spec("strings in an encoding for other types"))
            }
        }
    }
}

/// Strings counted as long as there is room for them.
struct Fitting {
    room: usize,
    count: usize,
}

impl Fitting {
    /// Counts as many of `times` strings of `length` bytes as there is room for, and returns how many.
    fn add(&mut self, length: usize, times: usize) -> usize {
        let added = self.room.checked_div(length).map_or(times, |fit| fit.min(times));
        self.room -= added * length;
        self.count += added;
        added
    }

    /// Counts strings whose lengths `decode` appends, part by part, until there is no more room.
    fn add_parts(
        &mut self,
        count: usize,
        mut decode: impl FnMut(usize, &mut Vec<i64>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let mut lengths = Vec::with_capacity(count.min(BLOCK));
        while self.count < count {
            lengths.clear();
            decode((count - self.count).min(BLOCK), &mut lengths)?;
            for length in &lengths {
                if self.add(non_negative(*length)?, 1) == 0 {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// `count` in parts of [`BLOCK`].
fn each_part(count: usize, mut take: impl FnMut(usize) -> Result<(), Fault>) -> Result<(), Fault> {
    let mut left = count;
    while left > 0 {
        let part = left.min(BLOCK);
        take(part)?;
        left -= part;
    }
    Ok(())
}
