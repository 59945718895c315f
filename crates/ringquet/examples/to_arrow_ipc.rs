//! Writes the rows of Parquet files as an Arrow IPC file.
//!
//! `cargo run -p ringquet --example to_arrow_ipc -- OUT.arrow PATH…`

#![expect(clippy::print_stdout, reason = "an example that shows something")]

use std::error::Error;
use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;

use arrow_ipc::writer::FileWriter;
use ringquet::arrow::array::RecordBatchReader;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let out = args.next().ok_or("where to? usage: to_arrow_ipc OUT.arrow PATH…")?;
    let paths: Vec<PathBuf> = args.collect();

    // One reader thread keeps the rows in their order.
    let batches = ringquet::Dataset::open(&paths)?.scan().threads(1).batches()?;
    let rows = write(batches, BufWriter::new(File::create(&out)?))?;
    println!("{rows} rows in {}", out.display());
    Ok(())
}

/// Anything that takes a `RecordBatchReader` takes a scan: this function does not depend on ringquet.
fn write(
    batches: impl RecordBatchReader,
    out: impl std::io::Write,
) -> Result<usize, Box<dyn Error>> {
    let mut writer = FileWriter::try_new(out, &batches.schema())?;
    let mut rows = 0;
    for batch in batches {
        let batch = batch?;
        rows += batch.num_rows();
        writer.write(&batch)?;
    }
    writer.finish()?;
    Ok(rows)
}
