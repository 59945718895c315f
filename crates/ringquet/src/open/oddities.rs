//! What is odd about the footers of files that are read all the same.

use ringquet_result::{Warning, WarningCode};

use crate::open::file_entry::FileEntry;

/// Adds a warning for each kind of oddity, with the number of files and the first of them.
pub(crate) fn warn(files: &[FileEntry], warnings: &mut Vec<Warning>) {
    let mut add = |code, oddity: &dyn Fn(&FileEntry) -> Option<String>| {
        let mut odd = files.iter().filter_map(|file| oddity(file).map(|what| (file, what)));
        if let Some((first, what)) = odd.next() {
            let (count, of) = (1 + odd.count(), files.len());
            let first = first.path.display();
            warnings
                .push(Warning::new(code, format!("{count} of {of} files (first: {first}) {what}")));
        }
    };
    add(WarningCode::RowCount, &|file| {
        let stated = file.footer.stated_rows()?;
        let rows = file.footer.num_rows();
        Some(format!(
            "state {stated} rows, but their row groups have {rows}: the rows of the row groups are read"
        ))
    });
    add(WarningCode::ArrowSchema, &|file| {
        let why = file.footer.schema().arrow_schema_ignored()?;
        Some(format!(
            "have an entry ARROW:schema that is ignored, so types are those of the Parquet schema: {why}"
        ))
    });
}
