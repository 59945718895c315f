//! `ringquet-manifest.json`: what was written, and from what.
//!
//! It lies in the data folder, beside `train/` and `valid/`, and holds all that is needed to
//! regenerate every value. While files are being written it is renewed now and then with
//! `complete: false`, so that a killed run can be resumed. A host that writes only a part of the
//! data set keeps a manifest of its own, `ringquet-manifest.FIRST-END.json`; verification takes all
//! of them together.

use std::collections::HashSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Component, Path, PathBuf};

use ringquet_decode::ContentDigest;
use ringquet_io::WriteDriver;
use ringquet_result::regular_file::open_regular;
use ringquet_workload::{
    Column, Compression, DatasetType, Dtype, LegacySchema, Named, RowLayout, Workload,
};
use serde::{Deserialize, Serialize};

use crate::columns::{check_row_bytes, columns_of};
use crate::content::GENERATOR;
use crate::content::options::ContentOptions;
use crate::content::row_group::FileKey;
use crate::data_file::WrittenFile;
use crate::error::DatagenError;
use crate::manifest_name::{MANIFEST_NAME, is_manifest_name, name_of_part};
use crate::options::DatagenOptions;
use crate::partial::PartialFile;
use crate::plan::{Plan, PlannedFile};
use crate::recipe::Recipe;
use crate::writer::footer::CREATED_BY;
use crate::writer::options::{PAGE_BYTES_RANGE, PageOptions};
use crate::writer::schema::DataColumn;

/// Value of `schema_version` that this version writes and reads.
pub const MANIFEST_SCHEMA_VERSION: u32 = 1;

fn first_generator() -> u32 {
    1
}

/// Bound on the bytes of a manifest: some 200 per file, for millions of files.
const MANIFEST_BYTES_MAX: u64 = 1 << 30;

/// What was written, and from what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of this schema, [`MANIFEST_SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Name and version of the tool.
    pub created_by: String,
    /// Whether all requested files are listed.
    pub complete: bool,
    /// Which function made the values, [`GENERATOR`] of the version that wrote the files; 1 where a manifest has none.
    #[serde(default = "first_generator")]
    pub generator: u32,
    /// Seed of the content.
    pub seed: u64,
    /// Choices about values.
    pub content: ContentOptions,
    /// Choices about pages.
    pub pages: PageOptions,
    /// What the workload contained.
    pub workload: ManifestWorkload,
    /// Digest of the listed files: Σ digest of a file · (2 · its index + 1), modulo 2^128; 32
    /// hexadecimal digits. The index counts training files then evaluation files.
    pub digest: String,
    /// The files that are whole, by index.
    pub files: Vec<ManifestFile>,
}

