//! The report of `inspect`, as a document and as text.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use arrow_schema::Field;
use parquet::schema::types::ColumnDescriptor;
use ringquet::report::Failure;
use serde::Serialize;

use super::names::shortened;
use crate::quantity::{count, counted};
use crate::size::ByteSize;
use crate::table::{Align, Table};

/// Row groups that the text lists without `--all`; the others are counted.
const ROW_GROUPS_SHOWN: usize = 8;

/// Columns of a file that the text lists one by one without `--all`: with the row groups they fit on a screen. More than
/// that are grouped.
const COLUMNS_SHOWN: usize = 16;

/// Characters of the names of a group, a line of which is then about 130 characters wide.
const NAMES_WIDTH: usize = 40;

/// What has a line of its own in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lines {
    /// Each column of a narrow file, each group of columns of a wide one, the first row groups.
    Few,
    /// Each column and row group.
    Columns,
    /// Each column chunk, too.
    Chunks,
}

/// What the footers of files hold.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Report {
    /// The files that could be read.
    pub(super) files: Vec<FileReport>,
    /// Files that could not be read.
    pub(super) failures: Vec<Failure>,
    /// How much the text lists.
    #[serde(skip)]
    pub(super) lines: Lines,
}

/// A file, as its footer describes it.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct FileReport {
    /// The file.
    pub(super) path: String,
    /// Length of the file in bytes.
    pub(super) file_bytes: u64,
    /// Length of the footer in bytes, without the tail.
    pub(super) footer_bytes: u64,
    /// Program that wrote the file; null where the footer does not name it.
    pub(super) created_by: Option<String>,
    /// Version of the format that the footer states.
    pub(super) format_version: i32,
    /// Keys of the key-value metadata.
    pub(super) key_value_keys: Vec<String>,
    /// Rows of the file.
    pub(super) rows: u64,
    /// Root columns, as Arrow has them.
    pub(super) columns: Vec<Column>,
    /// Leaf columns, as Parquet has them.
    pub(super) leaves: Vec<Leaf>,
    /// Row groups, in the order of the file.
    pub(super) row_groups: Vec<RowGroup>,
}

/// A column of the Arrow schema.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Column {
    /// Name of the column.
    name: String,
    /// Arrow type.
    #[serde(rename = "type")]
    data_type: String,
    /// The column may hold nulls.
    nullable: bool,
}

impl Column {
    pub(super) fn of(field: &Field) -> Column {
        Column {
            name: field.name().clone(),
            data_type: field.data_type().to_string(),
            nullable: field.is_nullable(),
        }
    }
}

/// A leaf column of the Parquet schema.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Leaf {
    /// Names from the root column to the leaf, with dots between.
    path: String,
    /// Physical type of the values.
    physical_type: String,
    /// Logical type of the values; null where there is none.
    logical_type: Option<String>,
    /// Highest definition level.
    max_definition_level: i16,
    /// Highest repetition level.
    max_repetition_level: i16,
}

impl Leaf {
    pub(super) fn of(path: String, leaf: &ColumnDescriptor) -> Leaf {
        Leaf {
            path,
            physical_type: leaf.physical_type().to_string(),
            logical_type: leaf.logical_type_ref().map(|logical| format!("{logical:?}")),
            max_definition_level: leaf.max_def_level(),
            max_repetition_level: leaf.max_rep_level(),
        }
    }
}

/// A row group.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct RowGroup {
    /// Rows of the row group.
    pub(super) rows: u64,
    /// First byte in the file; `None` without columns.
    pub(super) offset: Option<u64>,
    /// Bytes of its column chunks, as stored.
    pub(super) compressed_bytes: u64,
    /// Bytes of its column chunks without compression.
    pub(super) uncompressed_bytes: u64,
    /// One for each leaf column.
    pub(super) column_chunks: Vec<ColumnChunk>,
}

