//! Files of a data set, found and opened: footers parsed, ready to be planned and read.

use ringquet_result::{Warning, WarningCode};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use arrow_schema::{Fields, Schema, SchemaRef};
use ringquet_decode::{Footer, Projection};
use ringquet_io::device::memory_file_system;
use ringquet_io::{DataFile, DirectChoice, IoError};

use crate::error::{Error, Unopened};
use crate::open::file_entry::{FileEntry, wanted_chunks};
use crate::open::footers::{self, OpenReport};
use crate::open::kept_arenas::KeptArenas;
use crate::open::listing::{Listing, find_files};
use crate::open::oddities;
use crate::options::{EngineOptions, Resolved};
use crate::plan::{self, Plan, PlanBounds, RowGroupId, RowGroupPlan, WantedChunk, count};
use crate::threads;

/// Files read side by side by default: enough that every device of a large array has some.
const INTERLEAVED_FILES: usize = 64;

/// An opened set of Parquet files. [`Dataset::scan`] chooses how they are read.
///
/// Cheap to clone; clones are the same data set.
#[derive(Debug, Clone)]
pub struct Dataset {
    opened: Arc<Opened>,
}

#[derive(Debug, Clone)]
struct Opened {
    files: Vec<FileEntry>,
    failures: Vec<Unopened>,
    options: EngineOptions,
    resolved: Resolved,
    /// Of finding the files and reading their footers.
    first_warnings: Vec<Warning>,
    /// These, and those about the files under the options.
    warnings: Vec<Warning>,
    arenas: Arc<KeptArenas>,
    report: OpenReport,
}

impl Dataset {
    /// Finds the files of `paths` and reads their footers, all of them in flight together. A path is a file, or a
    /// directory that is searched for `*.parquet`; [`find_files`](crate::engine::find_files) has the rules.
    ///
    /// A file that cannot be opened is one error: it is in [`Dataset::failures`], and the data set consists of the others.
    /// [`Dataset::require_all`] makes it the error of the whole.
    ///
    /// # Errors
    /// Where no file at all can be opened, and what ends the work as a whole: no driver, no memory.
    pub fn open(paths: &[impl AsRef<Path>]) -> Result<Dataset, Error> {
        Dataset::open_with(paths, EngineOptions::default())
    }

    /// As [`Dataset::open`], with options of the engine: those of the scans too, unless a [`Scan`](crate::Scan) changes them. With
    /// [`EngineOptions::columns`] the footers are parsed for these columns only, which saves time and memory where there are
    /// many others.
    ///
    /// # Errors
    /// As [`Dataset::open`], and wrong options.
    pub fn open_with(paths: &[impl AsRef<Path>], options: EngineOptions) -> Result<Dataset, Error> {
        let begun = Instant::now();
        Dataset::open_since(begun, find_files(paths), options)
    }

    /// As [`Dataset::open_with`], of exactly these files in this order.
    ///
    /// # Errors
    /// As [`Dataset::open_with`].
    pub fn open_files(paths: Vec<PathBuf>, options: EngineOptions) -> Result<Dataset, Error> {
        let listing = Listing { files: paths, ..Listing::default() };
        Dataset::open_listing(listing, options)
    }

    /// As [`Dataset::open_with`], of the files of a listing.
    ///
    /// # Errors
    /// As [`Dataset::open_with`].
    pub fn open_listing(listing: Listing, options: EngineOptions) -> Result<Dataset, Error> {
        Dataset::open_since(Instant::now(), listing, options)
    }

    fn open_since(
        begun: Instant,
        listing: Listing,
        options: EngineOptions,
    ) -> Result<Dataset, Error> {
        let Listing { files: paths, mut failures, mut warnings } = listing;
        let resolved = options.resolve(&footers::devices(&paths))?;
        let arenas = Arc::new(KeptArenas::new(resolved.threads));
        let (files, unopened, report) = footers::read_all(
            paths,
            &projection(&options),
            &resolved,
            &options.sys_root,
            &arenas,
            &mut warnings,
        )?;
        failures.extend(unopened);
        let mut opened = Opened {
            files,
            failures,
            options,
            resolved,
            first_warnings: warnings,
            warnings: Vec::new(),
            arenas,
            report,
        }
        .finished()?;
        opened.report.open_seconds = begun.elapsed().as_secs_f64();
        Ok(Dataset { opened: Arc::new(opened) })
    }

