//! Smallest and largest value of a page and of a column chunk.

use arrow_array::Array;
use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use ringquet_decode::thrift::StructWriter;

use super::schema::DataKind;
use crate::wide;

/// Arrow leaves bounds out that are longer than this many bytes.
const BOUND_BYTES_MAX: usize = 4096;

/// A value in a form whose order is that of the column.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Bound {
    /// Numbers and booleans; unsigned ones with their top bit flipped, floats with their bits made
    /// to ascend.
    Number(i64),
    Bytes(Vec<u8>),
}

/// Smallest and largest value; none before the first, and none of NaNs alone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bounds(Option<(Bound, Bound)>);

impl Bounds {
    /// Takes in the leaf values of `array`, which has no nulls.
    pub(crate) fn add(&mut self, kind: DataKind, array: &dyn Array) {
        self.merge(&Self(bounds_of(kind, array)));
    }

    /// Takes in what `other` has seen.
    pub(crate) fn merge(&mut self, other: &Self) {
        let Some((low, high)) = &other.0 else { return };
        match &mut self.0 {
            None => self.0 = other.0.clone(),
            Some((smallest, largest)) => {
                if low < smallest {
                    smallest.clone_from(low);
                }
                if high > largest {
                    largest.clone_from(high);
                }
            }
        }
    }

    /// Both in PLAIN encoding, strings without their length. `None` without values to bound, or if
    /// one is too long.
    pub(crate) fn bytes(&self, kind: DataKind) -> Option<(Vec<u8>, Vec<u8>)> {
        let (low, high) = self.0.as_ref()?;
        let (low, high) = (low_bytes(kind, low), high_bytes(kind, high));
        let fits = low.len() <= BOUND_BYTES_MAX && high.len() <= BOUND_BYTES_MAX;
        fits.then_some((low, high))
    }

    /// Writes the fields of thrift's `Statistics`, as Arrow does: the two old fields as well where
    /// their order was ever defined.
    pub(crate) fn write(&self, kind: DataKind, fields: &mut StructWriter<'_>) {
        let bounds = self.bytes(kind);
        if let Some((low, high)) = &bounds
            && is_signed(kind)
        {
            fields.bytes(1, high);
            fields.bytes(2, low);
        }
        fields.i64(3, 0);
        if let Some((low, high)) = &bounds {
            fields.bytes(5, high);
            fields.bytes(6, low);
            fields.bool(7, true);
            fields.bool(8, true);
        }
    }
}

fn is_signed(kind: DataKind) -> bool {
    match kind {
        DataKind::Uint8
        | DataKind::Uint16
        | DataKind::Uint32
        | DataKind::Uint64
        | DataKind::Utf8
        | DataKind::Binary(_) => false,
        DataKind::Int8
        | DataKind::Int16
        | DataKind::Int32
        | DataKind::Int64
        | DataKind::Float16
        | DataKind::Float32
        | DataKind::Float64
        | DataKind::Boolean
        | DataKind::ByteAsInt64 => true,
    }
}

/// Smallest and largest of `keys`.
fn extent<T: Copy + Ord>(keys: impl Iterator<Item = T>) -> Option<(T, T)> {
    keys.fold(None, |extent, key| match extent {
        None => Some((key, key)),
        Some((low, high)) => Some((key.min(low), key.max(high))),
    })
}

fn ascending16(bits: u16) -> i16 {
    let bits = bits.cast_signed();
    bits ^ ((bits >> 15).cast_unsigned() >> 1).cast_signed()
}

fn ascending32(bits: u32) -> i32 {
    let bits = bits.cast_signed();
    bits ^ ((bits >> 31).cast_unsigned() >> 1).cast_signed()
}

fn ascending64(bits: u64) -> i64 {
    let bits = bits.cast_signed();
    bits ^ ((bits >> 63).cast_unsigned() >> 1).cast_signed()
}

/// Flips the top bit, so that unsigned numbers ascend as signed ones.
fn flipped(value: u64) -> i64 {
    (value ^ 1 << 63).cast_signed()
}

