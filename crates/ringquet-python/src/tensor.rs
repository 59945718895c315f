//! A column as a tensor: one piece of memory, a type of numbers, a shape.
//!
//! | Arrow | tensor |
//! |---|---|
//! | numbers | their own type, one dimension |
//! | dates, times, timestamps, durations | their integers, in the unit of the Arrow type |
//! | booleans | bytes, copied, for Arrow has bits |
//! | fixed-size binary of n bytes | `uint8`, one dimension more of n |
//! | fixed-size list of n of these | one dimension more of n |
//!
//! Nulls have no place in a tensor: they are refused, with their number.

use arrow_array::cast::AsArray as _;
use arrow_array::{Array, ArrayRef};
use arrow_buffer::Buffer;
use arrow_schema::DataType;

use crate::type_name::type_name;

/// Type of a number, as DLPack numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NumberType {
    pub(crate) code: u8,
    pub(crate) bits: u8,
}

const INT: u8 = 0;
const UINT: u8 = 1;
const FLOAT: u8 = 2;
const BFLOAT: u8 = 4;
const BOOL: u8 = 6;

const BYTE: NumberType = NumberType { code: UINT, bits: 8 };

const NAMES: &[(&str, u8, u8)] = &[
    ("int8", INT, 8),
    ("int16", INT, 16),
    ("int32", INT, 32),
    ("int64", INT, 64),
    ("uint8", UINT, 8),
    ("uint16", UINT, 16),
    ("uint32", UINT, 32),
    ("uint64", UINT, 64),
    ("float16", FLOAT, 16),
    ("float32", FLOAT, 32),
    ("float64", FLOAT, 64),
    ("bfloat16", BFLOAT, 16),
];

impl NumberType {
    /// By its name.
    pub(crate) fn named(name: &str) -> Option<NumberType> {
        let found = NAMES.iter().find(|(word, ..)| *word == name);
        found.map(|&(_, code, bits)| NumberType { code, bits })
    }

    /// All names, for a message.
    pub(crate) fn names() -> String {
        NAMES.iter().map(|(name, ..)| format!("'{name}'")).collect::<Vec<_>>().join(", ")
    }

    /// Of the values of an Arrow type that are numbers in memory.
    pub(crate) fn of(data_type: &DataType) -> Option<NumberType> {
        use DataType as T;
        let (code, bits) = match data_type {
            T::Int8 => (INT, 8),
            T::Int16 => (INT, 16),
            T::Int32 | T::Date32 | T::Time32(_) => (INT, 32),
            T::Int64 | T::Date64 | T::Time64(_) | T::Timestamp(..) | T::Duration(_) => (INT, 64),
            T::UInt8 => (UINT, 8),
            T::UInt16 => (UINT, 16),
            T::UInt32 => (UINT, 32),
            T::UInt64 => (UINT, 64),
            T::Float16 => (FLOAT, 16),
            T::Float32 => (FLOAT, 32),
            T::Float64 => (FLOAT, 64),
            _ => return None,
        };
        Some(NumberType { code, bits })
    }

    /// Bytes of a number.
    pub(crate) fn bytes(self) -> usize {
        usize::from(self.bits / 8)
    }

    /// Whether it is a float.
    pub(crate) fn is_float(self) -> bool {
        self.code == FLOAT
    }

    /// Whether it has a sign, floats aside.
    pub(crate) fn is_signed(self) -> bool {
        self.code == INT
    }
}

/// A column as a tensor.
pub(crate) struct Tensor {
    pub(crate) number: NumberType,
    pub(crate) shape: Vec<i64>,
    /// The numbers, from the first one on.
    pub(crate) memory: Buffer,
    /// The memory is not that of the column.
    pub(crate) is_copied: bool,
}

impl Tensor {
    /// Of a column, its numbers seen as `view` if that is given.
    ///
    /// # Errors
    /// Why it is none, and what to do.
    pub(crate) fn of(array: &ArrayRef, view: Option<NumberType>) -> Result<Tensor, String> {
        let leaf = leaf(array)?;
        check_nulls(&leaf)?;
        let (len, shape) = (leaf.len(), shape(array, view));
        if let DataType::Boolean = leaf.data_type() {
            let bits = leaf.as_boolean().values();
            let bytes: Vec<u8> = bits.iter().map(u8::from).collect();
            let number = NumberType { code: BOOL, bits: 8 };
            return Ok(Tensor { number, shape, memory: Buffer::from(bytes), is_copied: true });
        }
        let width = match leaf.data_type() {
            DataType::FixedSizeBinary(width) => length(*width),
            other => NumberType::of(other).ok_or_else(|| refusal(other))?.bytes(),
        };
        let number = view.or(NumberType::of(leaf.data_type())).unwrap_or(BYTE);
        let data = leaf.to_data();
        let memory = data.buffers()[0].slice_with_length(data.offset() * width, len * width);
        let mut tensor = Tensor { number, shape, memory, is_copied: false };
        if tensor.memory.as_ptr().align_offset(number.bytes()) != 0 {
            tensor = tensor.copied();
        }
        Ok(tensor)
    }

