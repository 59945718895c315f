//! Which columns our decoders cover, and how they are laid out, in Parquet and in Arrow.

use arrow_schema::{DataType, Field, FieldRef, TimeUnit};
use parquet::basic::{
    ConvertedType, LogicalType, Repetition, TimeUnit as ParquetUnit, Type as Physical,
};
use parquet::schema::types::{ColumnDescriptor, Type};

use crate::encoding::{EncodingSet, PageEncoding};
use crate::kernels::convert::Convert;

/// How a column is laid out that our decoders cover.
#[derive(Debug, Clone)]
pub(crate) struct ColumnLayout {
    /// Arrow type of what is decoded.
    pub(crate) data_type: DataType,
    pub(crate) shape: Shape,
    pub(crate) leaf: Leaf,
    /// What the pages may be encoded as.
    encodings: EncodingSet,
}

/// How slots make rows.
#[derive(Debug, Clone)]
pub(crate) enum Shape {
    /// One slot per row.
    Flat {
        /// Whether there are definition levels.
        nullable: bool,
    },
    /// A list of slots per row.
    List(ListShape),
}

/// How a list's levels are to be read.
#[derive(Debug, Clone)]
pub(crate) struct ListShape {
    pub(crate) kind: ListKind,
    /// Definition level of an empty list; below it the list is null.
    pub(crate) empty_level: u32,
    /// Definition level of a slot with a value. A slot with one less, if above `empty_level`, is null.
    pub(crate) value_level: u32,
    pub(crate) element: FieldRef,
}

/// Which of Arrow's lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListKind {
    /// Offsets of 32 bits.
    Offsets32,
    /// Offsets of 64 bits.
    Offsets64,
    /// As many slots in each row.
    Fixed(usize),
}

/// What a slot holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaf {
    /// Values of as many bytes each.
    Fixed(FixedLeaf),
    /// One bit.
    Bool,
    /// Strings or binaries.
    Bytes {
        /// Offsets of 64 bits instead of 32.
        large: bool,
        /// Strings, which must be UTF-8.
        is_text: bool,
    },
}

/// Values of as many bytes each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FixedLeaf {
    /// Bytes in Parquet.
    pub(crate) stored: usize,
    /// Bytes in Arrow.
    pub(crate) width: usize,
    pub(crate) convert: Convert,
    pub(crate) stored_as: StoredAs,
}

/// What values of fixed width are in Parquet, as far as encodings care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoredAs {
    /// INT32, INT64.
    Integer,
    /// FLOAT, DOUBLE.
    Float,
    /// FIXED_LEN_BYTE_ARRAY.
    Binary,
}

impl ColumnLayout {
    /// For the root column `root`, shown as `field`, whose only leaf is `column`, if our decoders cover its type.
    pub(crate) fn new(root: &Type, column: &ColumnDescriptor, field: &Field) -> Option<Self> {
        let (max_definition, max_repetition) = (column.max_def_level(), column.max_rep_level());
        let data_type = field.data_type().clone();
        let path_length = column.path().parts().len();
        let (shape, leaf_type) = if max_repetition == 0 {
            // A leaf that is the root itself: no struct around it that could be null in its place.
            if path_length != 1 || max_definition > 1 {
                return None;
            }
            (Shape::Flat { nullable: max_definition == 1 }, &data_type)
        } else {
            let (kind, element) = match &data_type {
                DataType::List(element) => (ListKind::Offsets32, element),
                DataType::LargeList(element) => (ListKind::Offsets64, element),
                DataType::FixedSizeList(element, size) => {
                    (ListKind::Fixed(usize::try_from(*size).ok()?), element)
                }
                _ => return None,
            };
            let shape = list_shape(root, column, kind, element)?;
            (Shape::List(shape), element.data_type())
        };
        let leaf = Leaf::new(column, leaf_type)?;
        Some(Self { shape, leaf, data_type, encodings: leaf.encodings() })
    }

