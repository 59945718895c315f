//! The kinds whose values are few, and may be drawn again and again.
//!
//! A value is a *code* of 1, 8 or 16 bits. The codes of a domain are numbered 0, 1, 2, …; a bijection
//! of the numbers, another one in every column chunk, gives the order in which codes appear first.

use super::random::short;
use crate::wide;
use crate::writer::schema::DataKind;

/// All values of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Domain {
    /// Two codes.
    Bit,
    /// 256 codes.
    Byte,
    /// Codes 0 to 254: what DLIO draws below 255.
    ByteBelow255,
    /// 65,536 codes.
    Word,
    /// The 63,488 bit patterns of float16 that are neither NaN nor infinite.
    FiniteFloat16,
}

/// Bits of a float16 that are all set in NaN and infinities.
const EXPONENT16: u16 = 0x7c00;

impl Domain {
    /// `None`: the kind has values of 24 bits and more, which are not drawn but new each time.
    pub(crate) fn of(kind: DataKind, raw_floats: bool) -> Option<Self> {
        match kind {
            DataKind::Boolean => Some(Self::Bit),
            DataKind::Uint8 | DataKind::Int8 | DataKind::Binary(1) => Some(Self::Byte),
            DataKind::ByteAsInt64 => Some(Self::ByteBelow255),
            DataKind::Uint16 | DataKind::Int16 | DataKind::Binary(2) => Some(Self::Word),
            DataKind::Float16 if raw_floats => Some(Self::Word),
            DataKind::Float16 => Some(Self::FiniteFloat16),
            DataKind::Uint32
            | DataKind::Uint64
            | DataKind::Int32
            | DataKind::Int64
            | DataKind::Float32
            | DataKind::Float64
            | DataKind::Utf8
            | DataKind::Binary(_) => None,
        }
    }

    /// Number of codes.
    pub(crate) fn len(self) -> u32 {
        match self {
            Self::Bit => 2,
            Self::Byte => 256,
            Self::ByteBelow255 => 255,
            Self::Word => 65_536,
            Self::FiniteFloat16 => 63_488,
        }
    }

    /// Appends the codes that appear first, up to `count` of them, to those that `codes` has.
    // The width is a constant of each loop, here and below: chosen within, datagen takes a tenth more time.
    pub(crate) fn extend(self, codes: &mut Vec<u16>, count: u32, halves: (u32, u32)) {
        match self {
            Self::Bit => self.extend_by(codes, count, move |n| low16(short::<1>(n, halves))),
            Self::Byte | Self::ByteBelow255 => {
                self.extend_by(codes, count, move |n| low16(short::<8>(n, halves)));
            }
            Self::Word | Self::FiniteFloat16 => {
                self.extend_by(codes, count, move |n| low16(short::<16>(n, halves)));
            }
        }
    }

    /// The codes of `ordinals`, of which `codes` has all. Computed where that is a few vector
    /// instructions, looked up where codes walk.
    pub(crate) fn codes_of(self, ordinals: &[u32], codes: &[u16], halves: (u32, u32)) -> Vec<u16> {
        let (mut out, ordinals) = (Vec::new(), ordinals.iter().copied());
        match self {
            Self::Bit => wide::extend(&mut out, ordinals, move |n| low16(short::<1>(n, halves))),
            Self::Byte => wide::extend(&mut out, ordinals, move |n| low16(short::<8>(n, halves))),
            Self::Word => wide::extend(&mut out, ordinals, move |n| low16(short::<16>(n, halves))),
            Self::ByteBelow255 | Self::FiniteFloat16 => {
                wide::extend(&mut out, ordinals, move |n| codes[n as usize]);
            }
        }
        out
    }

    /// With `step`, a bijection of all codes. Codes that are not in the domain walk on under it until
    /// they are; that makes it a bijection of the domain, of whose codes it is given as well.
    fn extend_by(self, codes: &mut Vec<u16>, count: u32, step: impl Fn(u32) -> u16 + Copy) {
        let start = u32::try_from(codes.len()).expect("a domain has 2^16 codes at most");
        wide::extend(codes, start..count, move |n| step(self.numbered(n)));
        let fresh = &mut codes[start as usize..];
        match self {
            Self::Bit | Self::Byte | Self::Word => {}
            Self::ByteBelow255 => {
                wide::walk(fresh, |code| code < 255, move |code| step(code.into()))
            }
            Self::FiniteFloat16 => wide::walk(fresh, is_finite16, move |code| step(code.into())),
        }
    }

    /// Code number `n` in ascending order.
    fn numbered(self, n: u32) -> u32 {
        let exponent = u32::from(EXPONENT16);
        match self {
            // Past the positive infinity and NaNs.
            Self::FiniteFloat16 if n >= exponent => n + 0x400,
            _ => n,
        }
    }
}

fn low16(value: u32) -> u16 {
    u16::try_from(value & 0xffff).expect("16 bits")
}

fn is_finite16(code: u16) -> bool {
    code & EXPONENT16 != EXPONENT16
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::content::random::Key;

    const ALL: [Domain; 5] =
        [Domain::Bit, Domain::Byte, Domain::ByteBelow255, Domain::Word, Domain::FiniteFloat16];

    #[test]
    fn every_code_appears_once_however_they_are_asked_for() {
        for domain in ALL {
            let halves = Key::new(&[5, 6]).halves(0);
            let (mut whole, mut parts) = (Vec::new(), Vec::new());
            domain.extend(&mut whole, domain.len(), halves);
            for count in [1, 2, 100, 31_743, 31_745, 60_000, domain.len()] {
                if count as usize >= parts.len() {
                    domain.extend(&mut parts, count.min(domain.len()), halves);
                }
            }
            assert_eq!(parts, whole, "{domain:?}");
            let backwards: Vec<u32> = (0..domain.len()).rev().collect();
            let mut codes = domain.codes_of(&backwards, &whole, halves);
            codes.reverse();
            assert_eq!(codes, whole, "{domain:?}");
            let distinct: HashSet<u16> = whole.iter().copied().collect();
            assert_eq!(distinct.len(), domain.len() as usize, "{domain:?}");
            let largest = match domain {
                Domain::Bit => 1,
                Domain::Byte => 255,
                Domain::ByteBelow255 => 254,
                Domain::Word | Domain::FiniteFloat16 => u16::MAX,
            };
            assert!(whole.iter().all(|code| *code <= largest), "{domain:?}");
        }
    }

    #[test]
    fn float16_is_finite_and_all_of_it() {
        let halves = Key::new(&[1]).halves(0);
        let mut codes = Vec::new();
        Domain::FiniteFloat16.extend(&mut codes, Domain::FiniteFloat16.len(), halves);
        let finite = (0..=u16::MAX).filter(|bits| half::f16::from_bits(*bits).is_finite());
        assert_eq!(codes.into_iter().collect::<HashSet<_>>(), finite.collect());
    }

    #[test]
    fn chunks_begin_with_different_codes() {
        for domain in [Domain::Byte, Domain::Word, Domain::FiniteFloat16] {
            let firsts: HashSet<u16> = (0..200)
                .map(|part| {
                    let mut codes = Vec::new();
                    domain.extend(&mut codes, 1, Key::new(&[part]).halves(0));
                    codes[0]
                })
                .collect();
            assert!(firsts.len() > 100, "{domain:?}: {} of 200", firsts.len());
        }
    }
}
