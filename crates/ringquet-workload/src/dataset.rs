//! The `dataset` section: how many files, how many rows in each, and which columns.

use std::collections::HashSet;
use std::path::PathBuf;

use serde::Serialize;
use serde_json::Value;

use crate::column::{Column, Dtype};
use crate::enums::{Compression, FormatType, LegacySchema};
use crate::error::WorkloadError;
use crate::partition::FOLDER_BYTES_MAX;
use crate::rows::SEED_ROW_GROUP_SIZE;
use crate::section::{COUNT_MAX, Section, shown};

/// Elements of one list value: Arrow keeps the size of a fixed-size list in an `i32`.
const COLUMN_SIZE_MAX: u64 = i32::MAX as u64;

/// Files of one half. MLPerf's own bound is 131,072; with this one the lists of a shuffle take at
/// most 256 MiB.
pub(crate) const FILES_MAX: u64 = 1 << 26;

/// Longest column name in bytes. A name of this length is a mistake, and 200,000 of them would be
/// a footer of gigabytes.
const NAME_BYTES_MAX: usize = 1024;

/// `dataset`: the files of a workload.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Dataset {
    /// `format`, also the extension of the files. Default `tfrecord`, as in DLIO.
    pub format: FormatType,
    /// `data_folder`, without a trailing slash. Default `./data`. See
    /// [`crate::Workload::data_dir`] for where that is.
    pub data_folder: PathBuf,
    /// `record_length_bytes`: nominal bytes per sample. `None` if the key is absent, where DLIO
    /// takes 65,536.
    pub record_length_bytes: Option<u64>,
    /// `record_length_bytes_stdev`. Default 0.
    pub record_length_bytes_stdev: f64,
    /// `record_length_bytes_resize`. Default 0.
    pub record_length_bytes_resize: u64,
    /// `record_dims`: if not empty, the shape of a legacy record.
    pub record_dims: Vec<u64>,
    /// `record_element_type`: element of a record with `record_dims`. Default `uint8`.
    pub record_element_type: Dtype,
    /// `num_files_train`. Default 8.
    pub num_files_train: u64,
    /// `num_files_eval`. Default 0.
    pub num_files_eval: u64,
    /// `num_samples_per_file`: rows per Parquet file. Default 1.
    pub num_samples_per_file: u64,
    /// `num_subfolders_train`: above 1, files are dealt to this many folders. Default 0.
    pub num_subfolders_train: u64,
    /// `num_subfolders_eval`. Default 0.
    pub num_subfolders_eval: u64,
    /// `file_prefix`. Default `img`.
    pub file_prefix: String,
    /// `compression`. Default `none`. It has an effect here; in DLIO it has none in one line
    /// and means snappy in another.
    pub compression: Compression,
    /// `compression_level`: 0–9 for gzip, 1–22 for zstd. `None`: what Arrow takes (9 and 1).
    pub compression_level: Option<u32>,
    /// `keep_files`. Default true. Nothing here removes a data set; loading warns of false.
    pub keep_files: bool,
    /// `skip_listing`: build the file names instead of listing the folder. Default false.
    pub skip_listing: bool,
    /// `listing_validation_interval`: with `skip_listing`, every how many files one is checked to
    /// exist. Default 1000.
    pub listing_validation_interval: u64,
    /// `num_files_generated`: the total in the file names, if a run uses fewer files than were
    /// generated. `None`: `num_files_train`.
    pub num_files_generated: Option<u64>,
    /// `parquet`.
    pub parquet: Parquet,
}

/// `dataset.parquet`: what is inside the files.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Parquet {
    /// `columns`; empty means legacy mode, one column `data`.
    pub columns: Vec<Column>,
    /// `row_group_size` in rows. Default 1024; in the seed's legacy mode 1,048,576.
    pub row_group_size: u64,
    /// `partition_by`: a column whose values become folders `column=value/`, see
    /// [`Column::partition_folder`]. The files do not have it, and training cannot read it.
    pub partition_by: Option<String>,
    /// `generation_batch_size` in rows: what is handed to the writer at once. A batch starts a new
    /// row group. Default [`Self::row_group_size`], which is also what 0 means.
    pub generation_batch_size: u64,
    /// `legacy`, this tool's own key: the schema if `columns` is empty. Default `fork`.
    pub legacy: LegacySchema,
}

