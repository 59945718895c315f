//! Counts rows twice: by the footers, and by the pages of one column.
//!
//! `cargo run -p ringquet --example count_rows -- PATH…`

#![expect(clippy::print_stdout, reason = "an example that shows something")]

use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if paths.is_empty() {
        return Err("which files? usage: count_rows PATH…".into());
    }
    let dataset = ringquet::Dataset::open(&paths)?;
    println!("{} rows in {} files by their footers", dataset.num_rows(), dataset.files().len());

    let schema = dataset.schema()?;
    let Some(first) = schema.fields().first() else { return Ok(()) };
    let mut rows = 0;
    let mut nulls = 0;
    for batch in dataset.scan().columns([first.name()]).batches()? {
        let batch = batch?;
        rows += batch.num_rows();
        nulls += batch.column(0).null_count();
    }
    println!("{rows} rows in column '{}', {nulls} of them null", first.name());
    Ok(())
}
