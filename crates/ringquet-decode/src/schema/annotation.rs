//! Logical types: which physical type each is meant for.
//!
//! New logical types come, and writers put known ones where they do not belong. The specification requires that a reader
//! ignores an annotation that is unknown or not meant for the physical type, and reads the column as its
//! physical type. PyArrow does the same. The `parquet` crate refuses such a schema, so it is not shown them.

use crate::error::Fault;
use crate::thrift::kind;
use crate::thrift::reader::ThriftReader;

/// Physical types by their numbers in the specification.
pub(super) mod physical {
    pub(crate) const INT32: i32 = 1;
    pub(crate) const INT64: i32 = 2;
    pub(crate) const INT96: i32 = 3;
    pub(crate) const BYTE_ARRAY: i32 = 6;
    pub(crate) const FIXED_LEN_BYTE_ARRAY: i32 = 7;
}

/// Logical types by their fields in the union `LogicalType`.
mod logical {
    pub(super) const STRING: i16 = 1;
    pub(super) const MAP: i16 = 2;
    pub(super) const LIST: i16 = 3;
    pub(super) const ENUM: i16 = 4;
    pub(super) const DECIMAL: i16 = 5;
    pub(super) const DATE: i16 = 6;
    pub(super) const TIME: i16 = 7;
    pub(super) const TIMESTAMP: i16 = 8;
    pub(super) const INTEGER: i16 = 10;
    pub(super) const UNKNOWN: i16 = 11;
    pub(super) const JSON: i16 = 12;
    pub(super) const BSON: i16 = 13;
    pub(super) const UUID: i16 = 14;
    pub(super) const FLOAT16: i16 = 15;
    pub(super) const VARIANT: i16 = 16;
    pub(super) const GEOMETRY: i16 = 17;
    pub(super) const GEOGRAPHY: i16 = 18;
}

/// Field of `TimeUnit` that stands for milliseconds; microseconds and nanoseconds come next.
const MILLIS: i16 = 1;
const NANOS: i16 = 3;

/// Longest decimals that anyone reads, in bytes. A longer one keeps its annotation and is refused by it.
const DECIMAL_BYTES_MAX: i32 = 32;

/// A `LogicalType`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Logical<'a> {
    /// Which field of the union is set.
    id: i16,
    /// The thrift bytes of the union.
    bytes: &'a [u8],
    /// The numbers of the struct in it, by their ids: scale and precision of DECIMAL, for example.
    numbers: [Option<i32>; 3],
    /// Which field of the union in its second field is set: the unit of a time.
    unit: i16,
}

impl<'a> Logical<'a> {
    /// Reads the union that the reader is at. `None` for one in which nothing is set.
    pub(super) fn read(reader: &mut ThriftReader<'a>) -> Result<Option<Self>, Fault> {
        let (before, start) = (reader.rest(), reader.position());
        let mut logical = None;
        let mut last = 0;
        while let Some(field) = reader.field(last)? {
            last = field.id;
            if field.kind != kind::STRUCT {
                reader.skip(field.kind)?;
                continue;
            }
            logical = Some((field.id, read_parameters(reader)?));
        }
        let bytes = &before[..reader.position() - start];
        Ok(logical.map(|(id, (numbers, unit))| Self { id, bytes, numbers, unit }))
    }

    pub(super) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    pub(super) fn is_list(&self) -> bool {
        self.id == logical::LIST
    }

    pub(super) fn is_map(&self) -> bool {
        self.id == logical::MAP
    }

    /// Whether all values are null, whatever lies in the pages.
    pub(super) fn is_unknown(&self) -> bool {
        self.id == logical::UNKNOWN
    }

    /// Scale and precision of a decimal.
    pub(super) fn decimal(&self) -> Option<(i32, i32)> {
        let [_, scale, precision] = self.numbers;
        (self.id == logical::DECIMAL).then_some((scale.unwrap_or(0), precision.unwrap_or(0)))
    }

    /// Whether a group may have it.
    pub(super) fn fits_group(&self) -> bool {
        matches!(self.id, logical::LIST | logical::MAP | logical::VARIANT)
    }

    /// Whether it is known and meant for a leaf of this physical type, of `length` bytes where that is fixed.
    pub(super) fn fits(&self, physical_type: i32, length: i32) -> bool {
        use physical::{BYTE_ARRAY, FIXED_LEN_BYTE_ARRAY, INT32, INT64};
        match self.id {
            logical::UNKNOWN => true,
            logical::STRING
            | logical::ENUM
            | logical::JSON
            | logical::BSON
            | logical::GEOMETRY
            | logical::GEOGRAPHY => physical_type == BYTE_ARRAY,
            logical::DECIMAL => {
                let digits = decimal_digits_max(physical_type, length);
                digits.is_some_and(|digits| self.numbers[2].unwrap_or(0) <= digits)
            }
            logical::DATE => physical_type == INT32,
            logical::TIME => match self.unit {
                MILLIS => physical_type == INT32,
                unit => unit > MILLIS && unit <= NANOS && physical_type == INT64,
            },
            logical::TIMESTAMP => (MILLIS..=NANOS).contains(&self.unit) && physical_type == INT64,
            logical::INTEGER => match self.numbers[1] {
                Some(64) => physical_type == INT64,
                Some(8 | 16 | 32) => physical_type == INT32,
                // Out of spec, and refused as such.
                _ => true,
            },
            logical::UUID => physical_type == FIXED_LEN_BYTE_ARRAY && length == 16,
            logical::FLOAT16 => physical_type == FIXED_LEN_BYTE_ARRAY && length == 2,
            _ => false,
        }
    }
}