impl Parquet {
    /// Whether the schema is the one column `data`.
    pub fn is_legacy(&self) -> bool {
        self.columns.is_empty()
    }

    /// Indices, among the columns of the files, of those that training reads. In legacy mode the
    /// one column that there is.
    pub fn read_column_indices(&self) -> Vec<usize> {
        if self.is_legacy() {
            return vec![0];
        }
        let read = |(index, column): (usize, &Column)| column.read.then_some(index);
        self.file_columns().enumerate().filter_map(read).collect()
    }

    /// Names of the columns that training reads, in file order.
    pub fn read_column_names(&self) -> Vec<&str> {
        if self.is_legacy() {
            return vec!["data"];
        }
        self.file_columns().filter(|column| column.read).map(|column| &*column.name).collect()
    }
}

impl Dataset {
    /// DLIO's default of `record_length_bytes`.
    pub const RECORD_LENGTH_BYTES: u64 = 65_536;

    /// Bytes per sample in the statistics of a run (`record_size`): the sum over **all** columns,
    /// read or not; without columns the record length.
    pub fn record_bytes(&self) -> u64 {
        self.sum_columns(Column::record_bytes).unwrap_or_else(|| self.legacy_record_bytes())
    }

    /// As [`Self::record_bytes`] over the columns that are read; a partition column never is.
    pub fn read_record_bytes(&self) -> u64 {
        let partition = self.parquet.partition_by.as_ref();
        let is_read = |column: &Column| column.read && partition != Some(&column.name);
        self.sum_columns(|column| if is_read(column) { column.record_bytes() } else { Some(0) })
            .unwrap_or_else(|| self.legacy_record_bytes())
    }

    /// Nominal bytes per sample in the rule that sizes a data set: `record_length_bytes` if the key
    /// is there, otherwise the sum over the columns by that rule's own widths.
    pub fn datasize_record_bytes(&self) -> u64 {
        match self.record_length_bytes {
            Some(bytes) => bytes,
            None => self.sum_columns(Column::datasize_bytes).unwrap_or(Self::RECORD_LENGTH_BYTES),
        }
    }

    /// The record length of legacy mode: from `record_dims` if given, else `record_length_bytes`.
    pub fn legacy_record_bytes(&self) -> u64 {
        if self.record_dims.is_empty() {
            return self.record_length_bytes.unwrap_or(Self::RECORD_LENGTH_BYTES);
        }
        let element_bytes = self.record_element_type.value_bytes().unwrap_or(1);
        self.record_dims.iter().product::<u64>() * element_bytes
    }

    /// Elements per sample in legacy mode when sizes do not vary: DLIO makes a square of side
    /// floor(√length), so that 512 bytes become 22 · 22 = 484 elements.
    pub fn legacy_elements(&self) -> u64 {
        if self.record_dims.is_empty() {
            let side = self.legacy_record_bytes().isqrt();
            return side * side;
        }
        self.record_dims.iter().product()
    }

    /// `None` without columns. Sums were checked on load.
    fn sum_columns(&self, bytes: impl Fn(&Column) -> Option<u64>) -> Option<u64> {
        if self.parquet.columns.is_empty() {
            return None;
        }
        Some(self.parquet.columns.iter().map(|column| bytes(column).unwrap_or(0)).sum())
    }