    /// Bytes in Arrow of one row, where every row has as many.
    pub(crate) fn row_bytes(&self) -> Option<usize> {
        match (&self.shape, self.leaf) {
            (Shape::Flat { .. }, Leaf::Fixed(leaf)) => Some(leaf.width),
            (Shape::List(ListShape { kind: ListKind::Fixed(size), .. }), Leaf::Fixed(leaf)) => {
                leaf.width.checked_mul(*size)
            }
            _ => None,
        }
    }

    /// Whether our decoders cover a column chunk with these encodings and so many values, of a row group of `rows` rows.
    pub(crate) fn covers(&self, encodings: EncodingSet, num_values: u64, rows: u64) -> bool {
        let has_its_rows = match self.shape {
            Shape::Flat { .. } => num_values == rows,
            Shape::List(_) => true,
        };
        has_its_rows && !encodings.is_empty() && encodings.is_subset_of(self.encodings)
    }
}

/// A list one level deep: `root { repeated group { element } }`, or older writers' `root { repeated element }`, or
/// `repeated root`.
fn list_shape(
    root: &Type,
    column: &ColumnDescriptor,
    kind: ListKind,
    element: &FieldRef,
) -> Option<ListShape> {
    if column.max_rep_level() != 1 || column.path().parts().len() > 3 {
        return None;
    }
    let leaf_is = |repetition| column.self_type().get_basic_info().repetition() == repetition;
    let root_info = root.get_basic_info();
    let root_optional =
        root_info.has_repetition() && root_info.repetition() == Repetition::OPTIONAL;
    let empty_level = i16::from(root_optional);
    let nullable = column.path().parts().len() == 3 && leaf_is(Repetition::OPTIONAL);
    let value_level = empty_level + 1 + i16::from(nullable);
    // Anything else between the root and the leaf that could be null would show in the levels.
    if value_level != column.max_def_level() || element.is_nullable() != nullable {
        return None;
    }
    Some(ListShape {
        kind,
        empty_level: u32::try_from(empty_level).ok()?,
        value_level: u32::try_from(value_level).ok()?,
        element: FieldRef::clone(element),
    })
}

impl Leaf {
    fn new(column: &ColumnDescriptor, data_type: &DataType) -> Option<Self> {
        let physical = column.physical_type();
        let stored_as = match physical {
            Physical::INT32 | Physical::INT64 => StoredAs::Integer,
            Physical::FLOAT | Physical::DOUBLE => StoredAs::Float,
            _ => StoredAs::Binary,
        };
        let fixed = |stored, width, convert| {
            Some(Self::Fixed(FixedLeaf { stored, width, convert, stored_as }))
        };
        let same = |width| fixed(width, width, Convert::Same);
        let length = usize::try_from(column.type_length()).unwrap_or(0);
        match (physical, data_type) {
            (Physical::BOOLEAN, DataType::Boolean) => Some(Self::Bool),
            (Physical::INT32, DataType::Int8 | DataType::UInt8) => fixed(4, 1, Convert::Narrow8),
            (Physical::INT32, DataType::Int16 | DataType::UInt16) => fixed(4, 2, Convert::Narrow16),
            (Physical::INT32, DataType::Int32 | DataType::UInt32 | DataType::Date32) => same(4),
            (Physical::INT32, DataType::Time32(unit)) if stored_unit(column) == Some(*unit) => {
                same(4)
            }
            (Physical::INT32, DataType::Decimal32(_, _)) => same(4),
            (Physical::INT32, DataType::Decimal128(_, _)) => fixed(4, 16, Convert::Widen32),
            (Physical::FLOAT, DataType::Float32) => same(4),
            (Physical::INT64, DataType::Int64 | DataType::UInt64) => same(8),
            (Physical::INT64, DataType::Time64(unit) | DataType::Timestamp(unit, _))
                if stored_unit(column) == Some(*unit) =>
            {
                same(8)
            }
            (Physical::INT64, DataType::Decimal64(_, _)) => same(8),
            (Physical::INT64, DataType::Decimal128(_, _)) => fixed(8, 16, Convert::Widen64),
            // Types that Parquet has no name for are stored as plain numbers.
            (
                Physical::INT64,
                DataType::Timestamp(TimeUnit::Second, _) | DataType::Date64 | DataType::Duration(_),
            ) if is_plain_number(column) => same(8),
            (Physical::INT32, DataType::Time32(TimeUnit::Second)) if is_plain_number(column) => {
                same(4)
            }
            (Physical::DOUBLE, DataType::Float64) => same(8),
            (Physical::FIXED_LEN_BYTE_ARRAY, DataType::Float16) if length == 2 => same(2),
            (Physical::FIXED_LEN_BYTE_ARRAY, DataType::FixedSizeBinary(width))
                if length > 0 && usize::try_from(*width) == Ok(length) =>
            {
                same(length)
            }
            (Physical::FIXED_LEN_BYTE_ARRAY, DataType::Decimal128(_, _))
                if (1..=16).contains(&length) =>
            {
                fixed(length, 16, Convert::BigEndian128)
            }
            (Physical::FIXED_LEN_BYTE_ARRAY, DataType::Decimal256(_, _))
                if (1..=32).contains(&length) =>
            {
                fixed(length, 32, Convert::BigEndian256)
            }
            (Physical::BYTE_ARRAY, DataType::Utf8) => {
                Some(Self::Bytes { large: false, is_text: true })
            }
            (Physical::BYTE_ARRAY, DataType::Binary) => {
                Some(Self::Bytes { large: false, is_text: false })
            }
            (Physical::BYTE_ARRAY, DataType::LargeUtf8) => {
                Some(Self::Bytes { large: true, is_text: true })
            }
            (Physical::BYTE_ARRAY, DataType::LargeBinary) => {
                Some(Self::Bytes { large: true, is_text: false })
            }
            _ => None,
        }
    }

