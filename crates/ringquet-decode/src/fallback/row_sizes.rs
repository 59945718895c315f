//! What the rows of a page will take once decoded, before the `parquet` crate decodes them.
//!
//! The crate decodes a given number of rows and takes whatever memory they need. So levels and lengths of values are
//! walked here first: a batch is cut where it would grow beyond its share, and a row that is too large is refused.
//!
//! Sizes are kept of stretches of rows, each about as long as the memory allows to cut batches at; a row that is larger
//! is a stretch of its own.

use std::collections::VecDeque;

use parquet::basic::Type;
use parquet::schema::types::ColumnDescriptor;

use crate::encoding::PageEncoding;
use crate::error::Fault;
use crate::kernels::delta::DeltaCursor;
use crate::kernels::join_strings::plain_string;
use crate::levels::{HybridCursor, bit_width};
use crate::page::header::PageKind;

/// Levels and lengths walked at a time.
const BLOCK: usize = 256;

/// What the crate keeps beside the value of each level: two levels of 16 bits, an offset, validity.
const LEVEL_BYTES: u64 = 9;

/// Sizes of the rows of one leaf column that were not taken yet.
#[derive(Debug)]
pub(super) struct RowSizes {
    max_definition: u32,
    max_repetition: u32,
    width: Width,
    /// Bytes of each dictionary entry, where they differ.
    entries: Vec<u32>,
    stretches: VecDeque<RowStretch>,
    /// Rows and bytes of all stretches.
    rows: u64,
    bytes: u64,
    /// Bytes of the row that may go on with the next page; `None` before the first row.
    open: Option<u64>,
    stretch_bytes: u64,
    row_bytes_max: u64,
}

#[derive(Debug, Clone, Copy)]
struct RowStretch {
    rows: u64,
    bytes: u64,
}

/// Bytes of a value in Arrow.
#[derive(Debug, Clone, Copy)]
enum Width {
    Same(u64),
    /// Byte arrays.
    OfEach,
}

/// Where the lengths of a page's byte arrays come from.
enum Lengths {
    Same(u64),
    Plain(usize),
    Indices(HybridCursor),
    Delta(DeltaCursor),
    Prefixes(DeltaCursor, DeltaCursor),
}

/// The levels of a page, and where its values begin.
pub(super) struct PageLevels {
    repetition: HybridCursor,
    definition: HybridCursor,
    pub(super) end: usize,
}

/// What of a page's rows is known when it was walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PageRows {
    /// Rows that start in it.
    pub(super) starts: u64,
    /// Its first value belongs to the row of the page before.
    pub(super) continues: bool,
}

impl RowSizes {
    /// Of no rows yet. Stretches are about `stretch_bytes` long; a row larger than `row_bytes_max` is an error.
    pub(super) fn new(
        column: &ColumnDescriptor,
        stretch_bytes: usize,
        row_bytes_max: usize,
    ) -> Self {
        let level = |max: i16| u32::from(max.max(0).cast_unsigned());
        let width = match column.physical_type() {
            Type::BOOLEAN => Width::Same(1),
            Type::INT32 | Type::FLOAT => Width::Same(4),
            Type::INT64 | Type::DOUBLE => Width::Same(8),
            Type::INT96 => Width::Same(12),
            Type::BYTE_ARRAY => Width::OfEach,
            // Decimals of few bytes become 16 or 32.
            Type::FIXED_LEN_BYTE_ARRAY => {
                Width::Same(u64::try_from(column.type_length()).unwrap_or(0).max(16))
            }
        };
        Self {
            max_definition: level(column.max_def_level()),
            max_repetition: level(column.max_rep_level()),
            width,
            entries: Vec::new(),
            stretches: VecDeque::new(),
            rows: 0,
            bytes: 0,
            open: None,
            stretch_bytes: stretch_bytes.max(1) as u64,
            row_bytes_max: row_bytes_max as u64,
        }
    }

    /// Takes note of the dictionary of the column chunk.
    pub(super) fn set_dictionary(&mut self, num_values: u32, bytes: &[u8]) -> Result<(), Fault> {
        self.entries.clear();
        if matches!(self.width, Width::OfEach) {
            let mut rest = bytes;
            self.entries.reserve_exact((num_values as usize).min(bytes.len() / 4));
            for _ in 0..num_values {
                let string = plain_string(rest)?;
                rest = &rest[4 + string.len()..];
                self.entries.push(u32::try_from(string.len()).unwrap_or(u32::MAX));
            }
        }
        Ok(())
    }

    /// Bytes of memory of what it remembers of the dictionary.
    pub(super) fn entries_bytes(&self) -> usize {
        self.entries.len() * size_of::<u32>()
    }

