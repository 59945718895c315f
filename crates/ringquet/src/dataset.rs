//! Files of a data set, found and opened: footers parsed, ready to be planned and read.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use ringquet_decode::{Footer, Projection};
use ringquet_io::device::memory_file_system;
use ringquet_io::{Alignment, DirectChoice, Identity, Warning};

use crate::error::{Error, Unopened};
use crate::footers;
use crate::listing::{Listing, find_files};
use crate::memory::KeptArenas;
use crate::oddities;
use crate::options::{EngineOptions, Resolved};
use crate::plan::{self, Plan, PlanBounds, PlannedRead, RowGroupId, RowGroupPlan, WantedChunk};

/// Files read side by side by default: enough that every device of a large array has some.
const INTERLEAVED_FILES: usize = 64;

/// A file of a data set.
#[derive(Debug, Clone)]
pub struct FileEntry {
    /// As found.
    pub path: PathBuf,
    /// What it holds, of the columns asked for.
    pub footer: Arc<Footer>,
    /// What it was when its footer was read: a file that is another by then is an error.
    pub identity: Identity,
    /// What its reads must be aligned to.
    pub alignment: Alignment,
    /// Read around the page cache.
    pub direct: bool,
    /// Read through the page cache, whose pages are let go right after.
    pub drops_cache: bool,
}

/// An opened set of Parquet files.
#[derive(Debug)]
pub struct Dataset {
    files: Vec<FileEntry>,
    failures: Vec<Unopened>,
    options: EngineOptions,
    resolved: Resolved,
    warnings: Vec<Warning>,
    arenas: KeptArenas,
    opened: footers::OpenReport,
}

impl Dataset {
    /// Finds the files of `paths` ([`find_files`]) and reads their footers, all of them in flight together, on all reader
    /// threads.
    ///
    /// A file that cannot be opened is one error: it is in [`Dataset::failures`], and the data set consists of the others.
    /// [`Dataset::require_all`] makes it the error of the whole.
    ///
    /// # Errors
    /// Where no file at all can be opened, and what ends the work as a whole: no driver, no memory, wrong options.
    pub fn open(paths: &[PathBuf], options: EngineOptions) -> Result<Dataset, Error> {
        let begun = Instant::now();
        Dataset::open_since(begun, find_files(paths), options)
    }

    /// As [`Dataset::open`], of exactly these files in this order.
    ///
    /// # Errors
    /// As [`Dataset::open`].
    pub fn open_files(paths: Vec<PathBuf>, options: EngineOptions) -> Result<Dataset, Error> {
        let listing = Listing { files: paths, ..Listing::default() };
        Dataset::open_listing(listing, options)
    }

    /// As [`Dataset::open`], of the files of a listing.
    ///
    /// # Errors
    /// As [`Dataset::open`].
    pub fn open_listing(listing: Listing, options: EngineOptions) -> Result<Dataset, Error> {
        Dataset::open_since(Instant::now(), listing, options)
    }

    fn open_since(
        begun: Instant,
        listing: Listing,
        options: EngineOptions,
    ) -> Result<Dataset, Error> {
        let projection = match &options.columns {
            None => Projection::All,
            Some(names) => Projection::Names(names.clone()),
        };
        let Listing { files: paths, mut failures, mut warnings } = listing;
        let mut resolved = options.resolve(&footers::devices(&paths))?;
        let arenas = KeptArenas::new(resolved.threads);
        let (files, unopened, mut opened) = footers::read_all(
            paths,
            &projection,
            &resolved,
            &options.sys_root,
            &arenas,
            &mut warnings,
        )?;
        failures.extend(unopened);
        failures.sort_by(|a, b| a.path.cmp(&b.path));
        if files.is_empty() && !failures.is_empty() {
            let count = failures.len();
            let first = failures.swap_remove(0).into_error();
            let none = |first| Error::NoneReadable { count, first: Box::new(first) };
            return Err(if count == 1 { first } else { none(first) });
        }
        cache_warnings(&files, &options, &mut warnings);
        oddities::warn(&files, &mut warnings);
        let columns = files.iter().map(|file| file.footer.leaves().len()).max();
        options.fit_columns(columns.unwrap_or(0), &mut resolved);
        opened.open_seconds = begun.elapsed().as_secs_f64();
        Ok(Dataset { files, failures, options, resolved, warnings, arenas, opened })
    }

    /// This data set if all of its files were opened, for users to whom a part is of no use.
    ///
    /// # Errors
    /// That of the first file, by path, that was not opened.
    pub fn require_all(mut self) -> Result<Dataset, Error> {
        if self.failures.is_empty() {
            return Ok(self);
        }
        Err(self.failures.swap_remove(0).into_error())
    }

    /// Gives back the memory that the reader threads left for the next reading: half of the memory budget. For a data set that
    /// stays open while another one is read; without it the two would hold more than the budget of either.
    pub fn release_memory(&self) {
        self.arenas.release();
    }