    /// The encodings that our decoders read for such values. Levels' encodings are in a column chunk's list as well.
    fn encodings(&self) -> EncodingSet {
        use PageEncoding as E;
        match self {
            Self::Bool => EncodingSet::of(&[E::Plain, E::Rle, E::BitPacked]),
            Self::Bytes { .. } => EncodingSet::of(&[
                E::Plain,
                E::PlainDictionary,
                E::RleDictionary,
                E::DeltaLengthByteArray,
                E::DeltaByteArray,
                E::Rle,
                E::BitPacked,
            ]),
            Self::Fixed(leaf) => {
                let mut encodings = vec![
                    E::Plain,
                    E::PlainDictionary,
                    E::RleDictionary,
                    E::ByteStreamSplit,
                    E::Rle,
                    E::BitPacked,
                ];
                match leaf.stored_as {
                    StoredAs::Integer => encodings.push(E::DeltaBinaryPacked),
                    StoredAs::Float => {}
                    StoredAs::Binary => encodings.push(E::DeltaByteArray),
                }
                EncodingSet::of(&encodings)
            }
        }
    }
}

/// The unit that a time or timestamp is stored in.
fn stored_unit(column: &ColumnDescriptor) -> Option<TimeUnit> {
    let of = |unit: &ParquetUnit| match unit {
        ParquetUnit::MILLIS => TimeUnit::Millisecond,
        ParquetUnit::MICROS => TimeUnit::Microsecond,
        ParquetUnit::NANOS => TimeUnit::Nanosecond,
    };
    match column.logical_type_ref() {
        Some(LogicalType::Time(time)) => Some(of(&time.unit)),
        Some(LogicalType::Timestamp(timestamp)) => Some(of(&timestamp.unit)),
        Some(_) => None,
        None => match column.converted_type() {
            ConvertedType::TIME_MILLIS | ConvertedType::TIMESTAMP_MILLIS => {
                Some(TimeUnit::Millisecond)
            }
            ConvertedType::TIME_MICROS | ConvertedType::TIMESTAMP_MICROS => {
                Some(TimeUnit::Microsecond)
            }
            _ => None,
        },
    }
}

fn is_plain_number(column: &ColumnDescriptor) -> bool {
    column.logical_type_ref().is_none() && column.converted_type() == ConvertedType::NONE
}