fn numbers<K: Into<i64>>(extent: Option<(K, K)>) -> Option<(Bound, Bound)> {
    extent.map(|(low, high)| (Bound::Number(low.into()), Bound::Number(high.into())))
}

fn bounds_of(kind: DataKind, array: &dyn Array) -> Option<(Bound, Bound)> {
    let unsigned = |extent: Option<(u64, u64)>| {
        numbers(extent.map(|(low, high)| (flipped(low), flipped(high))))
    };
    macro_rules! values {
        ($kind:ty) => {
            array.as_primitive::<$kind>().values()
        };
    }
    macro_rules! unsigned {
        ($kind:ty) => {
            unsigned(
                wide::extent(values!($kind), |v| v).map(|(low, high)| (low.into(), high.into())),
            )
        };
    }
    match kind {
        DataKind::Int8 => numbers(wide::extent(values!(Int8Type), |v| v)),
        DataKind::Int16 => numbers(wide::extent(values!(Int16Type), |v| v)),
        DataKind::Int32 => numbers(wide::extent(values!(Int32Type), |v| v)),
        DataKind::Int64 | DataKind::ByteAsInt64 => numbers(wide::extent(values!(Int64Type), |v| v)),
        DataKind::Uint8 => unsigned!(UInt8Type),
        DataKind::Uint16 => unsigned!(UInt16Type),
        DataKind::Uint32 => unsigned!(UInt32Type),
        DataKind::Uint64 => unsigned!(UInt64Type),
        DataKind::Float16 => {
            let values = values!(Float16Type);
            let all = wide::extent(values, |v| ascending16(v.to_bits()));
            let is_nan = |key: i16| !(-0x7c01..=0x7c00).contains(&key);
            match all {
                Some((low, high)) if is_nan(low) || is_nan(high) => {
                    let some = values.iter().filter(|v| !v.is_nan());
                    numbers(extent(some.map(|v| ascending16(v.to_bits()))))
                }
                all => numbers(all),
            }
        }
        DataKind::Float32 => {
            let values = values!(Float32Type);
            let all = wide::extent(values, |v| ascending32(v.to_bits()));
            let is_nan = |key: i32| !(-0x7f80_0001..=0x7f80_0000).contains(&key);
            match all {
                Some((low, high)) if is_nan(low) || is_nan(high) => {
                    let some = values.iter().filter(|v| !v.is_nan());
                    numbers(extent(some.map(|v| ascending32(v.to_bits()))))
                }
                all => numbers(all),
            }
        }
        DataKind::Float64 => {
            let values = values!(Float64Type);
            let all = wide::extent(values, |v| ascending64(v.to_bits()));
            const INFINITY: i64 = 0x7ff0_0000_0000_0000;
            let is_nan = |key: i64| !(-INFINITY - 1..=INFINITY).contains(&key);
            match all {
                Some((low, high)) if is_nan(low) || is_nan(high) => {
                    let some = values.iter().filter(|v| !v.is_nan());
                    numbers(extent(some.map(|v| ascending64(v.to_bits()))))
                }
                all => numbers(all),
            }
        }
        DataKind::Boolean => {
            let array = array.as_boolean();
            let ones = array.true_count();
            let low = i64::from(ones == array.len());
            (!array.is_empty()).then(|| (Bound::Number(low), Bound::Number(i64::from(ones > 0))))
        }
        DataKind::Utf8 => {
            let array = array.as_string::<i32>();
            let values = (0..array.len()).map(|row| array.value(row).as_bytes());
            extent(values).map(|(low, high)| (Bound::Bytes(low.into()), Bound::Bytes(high.into())))
        }
        DataKind::Binary(_) => {
            let array = array.as_binary::<i32>();
            let values = (0..array.len()).map(|row| array.value(row));
            extent(values).map(|(low, high)| (Bound::Bytes(low.into()), Bound::Bytes(high.into())))
        }
    }
}

