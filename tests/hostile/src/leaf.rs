//! The types of leaf columns that the targets choose from.

use crate::thrift::Struct;

/// Physical type; the numbers are those of the specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Physical {
    /// One bit.
    Boolean = 0,
    /// Four bytes.
    Int32 = 1,
    /// Eight bytes.
    Int64 = 2,
    /// Twelve bytes, deprecated.
    Int96 = 3,
    /// Four bytes.
    Float = 4,
    /// Eight bytes.
    Double = 5,
    /// Any length.
    ByteArray = 6,
    /// As many bytes as the schema says.
    FixedLenByteArray = 7,
}

/// Type of a leaf column.
#[derive(Debug, Clone, Copy)]
pub struct Leaf {
    /// How it is stored.
    pub physical: Physical,
    /// Bytes of a `FixedLenByteArray`, 0 for the others.
    pub type_length: i32,
    /// ConvertedType, by its number.
    converted: Option<i32>,
    /// Digits of a decimal.
    precision: i32,
    /// Logical type FLOAT16, which has no ConvertedType.
    is_float16: bool,
}

const DECIMAL: i32 = 5;

const fn plain(physical: Physical) -> Leaf {
    Leaf { physical, type_length: 0, converted: None, precision: 0, is_float16: false }
}

const fn converted(physical: Physical, number: i32) -> Leaf {
    Leaf { converted: Some(number), ..plain(physical) }
}

const fn decimal(physical: Physical, type_length: i32, precision: i32) -> Leaf {
    Leaf { type_length, precision, ..converted(physical, DECIMAL) }
}

/// Every kind of leaf that the decoder has a way of its own for, and two that it leaves to the `parquet` crate.
pub const LEAVES: [Leaf; 22] = [
    plain(Physical::Boolean),
    plain(Physical::Int32),
    converted(Physical::Int32, 15), // INT_8
    converted(Physical::Int32, 12), // UINT_16
    converted(Physical::Int32, 6),  // DATE
    converted(Physical::Int32, 7),  // TIME_MILLIS
    decimal(Physical::Int32, 0, 9),
    plain(Physical::Int64),
    converted(Physical::Int64, 10), // TIMESTAMP_MICROS
    decimal(Physical::Int64, 0, 18),
    plain(Physical::Int96),
    plain(Physical::Float),
    plain(Physical::Double),
    plain(Physical::ByteArray),
    converted(Physical::ByteArray, 0), // UTF8
    Leaf { type_length: 2, is_float16: true, ..plain(Physical::FixedLenByteArray) },
    Leaf { type_length: 5, ..plain(Physical::FixedLenByteArray) },
    Leaf { type_length: 16, ..plain(Physical::FixedLenByteArray) },
    decimal(Physical::FixedLenByteArray, 7, 15),
    decimal(Physical::FixedLenByteArray, 16, 38),
    decimal(Physical::FixedLenByteArray, 20, 46),
    decimal(Physical::ByteArray, 0, 20),
];

impl Leaf {
    /// The fields of its `SchemaElement`.
    pub(crate) fn schema_element(&self, name: &str, repetition: i32) -> Vec<u8> {
        let mut element = Struct::default().i32(1, self.physical as i32);
        if self.type_length > 0 {
            element = element.i32(2, self.type_length);
        }
        element = element.i32(3, repetition).binary(4, name.as_bytes());
        if let Some(number) = self.converted {
            element = element.i32(6, number);
        }
        if self.precision > 0 {
            element = element.i32(7, 2).i32(8, self.precision);
        }
        if self.is_float16 {
            let float16 = Struct::default().field(15, &Struct::default().finish());
            element = element.field(10, &float16.finish());
        }
        element.finish()
    }
}