    pub(crate) fn read(
        section: &Section<'_>,
        selected: Option<&[String]>,
    ) -> Result<Self, WorkloadError> {
        let format = section.named("format", FormatType::Tfrecord)?;
        let compression = section.named("compression", Compression::None)?;
        let record_dims = record_dims(section)?;
        let data_folder = section.text("data_folder", "./data")?;
        let data_folder = match data_folder.trim_end_matches('/') {
            "" => "/",
            trimmed => trimmed,
        };
        let dataset = Self {
            format,
            data_folder: PathBuf::from(data_folder),
            record_length_bytes: section.opt_count("record_length_bytes", 1..=COUNT_MAX)?,
            record_length_bytes_stdev: section.number(
                "record_length_bytes_stdev",
                0.0,
                0.0..=COUNT_MAX as f64,
            )?,
            record_length_bytes_resize: section.count(
                "record_length_bytes_resize",
                0,
                0..=COUNT_MAX,
            )?,
            record_dims,
            record_element_type: section.named("record_element_type", Dtype::Uint8)?,
            num_files_train: section.count("num_files_train", 8, 0..=FILES_MAX)?,
            num_files_eval: section.count("num_files_eval", 0, 0..=FILES_MAX)?,
            num_samples_per_file: section.count("num_samples_per_file", 1, 1..=COUNT_MAX)?,
            num_subfolders_train: section.count("num_subfolders_train", 0, 0..=FILES_MAX)?,
            num_subfolders_eval: section.count("num_subfolders_eval", 0, 0..=FILES_MAX)?,
            file_prefix: section.text("file_prefix", "img")?,
            compression,
            compression_level: compression_level(section, compression)?,
            keep_files: section.boolean("keep_files", true)?,
            skip_listing: section.boolean("skip_listing", false)?,
            listing_validation_interval: section.count(
                "listing_validation_interval",
                1000,
                1..=COUNT_MAX,
            )?,
            num_files_generated: section.opt_count("num_files_generated", 1..=FILES_MAX)?,
            parquet: Parquet::read(&section.section("parquet")?, selected)?,
        };
        dataset.check(section)?;
        Ok(dataset)
    }

    /// Checks that involve several keys.
    fn check(&self, section: &Section<'_>) -> Result<(), WorkloadError> {
        if self.file_prefix.contains('/') {
            let reason =
                format!("`{}` must not contain `/`: it begins file names", self.file_prefix);
            return Err(section.conflict("file_prefix", reason));
        }
        if !self.record_dims.is_empty() && self.record_length_bytes_stdev > 0.0 {
            let reason = "lengths that vary do not go with record_dims".to_owned();
            return Err(section.conflict("record_length_bytes_stdev", reason));
        }
        if self.record_element_type.value_bytes().is_none()
            || self.record_element_type == Dtype::List
        {
            let reason = format!("`{}` has no fixed width", self.record_element_type);
            return Err(section.conflict("record_element_type", reason));
        }
        if let Some(generated) = self.num_files_generated
            && generated < self.num_files_train
        {
            let reason = format!(
                "{generated} is fewer than num_files_train, {}: generate more or use fewer",
                self.num_files_train
            );
            return Err(section.conflict("num_files_generated", reason));
        }
        if self.format == FormatType::Parquet
            && matches!(
                self.compression,
                Compression::Lzf | Compression::Bz2 | Compression::Zip | Compression::Xz
            )
        {
            let value = Value::from(self.compression.to_string());
            let accepted = "none, snappy, gzip, lz4, zstd (format parquet)";
            return Err(section.refuse("compression", &value, accepted));
        }
        if let Some(column) = &self.parquet.partition_by
            && self.num_subfolders_train.max(self.num_subfolders_eval) > 1
        {
            let reason = format!(
                "cannot be combined with dataset.parquet.partition_by: the folders are those of `{column}`"
            );
            let train = self.num_subfolders_train > 1;
            let key = if train { "num_subfolders_train" } else { "num_subfolders_eval" };
            return Err(section.conflict(key, reason));
        }
        let folders = [
            ("num_subfolders_train", self.num_subfolders_train, self.num_files_train),
            ("num_subfolders_eval", self.num_subfolders_eval, self.num_files_eval),
        ];
        for (key, subfolders, files) in folders {
            if subfolders > files.max(1) {
                let reason = format!("{subfolders} folders for {files} files leave some empty");
                return Err(section.conflict(key, reason));
            }
        }
        // Every later product is a part of this one.
        let files = self.num_files_train.max(self.num_files_generated.unwrap_or(0));
        let rows = files
            .checked_add(self.num_files_eval)
            .and_then(|files| files.checked_mul(self.num_samples_per_file));
        let bytes = |each: u64| {
            rows.and_then(|rows| rows.checked_mul(each)).filter(|b| *b <= i64::MAX.cast_unsigned())
        };
        let overflow = |bytes_per_sample: String| {
            let reason = format!(
                "{files} + {} files × {} samples × {bytes_per_sample} bytes is more than 2^63 bytes",
                self.num_files_eval, self.num_samples_per_file,
            );
            section.conflict("num_samples_per_file", reason)
        };
        let sum = |each: fn(&Column) -> Option<u64>| {
            self.parquet
                .columns
                .iter()
                .try_fold(0_u64, |sum, column| sum.checked_add(each(column)?))
        };
        let legacy =
            self.record_dims.iter().try_fold(8_u64, |product, dim| product.checked_mul(*dim));
        for each in [
            sum(Column::record_bytes),
            sum(Column::datasize_bytes),
            legacy,
            self.record_length_bytes.or(Some(1)),
        ] {
            match each {
                None => return Err(overflow("more than 2^64".to_owned())),
                Some(each) if bytes(each).is_none() => return Err(overflow(each.to_string())),
                Some(_) => {}
            }
        }
        Ok(())
    }
}

