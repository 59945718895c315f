//! PLAIN encoding: values back to back, little endian, integers of 32 bits at least, byte arrays
//! behind their length.

use arrow_array::Array;
use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_buffer::Buffer;

use super::schema::DataKind;

const _: () = assert!(cfg!(target_endian = "little"), "Arrow's values are written as they lie");

/// Values of this many bytes or more are not copied together but written from where they are.
const PIECE_BYTES: usize = 4 << 10;

/// PLAIN values, in order.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    closed: Vec<Buffer>,
    open: Vec<u8>,
    pub(crate) bytes: usize,
}

impl Pieces {
    /// Adds the values of `array`, which has no nulls and is not of booleans.
    pub(crate) fn add(&mut self, kind: DataKind, array: &dyn Array) {
        match in_place(kind, array) {
            Some(values) if values.len() >= PIECE_BYTES => {
                if !self.open.is_empty() {
                    self.closed.push(Buffer::from_vec(std::mem::take(&mut self.open)));
                }
                self.bytes += values.len();
                self.closed.push(values);
            }
            _ => {
                let before = self.open.len();
                append(kind, array, &mut self.open);
                self.bytes += self.open.len() - before;
            }
        }
    }

    /// In their order.
    pub(crate) fn into_buffers(mut self) -> Vec<Buffer> {
        if !self.open.is_empty() {
            self.closed.push(Buffer::from_vec(self.open));
        }
        self.closed
    }
}

/// The bytes of `array`'s values where they lie in memory as PLAIN has them.
fn in_place(kind: DataKind, array: &dyn Array) -> Option<Buffer> {
    macro_rules! values {
        ($kind:ty) => {
            array.as_primitive::<$kind>().values().inner().clone()
        };
    }
    Some(match kind {
        DataKind::Uint32 => values!(UInt32Type),
        DataKind::Int32 => values!(Int32Type),
        DataKind::Float16 => values!(Float16Type),
        DataKind::Float32 => values!(Float32Type),
        DataKind::Uint64 => values!(UInt64Type),
        DataKind::Int64 | DataKind::ByteAsInt64 => values!(Int64Type),
        DataKind::Float64 => values!(Float64Type),
        DataKind::Uint8
        | DataKind::Int8
        | DataKind::Uint16
        | DataKind::Int16
        | DataKind::Boolean
        | DataKind::Utf8
        | DataKind::Binary(_) => return None,
    })
}

/// Appends the values of `array`, which has no nulls. Booleans are none of its business: they are
/// bits, and do not end with a byte.
fn append(kind: DataKind, array: &dyn Array, out: &mut Vec<u8>) {
    if let Some(values) = in_place(kind, array) {
        return out.extend_from_slice(values.as_slice());
    }
    macro_rules! widened {
        ($kind:ty, $wide:ty) => {{
            let values = array.as_primitive::<$kind>().values();
            out.reserve(values.len() * 4);
            values.iter().for_each(|value| {
                out.extend_from_slice(&<$wide>::from(*value).to_le_bytes());
            });
        }};
    }
    match kind {
        DataKind::Uint8 => widened!(UInt8Type, u32),
        DataKind::Int8 => widened!(Int8Type, i32),
        DataKind::Uint16 => widened!(UInt16Type, u32),
        DataKind::Int16 => widened!(Int16Type, i32),
        DataKind::Utf8 => {
            let array = array.as_string::<i32>();
            (0..array.len()).for_each(|row| append_bytes(array.value(row).as_bytes(), out));
        }
        DataKind::Binary(_) => {
            let array = array.as_binary::<i32>();
            (0..array.len()).for_each(|row| append_bytes(array.value(row), out));
        }
        _ => {}
    }
}

/// Bytes of a value that BYTE_STREAM_SPLIT is for: one that fills what it is stored in.
pub(crate) fn split_bytes(kind: DataKind) -> Option<usize> {
    match kind {
        DataKind::Float16 => Some(2),
        DataKind::Uint32 | DataKind::Int32 | DataKind::Float32 => Some(4),
        DataKind::Uint64 | DataKind::Int64 | DataKind::ByteAsInt64 | DataKind::Float64 => Some(8),
        DataKind::Uint8
        | DataKind::Int8
        | DataKind::Uint16
        | DataKind::Int16
        | DataKind::Boolean
        | DataKind::Utf8
        | DataKind::Binary(_) => None,
    }
}

/// BYTE_STREAM_SPLIT of PLAIN `values` of `width` bytes: all first bytes, all second bytes, …
pub(crate) fn split(values: &[u8], width: usize) -> Vec<u8> {
    let mut streams = Vec::with_capacity(values.len());
    for byte in 0..width {
        streams.extend(values.iter().skip(byte).step_by(width));
    }
    streams
}

/// Appends a byte array.
fn append_bytes(value: &[u8], out: &mut Vec<u8>) {
    let length = u32::try_from(value.len()).expect("a row has a gibibyte at most");
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn split_turns_values_into_streams() {
        assert_eq!(split(&[1, 2, 3, 4, 5, 6], 2), [1, 3, 5, 2, 4, 6]);
        assert_eq!(split(&[], 4), [0; 0]);
    }
}
