//! One column of a Parquet workload: name, dtype, size and whether training reads it.
//!
//! Three different byte counts hang on a column, and they disagree in DLIO itself:
//!
//! | | int8 | float16 | uint64 | bool | string |
//! |---|---|---|---|---|---|
//! | [`Column::record_bytes`], the statistics of a run | 1 | 2 | 8 | 1 | 4 |
//! | [`Column::datasize_bytes`], the rule that sizes a data set | **4** | **4** | **4** | 1 | 4 |
//! | [`Dtype::value_bytes`], one value in an Arrow buffer | 1 | 2 | 8 | – | – |

use serde::Serialize;

use crate::enums::{Named, UnknownName, named};
use std::fmt;
use std::str::FromStr;

use serde::Serializer;

named! {
    /// DLIO's column types. A misspelt one is an error here; the fork silently makes it a
    /// `fixed_size_list<float>`.
    Dtype {
        Uint8 = "uint8",
        Uint16 = "uint16",
        Uint32 = "uint32",
        Uint64 = "uint64",
        Int8 = "int8",
        Int16 = "int16",
        Int32 = "int32",
        Int64 = "int64",
        Float16 = "float16",
        Float32 = "float32",
        Float64 = "float64",
        /// Always `fixed_size_list<float32>`, also at size 1.
        List = "list",
        String = "string",
        /// `size` is the bytes per value.
        Binary = "binary",
        Bool = "bool",
    }
}

impl Dtype {
    /// Bytes of one element in an Arrow buffer: the element of a list for `list`, `None` for types
    /// of no fixed whole-byte width (`string`, `binary`, `bool`).
    pub fn value_bytes(self) -> Option<u64> {
        match self {
            Self::Uint8 | Self::Int8 => Some(1),
            Self::Uint16 | Self::Int16 | Self::Float16 => Some(2),
            Self::Uint32 | Self::Int32 | Self::Float32 | Self::List => Some(4),
            Self::Uint64 | Self::Int64 | Self::Float64 => Some(8),
            Self::String | Self::Binary | Self::Bool => None,
        }
    }

    /// Bytes of one element in DLIO's run statistics (`record_size`).
    pub fn record_bytes(self) -> u64 {
        match self {
            Self::Float64 | Self::Int64 | Self::Uint64 => 8,
            Self::Float16 | Self::Int16 | Self::Uint16 => 2,
            Self::Uint8 | Self::Int8 | Self::Bool => 1,
            Self::Float32
            | Self::Int32
            | Self::Uint32
            | Self::List
            | Self::String
            | Self::Binary => 4,
        }
    }

    /// Bytes of one element in MLPerf Storage's `datasize` rule, which takes every type that it does
    /// not list for four bytes wide.
    pub fn datasize_bytes(self) -> u64 {
        match self {
            Self::Float64 | Self::Int64 => 8,
            Self::Uint8 | Self::Bool => 1,
            _ => 4,
        }
    }

    /// Whether `size` > 1 makes a fixed-size list of it.
    pub fn is_numeric(self) -> bool {
        !matches!(self, Self::List | Self::String | Self::Binary | Self::Bool)
    }
}

/// A column of the workload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Column {
    /// Unique within the file. Default `data`.
    pub name: String,
    /// Type of one element. Default `float32`.
    pub dtype: Dtype,
    /// Elements per row; bytes per value for `binary`. At least 1, which is the default.
    pub size: u64,
    /// Whether training reads it. Default true. The generator writes every column.
    pub read: bool,
}

impl Column {
    /// Whether a row holds a fixed-size list: `list` always, a number from size 2 on.
    pub fn is_list(&self) -> bool {
        self.dtype == Dtype::List || (self.dtype.is_numeric() && self.size > 1)
    }

    /// Elements of the leaf column per row: `size` for lists, 1 otherwise.
    pub fn values_per_row(&self) -> u64 {
        if self.is_list() { self.size } else { 1 }
    }

    /// Nominal bytes per row in the statistics of a run: `size` × [`Dtype::record_bytes`].
    /// `None` if that does not fit in 64 bits.
    pub fn record_bytes(&self) -> Option<u64> {
        self.size.checked_mul(self.dtype.record_bytes())
    }

    /// Nominal bytes per row in the `datasize` rule: `size` × [`Dtype::datasize_bytes`].
    /// `None` if that does not fit in 64 bits.
    pub fn datasize_bytes(&self) -> Option<u64> {
        self.size.checked_mul(self.dtype.datasize_bytes())
    }
}
