//! `ringquet inspect`: the contents of a file, from its footer.
//!
//! The text shows one line per column over all row groups; of a file with many columns, one per group of columns that are
//! stored alike, so that it fits on a screen. `--all` and `--chunks` show each. The document has every column chunk, in the order of the file, and nothing that changes from call to call: the documents of two
//! files can be compared with `diff`.

mod names;
mod report;

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use ringquet::FileEntry;
use ringquet::engine::EngineOptions;
use ringquet::report::Failure;
use ringquet_decode::{
    BufferPool, ColumnChunkDetails, DecodeCounters, DecodeOptions, Footer, FooterDetails,
    Projection, RowGroupDecoder, TAIL_LEN,
};
use ringquet_result::path_text::{path_text, serialize_paths};
use serde::Serialize;

pub(super) use self::report::Report;
use self::report::{Column, ColumnChunk, FileReport, Leaf, Lines, Pages, RowGroup, ServedBy};
use super::source;
use crate::args::InspectArgs;
use crate::console::Console;
use crate::exit::{self, Exit};

pub(crate) fn run(args: &InspectArgs, console: &mut Console) -> Result<Exit> {
    // Footers only: one reader thread is enough, and nothing else of the engine is used.
    let options = EngineOptions { threads: Some(1), ..EngineOptions::default() };
    console.set_options(&Options { files: &args.files });
    let dataset = source::open(&args.files, options, console)?;
    let mut failures = source::failures(&dataset);
    let mut files = Vec::with_capacity(dataset.files().len());
    for file in dataset.files() {
        match describe(file) {
            Ok(report) => files.push(report),
            Err(error) if dataset.files().len() + failures.len() == 1 => return Err(error),
            Err(error) => {
                let error = exit::one_line(&error);
                console.error(&error);
                failures.push(Failure { path: path_text(&file.path), error });
            }
        }
    }
    let end = if failures.is_empty() { Exit::Done } else { Exit::Failed };
    let lines = match (args.chunks, args.all) {
        (true, _) => Lines::Chunks,
        (false, true) => Lines::Columns,
        (false, false) => Lines::Few,
    };
    let report = Report { files, failures, lines };
    console.report(&report, &report)?;
    Ok(end)
}

/// `options` of the document.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Options<'a> {
    /// Files, as typed.
    #[serde(serialize_with = "serialize_paths")]
    files: &'a [PathBuf],
}

fn describe(file: &FileEntry) -> Result<FileReport> {
    let path = file.path.display();
    let footer_bytes =
        footer_bytes(file).with_context(|| format!("{path}: cannot read the footer again"))?;
    let details = Footer::details(&footer_bytes).with_context(|| path.to_string())?;
    let footer = &file.footer;
    let served = Served { footer, footer_bytes: &footer_bytes };
    let row_groups = (0..footer.num_row_groups())
        .map(|row_group| describe_row_group(&details, footer, row_group, &served))
        .collect::<Result<Vec<RowGroup>>>()
        .with_context(|| path.to_string())?;
    let schema = footer.schema();
    let leaves = schema.parquet.columns().iter().enumerate();
    let leaves = leaves.map(|(index, leaf)| Leaf::of(schema.leaf_path(index), leaf)).collect();
    Ok(FileReport {
        path: path.to_string(),
        file_bytes: footer.file_len(),
        footer_bytes: footer_bytes.len() as u64,
        created_by: footer.created_by().map(str::to_owned),
        format_version: details.version,
        key_value_keys: details.keys,
        rows: footer.num_rows(),
        columns: schema.arrow.fields().iter().map(|field| Column::of(field)).collect(),
        leaves,
        row_groups,
    })
}