    /// What was named or found and could not be opened, by path. It is in [`ScanReport::failures`](crate::ScanReport) of
    /// every scan too, and comes first from [`Dataset::batches`].
    pub fn failures(&self) -> &[Unopened] {
        &self.failures
    }

    /// The files that were opened, in the order given (or sorted by path).
    pub fn files(&self) -> &[FileEntry] {
        &self.files
    }

    /// As given.
    pub fn options(&self) -> &EngineOptions {
        &self.options
    }

    /// What will happen.
    pub fn resolved(&self) -> &Resolved {
        &self.resolved
    }

    /// What the user should know, from opening the files.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// What reading the footers took.
    pub fn opened(&self) -> &footers::OpenReport {
        &self.opened
    }

    /// Rows of all files.
    pub fn num_rows(&self) -> u64 {
        self.files.iter().map(|file| file.footer.num_rows()).sum()
    }

    /// Bytes of the wanted column chunks of all files, as stored.
    pub fn wanted_bytes(&self) -> u64 {
        let of_file = |file: &FileEntry| {
            (0..file.footer.num_row_groups()).map(|rg| sum(&wanted_chunks(file, rg))).sum::<u64>()
        };
        self.files.iter().map(of_file).sum()
    }

    /// All row groups in the order of a scan.
    pub fn row_groups(&self) -> Vec<RowGroupId> {
        let counts: Vec<u32> =
            self.files.iter().map(|file| count(file.footer.num_row_groups())).collect();
        plan::interleave(&counts, INTERLEAVED_FILES)
    }

    /// The reads that a scan would issue.
    pub fn plan(&self) -> Plan {
        let bounds = self.bounds();
        let row_groups = self.row_groups().into_iter().map(|id| {
            let file = &self.files[id.file as usize];
            let chunks = wanted_chunks(file, id.row_group as usize);
            let extents = plan::extents(&chunks, file.footer.file_len(), file.alignment, &bounds);
            let reads = extents.iter().flat_map(|extent| extent.reads(bounds.read_size_bytes));
            let reads: Vec<_> = reads.collect();
            let leaves = plan::leaves_of(&reads, &chunks);
            let reads = reads.into_iter().zip(leaves).map(|(range, leaves)| PlannedRead {
                offset: range.start,
                length: range.end - range.start,
                leaves,
            });
            let reads = reads.collect();
            RowGroupPlan { path: file.path.clone(), id, wanted_bytes: sum(&chunks), reads }
        });
        Plan::new(bounds, row_groups.collect())
    }

    pub(crate) fn arenas(&self) -> &KeptArenas {
        &self.arenas
    }

    pub(crate) fn bounds(&self) -> PlanBounds {
        PlanBounds {
            coalesce_gap_bytes: self.resolved.coalesce_gap_bytes,
            coalesce_span_bytes: self.resolved.coalesce_span_bytes,
            read_size_bytes: u64::from(self.resolved.io.read_size_bytes),
        }
    }

    pub(crate) fn devices(&self) -> Vec<(u32, u32)> {
        let mut devices: Vec<_> = self.files.iter().map(|file| file.identity.device).collect();
        devices.sort_unstable();
        devices.dedup();
        devices
    }
}

/// What was asked for about the page cache and cannot be had on some file.
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
        let what = "lie on a file system without O_DIRECT: they are read through the page cache";
        warn("direct_unavailable", &|file| !file.direct, what);
    }
    if io.direct != DirectChoice::Off {
        for (device, kind) in memory_devices(files, options) {
            let what = format!(
                "lie on {kind}, which is memory: O_DIRECT makes no difference, and what is measured is no device"
            );
            warn("memory_file_system", &|file| file.identity.device == device, &what);
        }
    }
    if io.dontcache {
        let what = "are read around the page cache: --dontcache has no effect on them";
        warn("dontcache_without_effect", &|file| file.direct, what);
        let what = "lie on a kernel or file system without RWF_DONTCACHE: their pages stay in the page cache";
        warn("dontcache_unavailable", &|file| !file.direct && !file.drops_cache, what);
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

/// The column chunks of a row group that are in the projection.
pub(crate) fn wanted_chunks(file: &FileEntry, row_group: usize) -> Vec<WantedChunk> {
    let chunks = file.footer.column_chunks(row_group);
    chunks.map(|(leaf, chunk)| WantedChunk { leaf, range: chunk.byte_range() }).collect()
}

fn sum(chunks: &[WantedChunk]) -> u64 {
    chunks.iter().map(|chunk| chunk.range.end - chunk.range.start).sum()
}

pub(crate) fn count(n: usize) -> u32 {
    u32::try_from(n)
        .expect("a footer has fewer than 2^32 row groups, a data set fewer than 2^32 files")
}