    /// The same files, read under other options. Footers are not read again; for other columns they are
    /// narrowed, and where reads go another way round the page cache the files are looked at again.
    ///
    /// # Errors
    /// Wrong options, and where no file at all can be read under them.
    pub(crate) fn under(&self, options: EngineOptions) -> Result<Dataset, Error> {
        let before = self.options();
        let mut resolved = options.resolve(&self.devices())?;
        let mut files = self.files().to_vec();
        let mut failures = self.failures().to_vec();
        if (options.io.direct, options.io.dontcache) != (before.io.direct, before.io.dontcache) {
            retain_ok(&mut files, &mut failures, |file| look_again(file, &options));
        }
        if options.columns != before.columns {
            let footers = files.iter().map(|file| &*file.footer);
            let mut narrowed = Footer::narrow_all(footers, &projection(&options)).into_iter();
            retain_ok(&mut files, &mut failures, |file| {
                let footer = narrowed.next().expect("there is one for each file");
                let error = |source| Error::Decode { path: file.path.clone(), source };
                file.footer = Arc::new(footer.map_err(error)?);
                Ok(())
            });
        }
        let memory = |resolved: &Resolved| {
            let io = &resolved.io;
            (resolved.threads, io.arena_bytes, io.huge_pages, io.registered_buffers)
        };
        let arenas = if memory(&resolved) == memory(self.resolved()) {
            Arc::clone(&self.opened.arenas)
        } else {
            Arc::new(KeptArenas::new(resolved.threads))
        };
        resolved.int96 = before.int96;
        let opened = Opened {
            files,
            failures,
            options,
            resolved,
            first_warnings: self.opened.first_warnings.clone(),
            warnings: Vec::new(),
            arenas,
            report: self.opened.report.clone(),
        };
        Ok(Dataset { opened: Arc::new(opened.finished()?) })
    }

    /// This data set if all of its files were opened, for callers that need all of them.
    ///
    /// # Errors
    /// That of the first file, by path, that was not opened.
    pub fn require_all(self) -> Result<Dataset, Error> {
        if self.failures().is_empty() {
            return Ok(self);
        }
        Err(Arc::unwrap_or_clone(self.opened).failures.swap_remove(0).into_error())
    }

    /// Maps and registers the memory of the reader threads now instead of at the start of the first scan, as part of the time
    /// of opening: a measurement of one scan is then one of reading.
    ///
    /// # Errors
    /// What the first scan would end with: no driver, no memory.
    pub fn map_memory(self) -> Result<Dataset, Error> {
        let begun = Instant::now();
        let Opened { resolved, arenas, .. } = &*self.opened;
        let mapped = threads::run(
            &resolved.cpus,
            || {},
            |thread| {
                let mut warnings = Vec::new();
                let queue = arenas.queue(thread, &resolved.io, &mut warnings)?;
                arenas.keep(thread, queue);
                Ok::<_, IoError>(warnings)
            },
        )?;
        let found = mapped.into_iter().collect::<Result<Vec<_>, IoError>>()?;
        let mut opened = Arc::unwrap_or_clone(self.opened);
        for warning in found.concat() {
            if !opened.first_warnings.contains(&warning) {
                opened.first_warnings.push(warning.clone());
                opened.warnings.push(warning);
            }
        }
        opened.report.open_seconds += begun.elapsed().as_secs_f64();
        Ok(Dataset { opened: Arc::new(opened) })
    }

    /// Gives back the memory that the reader threads left for the next reading: half of the memory budget, and free buffers. For a data set that
    /// stays open while another one is read; without it the two would hold more than the budget of either.
    pub fn release_memory(&self) {
        self.opened.arenas.release();
    }

    /// What was named or found and could not be opened, by path. It is in [`ScanReport::failures`](crate::report::ScanReport)
    /// of every scan too, and comes first among the batches.
    pub fn failures(&self) -> &[Unopened] {
        &self.opened.failures
    }

    /// The files that were opened, in the order given (or sorted by path).
    pub fn files(&self) -> &[FileEntry] {
        &self.opened.files
    }

    /// As given.
    pub fn options(&self) -> &EngineOptions {
        &self.opened.options
    }

    /// What will happen.
    pub fn resolved(&self) -> &Resolved {
        &self.opened.resolved
    }

    /// Warnings from opening the files.
    pub fn warnings(&self) -> &[Warning] {
        &self.opened.warnings
    }

    /// What reading the footers took.
    pub fn opened(&self) -> &OpenReport {
        &self.opened.report
    }

    /// Rows of all files.
    pub fn num_rows(&self) -> u64 {
        self.files().iter().map(|file| file.footer.num_rows()).sum()
    }