/// The thrift bytes in front of the tail.
fn footer_bytes(file: &FileEntry) -> Result<Vec<u8>> {
    let mut handle = File::open(&file.path)?;
    let end = handle.seek(SeekFrom::Start(file.footer.file_len() - TAIL_LEN as u64))?;
    let mut tail = [0; TAIL_LEN];
    handle.read_exact(&mut tail)?;
    let length = ringquet_decode::footer_len(&tail, file.footer.file_len())?;
    handle.seek(SeekFrom::Start(end - u64::from(length)))?;
    let mut bytes = vec![0; length as usize];
    handle.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn describe_row_group(
    details: &FooterDetails,
    footer: &Arc<Footer>,
    row_group: usize,
    served: &Served<'_>,
) -> Result<RowGroup> {
    let served_by = served.leaves(row_group)?;
    let of_row_group = details.row_groups.get(row_group).context("a row group is gone")?;
    let column_chunks = footer.column_chunks(row_group).map(|(leaf, chunk)| {
        let details = of_row_group.get(leaf).context("a row group has too few column chunks")?;
        Ok(ColumnChunk {
            leaf: footer.schema().leaf_path(leaf),
            codec: chunk.codec.to_string(),
            encodings: encodings(details),
            pages: pages(details),
            decoder: served_by[leaf],
            values: chunk.num_values,
            offset: chunk.offset,
            compressed_bytes: chunk.compressed_bytes,
            uncompressed_bytes: chunk.uncompressed_bytes,
        })
    });
    let column_chunks = column_chunks.collect::<Result<Vec<ColumnChunk>>>()?;
    Ok(RowGroup {
        rows: footer.row_group_rows(row_group),
        offset: column_chunks.iter().map(|chunk| chunk.offset).min(),
        compressed_bytes: column_chunks.iter().map(|chunk| chunk.compressed_bytes).sum(),
        uncompressed_bytes: column_chunks.iter().map(|chunk| chunk.uncompressed_bytes).sum(),
        column_chunks,
    })
}

fn encodings(chunk: &ColumnChunkDetails) -> Vec<String> {
    chunk.encodings.iter().map(|encoding| (*encoding).to_owned()).collect()
}

/// Number of pages of each kind, if the writer recorded it.
fn pages(chunk: &ColumnChunkDetails) -> Option<Vec<Pages>> {
    let pages = chunk.pages.as_ref()?.iter().map(|pages| Pages {
        kind: pages.kind.to_owned(),
        encoding: pages.encoding.to_owned(),
        count: pages.count,
    });
    Some(pages.collect())
}

/// Finds the decoder of a column chunk by creating one.
struct Served<'a> {
    footer: &'a Arc<Footer>,
    footer_bytes: &'a [u8],
}

impl Served<'_> {
    /// By leaf column.
    fn leaves(&self, row_group: usize) -> Result<Vec<ServedBy>> {
        let counters = counters(self.footer, row_group)?;
        let leaves = self.footer.schema().num_leaves();
        match (counters.fast_column_chunks, counters.fallback_column_chunks) {
            (_, 0) => Ok(vec![ServedBy::Fast; leaves]),
            (0, _) => Ok(vec![ServedBy::Fallback; leaves]),
            _ => self.one_by_one(row_group),
        }
    }

    /// [`Self::leaves`] of a row group that both decoders serve: each root column by itself.
    fn one_by_one(&self, row_group: usize) -> Result<Vec<ServedBy>> {
        let schema = self.footer.schema();
        let mut served_by = vec![ServedBy::Fallback; schema.num_leaves()];
        for root in &schema.roots {
            let projection = Projection::Names(vec![root.name.clone()]);
            let file_len = self.footer.file_len();
            let footer =
                Footer::parse_sharing(self.footer_bytes, file_len, &projection, Some(schema))?;
            if counters(&Arc::new(footer), row_group)?.fallback_column_chunks == 0 {
                served_by[root.leaves.clone()].fill(ServedBy::Fast);
            }
        }
        Ok(served_by)
    }
}

fn counters(footer: &Arc<Footer>, row_group: usize) -> Result<DecodeCounters> {
    let options = DecodeOptions::default();
    let decoder = RowGroupDecoder::new(footer, row_group, &options, &BufferPool::new())?;
    Ok(decoder.counters())
}