impl Parquet {
    fn read(section: &Section<'_>, selected: Option<&[String]>) -> Result<Self, WorkloadError> {
        let mut columns = Vec::new();
        let mut names = HashSet::new();
        for (index, item) in section.list("columns")?.iter().enumerate() {
            let path = format!("{}[{index}]", section.path_of("columns"));
            let column = column(section, &path, item)?;
            if !names.insert(column.name.clone()) {
                return Err(section.refuse_at(
                    &path,
                    &Value::from(column.name),
                    "a name that no other column has",
                ));
            }
            columns.push(column);
        }
        if let Some(selected) = selected {
            if let Some(missing) = selected.iter().find(|name| !names.contains(*name)) {
                let reason = format!(
                    "storage.storage_options.columns names `{missing}`, which is not a column"
                );
                return Err(section.conflict("columns", reason));
            }
            let selected: HashSet<&String> = selected.iter().collect();
            for column in &mut columns {
                column.read = selected.contains(&column.name);
            }
        }
        if !columns.is_empty() && !columns.iter().any(|column| column.read) {
            let reason = "read is false for every column; at least one must be read".to_owned();
            return Err(section.conflict("columns", reason));
        }
        let legacy = section.named("legacy", LegacySchema::Fork)?;
        let default = match legacy {
            LegacySchema::Seed if columns.is_empty() => SEED_ROW_GROUP_SIZE,
            _ => 1024,
        };
        let row_group_size = section.count("row_group_size", default, 1..=COUNT_MAX)?;
        let batch = section.count("generation_batch_size", 0, 0..=COUNT_MAX)?;
        let parquet = Self {
            row_group_size,
            partition_by: section.opt_text("partition_by")?,
            generation_batch_size: if batch == 0 { row_group_size } else { batch },
            legacy,
            columns,
        };
        parquet.check(section)?;
        Ok(parquet)
    }