/// What of a workload shapes its files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ManifestWorkload {
    /// `model.name`.
    pub model: String,
    /// `dataset.parquet.columns` that are in the files: without that of `partition_by`.
    pub columns: Vec<ManifestColumn>,
    /// `dataset.parquet.partition_by`; a file's value is in its path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition_by: Option<String>,
    /// Without columns: `fork` or `seed`.
    pub legacy: Option<String>,
    /// Training files of the data set.
    pub num_files_train: u64,
    /// Evaluation files.
    pub num_files_eval: u64,
    /// Rows of a file.
    pub num_samples_per_file: u64,
    /// Rows of a full row group.
    pub row_group_size: u64,
    /// Rows handed to the writer at once; a batch starts a row group.
    pub generation_batch_size: u64,
    /// `dataset.compression`.
    pub compression: String,
    /// `dataset.compression_level`, if given.
    pub compression_level: Option<u32>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ManifestColumn {
    /// Name.
    pub name: String,
    /// DLIO's type.
    pub dtype: String,
    /// Elements per row; bytes per value for `binary`.
    pub size: u64,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ManifestFile {
    /// Relative to the data folder, with `/`.
    pub path: String,
    /// `train` or `valid`.
    pub half: String,
    /// Index within its half.
    pub index: u64,
    /// Rows.
    pub rows: u64,
    /// Row groups.
    pub row_groups: u64,
    /// Legacy mode: elements of every record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record_elements: Option<u64>,
    /// Length in bytes.
    pub bytes: u64,
    /// Digest of the content, 32 hexadecimal digits.
    pub digest: String,
    /// XXH3-128 of the bytes of the file, 32 hexadecimal digits. It also covers what the content
    /// does not depend on: statistics, or the upper bytes of an int8 that is stored as INT32.
    pub bytes_hash: String,
    /// What carried its writes: `uring` or `pwrite`. No byte depends on it.
    pub written_with: WriteDriver,
}

impl ManifestWorkload {
    /// What of `workload` shapes its files.
    pub fn of(workload: &Workload) -> Self {
        let dataset = &workload.dataset;
        let layout = dataset.row_layout();
        let column = |column: &Column| ManifestColumn {
            name: column.name.clone(),
            dtype: column.dtype.to_string(),
            size: column.size,
        };
        Self {
            model: workload.model.name.clone(),
            columns: dataset.parquet.file_columns().map(column).collect(),
            partition_by: dataset.parquet.partition_by.clone(),
            legacy: dataset.parquet.is_legacy().then(|| dataset.parquet.legacy.to_string()),
            num_files_train: dataset.num_files_total(DatasetType::Train),
            num_files_eval: dataset.num_files_total(DatasetType::Valid),
            num_samples_per_file: layout.rows(),
            row_group_size: layout.row_group_size(),
            generation_batch_size: layout.batch_rows(),
            compression: dataset.compression.to_string(),
            compression_level: dataset.compression_level,
        }
    }
}

impl ManifestFile {
    pub(crate) fn new(file: &PlannedFile, written: WrittenFile) -> Self {
        Self {
            path: path_text(&file.path),
            half: file.half.to_string(),
            index: file.half_index,
            rows: file.layout.rows(),
            row_groups: file.layout.len(),
            record_elements: file.record_elements,
            bytes: written.bytes,
            digest: written.digest.to_string(),
            bytes_hash: hash_text(written.bytes_hash),
            written_with: written.written_with,
        }
    }

    /// Whether `other` lists the same bytes at the same path.
    pub(crate) fn lists_the_same(&self, other: &Self) -> bool {
        *self == Self { written_with: self.written_with, ..other.clone() }
    }

    /// The digest as a number; reading a manifest has checked that it is one.
    pub(crate) fn content_digest(&self) -> ContentDigest {
        self.digest.parse().unwrap_or_default()
    }
}

fn global_index(num_files_train: u64, file: &ManifestFile) -> u64 {
    if file.half == DatasetType::Valid.name() {
        return num_files_train.saturating_add(file.index);
    }
    file.index
}

/// A hash of bytes as text.
pub(crate) fn hash_text(hash: u128) -> String {
    format!("{hash:032x}")
}

/// A relative path as text with `/`.
pub(crate) fn path_text(path: &Path) -> String {
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}

/// The digest of a set from (index over both halves, digest) of its files, in any order.
pub(crate) fn set_digest(files: impl Iterator<Item = (u64, ContentDigest)>) -> ContentDigest {
    files
        .map(|(index, digest)| {
            let weight = u128::from(index).wrapping_mul(2).wrapping_add(1);
            ContentDigest(digest.0.wrapping_mul(weight))
        })
        .sum()
}

impl Manifest {
    pub(crate) fn new(workload: &Workload, options: &DatagenOptions) -> Self {
        Self {
            schema_version: MANIFEST_SCHEMA_VERSION,
            created_by: CREATED_BY.to_owned(),
            complete: false,
            generator: GENERATOR,
            seed: options.seed,
            content: options.content,
            pages: options.pages,
            workload: ManifestWorkload::of(workload),
            digest: ContentDigest::default().to_string(),
            files: Vec::new(),
        }
    }

    /// The name of the manifest of a plan: its own for a part of a data set.
    pub(crate) fn name_for(plan: &Plan) -> String {
        if plan.is_whole() {
            return MANIFEST_NAME.to_owned();
        }
        name_of_part(plan.indices())
    }

    /// The manifests in `dir`, that of the whole set first.
    pub(crate) fn find(dir: &Path) -> Result<Vec<PathBuf>, DatagenError> {
        let fail = || DatagenError::io(dir, "list");
        let mut names = Vec::new();
        for entry in fs::read_dir(dir).map_err(fail())? {
            let name = entry.map_err(fail())?.file_name();
            names.extend(name.to_str().filter(|name| is_manifest_name(name)).map(str::to_owned));
        }
        names.sort_by_key(|name| (name != MANIFEST_NAME, name.clone()));
        Ok(names.into_iter().map(|name| dir.join(name)).collect())
    }

    /// Reads and checks the manifest at `path`.
    ///
    /// # Errors
    /// [`DatagenError::Io`], [`DatagenError::Manifest`] if it is not one, of another version, or
    /// has values that no version writes.
    pub fn read(path: &Path) -> Result<Self, DatagenError> {
        let refuse = |reason: String| DatagenError::Manifest { path: path.to_owned(), reason };
        let fail = || DatagenError::io(path, "read");
        let file = open_regular(path).map_err(fail())?;
        let mut text = String::new();
        file.take(MANIFEST_BYTES_MAX + 1).read_to_string(&mut text).map_err(fail())?;
        if text.len() as u64 > MANIFEST_BYTES_MAX {
            return Err(refuse(format!("longer than {MANIFEST_BYTES_MAX} bytes")));
        }
        let manifest: Self =
            serde_json::from_str(&text).map_err(|error| refuse(error.to_string()))?;
        manifest.check().map_err(refuse)?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), String> {
        if self.schema_version != MANIFEST_SCHEMA_VERSION {
            let found = self.schema_version;
            return Err(format!("schema_version {found}, not {MANIFEST_SCHEMA_VERSION}"));
        }
        if !(0.0..1.0).contains(&self.content.repeat_fraction) {
            return Err(format!("content.repeat_fraction is {}", self.content.repeat_fraction));
        }
        if !PAGE_BYTES_RANGE.contains(&self.pages.page_bytes) {
            return Err(format!("pages.page_bytes is {}", self.pages.page_bytes));
        }
        self.compression()?;
        let columns = self.columns()?;
        let legacy = self.legacy()?;
        if legacy.is_none() && columns.is_empty() {
            return Err("neither columns nor legacy".to_owned());
        }
        self.check_numbers()?;
        let mut paths = HashSet::new();
        for file in &self.files {
            let path = &file.path;
            let plain =
                Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
            if !plain || path.is_empty() {
                return Err(format!("path '{path}' does not lie within the data folder"));
            }
            if !paths.insert(path) {
                return Err(format!("{path}: listed twice"));
            }
            DatasetType::parse_name(&file.half).map_err(|error| format!("{path}: {error}"))?;
            if file.digest.parse::<ContentDigest>().is_err() {
                return Err(format!("{path}: digest '{}' is not one", file.digest));
            }
            if legacy.is_some() != file.record_elements.is_some() {
                return Err(format!(
                    "{path}: record_elements are required with legacy and invalid without"
                ));
            }
            if file.rows != self.workload.num_samples_per_file {
                let expected = self.workload.num_samples_per_file;
                return Err(format!("{path}: {} rows; a file has {expected}", file.rows));
            }
            let columns = columns_of(&columns, legacy.zip(file.record_elements));
            check_row_bytes(&columns).map_err(|error| format!("{path}: {error}"))?;
        }
        let digest = self.set_digest().to_string();
        if self.digest != digest {
            return Err(format!("digest {} is not that of its files, {digest}", self.digest));
        }
        Ok(())
    }

    /// Numbers of files, rows and bytes that can be added up, and every file of a half listed once.
    fn check_numbers(&self) -> Result<(), String> {
        let of_halves = [self.workload.num_files_train, self.workload.num_files_eval];
        if of_halves[0].checked_add(of_halves[1]).is_none() {
            let [train, eval] = of_halves;
            return Err(format!(
                "num_files_train {train} and num_files_eval {eval} are too many files"
            ));
        }
        let sum = |of: fn(&ManifestFile) -> u64| {
            self.files.iter().try_fold(0_u64, |sum, file| sum.checked_add(of(file)))
        };
        for (what, sum) in [("bytes", sum(|file| file.bytes)), ("rows", sum(|file| file.rows))] {
            if sum.is_none() {
                return Err(format!("its files have more than 2^64 {what}"));
            }
        }
        let mut there = HashSet::new();
        for ManifestFile { path, half, index, .. } in &self.files {
            let is_eval = half == DatasetType::Valid.name();
            let files = of_halves[usize::from(is_eval)];
            if *index >= files {
                return Err(format!("{path}: index {index} of {files} files"));
            }
            if !there.insert((is_eval, index)) {
                return Err(format!("{path}: another file has index {index} as well"));
            }
        }
        Ok(())
    }

    fn legacy(&self) -> Result<Option<LegacySchema>, String> {
        let legacy = self.workload.legacy.as_deref();
        legacy.map(LegacySchema::parse_name).transpose().map_err(|error| error.to_string())
    }

    fn compression(&self) -> Result<Compression, String> {
        Compression::parse_name(&self.workload.compression).map_err(|error| error.to_string())
    }

    fn columns(&self) -> Result<Vec<Column>, String> {
        let column = |column: &ManifestColumn| {
            let dtype = Dtype::parse_name(&column.dtype)
                .map_err(|error| format!("column {}: {error}", column.name))?;
            if !(1..=i32::MAX.cast_unsigned().into()).contains(&column.size) {
                return Err(format!("column {}: size {}", column.name, column.size));
            }
            Ok(Column { name: column.name.clone(), dtype, size: column.size, read: true })
        };
        self.workload.columns.iter().map(column).collect()
    }

    /// All that `file` is made from.
    pub(crate) fn recipe(&self, file: &ManifestFile) -> Result<Recipe, String> {
        let workload = &self.workload;
        let half = DatasetType::parse_name(&file.half).map_err(|error| error.to_string())?;
        let legacy = self.legacy()?.zip(file.record_elements);
        let columns: Vec<DataColumn> = columns_of(&self.columns()?, legacy);
        Ok(Recipe {
            key: FileKey { seed: self.seed, half, file: file.index },
            layout: RowLayout::new(
                file.rows,
                workload.row_group_size,
                workload.generation_batch_size,
            ),
            columns,
            content: self.content,
            pages: self.pages,
            compression: self.compression()?,
            compression_level: workload.compression_level,
        })
    }

    /// In what `self` was made differently from `other`; `None` if files of one can be files of
    /// the other.
    pub(crate) fn difference(&self, other: &Self) -> Option<String> {
        if self.generator != other.generator {
            return Some(format!("generator, {} instead of {}", self.generator, other.generator));
        }
        if self.seed != other.seed {
            return Some(format!("seed, {} instead of {}", self.seed, other.seed));
        }
        if self.content != other.content {
            return Some(format!("content, {:?} instead of {:?}", self.content, other.content));
        }
        if self.pages != other.pages {
            return Some(format!("pages, {:?} instead of {:?}", self.pages, other.pages));
        }
        if self.workload != other.workload {
            let (ours, theirs) = (
                serde_json::to_value(&self.workload).ok(),
                serde_json::to_value(&other.workload).ok(),
            );
            let keys = ours.as_ref().and_then(|value| value.as_object()).into_iter().flatten();
            let differing: Vec<&str> = keys
                .filter(|(key, value)| {
                    theirs.as_ref().and_then(|theirs| theirs.get(key.as_str())) != Some(*value)
                })
                .map(|(key, _)| key.as_str())
                .collect();
            return Some(format!("workload: {}", differing.join(", ")));
        }
        None
    }

    /// Index over both halves of a listed file.
    pub(crate) fn global_index(&self, file: &ManifestFile) -> u64 {
        global_index(self.workload.num_files_train, file)
    }

    fn set_digest(&self) -> ContentDigest {
        let entry = |file: &ManifestFile| (self.global_index(file), file.content_digest());
        set_digest(self.files.iter().map(entry))
    }

    /// Sorts the files, adds up their digests, and puts the manifest in place of the one at `path`.
    pub(crate) fn write(&mut self, path: &Path) -> Result<(), DatagenError> {
        let train = self.workload.num_files_train;
        self.files.sort_by_key(|file| global_index(train, file));
        self.digest = self.set_digest().to_string();
        let mut text = serde_json::to_vec_pretty(self).map_err(|error| DatagenError::Manifest {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        text.push(b'\n');
        let mut file = PartialFile::create(path)?;
        file.write_all(&text).map_err(DatagenError::io(path, "write"))?;
        file.commit()
    }
}