    /// Complete rows that were not taken.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// What the complete rows take.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Walks a page as the `parquet` crate is given it: levels are RLE.
    pub(super) fn add_page(&mut self, kind: PageKind, bytes: &[u8]) -> Result<PageRows, Fault> {
        let (PageKind::DataV1 { num_values, encoding, .. }
        | PageKind::DataV2 { num_values, encoding, .. }) = kind
        else {
            return Ok(PageRows { starts: 0, continues: false });
        };
        let levels = self.levels(kind, bytes)?;
        let lengths = self.lengths(encoding, bytes, levels.end)?;
        self.walk(bytes, num_values as usize, levels, lengths)
    }

    /// Where the levels of a page are, as the crate is given it.
    pub(super) fn levels(&self, kind: PageKind, bytes: &[u8]) -> Result<PageLevels, Fault> {
        match kind {
            PageKind::DataV1 { .. } => {
                let mut end = 0;
                let repetition = level_v1(bytes, &mut end, self.max_repetition)?;
                let definition = level_v1(bytes, &mut end, self.max_definition)?;
                Ok(PageLevels { repetition, definition, end })
            }
            PageKind::DataV2 { definition_bytes, repetition_bytes, .. } => {
                let middle = repetition_bytes as usize;
                let end = middle.saturating_add(definition_bytes as usize);
                if end > bytes.len() {
                    return Err(Fault::truncated("levels", end, bytes.len()));
                }
                let repetition = level(0, middle, self.max_repetition);
                let definition = level(middle, end, self.max_definition);
                Ok(PageLevels { repetition, definition, end })
            }
            PageKind::Dictionary { .. } | PageKind::Other => {
                let none = HybridCursor::zeros();
                Ok(PageLevels { repetition: none, definition: none, end: 0 })
            }
        }
    }

    fn lengths(
        &self,
        encoding: PageEncoding,
        bytes: &[u8],
        start: usize,
    ) -> Result<Lengths, Fault> {
        if let Width::Same(width) = self.width {
            return Ok(Lengths::Same(width));
        }
        Ok(match encoding {
            _ if start == bytes.len() => Lengths::Plain(start),
            PageEncoding::RleDictionary | PageEncoding::PlainDictionary => {
                let width = bytes.get(start).copied().unwrap_or(0);
                if width > 32 {
                    return Err(Fault::out_of_spec(format!("dictionary indices of {width} bits")));
                }
                Lengths::Indices(HybridCursor::new(start + 1, bytes.len(), u32::from(width)))
            }
            PageEncoding::DeltaLengthByteArray => Lengths::Delta(DeltaCursor::new(bytes, start)?),
            PageEncoding::DeltaByteArray => {
                let prefixes = DeltaCursor::new(bytes, start)?;
                let suffixes = DeltaCursor::new(bytes, prefixes.end(bytes)?)?;
                Lengths::Prefixes(prefixes, suffixes)
            }
            PageEncoding::Plain => Lengths::Plain(start),
            // The crate says what is wrong with it.
            _ => Lengths::Same(0),
        })
    }

    fn walk(
        &mut self,
        bytes: &[u8],
        num_values: usize,
        levels: PageLevels,
        mut lengths: Lengths,
    ) -> Result<PageRows, Fault> {
        let PageLevels { mut repetition, mut definition, .. } = levels;
        let (mut repetitions, mut definitions) = ([0_u32; BLOCK], [0_u32; BLOCK]);
        let mut of_values = [0_u64; BLOCK];
        let mut rows = PageRows { starts: 0, continues: false };
        let mut done = 0;
        while done < num_values {
            let now = (num_values - done).min(BLOCK);
            repetition.read(bytes, &mut repetitions[..now])?;
            definition.read(bytes, &mut definitions[..now])?;
            let is_value = |level: &&u32| **level == self.max_definition;
            let present = definitions[..now].iter().filter(is_value).count();
            lengths.next(bytes, &self.entries, &mut of_values[..present])?;
            let mut of_values = of_values[..present].iter();
            for (repetition, definition) in repetitions[..now].iter().zip(&definitions[..now]) {
                if *repetition == 0 {
                    rows.starts += 1;
                    self.start_row()?;
                } else if rows.starts == 0 && done == 0 {
                    rows.continues = true;
                }
                let value = match *definition == self.max_definition {
                    true => of_values.next().copied().unwrap_or(0),
                    false => 0,
                };
                let open = self.open.as_mut().ok_or_else(|| {
                    Fault::out_of_spec("a column chunk that starts in the middle of a row")
                })?;
                *open = open.saturating_add(value + LEVEL_BYTES);
            }
            done += now;
        }
        Ok(rows)
    }

    /// The next level starts a row.
    fn start_row(&mut self) -> Result<(), Fault> {
        self.end_row()?;
        self.open = Some(0);
        Ok(())
    }