    fn check(&self, section: &Section<'_>) -> Result<(), WorkloadError> {
        if let Some(name) = &self.partition_by {
            let Some(column) = self.columns.iter().find(|column| column.name == *name) else {
                let names: Vec<&str> =
                    self.columns.iter().take(8).map(|column| &*column.name).collect();
                let accepted = match names.len() {
                    0 => "the name of a column; this workload has none".to_owned(),
                    _ => format!("the name of a column: {}, …", names.join(", ")),
                };
                return Err(section.refuse("partition_by", &Value::from(name.clone()), &accepted));
            };
            if column.is_list() || column.dtype == Dtype::Binary {
                let reason =
                    format!("column `{name}` is a list or binary: its values make no folder names");
                return Err(section.conflict("partition_by", reason));
            }
            if self.columns.len() == 1 {
                let reason = format!("`{name}` is the only column: the files would have none");
                return Err(section.conflict("partition_by", reason));
            }
            if !self.file_columns().any(|column| column.read) {
                let reason = format!(
                    "`{name}` is the only column with read: true, and the files do not have it"
                );
                return Err(section.conflict("partition_by", reason));
            }
            let folder = column.partition_folder(column.partitions() - 1);
            if folder.len() > FOLDER_BYTES_MAX {
                let reason = format!(
                    "folders `{folder}` have {} bytes in their names; file systems take \
                     {FOLDER_BYTES_MAX}",
                    folder.len()
                );
                return Err(section.conflict("partition_by", reason));
            }
        }
        if section.get("legacy").is_some() && !self.columns.is_empty() {
            let reason =
                "chooses the schema of a workload without columns; this one has columns".to_owned();
            return Err(section.conflict("legacy", reason));
        }
        Ok(())
    }
}

/// A column: a mapping, or a bare name, which is float32 and read.
fn column(parent: &Section<'_>, path: &str, item: &Value) -> Result<Column, WorkloadError> {
    let column = match item {
        Value::String(name) => {
            Column { name: name.clone(), dtype: Dtype::Float32, size: 1, read: true }
        }
        Value::Object(map) => {
            let section = parent.item(path.to_owned(), map);
            Column {
                name: section.text("name", "data")?,
                dtype: section.named("dtype", Dtype::Float32)?,
                size: section.count("size", 1, 1..=COLUMN_SIZE_MAX)?,
                read: section.boolean("read", true)?,
            }
        }
        other => {
            return Err(parent.refuse_at(path, other, "a name, or {name, dtype, size, read}"));
        }
    };
    let name = &column.name;
    if name.is_empty() || name.len() > NAME_BYTES_MAX || name.contains(['\0', '/', '\n']) {
        let accepted = format!("a name of 1 to {NAME_BYTES_MAX} bytes without `/` or line breaks");
        return Err(parent.refuse_at(path, &Value::from(name.clone()), &accepted));
    }
    if matches!(column.dtype, Dtype::String | Dtype::Bool) && column.size != 1 {
        return Err(parent.refuse_at(
            &format!("{path}.size"),
            &Value::from(column.size),
            &format!("1, the only size of dtype {}", column.dtype),
        ));
    }
    Ok(column)
}

fn record_dims(section: &Section<'_>) -> Result<Vec<u64>, WorkloadError> {
    let items = section.list("record_dims")?;
    let dim = |item: &Value| {
        crate::section::whole(item)
            .filter(|dim| (1..=COUNT_MAX).contains(dim))
            .ok_or_else(|| section.refuse("record_dims", item, "a list of whole numbers above 0"))
    };
    items.iter().map(dim).collect()
}

fn compression_level(
    section: &Section<'_>,
    compression: Compression,
) -> Result<Option<u32>, WorkloadError> {
    let range = match compression {
        Compression::Zstd => 1..=22,
        _ => 0..=9,
    };
    let level = section.opt_count("compression_level", range)?;
    if let Some(level) = level
        && !matches!(compression, Compression::Gzip | Compression::Zstd)
        // DLIO's own default, which files carry along with any codec.
        && level != 4
    {
        let reason = format!(
            "{} has no levels; gzip has 0 to 9, zstd 1 to 22",
            shown(&Value::from(compression.to_string()))
        );
        return Err(section.conflict("compression_level", reason));
    }
    let level = level.filter(|_| matches!(compression, Compression::Gzip | Compression::Zstd));
    Ok(level.map(|level| u32::try_from(level).expect("at most 22")))
}
