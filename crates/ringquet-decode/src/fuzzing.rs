//! A door for the targets of `tests/hostile`, under the feature `fuzzing`: layers that the public API does
//! not show on their own, each with the property that it must have on any bytes.

use crate::codec::Codec;
use crate::decompress::{Decompressor, check_expansion};
use crate::encoding::PageEncoding;
use crate::kernels::ascending::leading_ascending;
use crate::kernels::bit_unpack::{WIDTH_MAX, bits_at, unpack};
use crate::levels::{self, HybridCursor, HybridRun, Run, Runs, bit_width};
use crate::page::header::PageHeader;
use crate::page::header_memo::HeaderMemo;

/// Values that a target looks at: what comes after them is the same again.
const VALUES_MAX: usize = 1 << 14;

/// Parses a page header; one that is good must come back from its own bytes.
///
/// # Panics
/// When it does not.
pub fn page_header(bytes: &[u8]) {
    page_header_again(bytes);
    let Ok(Some((header, length))) = PageHeader::parse(bytes) else { return };
    assert!(length <= bytes.len(), "a header of {length} of {} bytes", bytes.len());
    let again = PageHeader::parse(&bytes[..length]).expect("the same bytes, without what follows");
    assert_eq!(again, Some((header, length)));
    assert_eq!(PageHeader::parse(&bytes[..length - 1]).ok().flatten(), None, "one byte short");
}

/// What was met before changes nothing: a header is what it is when parsed on its own.
fn page_header_again(bytes: &[u8]) {
    let mut memo = HeaderMemo::default();
    let (first, second) = bytes.split_at(bytes.len() / 2);
    for bytes in [first, second, bytes, first, second] {
        assert_eq!(memo.parse(bytes).ok(), PageHeader::parse(bytes).ok());
    }
}

/// Walks hybrid bytes run by run and with a cursor, in pieces of `piece` values; both must give the same.
///
/// # Panics
/// When they differ.
pub fn hybrid(bytes: &[u8], width: u32, piece: usize) {
    let width = width % (WIDTH_MAX + 1);
    let mut by_runs: Vec<u32> = Vec::new();
    let mut runs = Runs::new(bytes, width);
    while let Ok(Some(run)) = runs.next() {
        let room = VALUES_MAX - by_runs.len();
        match run {
            Run::Rle { value, length } => {
                by_runs.resize(by_runs.len() + length.min(room), value);
            }
            Run::Packed { bytes, length } => {
                let length = length.min(room);
                by_runs.extend((0..length).map(|index| {
                    let value = bits_at(bytes, index * width as usize, width);
                    u32::try_from(value).expect("as wide as a value")
                }));
            }
        }
        if by_runs.len() == VALUES_MAX {
            break;
        }
    }
    let mut cursor = HybridCursor::new(0, bytes.len(), width);
    let mut block = vec![0; piece.clamp(1, VALUES_MAX)];
    for expected in by_runs.chunks(block.len()) {
        if let Ok((HybridRun::Packed(_), left)) = cursor.run(bytes) {
            let count = left.min(expected.len());
            let (first, counting) = cursor.leading_ascending(bytes, count);
            assert!(counting <= count);
            if counting > 0 {
                let counts = expected[..counting]
                    .iter()
                    .zip(0..)
                    .all(|(value, index)| *value == first.wrapping_add(index));
                assert!(counts, "{counting} values said to count up from {first}: {expected:?}");
            }
        }
        let block = &mut block[..expected.len()];
        cursor.read(bytes, block).expect("as many values as the runs have");
        assert_eq!(block, expected);
    }
}

/// Splits levels off a v1 page and reads them: as many as the page has values, or an error.
pub fn levels_of_v1(bytes: &[u8], is_bit_packed: bool, max_level: i16, num_values: u32) {
    let encoding = if is_bit_packed { PageEncoding::BitPacked } else { PageEncoding::Rle };
    let Ok((level_bytes, _)) = levels::split_v1(bytes, encoding, max_level, num_values) else {
        return;
    };
    let width = bit_width(max_level);
    let own;
    let level_bytes = if is_bit_packed {
        own = levels::from_bit_packed(level_bytes, width, num_values);
        &own
    } else {
        level_bytes
    };
    let mut levels = vec![0; num_values as usize];
    let read = HybridCursor::new(0, level_bytes.len(), width).read(level_bytes, &mut levels);
    assert!(!is_bit_packed || read.is_ok(), "packed levels are as many as there are bits");
}

/// Unpacks bits with the fastest kernel of this CPU and one by one; both must give the same.
///
/// # Panics
/// When they differ.
pub fn bit_unpack(bytes: &[u8], width: u32, count: usize) {
    let width = width % (WIDTH_MAX + 1);
    let mut values = vec![0; count.min(VALUES_MAX)];
    unpack(bytes, width, &mut values);
    for (index, value) in values.iter().enumerate() {
        assert_eq!(u64::from(*value), bits_at(bytes, index * width as usize, width), "{index}");
    }
    let whole = (bytes.len() * 8).checked_div(width as usize).unwrap_or(0).min(values.len());
    let (first, counting) = leading_ascending(bytes, width, whole);
    assert!(counting <= whole, "{counting} of {whole} count up");
    for (value, index) in values[..counting].iter().zip(0..) {
        assert_eq!(*value, first.wrapping_add(index));
    }
}

/// Decompresses with a decompressor that was used before and with a fresh one; both must come to the same.
///
/// # Panics
/// When they do not.
pub fn decompress(used: &mut UsedDecompressor, codec: u8, source: &[u8], target_bytes: usize) {
    let codec = Codec::from_index(codec % 7);
    if check_expansion(codec, source.len(), target_bytes).is_err() {
        return;
    }
    let (mut left, mut right) = (vec![0; target_bytes], vec![0; target_bytes]);
    let by_used = used.0.decompress(codec, source, &mut left).is_ok();
    let by_fresh = Decompressor::default().decompress(codec, source, &mut right).is_ok();
    assert_eq!(by_used, by_fresh, "{codec}: a used context and a fresh one");
    if by_used {
        assert_eq!(left, right, "{codec}: a used context and a fresh one");
    }
}

/// The contexts of all codecs, used again and again.
#[derive(Debug, Default)]
pub struct UsedDecompressor(Decompressor);