/// A column chunk.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct ColumnChunk {
    /// Path of the leaf column.
    pub(super) leaf: String,
    /// Codec of its pages.
    pub(super) codec: String,
    /// Encodings of its pages and levels.
    pub(super) encodings: Vec<String>,
    /// Its pages by kind and encoding; null where the writer did not say.
    pub(super) pages: Option<Vec<Pages>>,
    /// Decoder that serves it.
    pub(super) decoder: ServedBy,
    /// Values, nulls included.
    pub(super) values: u64,
    /// First byte in the file.
    pub(super) offset: u64,
    /// Bytes as stored.
    pub(super) compressed_bytes: u64,
    /// Bytes without compression.
    pub(super) uncompressed_bytes: u64,
}

/// Pages of one kind and encoding.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Pages {
    /// Data page, data page v2 or dictionary page.
    pub(super) kind: String,
    /// Encoding of the values.
    pub(super) encoding: String,
    /// Number of pages.
    pub(super) count: u64,
}

/// Which decoder serves a column chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(super) enum ServedBy {
    /// Kernels of ringquet.
    Fast,
    /// The `parquet` crate.
    Fallback,
}

impl ServedBy {
    fn name(self) -> &'static str {
        match self {
            ServedBy::Fast => "fast",
            ServedBy::Fallback => "fallback",
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, file) in self.files.iter().enumerate() {
            if at > 0 {
                writeln!(f)?;
            }
            file.fmt_text(f, self.lines)?;
        }
        Ok(())
    }
}

impl FileReport {
    fn fmt_text(&self, f: &mut fmt::Formatter<'_>, lines: Lines) -> fmt::Result {
        writeln!(f, "{}", self.path)?;
        writeln!(
            f,
            "  {}, {}, {}, {}, footer {}, written by {}",
            ByteSize(self.file_bytes),
            counted(self.rows, "row"),
            counted(self.row_groups.len() as u64, "row group"),
            counted(self.columns.len() as u64, "column"),
            ByteSize(self.footer_bytes),
            self.created_by.as_deref().unwrap_or("an unknown writer"),
        )?;
        let shown = if lines == Lines::Few { ROW_GROUPS_SHOWN } else { usize::MAX };
        write!(f, "\n{}", self.row_groups_table(shown))?;
        if let Some(more) = self.row_groups.len().checked_sub(shown).filter(|more| *more > 0) {
            writeln!(f, "  … and {more} more; --all shows each")?;
        }
        if lines == Lines::Few && self.leaves.len() > COLUMNS_SHOWN {
            write!(f, "\n{}  --all shows each column\n", self.groups_table())?;
        } else {
            write!(f, "\n{}", self.columns_table())?;
        }
        if lines == Lines::Chunks {
            write!(f, "\n{}", self.chunks_table())?;
        }
        Ok(())
    }

    fn row_groups_table(&self, shown: usize) -> Table {
        let mut table = Table::new(&[
            ("row group", Align::Right),
            ("rows", Align::Right),
            ("offset", Align::Right),
            ("compressed", Align::Right),
            ("uncompressed", Align::Right),
        ]);
        for (index, row_group) in self.row_groups.iter().enumerate().take(shown) {
            table.row(vec![
                index.to_string(),
                count(row_group.rows),
                row_group.offset.map_or("-".to_owned(), count),
                ByteSize(row_group.compressed_bytes).to_string(),
                ByteSize(row_group.uncompressed_bytes).to_string(),
            ]);
        }
        table
    }

    /// One line per leaf column, over all row groups.
    fn columns_table(&self) -> Table {
        let mut table = Table::new(&[&[("column", Align::Left)], Stored::HEADS].concat());
        for (index, leaf) in self.leaves.iter().enumerate() {
            let chunks = self.chunks_of(index);
            let stored = Stored::of(leaf, &chunks).cells(&chunks);
            table.row([vec![leaf.path.clone()], stored].concat());
        }
        table
    }

