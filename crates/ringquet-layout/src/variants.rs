//! The variants: the workload's own layout, and one change to it each.

use ringquet_result::OptionError;
use std::path::Path;

use ringquet_datagen::PageOptions;
use ringquet_workload::{Compression, Loaded, Workload};
use serde::Serialize;

use crate::{LayoutError, LayoutOptions};

/// Files of a variant at most; with fewer the reader threads of a large machine share them.
const FILES_MAX: u64 = 16;

/// What kind of change a variant is. The best of each kind are tried together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum VariantChange {
    /// None: as the workload and DLIO's writer have it.
    Nothing,
    /// Rows per row group.
    RowGroup,
    /// Bytes per page.
    Page,
    /// Dictionary, plain, or byte stream split.
    Encoding,
    /// The codec.
    Compression,
    /// Several of them.
    Together,
}

/// A layout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Variant {
    /// What is changed, in few words.
    pub name: String,
    /// The kind of it.
    pub change: VariantChange,
    /// Rows of a row group.
    pub row_group_rows: u64,
    /// How pages are written.
    pub pages: PageOptions,
    /// The codec.
    pub compression: Compression,
}

impl Variant {
    /// What `datagen` needs to write it, beyond the workload: overrides, and options in backticks.
    pub(crate) fn settings(&self, of_workload: &Variant) -> Vec<String> {
        let mut settings = Vec::new();
        if self.row_group_rows != of_workload.row_group_rows {
            settings.push(format!("dataset.parquet.row_group_size={}", self.row_group_rows));
        }
        if self.compression != of_workload.compression {
            settings.push(format!("dataset.compression={}", word(&self.compression)));
        }
        if !self.pages.dictionary {
            settings.push("`no_dictionary`".to_owned());
        }
        if self.pages.byte_stream_split {
            settings.push("`byte_stream_split`".to_owned());
        }
        if self.pages.page_bytes != of_workload.pages.page_bytes {
            settings.push(format!("`page_bytes`={}", self.pages.page_bytes));
        }
        settings
    }
}

/// A workload of the same rows, few of them, in `folder`.
pub(crate) fn small(
    loaded: &Loaded,
    options: &LayoutOptions,
    folder: &Path,
) -> Result<Loaded, LayoutError> {
    let mut small = loaded.clone();
    let threads = options.engine.threads.unwrap_or_else(|| ringquet_io::cpus::allowed().len());
    let dataset = &mut small.workload.dataset;
    let row_bytes = dataset.record_bytes().max(1);
    let rows = (options.size_bytes / row_bytes).max(1);
    let files = (threads as u64).clamp(1, FILES_MAX).min(rows);
    dataset.num_samples_per_file = rows.div_ceil(files);
    dataset.num_files_train = files;
    dataset.num_files_eval = 0;
    dataset.num_subfolders_train = 0;
    dataset.num_subfolders_eval = 0;
    dataset.num_files_generated = None;
    dataset.data_folder = folder.to_owned();
    if dataset.parquet.partition_by.is_some() {
        let accepted = "must be a data set without partitions (dataset.parquet.partition_by=null)";
        let value = dataset.parquet.partition_by.clone().unwrap_or_default();
        return Err(OptionError::new("dataset.parquet.partition_by", value, accepted).into());
    }
    Ok(small)
}

/// Rows of all files of a variant.
pub(crate) fn rows(small: &Loaded) -> u64 {
    let dataset = &small.workload.dataset;
    dataset.num_samples_per_file * dataset.num_files_train
}

/// Puts a variant's row groups and codec into the workload.
pub(crate) fn apply(variant: &Variant, workload: &mut Workload) {
    let parquet = &mut workload.dataset.parquet;
    parquet.row_group_size = variant.row_group_rows;
    // Each batch begins a row group: one batch is one row group.
    parquet.generation_batch_size = variant.row_group_rows;
    workload.dataset.compression = variant.compression;
    workload.dataset.compression_level = None;
}

