//! What a file will weigh on disk, before it is written.
//!
//! The nominal size of a sample does not show that: PyArrow's writer, whose layout the
//! generator follows, gives every column chunk a dictionary even where no value repeats, so that
//! DLRM's files are 1.34 times their nominal size. The parts, for a chunk of n values from a domain
//! of D, stored w bytes wide:
//!
//! ```text
//! distinct values         d = D · (1 − (1 − 1/D)ⁿ)                  n draws from D
//! dictionary page         d · w           up to the batch of rows that crosses 1 MiB; PLAIN after
//! indices                 ⌈log₂ d⌉ bits each, one byte more per 504 of them (a run's header)
//! repetition levels       lists only: 1 bit per value for short lists, 5 bytes per row for long
//! page headers            17 (dictionary), 46 + 4 · w (data, statistics included)
//! footer, per chunk       70 + name + 4 · w + two offsets as varints; lists 15 more
//! footer, per column      79 + name; lists 173 + name (schema and ARROW:schema)
//! footer, per file        180 and the frame of 12
//! ```
//! A float32 chunk of 6,144 DLRM rows: 24,576 + 9,984 + 12 + 79 = 34,651; PyArrow's has 34,652. The
//! constants were fitted to files of PyArrow 26. With a codec the estimate is an upper bound:
//! random content does not shrink, repeated content does.

use serde::Serialize;

use crate::column::{Column, Dtype};
use crate::dataset::Dataset;
use crate::enums::LegacySchema;

/// Arrow's limit on a dictionary page.
const DICTIONARY_BYTES_MAX: f64 = 1_048_576.0;
/// Arrow's target of a data page.
const PAGE_BYTES: f64 = 1_048_576.0;
/// Values that Arrow's column writer takes at once; lists are cut at the next row.
const WRITE_BATCH: f64 = 1024.0;
/// Values of a literal run between two run headers.
const LITERAL_RUN: f64 = 504.0;

/// Estimated bytes of one file, and where they go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Footprint {
    /// Row groups of the file.
    pub row_groups: u64,
    /// Bytes of all pages.
    pub page_bytes: u64,
    /// Bytes of the footer.
    pub footer_bytes: u64,
    /// Bytes of the file.
    pub file_bytes: u64,
}

/// A leaf column, as written.
struct Leaf {
    name_bytes: f64,
    /// Values per row.
    values: f64,
    is_list: bool,
    /// Bytes of a value in a PLAIN page.
    width: f64,
    /// Bytes of statistics in a page header and in the footer.
    statistics: f64,
    /// log2 of the number of values that can occur.
    domain_bits: f64,
    /// Booleans have no dictionary.
    is_boolean: bool,
}

impl Leaf {
    fn of(column: &Column) -> Self {
        let size = column.size as f64;
        let (width, domain_bits, statistics) = match column.dtype {
            Dtype::Int8 => (4.0, 8.0, 16.0),
            Dtype::Int16 => (4.0, 16.0, 16.0),
            Dtype::Int32 => (4.0, 32.0, 16.0),
            Dtype::Int64 => (8.0, 64.0, 32.0),
            Dtype::Uint8 => (4.0, 8.0, 4.0),
            Dtype::Uint16 => (4.0, 16.0, 4.0),
            Dtype::Uint32 => (4.0, 32.0, 4.0),
            Dtype::Uint64 => (8.0, 64.0, 12.0),
            Dtype::Float16 => (2.0, 16.0, 8.0),
            Dtype::Float32 | Dtype::List => (4.0, 32.0, 16.0),
            Dtype::Float64 => (8.0, 64.0, 32.0),
            // `s_` and up to ten digits, behind a length of four bytes.
            Dtype::String => (15.5, 31.0, 24.0),
            Dtype::Binary => (4.0 + size, 8.0 * size, 2.0 * size),
            Dtype::Bool => (0.125, 1.0, 4.0),
        };
        Self {
            name_bytes: column.name.len() as f64,
            values: column.values_per_row() as f64,
            is_list: column.is_list(),
            width,
            statistics,
            domain_bits,
            is_boolean: column.dtype == Dtype::Bool,
        }
    }

    fn legacy(dataset: &Dataset, elements: u64) -> Self {
        let seed = dataset.parquet.legacy == LegacySchema::Seed;
        let (width, statistics) = if seed { (8.0, 32.0) } else { (4.0, 4.0) };
        Self {
            name_bytes: 4.0,
            values: elements as f64,
            is_list: true,
            width,
            statistics,
            domain_bits: 8.0,
            is_boolean: false,
        }
    }

    /// Expected number of distinct values among `draws`.
    fn distinct(&self, draws: f64) -> f64 {
        if self.domain_bits > 52.0 {
            return draws;
        }
        let domain = self.domain_bits.exp2();
        -domain * (draws * (-1.0 / domain).ln_1p()).exp_m1()
    }