    /// One line for the leaf columns that are stored alike, over all row groups; in the order of their first column.
    fn groups_table(&self) -> Table {
        let mut groups: Vec<(Stored, Vec<usize>)> = Vec::new();
        let mut known: HashMap<Stored, usize> = HashMap::new();
        for (index, leaf) in self.leaves.iter().enumerate() {
            let stored = Stored::of(leaf, &self.chunks_of(index));
            let group = *known.entry(stored.clone()).or_insert_with(|| {
                groups.push((stored, Vec::new()));
                groups.len() - 1
            });
            groups[group].1.push(index);
        }
        let heads = [("columns", Align::Right), ("names", Align::Left)];
        let mut table = Table::new(&[&heads, Stored::HEADS].concat());
        for (stored, members) in groups {
            let names: Vec<&str> =
                members.iter().map(|&at| self.leaves[at].path.as_str()).collect();
            let chunks: Vec<&ColumnChunk> =
                members.iter().flat_map(|&index| self.chunks_of(index)).collect();
            let who = vec![count(members.len() as u64), shortened(&names, NAMES_WIDTH)];
            table.row([who, stored.cells(&chunks)].concat());
        }
        table
    }

    /// The column chunks of a leaf column.
    fn chunks_of(&self, leaf: usize) -> Vec<&ColumnChunk> {
        self.row_groups.iter().filter_map(|row_group| row_group.column_chunks.get(leaf)).collect()
    }

    fn chunks_table(&self) -> Table {
        let mut table = Table::new(&[
            ("row group", Align::Right),
            ("column", Align::Left),
            ("values", Align::Right),
            ("offset", Align::Right),
            ("compressed", Align::Right),
            ("uncompressed", Align::Right),
            ("pages", Align::Right),
            ("encodings", Align::Left),
            ("decoder", Align::Left),
        ]);
        for (index, row_group) in self.row_groups.iter().enumerate() {
            for chunk in &row_group.column_chunks {
                table.row(vec![
                    index.to_string(),
                    chunk.leaf.clone(),
                    count(chunk.values),
                    count(chunk.offset),
                    ByteSize(chunk.compressed_bytes).to_string(),
                    ByteSize(chunk.uncompressed_bytes).to_string(),
                    pages_of(std::iter::once(chunk)),
                    all_of(chunk.encodings.iter().map(String::as_str)),
                    chunk.decoder.name().to_owned(),
                ]);
            }
        }
        table
    }
}

/// Storage and decoder of a leaf column, over all its column chunks: what the columns of a group have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Stored {
    physical_type: String,
    codec: String,
    encodings: String,
    decoder: String,
}

impl Stored {
    /// Heads of [`Stored::cells`].
    const HEADS: &[(&str, Align)] = &[
        ("physical type", Align::Left),
        ("codec", Align::Left),
        ("encodings", Align::Left),
        ("compressed", Align::Right),
        ("uncompressed", Align::Right),
        ("pages", Align::Right),
        ("decoder", Align::Left),
    ];

    fn of(leaf: &Leaf, chunks: &[&ColumnChunk]) -> Stored {
        Stored {
            physical_type: leaf.physical_type.clone(),
            codec: all_of(chunks.iter().map(|chunk| chunk.codec.as_str())),
            encodings: all_of(chunks.iter().flat_map(|chunk| &chunk.encodings).map(String::as_str)),
            decoder: all_of(chunks.iter().map(|chunk| chunk.decoder.name())),
        }
    }

    /// Cells of a row about `chunks`, all of which are stored so.
    fn cells(self, chunks: &[&ColumnChunk]) -> Vec<String> {
        let sum = |bytes: fn(&ColumnChunk) -> u64| {
            ByteSize(chunks.iter().map(|chunk| bytes(chunk)).sum()).to_string()
        };
        vec![
            self.physical_type,
            self.codec,
            self.encodings,
            sum(|chunk| chunk.compressed_bytes),
            sum(|chunk| chunk.uncompressed_bytes),
            pages_of(chunks.iter().copied()),
            self.decoder,
        ]
    }
}

/// Each name once.
fn all_of<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: BTreeSet<&str> = names.collect();
    if names.is_empty() {
        return "-".to_owned();
    }
    names.into_iter().collect::<Vec<_>>().join(",")
}

/// All pages of these chunks, `-` if a writer did not record their number.
fn pages_of<'a>(chunks: impl Iterator<Item = &'a ColumnChunk>) -> String {
    let of_chunk = |chunk: &ColumnChunk| {
        let pages = chunk.pages.as_ref()?;
        Some(pages.iter().map(|pages| pages.count).sum::<u64>())
    };
    chunks.map(of_chunk).sum::<Option<u64>>().map_or("-".to_owned(), count)
}