    /// The same in memory of its own.
    pub(crate) fn copied(self) -> Tensor {
        let memory = Buffer::from_slice_ref(self.memory.as_slice());
        Tensor { memory, is_copied: true, ..self }
    }

    /// Steps between neighbours in each dimension, in numbers.
    pub(crate) fn strides(&self) -> Vec<i64> {
        let mut step = 1;
        let mut strides: Vec<i64> = Vec::with_capacity(self.shape.len());
        for len in self.shape.iter().rev() {
            strides.push(step);
            step *= len.max(&1);
        }
        strides.reverse();
        strides
    }
}

/// What lies in the fixed-size lists of a column.
fn leaf(array: &ArrayRef) -> Result<ArrayRef, String> {
    let mut array = ArrayRef::clone(array);
    while let DataType::FixedSizeList(_, size) = array.data_type() {
        check_nulls(&array)?;
        let values = array.as_fixed_size_list().values();
        array = values.slice(0, array.len() * length(*size));
    }
    Ok(array)
}

/// The dimensions of a column: its rows, those of its fixed-size lists, and the numbers in a binary of fixed size if there
/// is not exactly one.
pub(crate) fn shape(array: &dyn Array, view: Option<NumberType>) -> Vec<i64> {
    let mut shape = vec![signed(array.len())];
    let mut data_type = array.data_type();
    while let DataType::FixedSizeList(field, size) = data_type {
        shape.push(i64::from(*size));
        data_type = field.data_type();
    }
    if let DataType::FixedSizeBinary(width) = data_type {
        let numbers = length(*width) / view.unwrap_or(BYTE).bytes();
        if view.is_none() || numbers != 1 {
            shape.push(signed(numbers));
        }
    }
    shape
}

/// Checks that `view` fits what lies in the fixed-size lists of a column.
///
/// # Errors
/// What does not fit.
pub(crate) fn check_view(data_type: &DataType, view: NumberType) -> Result<(), String> {
    match data_type {
        DataType::FixedSizeList(field, _) => check_view(field.data_type(), view),
        DataType::FixedSizeBinary(width)
            if usize::try_from(*width)
                .is_ok_and(|width| width > 0 && width.is_multiple_of(view.bytes())) =>
        {
            Ok(())
        }
        other if NumberType::of(other).is_some_and(|it| it.bits == view.bits) => Ok(()),
        other => Err(format!(
            "values of type {} cannot be seen as numbers of {} bits",
            type_name(other),
            view.bits
        )),
    }
}

fn check_nulls(array: &ArrayRef) -> Result<(), String> {
    let (nulls, rows) = (array.logical_null_count(), array.len());
    if nulls == 0 {
        return Ok(());
    }
    let what = match array.data_type() {
        DataType::FixedSizeList(..) => "lists",
        _ => "values",
    };
    Err(format!(
        "{nulls} of {rows} {what} are null, and a tensor has no nulls: use fill_null(value) first"
    ))
}

fn refusal(data_type: &DataType) -> String {
    use DataType as T;
    let what = match data_type {
        T::Utf8 | T::LargeUtf8 | T::Utf8View | T::Binary | T::LargeBinary | T::BinaryView => {
            "use to_bytes()"
        }
        T::Struct(_) => "use its fields",
        T::List(_) | T::LargeList(_) => {
            "use dense() if all lists have the same length, else values and offsets"
        }
        T::Map(..) => "use values and offsets",
        _ => "cast it with an Arrow library",
    };
    format!("a column of type {} is not a tensor: {what}", type_name(data_type))
}

/// Of a fixed-size type.
fn length(len: i32) -> usize {
    usize::try_from(len).expect("Arrow refuses lengths below 0")
}

fn signed(len: usize) -> i64 {
    i64::try_from(len).expect("lengths stay below isize::MAX")
}