/// Zeros bound zeros of both signs: the smaller is negative, the larger positive.
fn low_bytes(kind: DataKind, bound: &Bound) -> Vec<u8> {
    match bound {
        Bound::Number(0) if is_float(kind) => bytes_of(kind, &Bound::Number(-1)),
        bound => bytes_of(kind, bound),
    }
}

fn high_bytes(kind: DataKind, bound: &Bound) -> Vec<u8> {
    match bound {
        Bound::Number(-1) if is_float(kind) => bytes_of(kind, &Bound::Number(0)),
        bound => bytes_of(kind, bound),
    }
}

fn is_float(kind: DataKind) -> bool {
    matches!(kind, DataKind::Float16 | DataKind::Float32 | DataKind::Float64)
}

/// The value in PLAIN encoding, strings without their length.
fn bytes_of(kind: DataKind, bound: &Bound) -> Vec<u8> {
    let number = match bound {
        Bound::Bytes(bytes) => return bytes.clone(),
        Bound::Number(number) => *number,
    };
    // The bits of a float from their ascending form: the same operation undoes itself.
    let descending = |bits: u32| {
        let sign = number >> 63;
        let mask = sign & (i64::MAX >> (64 - bits));
        number ^ mask
    };
    let bytes = |number: i64, length: usize| number.to_le_bytes()[..length].to_vec();
    match kind {
        DataKind::Int8 | DataKind::Int16 | DataKind::Int32 => bytes(number, 4),
        DataKind::Uint8 | DataKind::Uint16 | DataKind::Uint32 => {
            bytes(flipped(number.cast_unsigned()), 4)
        }
        DataKind::Int64 | DataKind::ByteAsInt64 => bytes(number, 8),
        DataKind::Uint64 => bytes(flipped(number.cast_unsigned()), 8),
        DataKind::Float16 => bytes(descending(16), 2),
        DataKind::Float32 => bytes(descending(32), 4),
        DataKind::Float64 => bytes(descending(64), 8),
        DataKind::Boolean => bytes(number, 1),
        DataKind::Utf8 | DataKind::Binary(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::{Float32Array, Float64Array, UInt64Array};

    use super::*;

    fn both(kind: DataKind, array: &dyn Array) -> Option<(Vec<u8>, Vec<u8>)> {
        let mut bounds = Bounds::default();
        bounds.add(kind, array);
        bounds.0.map(|(low, high)| (low_bytes(kind, &low), high_bytes(kind, &high)))
    }

    #[test]
    fn floats_leave_nan_out_and_widen_zeros() {
        let check = |values: &[f32], expected: Option<(f32, f32)>| {
            let array = Float32Array::from(values.to_vec());
            let expected = expected
                .map(|(low, high)| (low.to_le_bytes().to_vec(), high.to_le_bytes().to_vec()));
            assert_eq!(both(DataKind::Float32, &array), expected, "{values:?}");
        };
        check(&[1.5, -2.5, 0.25], Some((-2.5, 1.5)));
        check(&[-1.0, -3.0], Some((-3.0, -1.0)));
        check(&[f32::NAN, 2.0, -f32::NAN], Some((2.0, 2.0)));
        check(&[f32::NAN], None);
        check(&[0.0], Some((-0.0, 0.0)));
        check(&[-0.0], Some((-0.0, 0.0)));
        check(&[f32::INFINITY, f32::NEG_INFINITY], Some((f32::NEG_INFINITY, f32::INFINITY)));
        let wide = Float64Array::from(vec![-1e300, f64::NAN, 1e-300]);
        let expected = ((-1e300_f64).to_le_bytes().to_vec(), 1e-300_f64.to_le_bytes().to_vec());
        assert_eq!(both(DataKind::Float64, &wide), Some(expected));
    }

    #[test]
    fn unsigned_numbers_ascend() {
        let array = UInt64Array::from(vec![1 << 63, 3, u64::MAX]);
        let expected = (3_u64.to_le_bytes().to_vec(), u64::MAX.to_le_bytes().to_vec());
        assert_eq!(both(DataKind::Uint64, &array), Some(expected));
    }
}
