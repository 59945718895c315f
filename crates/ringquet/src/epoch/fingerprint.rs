//! What a data set is known by when a pass over it is resumed.

use std::os::unix::ffi::OsStrExt as _;

use twox_hash::XxHash3_128;

use crate::open::dataset::Dataset;

impl Dataset {
    /// A number that changes when the files do: their names without folders, their lengths, and the rows of their row groups, in
    /// order. The same for a copy of the data set in another place, and whichever columns are selected. XXH3 with 128 bits.
    ///
    /// It does not depend on the content of pages: a file that is rewritten with the same lengths keeps its fingerprint.
    pub fn fingerprint(&self) -> u128 {
        let mut hash = XxHash3_128::new();
        for file in self.files() {
            let footer = &file.footer;
            let name = file.path.file_name().map(|name| name.as_bytes()).unwrap_or_default();
            let mut number = |number: u64| hash.write(&number.to_le_bytes());
            number(name.len() as u64);
            number(footer.file_len());
            number(footer.num_row_groups() as u64);
            for row_group in 0..footer.num_row_groups() {
                number(footer.row_group_rows(row_group));
            }
            hash.write(name);
        }
        hash.finish_128()
    }
}
