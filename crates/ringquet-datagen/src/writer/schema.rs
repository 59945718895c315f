//! The columns of a file: what their values are, how these form rows, and the Arrow schema of both. Every field is nullable,
//! lists call their child `element`, there is no null.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef};

/// What the values of a leaf column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataKind {
    /// Full range.
    Uint8,
    /// Full range.
    Uint16,
    /// Full range.
    Uint32,
    /// Full range.
    Uint64,
    /// Full range.
    Int8,
    /// Full range.
    Int16,
    /// Full range.
    Int32,
    /// Full range.
    Int64,
    /// Finite unless raw floats are requested.
    Float16,
    /// Finite unless raw floats are requested.
    Float32,
    /// Finite unless raw floats are requested.
    Float64,
    /// `s_` and a number below 2^31.
    Utf8,
    /// So many random bytes per value.
    Binary(u32),
    /// Either.
    Boolean,
    /// The seed's legacy records: a byte from 0 to 254 as an int64.
    ByteAsInt64,
}

impl DataKind {
    /// Parquet's number of the physical type.
    pub(crate) fn physical_type(self) -> i32 {
        match self {
            Self::Boolean => 0,
            Self::Uint8 | Self::Uint16 | Self::Uint32 | Self::Int8 | Self::Int16 | Self::Int32 => 1,
            Self::Uint64 | Self::Int64 | Self::ByteAsInt64 => 2,
            Self::Float32 => 4,
            Self::Float64 => 5,
            Self::Utf8 | Self::Binary(_) => 6,
            Self::Float16 => 7,
        }
    }
}

/// How the values of a leaf column form rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One value per row.
    Scalar,
    /// fixed_size_list of so many values.
    FixedSizeList(u32),
    /// list; every row has so many values.
    List(u32),
}

/// A column of a generated file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataColumn {
    /// Its name.
    pub name: String,
    /// Its values.
    pub kind: DataKind,
    /// Its rows.
    pub shape: Shape,
}

impl DataColumn {
    /// Leaf values per row.
    pub fn values_per_row(&self) -> usize {
        match self.shape {
            Shape::Scalar => 1,
            Shape::FixedSizeList(size) | Shape::List(size) => size as usize,
        }
    }

    /// Bytes of a row in Arrow buffers; strings are counted with their longest.
    pub fn row_bytes(&self) -> u64 {
        let value: u64 = match self.kind {
            DataKind::Uint8 | DataKind::Int8 | DataKind::Boolean => 1,
            DataKind::Uint16 | DataKind::Int16 | DataKind::Float16 => 2,
            DataKind::Uint32 | DataKind::Int32 | DataKind::Float32 => 4,
            DataKind::Uint64 | DataKind::Int64 | DataKind::Float64 | DataKind::ByteAsInt64 => 8,
            DataKind::Utf8 => 16,
            DataKind::Binary(size) => u64::from(size) + 4,
        };
        value * self.values_per_row() as u64
    }

    /// Bytes of a row in PLAIN encoding, in which narrow integers have 32 bits.
    pub(crate) fn plain_row_bytes(&self) -> u64 {
        match self.kind {
            DataKind::Uint8 | DataKind::Int8 | DataKind::Uint16 | DataKind::Int16 => {
                4 * self.values_per_row() as u64
            }
            _ => self.row_bytes(),
        }
    }

    /// Arrow type of a leaf value.
    pub fn value_type(&self) -> DataType {
        match self.kind {
            DataKind::Uint8 => DataType::UInt8,
            DataKind::Uint16 => DataType::UInt16,
            DataKind::Uint32 => DataType::UInt32,
            DataKind::Uint64 => DataType::UInt64,
            DataKind::Int8 => DataType::Int8,
            DataKind::Int16 => DataType::Int16,
            DataKind::Int32 => DataType::Int32,
            DataKind::Int64 | DataKind::ByteAsInt64 => DataType::Int64,
            DataKind::Float16 => DataType::Float16,
            DataKind::Float32 => DataType::Float32,
            DataKind::Float64 => DataType::Float64,
            DataKind::Utf8 => DataType::Utf8,
            DataKind::Binary(_) => DataType::Binary,
            DataKind::Boolean => DataType::Boolean,
        }
    }

    /// Whether a row is a list.
    pub(crate) fn is_list(&self) -> bool {
        self.shape != Shape::Scalar
    }

    /// Parquet's number of the physical type of its leaf.
    pub(crate) fn physical_type(&self) -> i32 {
        self.kind.physical_type()
    }

    /// Path of its leaf in the Parquet schema.
    pub(crate) fn path(&self) -> Vec<&[u8]> {
        let name = self.name.as_bytes();
        if self.is_list() { vec![name, b"list", b"element"] } else { vec![name] }
    }

    /// The field of a list's values.
    pub(crate) fn element_field(&self) -> Arc<Field> {
        Arc::new(Field::new("element", self.value_type(), true))
    }

    /// Its field.
    pub fn field(&self) -> Field {
        let data_type = match self.shape {
            Shape::Scalar => self.value_type(),
            Shape::FixedSizeList(size) => {
                let size = i32::try_from(size).expect("list sizes are at most i32::MAX");
                DataType::FixedSizeList(self.element_field(), size)
            }
            Shape::List(_) => DataType::List(self.element_field()),
        };
        Field::new(&self.name, data_type, true)
    }
}

/// The Arrow schema of `columns`.
pub fn schema_of(columns: &[DataColumn]) -> SchemaRef {
    Arc::new(Schema::new(columns.iter().map(DataColumn::field).collect::<Vec<_>>()))
}

/// Bytes of a row of all `columns`.
pub(crate) fn row_bytes(columns: &[DataColumn]) -> u64 {
    columns.iter().fold(0, |sum: u64, column| sum.saturating_add(column.row_bytes()))
}
