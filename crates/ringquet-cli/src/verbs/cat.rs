//! `ringquet cat`: the rows of a file as a table, or as an Arrow IPC file.

mod arrow_file;
mod cells;
mod dictionaries;
mod window;

use ringquet_result::WarningCode;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use indicatif::ProgressBar;
use ringquet::engine::EngineOptions;
use ringquet::report::ScanReport;
use ringquet::{Dataset, StopFlag};
use ringquet_result::path_text::{serialize_path, serialize_path_option};
use serde::Serialize;

use self::arrow_file::ArrowFile;
use self::cells::Cells;
use self::dictionaries::Dictionaries;
use self::window::Window;
use super::source;
use crate::args::CatArgs;
use crate::console::Console;
use crate::exit::{Exit, Interrupted, UsageError};
use crate::progress;
use crate::quantity::{count, counted};
use crate::size::ByteSize;

/// Rows of a table when no range is given: about a screen.
const ROWS_SHOWN: u64 = 20;

/// Maximum rows of a table, which is kept in memory until the widths of its columns are known. Beyond it the command
/// is refused and names `-o`.
const ROWS_SHOWN_MAX: u64 = 100_000;

pub(crate) fn run(args: &CatArgs, console: &mut Console) -> Result<Exit> {
    if args.file.is_dir() {
        let file = args.file.display();
        return Err(UsageError(format!("{file}: is a directory; cat shows one file")).into());
    }
    let mut options = args.engine.options(args.columns.columns.clone())?;
    if let Some(threads) = args.engine.threads().filter(|threads| *threads > 1) {
        let reason = "cat reads with one reader thread, which keeps rows in their order";
        console.warn(WarningCode::OneThread, format!("--threads {threads}: {reason}"));
    }
    options.threads = Some(1);
    console.set_options(&Options {
        file: &args.file,
        rows: args.rows.as_ref().map(|range| [range.0.start, range.0.end]),
        output: args.output.as_deref(),
        engine: &options,
    });
    let dataset = source::open(std::slice::from_ref(&args.file), options, console)?;
    let footer = &dataset.files()[0].footer;
    let window = Window::new(footer, rows(args, footer.num_rows())?);
    let schema = footer.projected_schema();
    let bar = progress::counted(console, "reading", window.rows(), "rows");
    // Without a handler Ctrl-C simply ends the process, which is right where nothing is left behind.
    let stop = args.output.is_some().then(|| console.stop_on_signals()).transpose()?;
    let mut sink = Sink::new(args.output.as_deref(), schema, false)?;
    let mut poured = pour(&dataset, &window, &mut sink, &bar, stop.as_ref())?;
    if matches!(poured, Poured::OtherDictionary) {
        console.warn(WarningCode::Dictionaries, OTHER_DICTIONARY);
        // The unfinished file goes before there is another.
        drop(sink);
        sink = Sink::new(args.output.as_deref(), schema, true)?;
        bar.set_position(0);
        poured = pour(&dataset, &window, &mut sink, &bar, stop.as_ref())?;
    }
    bar.finish_and_clear();
    let scan = match poured {
        Poured::All(scan) => scan.map(|scan| *scan),
        Poured::OtherDictionary => None,
    };
    if let Some(scan) = &scan {
        console.warn_all(&scan.warnings);
    }
    let sink_schema = sink.schema(schema);
    let shown = sink.finish()?;
    let report = Report {
        scan,
        file: args.file.display().to_string(),
        file_rows: footer.num_rows(),
        first_row: window.first_row(),
        rows: window.rows(),
        columns: columns(&sink_schema),
        shown,
    };
    console.report(&report, &report)?;
    if args.output.is_none() && args.rows.is_none() && report.rows < report.file_rows {
        let (rows, all) = (count(report.rows), counted(report.file_rows, "row"));
        console
            .note(&format_args!("first {rows} of {all}; --rows A..B shows others, -o writes all"));
    }
    Ok(Exit::Done)
}

const OTHER_DICTIONARY: &str = "row groups have different dictionaries, but an Arrow file holds one per column: \
     dictionary columns are written as plain values";

/// The result of taking the rows of a file.
enum Poured {
    /// All of them were taken.
    All(Option<Box<ScanReport>>),
    /// A batch had another dictionary than those before it.
    OtherDictionary,
}

/// Passes the selected rows to `sink`.
fn pour(
    dataset: &Arc<Dataset>,
    window: &Window,
    sink: &mut Sink,
    bar: &ProgressBar,
    stop: Option<&StopFlag>,
) -> Result<Poured> {
    let mut stream = dataset.scan().placed_batches()?;
    while !window.is_empty()
        && let Some(batch) = stream.next()
    {
        let batch = batch?;
        if stop.is_some_and(|stop| stop.is_stopped()) {
            return Err(Interrupted.into());
        }
        if let Some(rows) = window.cut(&batch) {
            if !sink.take(&rows)? {
                return Ok(Poured::OtherDictionary);
            }
            bar.inc(rows.num_rows() as u64);
        }
        if window.ends_with(&batch) {
            break;
        }
    }
    Ok(Poured::All(stream.finish().transpose()?.map(Box::new)))
}