/// The numbers with ids 1 and 2 of the struct that the reader is at, and which field of a union with the id 2 is set.
fn read_parameters(reader: &mut ThriftReader<'_>) -> Result<([Option<i32>; 3], i16), Fault> {
    let (mut numbers, mut unit) = ([None; 3], 0);
    let mut last = 0;
    while let Some(field) = reader.field(last)? {
        last = field.id;
        match (field.id, field.kind) {
            (1 | 2, kind::I32) => {
                numbers[if field.id == 1 { 1 } else { 2 }] = Some(reader.i32()?);
            }
            (1, kind::I8) => numbers[1] = Some(i32::from(reader.byte()?.cast_signed())),
            (2, kind::STRUCT) => {
                let mut last = 0;
                while let Some(field) = reader.field(last)? {
                    (last, unit) = (field.id, field.id);
                    reader.skip(field.kind)?;
                }
            }
            (_, kind) => reader.skip(kind)?,
        }
    }
    Ok((numbers, unit))
}

/// The largest precision of a decimal of this physical type; `None` if there are no decimals of it.
pub(super) fn decimal_digits_max(physical_type: i32, length: i32) -> Option<i32> {
    match physical_type {
        physical::INT32 => Some(9),
        physical::INT64 => Some(18),
        physical::BYTE_ARRAY => Some(i32::MAX),
        physical::FIXED_LEN_BYTE_ARRAY if length > DECIMAL_BYTES_MAX => Some(i32::MAX),
        physical::FIXED_LEN_BYTE_ARRAY => Some(decimal_digits(length)),
        _ => None,
    }
}

/// Decimal digits that every signed number of so many bytes has room for.
fn decimal_digits(bytes: i32) -> i32 {
    let bits = f64::from(bytes) * 8.0 - 1.0;
    // At most 76 digits of 32 bytes.
    #[expect(clippy::cast_possible_truncation, reason = "a small number")]
    let digits = (bits * std::f64::consts::LOG10_2).floor() as i32;
    digits
}

#[cfg(test)]
mod tests {
    use super::*;
    use physical::*;

    const BOOLEAN: i32 = 0;
    const DOUBLE: i32 = 5;

    /// The union with an empty struct in field `id`, read.
    fn empty(id: u8) -> [u8; 3] {
        [(id << 4) | kind::STRUCT, 0, 0]
    }

    fn fits(bytes: &[u8], physical_type: i32, length: i32) -> bool {
        let mut reader = ThriftReader::new(bytes);
        let logical = Logical::read(&mut reader).unwrap().unwrap();
        assert_eq!(logical.bytes(), bytes);
        logical.fits(physical_type, length)
    }

    #[test]
    fn each_has_its_physical_types() {
        assert!(fits(&empty(1), BYTE_ARRAY, 0) && !fits(&empty(1), INT32, 0));
        assert!(fits(&empty(6), INT32, 0) && !fits(&empty(6), INT64, 0));
        assert!(fits(&empty(14), FIXED_LEN_BYTE_ARRAY, 16));
        assert!(!fits(&empty(14), FIXED_LEN_BYTE_ARRAY, 8) && !fits(&empty(14), BYTE_ARRAY, 16));
        assert!(fits(&empty(11), BOOLEAN, 0) && fits(&empty(11), INT96, 0));
        for group_only in [2, 3] {
            assert!(!fits(&empty(group_only), BYTE_ARRAY, 0));
        }
        // 99, with a long id.
        let unknown = [kind::STRUCT, 0xc6, 0x01, 0, 0];
        assert!(!fits(&unknown, INT32, 0) && !fits(&unknown, DOUBLE, 0));
    }

    #[test]
    fn parameters_count() {
        let timestamp = |unit: u8| [0x8c, 0x11, 0x1c, (unit << 4) | kind::STRUCT, 0, 0, 0, 0];
        for unit in 1..=3 {
            assert!(fits(&timestamp(unit), INT64, 0));
            assert!(!fits(&timestamp(unit), FIXED_LEN_BYTE_ARRAY, 12));
        }
        assert!(!fits(&timestamp(4), INT64, 0), "a unit to come");
        let time = |unit: u8| [0x7c, 0x11, 0x1c, (unit << 4) | kind::STRUCT, 0, 0, 0, 0];
        assert!(fits(&time(1), INT32, 0) && !fits(&time(1), INT64, 0));
        assert!(fits(&time(2), INT64, 0) && !fits(&time(2), INT32, 0));
        let decimal = |precision: u8| [0x5c, 0x15, 4, 0x15, precision << 1, 0, 0];
        assert!(fits(&decimal(9), INT32, 0) && !fits(&decimal(10), INT32, 0));
        assert!(fits(&decimal(18), INT64, 0) && !fits(&decimal(19), INT64, 0));
        assert!(fits(&decimal(4), FIXED_LEN_BYTE_ARRAY, 2));
        assert!(!fits(&decimal(5), FIXED_LEN_BYTE_ARRAY, 2) && !fits(&decimal(5), DOUBLE, 0));
        let integer = |width: u8| [0xac, 0x13, width, 0x11, 0, 0];
        assert!(fits(&integer(16), INT32, 0) && !fits(&integer(16), INT64, 0));
        assert!(fits(&integer(64), INT64, 0) && !fits(&integer(64), INT32, 0));
    }

    #[test]
    fn digits_of_decimals() {
        let digits: Vec<i32> = [1, 2, 4, 8, 16, 32].map(decimal_digits).into();
        assert_eq!(digits, [2, 4, 9, 18, 38, 76]);
    }
}
