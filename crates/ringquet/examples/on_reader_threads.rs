//! A consumer of its own on the reader threads: batches are worked on where they were decoded, while they are still in that
//! core's cache, and nothing but a sum leaves it. Here: the nulls of each column, and the longest batch.
//!
//! `cargo run -p ringquet --example on_reader_threads -- PATH…`

#![expect(clippy::print_stdout, reason = "an example that shows something")]

use std::error::Error;
use std::path::PathBuf;
use std::sync::Mutex;

use ringquet::Batch;

/// What one reader thread found.
#[derive(Debug, Clone, Default)]
struct Found {
    nulls: Vec<u64>,
    longest_batch_rows: usize,
}

fn main() -> Result<(), Box<dyn Error>> {
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let dataset = ringquet::Dataset::open(&paths)?;
    let schema = dataset.schema()?;
    let columns = schema.fields().len();

    // A visitor is made for each reader thread and keeps its findings to itself; when it goes away they are added up.
    let all = Mutex::new(Found { nulls: vec![0; columns], ..Found::default() });
    let visitor = |_thread: usize| {
        let mut mine =
            Mine { found: Found { nulls: vec![0; columns], ..Found::default() }, all: &all };
        move |batch: Batch| mine.take(&batch)
    };
    let report = dataset.scan().visit(visitor)?;

    let found = all.into_inner()?;
    println!("{} rows in {} batches", report.rows, report.batches);
    println!("the longest batch has {} rows", found.longest_batch_rows);
    for (field, nulls) in schema.fields().iter().zip(&found.nulls) {
        println!("{}: {nulls} null", field.name());
    }
    for failure in &report.failures {
        println!("not read to its end: {}", failure.error);
    }
    Ok(())
}

struct Mine<'a> {
    found: Found,
    all: &'a Mutex<Found>,
}

impl Mine<'_> {
    fn take(&mut self, batch: &Batch) {
        for (nulls, column) in self.found.nulls.iter_mut().zip(batch.columns.columns()) {
            *nulls += column.null_count() as u64;
        }
        self.found.longest_batch_rows = self.found.longest_batch_rows.max(batch.columns.num_rows());
    }
}

impl Drop for Mine<'_> {
    fn drop(&mut self) {
        // A poisoned lock is one of a panic elsewhere, which the scan reports.
        let Ok(mut all) = self.all.lock() else { return };
        all.nulls.iter_mut().zip(&self.found.nulls).for_each(|(sum, nulls)| *sum += nulls);
        all.longest_batch_rows = all.longest_batch_rows.max(self.found.longest_batch_rows);
    }
}