/// The selected rows.
fn rows(args: &CatArgs, file_rows: u64) -> Result<std::ops::Range<u64>, UsageError> {
    let requested = match &args.rows {
        Some(range) => range.0.clone(),
        None if args.output.is_some() => 0..file_rows,
        None => 0..ROWS_SHOWN,
    };
    let rows = requested.start.min(file_rows)..requested.end.min(file_rows);
    if args.output.is_none() && rows.end - rows.start > ROWS_SHOWN_MAX {
        return Err(UsageError(format!(
            "--rows: a table shows at most {} rows, not {}; -o OUT.arrow writes any number",
            count(ROWS_SHOWN_MAX),
            count(rows.end - rows.start)
        )));
    }
    Ok(rows)
}

/// Where the rows go.
enum Sink {
    Table(Cells),
    /// A file, and the dictionaries that are in it.
    File(Box<ArrowFile>, Dictionaries),
    /// A file of plain values, and its schema.
    PlainFile(Box<ArrowFile>, SchemaRef),
}

impl Sink {
    fn new(output: Option<&Path>, schema: &SchemaRef, is_plain: bool) -> Result<Sink> {
        Ok(match output {
            Some(path) if is_plain => {
                let schema = dictionaries::plain_schema(schema);
                Sink::PlainFile(Box::new(ArrowFile::create(path, &schema)?), schema)
            }
            Some(path) => {
                let file = ArrowFile::create(path, schema)?;
                Sink::File(Box::new(file), Dictionaries::default())
            }
            None => Sink::Table(Cells::new(schema)),
        })
    }

    /// The schema that is shown or written for rows with `schema`.
    fn schema(&self, schema: &SchemaRef) -> SchemaRef {
        match self {
            Sink::PlainFile(_, plain) => Arc::clone(plain),
            Sink::Table(_) | Sink::File(..) => Arc::clone(schema),
        }
    }

    /// Takes rows; `false` when they have another dictionary than those before.
    fn take(&mut self, rows: &RecordBatch) -> Result<bool> {
        match self {
            Sink::Table(cells) => cells.take(rows)?,
            Sink::File(file, dictionaries) => {
                if !dictionaries.are_those_of(rows) {
                    return Ok(false);
                }
                file.write(rows)?;
            }
            Sink::PlainFile(file, schema) => {
                dictionaries::plain_parts(rows, schema, &mut |part| file.write(part))?;
            }
        }
        Ok(true)
    }

    fn finish(self) -> Result<Shown> {
        Ok(match self {
            Sink::Table(cells) => Shown::Table { values: cells },
            Sink::File(file, _) | Sink::PlainFile(file, _) => {
                let (path, output_bytes) = file.finish()?;
                Shown::File { output: path.display().to_string(), output_bytes }
            }
        })
    }
}

/// `options` of the document.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Options<'a> {
    /// The file, as typed.
    #[serde(serialize_with = "serialize_path")]
    file: &'a Path,
    /// First row, and the row after the last one; null where no range was asked for.
    rows: Option<[u64; 2]>,
    /// Arrow IPC file that the rows were written to.
    #[serde(serialize_with = "serialize_path_option")]
    output: Option<&'a Path>,
    #[serde(flatten)]
    engine: &'a EngineOptions,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
enum Shown {
    /// The rows are in the document.
    Table {
        /// A list for each row, with a text for each column. Long values are cut and end with an ellipsis.
        #[cfg_attr(test, schemars(with = "Vec<Vec<String>>"))]
        values: Cells,
    },
    /// The rows are in a file.
    File {
        /// The Arrow IPC file.
        output: String,
        /// Its length in bytes.
        output_bytes: u64,
    },
}

/// Rows of a file, and how they were read. Where no rows were asked for, nothing was read.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Report {
    /// How the rows were read. The keys below replace keys of the same name: more rows may be decoded than were selected, and
    /// the selected ones are reported.
    #[serde(flatten)]
    scan: Option<ScanReport>,
    /// The file.
    file: String,
    /// Rows of the file.
    file_rows: u64,
    /// Number of the first row that is shown, counted from 0.
    first_row: u64,
    /// Rows that are shown.
    rows: u64,
    /// The columns that are shown.
    columns: Vec<Column>,
    #[serde(flatten)]
    shown: Shown,
}

/// A column of the rows.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Column {
    /// Name of the column.
    name: String,
    /// Arrow type.
    #[serde(rename = "type")]
    data_type: String,
    /// The column may hold nulls.
    nullable: bool,
}

fn columns(schema: &Schema) -> Vec<Column> {
    let column = |field: &arrow_schema::FieldRef| Column {
        name: field.name().clone(),
        data_type: field.data_type().to_string(),
        nullable: field.is_nullable(),
    };
    schema.fields().iter().map(column).collect()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.shown {
            Shown::Table { values } => write!(f, "{values}"),
            Shown::File { output, output_bytes } => {
                let rows = counted(self.rows, "row");
                write!(f, "{output}: {rows}, {}", ByteSize(*output_bytes))
            }
        }
    }
}
