//! Names of the files of a data set.
//!
//! ```text
//! <storage_root>/<data_folder>/train/img_0_of_4.parquet
//!                              valid/img_0_of_2.parquet
//!                              train/1/img_3_of_4.parquet      num_subfolders_train: 2
//!                              train/flag=true/img_3_of_4.parquet        partition_by: flag
//! ```
//! The index is padded with zeros to the digits of the total, the subfolder (index mod subfolders)
//! to the digits of their number, and there are subfolders only from 2 on. DLIO's own reader and
//! its `skip_listing` pad subfolders differently from its generator; the generator's way is the one
//! that finds the files.

use std::path::PathBuf;

use crate::dataset::Dataset;
use crate::enums::{DatasetType, Named as _};

impl Dataset {
    /// Files of one half that a run uses: `num_files_train` or `num_files_eval`.
    pub fn num_files(&self, half: DatasetType) -> u64 {
        match half {
            DatasetType::Train => self.num_files_train,
            DatasetType::Valid => self.num_files_eval,
        }
    }

    /// Files of one half that were generated: the total in the names.
    pub fn num_files_total(&self, half: DatasetType) -> u64 {
        match half {
            DatasetType::Train => self.num_files_generated.unwrap_or(self.num_files_train),
            DatasetType::Valid => self.num_files_eval,
        }
    }

    /// Subfolders that the files of one half are dealt to: `num_subfolders_train` or `_eval`, or
    /// the partitions of `partition_by`, at least 2. 0 or 1 means that there are none.
    pub fn num_subfolders(&self, half: DatasetType) -> u64 {
        if let Some(column) = self.parquet.partition_column() {
            return column.partitions();
        }
        match half {
            DatasetType::Train => self.num_subfolders_train,
            DatasetType::Valid => self.num_subfolders_eval,
        }
    }

    /// `PREFIX_IDX_of_TOTAL.parquet` of file `index`, without folders.
    pub fn file_name(&self, half: DatasetType, index: u64) -> String {
        let total = self.num_files_total(half);
        let digits = digits(total);
        format!("{}_{index:0digits$}_of_{total}.{}", self.file_prefix, self.format)
    }

    /// The folder of file `index`, relative to the data folder: `train`, `train/SUB` or
    /// `train/COLUMN=VALUE`.
    pub fn file_folder(&self, half: DatasetType, index: u64) -> PathBuf {
        let folder = PathBuf::from(half.name());
        match self.subfolder_name(half, index) {
            Some(name) => folder.join(name),
            None => folder,
        }
    }

    fn subfolder_name(&self, half: DatasetType, index: u64) -> Option<String> {
        if let Some(column) = self.parquet.partition_column() {
            return Some(column.partition_folder(index));
        }
        let subfolders = self.num_subfolders(half);
        (subfolders > 1).then(|| subfolder(index % subfolders, subfolders))
    }

    /// Where file `index` lies, relative to the data folder.
    pub fn file_path(&self, half: DatasetType, index: u64) -> PathBuf {
        self.file_folder(half, index).join(self.file_name(half, index))
    }

    /// The training files that a run uses, by index, relative to the data folder.
    pub fn train_files(&self) -> impl Iterator<Item = PathBuf> + '_ {
        (0..self.num_files_train).map(|index| self.file_path(DatasetType::Train, index))
    }

    /// The evaluation files, by index, relative to the data folder.
    pub fn valid_files(&self) -> impl Iterator<Item = PathBuf> + '_ {
        (0..self.num_files_eval).map(|index| self.file_path(DatasetType::Valid, index))
    }

    /// The folders to make before the first file, relative to the data folder, parents first.
    /// `train` and `valid` are always there, as in DLIO, and so are all subfolders; of partitions
    /// those that have a file.
    pub fn folders(&self) -> impl Iterator<Item = PathBuf> + '_ {
        DatasetType::ALL.iter().flat_map(move |&half| {
            let mut subfolders = Some(self.num_subfolders(half)).filter(|n| *n > 1).unwrap_or(0);
            if self.parquet.partition_by.is_some() {
                subfolders = subfolders.min(self.num_files_total(half));
            }
            let parent = PathBuf::from(half.name());
            let children = (0..subfolders).map(move |index| self.file_folder(half, index));
            std::iter::once(parent).chain(children)
        })
    }

    /// File indices in the order in which DLIO lists them, before any shuffle: by index, except that
    /// with subfolders and without `skip_listing` one folder comes after the other, sorted by name
    /// (`day=0`, `day=1`, `day=10`, …).
    pub fn listing_order(&self, half: DatasetType) -> impl Iterator<Item = u64> + use<> {
        let files = self.num_files(half);
        let step = if self.skip_listing { 1 } else { self.num_subfolders(half).max(1) };
        let mut firsts: Vec<u64> = (0..step.min(files)).collect();
        if step > 1 {
            firsts.sort_by_key(|first| self.subfolder_name(half, *first));
        }
        let step = usize::try_from(step).unwrap_or(usize::MAX);
        firsts.into_iter().flat_map(move |first| (first..files).step_by(step))
    }
}

fn digits(number: u64) -> usize {
    number.checked_ilog10().map_or(1, |log| log as usize + 1)
}

fn subfolder(index: u64, subfolders: u64) -> String {
    let digits = digits(subfolders);
    format!("{index:0digits$}")
}
