//! Small changes to seeds, the same ones each time: what `cargo xtask test` runs instead of a fuzzer. The fuzzer takes them for
//! text, whose words and numbers it would not change as a whole.

use ringquet_io::sim::SimRandom;

/// Numbers that follow from a seed: those of the simulated driver.
#[derive(Debug, Clone)]
pub struct Numbers(SimRandom);

impl Numbers {
    /// Those of `seed`.
    pub fn new(seed: u64) -> Self {
        Self(SimRandom::new(seed))
    }

    /// The next of them.
    pub fn number(&mut self) -> u64 {
        self.0.bits()
    }

    /// The next below `bound`; 0 where there is none.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.number() % bound.max(1) as u64) as usize
    }
}

/// Texts that stand where a number or a word stood.
const WORDS: [&str; 22] = [
    "0",
    "-1",
    "1e308",
    "-1e-308",
    "18446744073709551615",
    "9223372036854775808",
    "1e999",
    "null",
    "true",
    "{}",
    "[]",
    "\"\"",
    "NaN",
    "\"<script>\"",
    "..",
    "~",
    "&a",
    "*a",
    "!!int",
    "\u{202e}",
    "4294967296",
    "[[[[[[[[",
];

/// Changes `data[..size]` in one to four places; the result has at most `max_size` bytes, and this gives its length.
pub fn mutate(numbers: &mut Numbers, data: &mut [u8], size: usize, max_size: usize) -> usize {
    let mut bytes = data[..size].to_vec();
    for _ in 0..=numbers.below(4) {
        change(numbers, &mut bytes);
    }
    bytes.truncate(max_size.min(data.len()));
    data[..bytes.len()].copy_from_slice(&bytes);
    bytes.len()
}

/// Changes the text in `data[..size]`, with [`mutate`] or with `fuzzer`, which gets data, length and room, by turns that
/// follow from `seed`.
pub fn mutate_text(
    data: &mut [u8],
    size: usize,
    max_size: usize,
    seed: u32,
    fuzzer: impl FnOnce(&mut [u8], usize, usize) -> usize,
) -> usize {
    match seed % 2 {
        0 => mutate(&mut Numbers::new(u64::from(seed)), data, size, max_size),
        _ => fuzzer(data, size, max_size),
    }
}

fn change(numbers: &mut Numbers, bytes: &mut Vec<u8>) {
    if bytes.is_empty() {
        bytes.push(numbers.number() as u8);
    }
    let at = numbers.below(bytes.len());
    let length = 1 + numbers.below(16.min(bytes.len() - at));
    match numbers.below(9) {
        0 => bytes[at] ^= 1 << numbers.below(8),
        1 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][numbers.below(5)],
        2 => bytes[at] = numbers.number() as u8,
        3 => bytes[at] = bytes[at].wrapping_add(1),
        4 => drop(bytes.drain(at..at + length)),
        5 => {
            let copy = bytes[at..at + length].to_vec();
            let to = numbers.below(bytes.len() + 1);
            drop(bytes.splice(to..to, copy));
        }
        6 => {
            // A whole number or word of text, or what lies here.
            let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b".+-_".contains(byte);
            let start = bytes[..at].iter().rposition(|byte| !is_part(byte)).map_or(0, |n| n + 1);
            let end =
                bytes[at..].iter().position(|byte| !is_part(byte)).map_or(bytes.len(), |n| at + n);
            let word = WORDS[numbers.below(WORDS.len())].bytes();
            drop(bytes.splice(start..end.max(start), word));
        }
        7 => bytes.truncate(at),
        _ => {
            let end = (at + numbers.below(256)).min(bytes.len());
            let copy = bytes[at..end].to_vec();
            drop(bytes.splice(at..at, copy));
        }
    }
}
