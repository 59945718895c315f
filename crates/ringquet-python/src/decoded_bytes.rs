//! About how many bytes columns have once they are decoded, from footers alone.

use arrow_schema::{DataType, FieldRef};
use ringquet::FileEntry;

/// About how many bytes the columns of a row group have as Arrow arrays: exact for numbers without nulls, estimated for strings,
/// binaries and lists. Strings of which a file has a dictionary can have more.
pub(crate) fn of_row_group(entry: &FileEntry, leaves: &[Leaf], row_group: usize) -> u64 {
    chunk_bytes(entry, row_group, leaves).map(|(_, bytes)| bytes).sum()
}

/// About how many bytes each root column has in all row groups, by its place in the schema.
pub(crate) fn of_columns(files: &[FileEntry]) -> Vec<u64> {
    let mut sums = Vec::new();
    for entry in files {
        let leaves = leaves_of(entry);
        sums.resize(sums.len().max(entry.footer.projected_schema().fields().len()), 0);
        for row_group in 0..entry.footer.num_row_groups() {
            for (root, bytes) in chunk_bytes(entry, row_group, &leaves) {
                sums[root] += bytes;
            }
        }
    }
    sums
}

/// A leaf column of an Arrow schema.
pub(crate) struct Leaf {
    /// Place of its root column in the schema.
    root: usize,
    data_type: DataType,
    /// Bytes of the offsets of the lists that it is in, for each row.
    offset_bytes: u64,
}

/// The leaf columns that are read, in the order of the file.
pub(crate) fn leaves_of(entry: &FileEntry) -> Vec<Leaf> {
    let mut leaves = Vec::new();
    for (root, field) in entry.footer.projected_schema().fields().iter().enumerate() {
        push_leaves(root, field, 0, &mut leaves);
    }
    leaves
}

fn push_leaves(root: usize, field: &FieldRef, offset_bytes: u64, leaves: &mut Vec<Leaf>) {
    match field.data_type() {
        DataType::Struct(fields) => {
            fields.iter().for_each(|field| push_leaves(root, field, offset_bytes, leaves));
        }
        DataType::FixedSizeList(field, _) => push_leaves(root, field, offset_bytes, leaves),
        DataType::List(field) | DataType::Map(field, _) => {
            push_leaves(root, field, offset_bytes + 4, leaves);
        }
        DataType::LargeList(field) => push_leaves(root, field, offset_bytes + 8, leaves),
        other => leaves.push(Leaf { root, data_type: other.clone(), offset_bytes }),
    }
}

/// The root column and the estimated bytes of each column chunk.
fn chunk_bytes<'a>(
    entry: &'a FileEntry,
    row_group: usize,
    leaves: &'a [Leaf],
) -> impl Iterator<Item = (usize, u64)> + 'a {
    let rows = entry.footer.row_group_rows(row_group);
    let chunks = entry.footer.column_chunks(row_group);
    chunks.zip(leaves).map(move |((_, chunk), leaf)| {
        let values = chunk.num_values;
        let bytes = match &leaf.data_type {
            DataType::Null => 0,
            DataType::Boolean => values.div_ceil(8),
            DataType::FixedSizeBinary(width) => {
                values.saturating_mul(u64::try_from(*width).unwrap_or(0))
            }
            DataType::Utf8 | DataType::Binary => chunk.uncompressed_bytes + 4 * values,
            DataType::LargeUtf8 | DataType::LargeBinary => chunk.uncompressed_bytes + 8 * values,
            other => match other.primitive_width() {
                Some(width) => values.saturating_mul(width as u64),
                None => chunk.uncompressed_bytes,
            },
        };
        (leaf.root, bytes + leaf.offset_bytes * rows)
    })
}