    /// The row that is open is complete: another one starts, or the column chunk has ended.
    pub(super) fn end_row(&mut self) -> Result<(), Fault> {
        let Some(bytes) = self.open.take() else { return Ok(()) };
        if bytes > self.row_bytes_max {
            return Err(Fault::OverLimit {
                what: "one row of it",
                wanted_bytes: bytes,
                bound_bytes: self.row_bytes_max,
                option: "row_bytes_max",
            });
        }
        self.rows += 1;
        self.bytes += bytes;
        match self.stretches.back_mut() {
            Some(last) if last.bytes + bytes <= self.stretch_bytes => {
                last.rows += 1;
                last.bytes += bytes;
            }
            _ => self.stretches.push_back(RowStretch { rows: 1, bytes }),
        }
        Ok(())
    }

    /// How many of the next `rows` rows take at most `bytes` together, one at least, and what they take.
    pub(super) fn fitting(&self, rows: u64, bytes: u64) -> (u64, u64) {
        let (mut fit, mut taken) = (0, 0);
        for stretch in &self.stretches {
            let of_stretch = stretch.rows.min(rows - fit);
            // Within a stretch rows are taken to be alike.
            let row_bytes = stretch.bytes.div_ceil(stretch.rows.max(1));
            let room = bytes.saturating_sub(taken);
            let most = room.checked_div(row_bytes).unwrap_or(u64::MAX);
            let now = of_stretch.min(if fit == 0 { most.max(1) } else { most });
            fit += now;
            taken += now * row_bytes;
            if now < stretch.rows || fit == rows {
                break;
            }
        }
        (fit, taken)
    }

    /// The next `rows` rows, all of them complete, were taken: what they took.
    pub(super) fn take(&mut self, rows: u64) -> u64 {
        let (mut left, before) = (rows, self.bytes);
        while left > 0
            && let Some(stretch) = self.stretches.front_mut()
        {
            let now = stretch.rows.min(left);
            let bytes = stretch.bytes / stretch.rows.max(1) * now;
            stretch.rows -= now;
            stretch.bytes -= bytes;
            self.bytes -= bytes;
            left -= now;
            if stretch.rows == 0 {
                self.bytes -= stretch.bytes;
                self.stretches.pop_front();
            }
        }
        self.rows -= rows - left;
        before - self.bytes
    }
}

impl Lengths {
    /// Bytes of the next values, as many as `out` has places.
    fn next(&mut self, bytes: &[u8], entries: &[u32], out: &mut [u64]) -> Result<(), Fault> {
        let non_negative = |length: i64| {
            u64::try_from(length)
                .map_err(|_| Fault::out_of_spec(format!("a string of {length} bytes")))
        };
        let mut numbers = [0_i64; BLOCK];
        let numbers = &mut numbers[..out.len()];
        match self {
            Self::Same(width) => out.fill(*width),
            Self::Plain(position) => {
                for out in out {
                    let string = plain_string(bytes.get(*position..).unwrap_or(&[]))?;
                    *position += 4 + string.len();
                    *out = string.len() as u64;
                }
            }
            Self::Indices(cursor) => {
                let mut indices = [0_u32; BLOCK];
                let indices = &mut indices[..out.len()];
                cursor.read(bytes, indices)?;
                for (index, out) in indices.iter().zip(out) {
                    let entry = entries.get(*index as usize).ok_or_else(|| {
                        let entries = entries.len();
                        Fault::out_of_spec(format!(
                            "dictionary index {index} among {entries} entries"
                        ))
                    })?;
                    *out = u64::from(*entry);
                }
            }
            Self::Delta(lengths) => {
                lengths.decode(bytes, numbers)?;
                for (length, out) in numbers.iter().zip(out) {
                    *out = non_negative(*length)?;
                }
            }
            Self::Prefixes(prefixes, suffixes) => {
                let mut more = [0_i64; BLOCK];
                let more = &mut more[..numbers.len()];
                prefixes.decode(bytes, numbers)?;
                suffixes.decode(bytes, more)?;
                for ((prefix, suffix), out) in numbers.iter().zip(&*more).zip(out) {
                    *out = non_negative(prefix.saturating_add(*suffix))?;
                }
            }
        }
        Ok(())
    }
}

fn level_width(max: u32) -> u32 {
    bit_width(i16::try_from(max).unwrap_or(i16::MAX))
}

/// RLE levels in `start..end` of a page.
fn level(start: usize, end: usize, max: u32) -> HybridCursor {
    match max {
        0 => HybridCursor::zeros(),
        max => HybridCursor::new(start, end, level_width(max)),
    }
}

/// RLE levels at `at` of a v1 page, behind which `at` then is.
fn level_v1(bytes: &[u8], at: &mut usize, max: u32) -> Result<HybridCursor, Fault> {
    if max == 0 {
        return Ok(HybridCursor::zeros());
    }
    let rest = &bytes[*at..];
    let length = rest
        .first_chunk::<4>()
        .ok_or_else(|| Fault::truncated("length of levels", 4, rest.len()))?;
    let length = u32::from_le_bytes(*length) as usize;
    if length > rest.len() - 4 {
        return Err(Fault::truncated("levels", length, rest.len() - 4));
    }
    let start = *at + 4;
    *at = start + length;
    Ok(level(start, *at, max))
}
