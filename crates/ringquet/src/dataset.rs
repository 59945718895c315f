//! Files of a data set, found and opened: footers parsed, ready to be planned and read.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ringquet_decode::{Footer, Projection};
use ringquet_io::{Alignment, DirectChoice, Identity, IoOptions, Warning};

use crate::error::Error;
use crate::footers;
use crate::memory::KeptArenas;
use crate::oddities;
use crate::options::{EngineOptions, Resolved};
use crate::plan::{self, Plan, PlanBounds, PlannedRead, UnitId, UnitPlan, WantedChunk};

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
    options: EngineOptions,
    resolved: Resolved,
    warnings: Vec<Warning>,
    arenas: KeptArenas,
    opened: footers::OpenReport,
}

/// The Parquet files that `paths` name, sorted by full path: a file is taken as it is, a directory is searched for
/// `*.parquet`, with everything below it. Names that begin with a dot are passed over: unfinished files.
///
/// # Errors
/// [`Error::Path`] for a path that is not there, [`Error::NoFiles`] for a directory without any.
pub fn find_files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    for path in paths {
        let path_error = |source| Error::Path { path: path.clone(), source };
        if std::fs::metadata(path).map_err(path_error)?.is_dir() {
            let before = found.len();
            search(path, &mut found)?;
            if found.len() == before {
                return Err(Error::NoFiles { path: path.clone() });
            }
        } else {
            found.push(path.clone());
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

fn search(dir: &Path, found: &mut Vec<PathBuf>) -> Result<(), Error> {
    let path_error = |source| Error::Path { path: dir.to_owned(), source };
    for entry in std::fs::read_dir(dir).map_err(path_error)? {
        let entry = entry.map_err(path_error)?;
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let path = entry.path();
        // A symbolic link to a file counts; one to a directory is not followed, it may lead round in circles.
        let kind = entry.file_type().map_err(path_error)?;
        if kind.is_dir() {
            search(&path, found)?;
        } else if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("parquet"))
            && !(kind.is_symlink() && path.is_dir())
        {
            found.push(path);
        }
    }
    Ok(())
}

impl Dataset {
    /// Finds the files of `paths` and reads their footers, all of them in flight together, on all reader threads.
    ///
    /// # Errors
    /// The first file that cannot be opened or is not Parquet, by name.
    pub fn open(paths: &[PathBuf], options: EngineOptions) -> Result<Dataset, Error> {
        Dataset::open_files(find_files(paths)?, options)
    }

    /// As [`Dataset::open`], of exactly these files in this order.
    ///
    /// # Errors
    /// As [`Dataset::open`].
    pub fn open_files(paths: Vec<PathBuf>, options: EngineOptions) -> Result<Dataset, Error> {
        let projection = match &options.columns {
            None => Projection::All,
            Some(names) => Projection::Names(names.clone()),
        };
        let devices = footers::devices(&paths)?;
        let resolved = options.resolve(&devices)?;
        let mut warnings = Vec::new();
        let arenas = KeptArenas::new(resolved.threads);
        let (files, opened) =
            footers::read_all(paths, &projection, &resolved, &arenas, &mut warnings)?;
        cache_warnings(&files, &options.io, &mut warnings);
        oddities::warn(&files, &mut warnings);
        Ok(Dataset { files, options, resolved, warnings, arenas, opened })
    }

    /// Gives back the memory that the reader threads left for the next reading: half of the memory budget. For a data set that
    /// stays open while another one is read; without it the two would hold more than the budget of either.
    pub fn release_memory(&self) {
        self.arenas.release();
    }

    /// The files, in the order given (or sorted by path).
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
    pub fn units(&self) -> Vec<UnitId> {
        let counts: Vec<u32> =
            self.files.iter().map(|file| count(file.footer.num_row_groups())).collect();
        plan::interleave(&counts, INTERLEAVED_FILES)
    }

    /// The reads that a scan would issue.
    pub fn plan(&self) -> Plan {
        let bounds = self.bounds();
        let units = self.units().into_iter().map(|unit| {
            let file = &self.files[unit.file as usize];
            let chunks = wanted_chunks(file, unit.row_group as usize);
            let extents = plan::extents(&chunks, file.footer.file_len(), file.alignment, &bounds);
            let read = |range: std::ops::Range<u64>| PlannedRead {
                offset: range.start,
                length: range.end - range.start,
                leaves: chunks
                    .iter()
                    .filter(|chunk| plan::overlap(&chunk.range, &range))
                    .map(|chunk| chunk.leaf)
                    .collect(),
            };
            let reads = extents
                .iter()
                .flat_map(|extent| extent.reads(bounds.read_size_bytes))
                .map(read)
                .collect();
            UnitPlan {
                path: file.path.display().to_string(),
                unit,
                wanted_bytes: sum(&chunks),
                reads,
            }
        });
        Plan::new(bounds, units.collect())
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
fn cache_warnings(files: &[FileEntry], io: &IoOptions, warnings: &mut Vec<Warning>) {
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
    if io.dontcache {
        let what = "are read around the page cache: --dontcache has no effect on them";
        warn("dontcache_without_effect", &|file| file.direct, what);
        let what = "lie on a kernel or file system without RWF_DONTCACHE: their pages stay in the page cache";
        warn("dontcache_unavailable", &|file| !file.direct && !file.drops_cache, what);
    }
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
