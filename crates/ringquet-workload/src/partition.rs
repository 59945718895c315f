//! `partition_by`: folders `column=value/`, one value to a file.
//!
//! ```text
//! partition_by: flag (bool)     train/flag=false/img_0_of_4.parquet
//!                               train/flag=true/img_1_of_4.parquet
//!                               train/flag=false/img_2_of_4.parquet
//!                               train/flag=true/img_3_of_4.parquet
//! partition_by: day (int32)     train/day=0/… to train/day=15/…
//! ```
//! File i has one value throughout, value number i mod [`Column::partitions`]; names and numbers of files are those of a data set without
//! partitions, and datagen, verify and run find them by the same arithmetic. As in DLIO the column
//! itself is not in the files: its value is in the folder's name.

use crate::column::{Column, Dtype};
use crate::dataset::Parquet;

/// Values of a partition column that is not a bool: many folders for a few files, few for many, and
/// all fit in an int8.
const PARTITIONS: u64 = 16;

/// Longest folder name in bytes that file systems take.
pub(crate) const FOLDER_BYTES_MAX: usize = 255;

impl Column {
    /// Number of values, and so of folders, that this column has as a partition column: 2 for bool,
    /// 16 for the others.
    pub fn partitions(&self) -> u64 {
        if self.dtype == Dtype::Bool { 2 } else { PARTITIONS }
    }

    /// Value number `index` mod [`Self::partitions`] as hive folders spell it: `false` and `true`,
    /// `0` … `15`, `0.5` … `15.5`, `s_0` … `s_15`.
    pub fn partition_value(&self, index: u64) -> String {
        let number = index % self.partitions();
        match self.dtype {
            Dtype::Bool => (number == 1).to_string(),
            Dtype::String => format!("s_{number}"),
            Dtype::Float16 | Dtype::Float32 | Dtype::Float64 => format!("{number}.5"),
            _ => number.to_string(),
        }
    }

    /// `column=value` of file `index`.
    pub fn partition_folder(&self, index: u64) -> String {
        format!("{}={}", escaped(&self.name), self.partition_value(index))
    }
}

impl Parquet {
    /// The column of `partition_by`.
    pub fn partition_column(&self) -> Option<&Column> {
        let name = self.partition_by.as_ref()?;
        self.columns.iter().find(|column| column.name == *name)
    }

    /// The columns that are in the files, in their order: all but that of `partition_by`. None in
    /// legacy mode.
    pub fn file_columns(&self) -> impl Iterator<Item = &Column> + '_ {
        self.columns.iter().filter(|column| self.partition_by.as_ref() != Some(&column.name))
    }
}

/// With `%XX` for what hive readers take for something else: `=`, `%`, `/`, spaces, and a dot at the
/// beginning, which would hide the folder. PyArrow decodes it.
fn escaped(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for (at, byte) in name.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'~' => {
                text.push(char::from(byte));
            }
            b'.' if at > 0 => text.push('.'),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, dtype: Dtype) -> Column {
        Column { name: name.to_owned(), dtype, size: 1, read: true }
    }

    #[test]
    fn folders() {
        for (name, dtype, index, folder) in [
            ("flag", Dtype::Bool, 2, "flag=false"),
            ("flag", Dtype::Bool, 5, "flag=true"),
            ("day", Dtype::Int8, 15, "day=15"),
            ("day", Dtype::Uint64, 16, "day=0"),
            ("x", Dtype::Float16, 3, "x=3.5"),
            ("t", Dtype::String, 17, "t=s_1"),
            ("a=b %", Dtype::Bool, 0, "a%3Db%20%25=false"),
            (".a.b", Dtype::Bool, 0, "%2Ea.b=false"),
        ] {
            assert_eq!(column(name, dtype).partition_folder(index), folder);
        }
    }
}