    /// Bytes of the selected column chunks of all files, as stored.
    pub fn wanted_bytes(&self) -> u64 {
        let of_file = |file: &FileEntry| {
            (0..file.footer.num_row_groups()).map(|rg| sum(&wanted_chunks(file, rg))).sum::<u64>()
        };
        self.files().iter().map(of_file).sum()
    }

    /// The schema of all files, with the metadata of the first.
    ///
    /// # Errors
    /// [`Error::Schemas`] if the columns of two files differ.
    pub fn schema(&self) -> Result<SchemaRef, Error> {
        let Some((first, others)) = self.files().split_first() else {
            return Ok(Arc::new(Schema::empty()));
        };
        let schema = first.footer.projected_schema();
        for other in others {
            let found = other.footer.projected_schema();
            if !Arc::ptr_eq(found, schema) && found.fields() != schema.fields() {
                let difference = difference(found.fields(), schema.fields());
                let (first, other) = (first.path.clone(), other.path.clone());
                return Err(Error::Schemas { first, other, difference });
            }
        }
        Ok(Arc::clone(schema))
    }

    /// All row groups in the order in which reader threads take them: files side by side.
    pub fn row_groups(&self) -> Vec<RowGroupId> {
        let counts: Vec<u32> =
            self.files().iter().map(|file| count(file.footer.num_row_groups())).collect();
        plan::interleave(&counts, INTERLEAVED_FILES)
    }

    /// Rows of a row group.
    ///
    /// # Panics
    /// When the data set has no such row group.
    pub fn rows_of(&self, id: RowGroupId) -> u64 {
        self.files()[id.file as usize].footer.row_group_rows(id.row_group as usize)
    }

    /// All row groups in the order of their rows: file after file.
    pub fn row_groups_in_order(&self) -> Vec<RowGroupId> {
        (0..count(self.files().len())).flat_map(|file| self.row_groups_of(file)).collect()
    }

    /// The row groups of a file.
    pub(crate) fn row_groups_of(&self, file: u32) -> impl Iterator<Item = RowGroupId> + use<> {
        let row_groups = count(self.files()[file as usize].footer.num_row_groups());
        (0..row_groups).map(move |row_group| RowGroupId { file, row_group })
    }

    /// The reads that a scan issues, where each reader thread has one lane. A reader that runs short of memory for a column
    /// may request a later extent of it first, or one a second time.
    pub fn plan(&self) -> Plan {
        self.plan_of(self.row_groups())
    }

    /// [`Dataset::plan`] of these row groups.
    pub(crate) fn plan_of(&self, row_groups: Vec<RowGroupId>) -> Plan {
        let share = self.resolved().share(1);
        let of_row_group = |id: RowGroupId| {
            let file = &self.files()[id.file as usize];
            let chunks = wanted_chunks(file, id.row_group as usize);
            let extents = plan::row_group(&chunks, file.shape(), &share);
            let reads = extents.reads(&chunks, share.bounds.read_size_bytes);
            RowGroupPlan { path: file.path.clone(), id, wanted_bytes: sum(&chunks), reads }
        };
        Plan::new(share.bounds, row_groups.into_iter().map(of_row_group).collect())
    }

    pub(crate) fn arenas(&self) -> &KeptArenas {
        &self.opened.arenas
    }

    pub(crate) fn bounds(&self) -> PlanBounds {
        self.resolved().bounds()
    }

    pub(crate) fn devices(&self) -> Vec<(u32, u32)> {
        let mut devices: Vec<_> = self.files().iter().map(|file| file.identity.device).collect();
        devices.sort_unstable();
        devices.dedup();
        devices
    }
}

impl Opened {
    /// What follows from files and options together.
    fn finished(mut self) -> Result<Opened, Error> {
        self.failures.sort_by(|a, b| a.path.cmp(&b.path));
        if self.files.is_empty() && !self.failures.is_empty() {
            let count = self.failures.len();
            let first = self.failures.swap_remove(0).into_error();
            let none = |first| Error::NoneReadable { count, first: Box::new(first) };
            return Err(if count == 1 { first } else { none(first) });
        }
        self.warnings = self.first_warnings.clone();
        cache_warnings(&self.files, &self.options, &mut self.warnings);
        oddities::warn(&self.files, &mut self.warnings);
        let columns = self.files.iter().map(|file| file.footer.leaves().len()).max();
        self.resolved.fit_columns(columns.unwrap_or(0));
        if let Some(rows) = self.options.whole_batch_rows {
            let row_bytes = self.files.iter().map(row_bytes).max().unwrap_or(0);
            self.resolved.fit_rows(rows, row_bytes.saturating_mul(rows as u64));
        }
        Ok(self)
    }
}