    /// Bytes of the column chunk of `rows` rows.
    fn chunk_bytes(&self, rows: f64) -> f64 {
        let values = rows * self.values;
        let page = 46.0 + self.statistics;
        if self.is_boolean {
            return (values / 8.0).ceil() + page;
        }
        // Values until the dictionary is full. The check comes after each write batch, and a batch
        // ends with a row.
        let in_dictionary = if self.distinct(values) * self.width < DICTIONARY_BYTES_MAX {
            values
        } else {
            let batch = (WRITE_BATCH / self.values).ceil() * self.values;
            let full = self.draws_for(DICTIONARY_BYTES_MAX / self.width);
            ((full / batch).ceil() * batch).min(values)
        };
        let distinct = self.distinct(in_dictionary);
        let index_bits = distinct.max(1.0).log2().ceil().max(1.0);
        let indices = in_dictionary * index_bits / 8.0 + in_dictionary / LITERAL_RUN;
        let plain = (values - in_dictionary) * self.width;
        let row_bytes = self.values * self.width;
        let rows_per_page = (PAGE_BYTES / row_bytes).ceil().max(1.0);
        let plain_pages = (plain / (rows_per_page * row_bytes)).ceil();
        let index_pages = (indices / PAGE_BYTES).ceil().max(1.0);
        let levels = match self.is_list {
            false => 0.0,
            true if self.values < 16.0 => values / 8.0 * (1.0 + 1.0 / 64.0),
            true => rows * 5.0,
        };
        17.0 + distinct * self.width + indices + plain + levels + (plain_pages + index_pages) * page
    }

    /// Draws until `entries` distinct values are expected.
    fn draws_for(&self, entries: f64) -> f64 {
        if self.domain_bits > 52.0 {
            return entries;
        }
        let domain = self.domain_bits.exp2();
        (-entries / domain).ln_1p() / (-1.0 / domain).ln_1p()
    }

    fn footer_chunk_bytes(&self, offset_bytes: f64) -> f64 {
        let list = if self.is_list { 15.0 } else { 0.0 };
        70.0 + self.name_bytes + self.statistics + 2.0 * offset_bytes + list
    }

    fn footer_column_bytes(&self) -> f64 {
        if self.is_list { 173.0 + self.name_bytes } else { 79.0 + self.name_bytes }
    }
}

impl Dataset {
    /// The estimated size of one Parquet file of this data set, uncompressed.
    pub fn footprint(&self) -> Footprint {
        let leaves: Vec<Leaf> = if self.parquet.is_legacy() {
            vec![Leaf::legacy(self, self.legacy_elements())]
        } else {
            self.parquet.file_columns().map(Leaf::of).collect()
        };
        let layout = self.row_layout();
        let pages: f64 = row_group_kinds(layout)
            .into_iter()
            .map(|(count, rows)| {
                let chunks: f64 = leaves.iter().map(|leaf| leaf.chunk_bytes(rows)).sum();
                count * chunks
            })
            .sum();
        // A zigzag varint carries 7 bits per byte.
        let offset_bytes = ((pages.max(1.0).log2() + 2.0) / 7.0).ceil();
        let per_row_group: f64 =
            20.0 + leaves.iter().map(|leaf| leaf.footer_chunk_bytes(offset_bytes)).sum::<f64>();
        let schema: f64 = leaves.iter().map(Leaf::footer_column_bytes).sum();
        let footer = 180.0 + schema + layout.len() as f64 * per_row_group;
        let (page_bytes, footer_bytes) = (rounded(pages), rounded(footer));
        let file_bytes = page_bytes.saturating_add(footer_bytes).saturating_add(12);
        Footprint { row_groups: layout.len(), page_bytes, footer_bytes, file_bytes }
    }
}

/// How many row groups of how many rows a file has: at most four kinds.
fn row_group_kinds(layout: crate::RowLayout) -> Vec<(f64, f64)> {
    let batch = layout.batch_rows();
    let split = |rows: u64| {
        let size = layout.row_group_size();
        [((rows / size) as f64, size as f64), ((rows % size).min(1) as f64, (rows % size) as f64)]
    };
    let full = (layout.rows() / batch) as f64;
    let mut kinds: Vec<(f64, f64)> =
        split(batch.min(layout.rows())).map(|(count, rows)| (count * full, rows)).to_vec();
    kinds.extend(split(layout.rows() % batch));
    kinds.retain(|(count, rows)| *count > 0.0 && *rows > 0.0);
    kinds
}

fn rounded(bytes: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a sum of positive sizes; the cast saturates"
    )]
    let rounded = bytes.round() as u64;
    rounded
}
