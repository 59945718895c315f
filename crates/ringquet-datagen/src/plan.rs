//! From a workload to the files to write: training files, then evaluation files.
//!
//! Nothing is listed that can be computed, so that the plan of a data set of terabytes costs as
//! little as one of megabytes. Only legacy records whose size varies from file to file keep one
//! number per file, for these sizes are drawn one after the other.

use ringquet_result::OptionError;
use std::path::PathBuf;

use ringquet_workload::{Compression, Dataset, DatasetType, RowLayout, Workload};

use crate::columns::{check_row_bytes, columns_of};
use crate::error::DatagenError;
use crate::recipe::Recipe;
use crate::writer::options::PageOptions;
use crate::writer::schema::DataColumn;

/// A file to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedFile {
    /// Index over training files then evaluation files.
    pub index: u64,
    /// Which half it belongs to.
    pub half: DatasetType,
    /// Index within its half: the one in its name.
    pub half_index: u64,
    /// Relative to the data folder, e.g. `train/img_0_of_4.parquet`.
    pub path: PathBuf,
    /// Its rows and how they fall into row groups.
    pub layout: RowLayout,
    /// Legacy mode: elements of every record in this file.
    pub record_elements: Option<u64>,
    /// Estimated bytes on disk.
    pub bytes_estimated: u64,
}

impl PlannedFile {
    /// Rows of each row group, in file order.
    pub fn row_group_rows(&self) -> impl Iterator<Item = u64> + use<> {
        self.layout.row_groups().map(|rows| rows.end - rows.start)
    }
}

/// The files of a data set, by their index.
#[derive(Debug, Clone)]
pub struct Plan {
    dataset: Dataset,
    train_files: u64,
    valid_files: u64,
    /// Files to write: a range of indices over both halves.
    first: u64,
    end: u64,
    /// Legacy mode: one entry if all records are alike, else one per file.
    record_elements: Vec<u64>,
    file_bytes_estimated: u64,
}

impl Plan {
    /// Plans `files` files (`None`: all that follow) from index `first_file` on.
    ///
    /// # Errors
    /// [`DatagenError::Workload`] for anything but Parquet files in a file system;
    /// [`DatagenError::Option`] if the part lies beyond the last file;
    /// [`DatagenError::RowTooLarge`].
    pub fn new(
        workload: &Workload,
        first_file: u64,
        files: Option<u64>,
    ) -> Result<Self, DatagenError> {
        workload.require_local_parquet()?;
        let dataset = &workload.dataset;
        let train_files = dataset.num_files_total(DatasetType::Train);
        let valid_files = dataset.num_files_total(DatasetType::Valid);
        let total = train_files.saturating_add(valid_files);
        if first_file > 0 && first_file >= total {
            let accepted = format!("must be 0 to {}", total.saturating_sub(1));
            return Err(OptionError::new("first_file", first_file, accepted).into());
        }
        let end = files.map_or(total, |files| first_file.saturating_add(files).min(total));
        let record_elements = match (dataset.parquet.is_legacy(), dataset.has_varying_dimensions())
        {
            (false, _) => Vec::new(),
            (true, true) => dataset.legacy_dimensions().map(|dims| dims.elements()).collect(),
            (true, false) => vec![dataset.legacy_elements()],
        };
        let plan = Self {
            dataset: dataset.clone(),
            train_files,
            valid_files,
            first: first_file,
            end,
            record_elements,
            file_bytes_estimated: dataset.footprint().file_bytes,
        };
        let largest = plan.record_elements.iter().max().copied();
        check_row_bytes(&plan.columns_for(largest))?;
        Ok(plan)
    }

    /// Files to write.
    pub fn len(&self) -> u64 {
        self.end - self.first
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.first == self.end
    }

    /// Files of the whole data set, both halves.
    pub fn files_total(&self) -> u64 {
        self.train_files + self.valid_files
    }

    /// Indices of the files to write, over training files then evaluation files.
    pub fn indices(&self) -> std::ops::Range<u64> {
        self.first..self.end
    }

    /// Whether every file of the data set is written.
    pub fn is_whole(&self) -> bool {
        self.first == 0 && self.end == self.files_total()
    }

    /// The file with index `index` over both halves. `None` beyond the last.
    pub fn file(&self, index: u64) -> Option<PlannedFile> {
        let (half, half_index) = match index.checked_sub(self.train_files) {
            None => (DatasetType::Train, index),
            Some(valid) if valid < self.valid_files => (DatasetType::Valid, valid),
            Some(_) => return None,
        };
        let record_elements = match self.record_elements.as_slice() {
            [] => None,
            [one] => Some(*one),
            many => many.get(usize::try_from(index).ok()?).copied(),
        };
        Some(PlannedFile {
            index,
            half,
            half_index,
            path: self.dataset.file_path(half, half_index),
            layout: self.dataset.row_layout(),
            record_elements,
            bytes_estimated: self.file_bytes_estimated,
        })
    }

    /// The files to write, in order.
    pub fn files(&self) -> impl Iterator<Item = PlannedFile> + '_ {
        self.indices().filter_map(|index| self.file(index))
    }

    /// The columns of `file`.
    pub fn columns(&self, file: &PlannedFile) -> Vec<DataColumn> {
        self.columns_for(file.record_elements)
    }

    fn columns_for(&self, record_elements: Option<u64>) -> Vec<DataColumn> {
        let parquet = &self.dataset.parquet;
        let columns: Vec<_> = parquet.file_columns().cloned().collect();
        columns_of(&columns, record_elements.map(|n| (parquet.legacy, n)))
    }

    /// Nominal bytes of `file`: its rows times the bytes of a row by DLIO's widths.
    pub fn nominal_bytes(&self, file: &PlannedFile) -> u64 {
        let row = file.record_elements.unwrap_or_else(|| self.dataset.record_bytes());
        row.saturating_mul(file.layout.rows())
    }

    /// What a file of `recipe` will have, to a few kilobytes. `None` if the estimate is only a
    /// bound: with a codec, repeated values, pages of other kinds, or records of several sizes.
    pub(crate) fn file_bytes_known(&self, recipe: &Recipe) -> Option<u64> {
        let is_known = recipe.compression == Compression::None
            && recipe.content.repeat_fraction == 0.0
            && recipe.pages == PageOptions::default()
            && self.record_elements.len() < 2;
        is_known.then_some(self.file_bytes_estimated)
    }

    /// Estimated bytes on disk of all files to write.
    pub fn bytes_estimated(&self) -> u64 {
        self.file_bytes_estimated.saturating_mul(self.len())
    }
}