/// The workload's layout and its variants.
pub(crate) fn list(workload: &Workload) -> Vec<Variant> {
    let dataset = &workload.dataset;
    let rows = dataset.num_samples_per_file;
    let own = Variant {
        name: "as the workload".to_owned(),
        change: VariantChange::Nothing,
        row_group_rows: dataset.row_layout().row_group_rows_max().clamp(1, rows),
        pages: PageOptions::default(),
        compression: dataset.compression,
    };
    let mut all = vec![own.clone()];
    let mut add = |name: String, change: VariantChange, make: &dyn Fn(&mut Variant)| {
        let mut variant = Variant { name, change, ..own.clone() };
        make(&mut variant);
        let is_new = |known: &Variant| {
            (known.row_group_rows, known.pages, known.compression)
                != (variant.row_group_rows, variant.pages, variant.compression)
        };
        if all.iter().all(is_new) {
            all.push(variant);
        }
    };
    for row_group_rows in [own.row_group_rows / 4, own.row_group_rows * 4, own.row_group_rows * 16]
    {
        let row_group_rows = row_group_rows.clamp(1, rows);
        let name = format!("row groups of {row_group_rows} rows");
        add(name, VariantChange::RowGroup, &|variant| variant.row_group_rows = row_group_rows);
    }
    for (page_bytes, size) in [(64 << 10, "64 KiB"), (8 << 20, "8 MiB")] {
        let name = format!("pages of {size}");
        add(name, VariantChange::Page, &|variant| variant.pages.page_bytes = page_bytes);
    }
    add("no dictionary".to_owned(), VariantChange::Encoding, &|v| v.pages.dictionary = false);
    add("byte stream split".to_owned(), VariantChange::Encoding, &|v| {
        v.pages.byte_stream_split = true
    });
    for compression in [Compression::None, Compression::Snappy, Compression::Lz4, Compression::Zstd]
    {
        let name = format!("compression {}", word(&compression));
        add(name, VariantChange::Compression, &|variant| variant.compression = compression);
    }
    add("byte stream split, zstd".to_owned(), VariantChange::Together, &|variant| {
        variant.pages.byte_stream_split = true;
        variant.compression = Compression::Zstd;
    });
    all
}

/// A codec in the workload's spelling.
pub(crate) fn word(compression: &Compression) -> String {
    let value = serde_json::to_value(compression).ok();
    value.as_ref().and_then(|value| value.as_str()).unwrap_or("none").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workload(text: &str) -> Loaded {
        let text = format!("dataset: {{format: parquet, {text}}}");
        ringquet_workload::load_text(&text, Path::new("w.yaml"), &[], false).unwrap()
    }

    #[test]
    fn a_small_data_set_has_the_same_rows() {
        let loaded = workload(
            "num_files_train: 1024, num_samples_per_file: 4718592, parquet: {row_group_size: 6144, columns: [{name: a, dtype: float32}, {name: b, dtype: int8, size: 4}]}",
        );
        let mut options = LayoutOptions { size_bytes: 8 << 20, ..LayoutOptions::default() };
        options.engine.threads = Some(2);
        let small = small(&loaded, &options, Path::new("/x")).unwrap();
        assert_eq!(rows(&small), 1 << 20);
        assert_eq!(small.workload.dataset.num_files_train, 2);
        let names: Vec<String> = list(&small.workload).into_iter().map(|v| v.name).collect();
        assert_eq!(names[0], "as the workload");
        assert!(names.contains(&"row groups of 1536 rows".to_owned()), "{names:?}");
        assert!(names.contains(&"compression zstd".to_owned()), "{names:?}");
        assert!(!names.contains(&"compression none".to_owned()), "it is the workload's: {names:?}");
    }

    #[test]
    fn one_large_row_is_one_row_group() {
        let loaded = workload(
            "num_samples_per_file: 24, parquet: {row_group_size: 1024, columns: [{name: a, size: 524328}]}",
        );
        let options = LayoutOptions { size_bytes: 1 << 20, ..LayoutOptions::default() };
        let small = small(&loaded, &options, Path::new("/x")).unwrap();
        assert_eq!(rows(&small), 1);
        let all = list(&small.workload);
        assert!(all.iter().all(|variant| variant.change != VariantChange::RowGroup), "{all:?}");
    }

    #[test]
    fn settings_say_how_to_get_it() {
        let all = list(&workload("num_samples_per_file: 100000").workload);
        let of = |name: &str| {
            all.iter().find(|variant| variant.name == name).map(|variant| variant.settings(&all[0]))
        };
        assert_eq!(of("as the workload"), Some(vec![]));
        let expect = ["dataset.compression=zstd", "`byte_stream_split`"].map(str::to_owned);
        assert_eq!(of("byte stream split, zstd"), Some(expect.to_vec()));
    }
}
