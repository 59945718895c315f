//! Numbers in as many bytes as they need, LEB128: seven bits a byte, the lowest first; the top bit says that another
//! byte follows. Thrift's numbers, the headers of runs, delta-encoded blocks and the packed column chunks are made of them.
//! Where a number may be negative it is zigzag: 0, -1, 1, -2, … are 0, 1, 2, 3, …

/// Why there is no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VarintFault {
    /// The bytes end inside it.
    Truncated,
    /// It goes on after ten bytes.
    TooLong,
    /// It ends with its tenth byte, but has bits beyond the 64 that are given here.
    Overflow(u64),
}

/// Bytes of 64 bits.
const BYTES_MAX: usize = 10;

#[inline(always)]
fn byte<F: From<VarintFault>>(bytes: &[u8], position: &mut usize) -> Result<u8, F> {
    let byte = *bytes.get(*position).ok_or(VarintFault::Truncated)?;
    *position += 1;
    Ok(byte)
}

/// Reads the number at `position` of `bytes`, and leaves it behind.
#[inline(always)]
pub(crate) fn read<F: From<VarintFault>>(bytes: &[u8], position: &mut usize) -> Result<u64, F> {
    let first = byte::<F>(bytes, position)?;
    if first < 0x80 {
        return Ok(u64::from(first));
    }
    read_rest(bytes, position, u64::from(first & 0x7f))
}

/// Most numbers have one byte; this is for the others.
#[inline]
fn read_rest<F: From<VarintFault>>(
    bytes: &[u8],
    position: &mut usize,
    first: u64,
) -> Result<u64, F> {
    let mut value = first;
    for shift in (7..64).step_by(7) {
        let byte = byte::<F>(bytes, position)?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            // The tenth byte has room for one bit.
            if shift == 63 && byte > 1 {
                return Err(VarintFault::Overflow(value).into());
            }
            return Ok(value);
        }
    }
    Err(VarintFault::TooLong.into())
}

/// Steps over the number at `position`, whatever it is.
#[inline(always)]
pub(crate) fn skip<F: From<VarintFault>>(bytes: &[u8], position: &mut usize) -> Result<(), F> {
    for _ in 0..BYTES_MAX {
        if byte::<F>(bytes, position)? < 0x80 {
            return Ok(());
        }
    }
    Err(VarintFault::TooLong.into())
}

/// Appends a number.
#[inline]
pub fn write(out: &mut Vec<u8>, value: u64) {
    let mut value = value;
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// The number that stands for one with a sign.
#[inline(always)]
pub(crate) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

/// The number with a sign that it stands for.
#[inline(always)]
pub(crate) fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAST_OF_I64_MIN: [u8; 10] = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];

    fn read_all(bytes: &[u8]) -> (Result<u64, VarintFault>, usize) {
        let mut position = 0;
        (read(bytes, &mut position), position)
    }

    #[test]
    fn signs() {
        let bytes = |value: i64| {
            let mut out = Vec::new();
            write(&mut out, zigzag(value));
            out
        };
        assert_eq!(bytes(0), [0]);
        assert_eq!(bytes(-1), [1]);
        assert_eq!(bytes(64), [0x80, 1]);
        assert_eq!(bytes(i64::MIN), LAST_OF_I64_MIN);
    }

    #[test]
    fn what_is_written_is_read() {
        for bits in 0..64 {
            for value in [(1_u64 << bits) - 1, 1 << bits, u64::MAX >> bits] {
                let mut out = Vec::new();
                write(&mut out, value);
                assert_eq!(read_all(&out), (Ok(value), out.len()));
                let mut position = 0;
                assert_eq!(skip::<VarintFault>(&out, &mut position), Ok(()));
                assert_eq!(position, out.len());
                let signed = value.cast_signed();
                assert_eq!(unzigzag(zigzag(signed)), signed);
                for end in 0..out.len() {
                    assert_eq!(read_all(&out[..end]), (Err(VarintFault::Truncated), end));
                }
            }
        }
    }

    #[test]
    fn more_than_64_bits() {
        assert_eq!(read_all(&[0xff; 11]), (Err(VarintFault::TooLong), 10));
        let mut bytes = LAST_OF_I64_MIN;
        bytes[9] = 2;
        assert_eq!(read_all(&bytes), (Err(VarintFault::Overflow(u64::MAX >> 1)), 10));
        bytes[9] = 0;
        assert_eq!(read_all(&bytes), (Ok(u64::MAX >> 1), 10), "zeros at the end are no bits");
    }
}