/// What a row of the selected columns takes once it is decompressed: of the file's first row group.
fn row_bytes(file: &FileEntry) -> u64 {
    if file.footer.num_row_groups() == 0 {
        return 0;
    }
    let chunks = file.footer.column_chunks(0).map(|(_, chunk)| chunk.uncompressed_bytes);
    chunks.sum::<u64>().div_ceil(file.footer.row_group_rows(0).max(1))
}

fn projection(options: &EngineOptions) -> Projection {
    match &options.columns {
        None => Projection::All,
        Some(names) => Projection::Names(names.clone()),
    }
}

/// Changes each file. One that cannot be changed is a failure and no file of the data set any more.
fn retain_ok(
    files: &mut Vec<FileEntry>,
    failures: &mut Vec<Unopened>,
    mut change: impl FnMut(&mut FileEntry) -> Result<(), Error>,
) {
    files.retain_mut(|file| match change(file) {
        Ok(()) => true,
        Err(error) => {
            let path = file.path.clone();
            failures.push(Unopened { path, error: Arc::new(error) });
            false
        }
    });
}

/// How a file is read under `options`: around or through the page cache.
fn look_again(file: &mut FileEntry, options: &EngineOptions) -> Result<(), Error> {
    let mut open = DataFile::open(&file.path, options.io.direct)?;
    open.check_unchanged(&file.identity)?;
    if options.io.dontcache {
        open = open.drop_cache_behind();
    }
    file.direct = open.is_direct();
    file.alignment = open.alignment();
    file.drops_cache = open.drops_cache();
    Ok(())
}

/// The first difference between the columns of two files, of which the first is named by the caller's sentence.
fn difference(found: &Fields, expected: &Fields) -> String {
    if found.len() != expected.len() {
        return format!("it has {} columns, not {} as", found.len(), expected.len());
    }
    let differ = found.iter().zip(expected).find(|(found, expected)| found != expected);
    let (found, expected) = differ.expect("the caller compared them");
    format!("its column {found} is not the column {expected}")
}

/// Warnings about page cache options that some file does not support.
fn cache_warnings(files: &[FileEntry], options: &EngineOptions, warnings: &mut Vec<Warning>) {
    let io = &options.io;
    let mut warn = |code, which: &dyn Fn(&&FileEntry) -> bool, what: &str| {
        let mut concerned = files.iter().filter(which);
        if let Some(first) = concerned.next() {
            let count = 1 + concerned.count();
            let first = first.path.display();
            warnings.push(Warning::new(
                code,
                format!("{count} of {} files (first: {first}) {what}", files.len()),
            ));
        }
    };
    if io.direct == DirectChoice::Auto {
        let what = "are on a file system without O_DIRECT: they are read through the page cache";
        warn(WarningCode::DirectUnavailable, &|file| !file.direct, what);
    }
    if io.direct != DirectChoice::Off {
        for (device, kind) in memory_devices(files, options) {
            let what = format!(
                "are on {kind}, in memory: O_DIRECT has no effect, and no device is measured"
            );
            warn(WarningCode::MemoryFileSystem, &|file| file.identity.device == device, &what);
        }
    }
    if io.dontcache {
        let what = "are read around the page cache: `dontcache` has no effect on them";
        warn(WarningCode::DontcacheWithoutEffect, &|file| file.direct, what);
        let what = "are on a kernel or file system without RWF_DONTCACHE: their pages stay in the page cache";
        warn(WarningCode::DontcacheUnavailable, &|file| !file.direct && !file.drops_cache, what);
    }
}

/// Devices that keep their content in memory, with what they are: one look per device.
fn memory_devices(files: &[FileEntry], options: &EngineOptions) -> Vec<((u32, u32), String)> {
    let mut looked_at: Vec<(u32, u32)> = Vec::new();
    let mut found = Vec::new();
    for file in files {
        let device = file.identity.device;
        if looked_at.contains(&device) {
            continue;
        }
        looked_at.push(device);
        let of_device = options.sys_root.memory_device(device);
        if let Some(kind) = of_device.or_else(|| memory_file_system(&file.path)) {
            found.push((device, kind));
        }
    }
    found
}

fn sum(chunks: &[WantedChunk]) -> u64 {
    chunks.iter().map(|chunk| chunk.range.end - chunk.range.start).sum()
}
