//! The columns of a workload's files, exactly as DLIO's generators declare them, and how large their rows may be.
//!
//! ```text
//! column mode    numbers of size 1 are scalars, of larger size fixed_size_list<T>[size];
//!                `list` is fixed_size_list<float>[size] always; string, binary, bool
//! fork legacy    data: fixed_size_list<uint8>[dim1 · dim2]
//! seed legacy    data: list<int64>      (Python integers; the values are bytes)
//! ```

use ringquet_workload::{Column, Dtype, LegacySchema};

use crate::error::DatagenError;
use crate::writer::schema::{DataColumn, DataKind, Shape, row_bytes};

/// Bound on the bytes of one row. Writing a row group takes a few rows in memory at once; FLUX's
/// row, the largest known, has 2.2 MB.
const ROW_BYTES_MAX: u64 = 1 << 30;
/// Bound on the PLAIN bytes of one row of a column: with the largest page that is not full they fit in
/// the 31-bit length of a page.
const ROW_PLAIN_BYTES_MAX: u64 = (1 << 31) - (513 << 20);

/// The columns of a file: `columns`, or in legacy mode the one column of records with that many
/// elements.
pub fn columns_of(columns: &[Column], legacy: Option<(LegacySchema, u64)>) -> Vec<DataColumn> {
    let size = |elements: u64| {
        // Sizes are checked on load to be at most i32::MAX, records against the bound on rows.
        u32::try_from(elements.min(i32::MAX.cast_unsigned().into())).expect("at most i32::MAX")
    };
    match legacy {
        Some((LegacySchema::Fork, elements)) => vec![DataColumn {
            name: "data".to_owned(),
            kind: DataKind::Uint8,
            shape: Shape::FixedSizeList(size(elements)),
        }],
        Some((LegacySchema::Seed, elements)) => vec![DataColumn {
            name: "data".to_owned(),
            kind: DataKind::ByteAsInt64,
            shape: Shape::List(size(elements)),
        }],
        None => columns.iter().map(|column| data_column(column, size)).collect(),
    }
}

fn data_column(column: &Column, size: impl Fn(u64) -> u32) -> DataColumn {
    let kind = match column.dtype {
        Dtype::Uint8 => DataKind::Uint8,
        Dtype::Uint16 => DataKind::Uint16,
        Dtype::Uint32 => DataKind::Uint32,
        Dtype::Uint64 => DataKind::Uint64,
        Dtype::Int8 => DataKind::Int8,
        Dtype::Int16 => DataKind::Int16,
        Dtype::Int32 => DataKind::Int32,
        Dtype::Int64 => DataKind::Int64,
        Dtype::Float16 => DataKind::Float16,
        Dtype::Float32 | Dtype::List => DataKind::Float32,
        Dtype::Float64 => DataKind::Float64,
        Dtype::String => DataKind::Utf8,
        Dtype::Binary => DataKind::Binary(size(column.size)),
        Dtype::Bool => DataKind::Boolean,
    };
    let shape =
        if column.is_list() { Shape::FixedSizeList(size(column.size)) } else { Shape::Scalar };
    DataColumn { name: column.name.clone(), kind, shape }
}

/// Refuses rows that could not be held in memory a few times over, or whose column does not fit in a page.
pub(crate) fn check_row_bytes(columns: &[DataColumn]) -> Result<(), DatagenError> {
    let row_bytes = row_bytes(columns);
    if row_bytes > ROW_BYTES_MAX {
        return Err(DatagenError::RowTooLarge { row_bytes, limit: ROW_BYTES_MAX });
    }
    let row_bytes = columns.iter().map(DataColumn::plain_row_bytes).max().unwrap_or(0);
    if row_bytes > ROW_PLAIN_BYTES_MAX {
        return Err(DatagenError::RowTooLarge { row_bytes, limit: ROW_PLAIN_BYTES_MAX });
    }
    Ok(())
}
