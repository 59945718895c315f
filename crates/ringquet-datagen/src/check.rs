//! Are files what a manifest lists? Length first, then structure from the footer, then content by
//! its digest, read through the engine; and where the digest differs, the first value that does.

use ringquet_result::{Warning, WarningCode};
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use ringquet::engine::panics;
use ringquet::{ContentDigest, Dataset, StopFlag};
use ringquet_result::regular_file::open_regular;
use twox_hash::XxHash3_128;

use crate::content::GENERATOR;
use crate::content::row_group::RowGroupContent;
use crate::difference::{difference, field_difference};
use crate::error::DatagenError;
use crate::manifest::{ManifestFile, hash_text};
use crate::options::{Progress, TestStorage, engine_options, threads_for};
use crate::problem::{Defect, ProblemKind};
use crate::recipe::Recipe;
use crate::writer::schema::schema_of;

/// Files are given to the engine in groups, so that footers of a few files are in memory at a time
/// and progress can be reported. A group is closed when it has so many bytes or files.
const GROUP_BYTES: u64 = 4 << 30;
const GROUP_FILES: usize = 256;

/// Read at once to be hashed: past the level-2 cache, reading and hashing each go at full speed.
const HASH_BUFFER_BYTES: usize = 1 << 20;

/// How often a stop is looked for.
const STOP_INTERVAL: Duration = Duration::from_millis(20);

/// A file to check.
pub(crate) struct Candidate<'a> {
    pub(crate) path: PathBuf,
    pub(crate) listed: &'a ManifestFile,
    /// Which function made its values.
    pub(crate) generator: u32,
    /// What it was made from, or why the manifest does not state it.
    pub(crate) recipe: Result<Recipe, String>,
}

/// How files are read to be checked.
pub(crate) struct Reading<'a> {
    /// 0: one per CPU.
    pub(crate) threads: usize,
    pub(crate) storage: Option<&'a TestStorage>,
    /// Hash the bytes of what is sound so far, too.
    pub(crate) bytes_too: bool,
}

/// Checks `candidates`; one result each, in their order, fewer if `stop` was set. What the engine remarks goes to `warnings`, once.
///
/// # Errors
/// What keeps the engine from reading any file.
pub(crate) fn check_files(
    candidates: Vec<Candidate<'_>>,
    reading: &Reading<'_>,
    warnings: &mut Vec<Warning>,
    progress: &dyn Progress,
    stop: &AtomicBool,
) -> Result<Vec<Result<(), Defect>>, DatagenError> {
    let mut results = Vec::with_capacity(candidates.len());
    let mut rest = candidates.as_slice();
    while !rest.is_empty() && !stop.load(Ordering::Relaxed) {
        let mut bytes: u64 = 0;
        let fits = |candidate: &&Candidate<'_>| {
            bytes = bytes.saturating_add(candidate.listed.bytes);
            bytes <= GROUP_BYTES
        };
        let files = rest.iter().take(GROUP_FILES).take_while(fits).count().max(1);
        let (group, after) = rest.split_at(files);
        let mut checked = check_group(group, reading, warnings, stop)?;
        if reading.bytes_too {
            check_bytes(group, &mut checked, reading.threads, stop)?;
        }
        if stop.load(Ordering::Relaxed) {
            break;
        }
        group.iter().for_each(|candidate| progress.advance(candidate.listed.bytes, 1));
        results.extend(checked);
        rest = after;
    }
    Ok(results)
}

fn check_group(
    group: &[Candidate<'_>],
    reading: &Reading<'_>,
    warnings: &mut Vec<Warning>,
    stop: &AtomicBool,
) -> Result<Vec<Result<(), Defect>>, DatagenError> {
    let mut results: Vec<Result<(), Defect>> = group
        .iter()
        .map(|candidate| {
            check_length(&candidate.path, candidate.listed)?;
            candidate.recipe.as_ref().map_err(|why| (ProblemKind::Structure, why.clone()))?;
            Ok(())
        })
        .collect();
    let Some((dataset, sound)) = open_all(group, &mut results, reading)? else {
        return Ok(results);
    };
    let digests = digest_files(&dataset, warnings, stop)?;
    for ((file, index), digest) in (0..).zip(&sound).zip(digests) {
        let candidate = &group[*index];
        let Ok(recipe) = &candidate.recipe else { continue };
        results[*index] = check_structure(&dataset, file, recipe)
            .and(digest.map_err(|text| (ProblemKind::Unreadable, text)))
            .and_then(|digest| check_content(candidate, recipe, digest, reading.storage));
    }
    Ok(results)
}

/// Opens the files of `group` whose result is good so far: the data set, and which files it has.
/// A file that is not Parquet gets its result and keeps no other from being read.
fn open_all(
    group: &[Candidate<'_>],
    results: &mut [Result<(), Defect>],
    reading: &Reading<'_>,
) -> Result<Option<(Dataset, Vec<usize>)>, DatagenError> {
    let open = |files: &[usize], threads: usize| {
        let paths = files.iter().map(|index| group[*index].path.clone()).collect();
        Dataset::open_files(paths, engine_options(reading.storage, threads))?.require_all()
    };
    let good = |results: &[Result<(), Defect>]| -> Vec<usize> {
        (0..group.len()).filter(|index| results[*index].is_ok()).collect()
    };
    let mut files = good(results);
    if files.is_empty() {
        return Ok(None);
    }
    if let Ok(dataset) = open(&files, reading.threads) {
        return Ok(Some((dataset, files)));
    }
    for index in files {
        if let Err(error) = open(&[index], 1) {
            results[index] = Err((ProblemKind::Unreadable, error.to_string()));
        }
    }
    files = good(results);
    if files.is_empty() {
        return Ok(None);
    }
    let dataset =
        open(&files, reading.threads).map_err(|source| DatagenError::Engine(Box::new(source)))?;
    Ok(Some((dataset, files)))
}

fn check_length(path: &Path, listed: &ManifestFile) -> Result<(), Defect> {
    let length = match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => metadata.len(),
        Ok(_) => return Err((ProblemKind::Unreadable, "is not a file".to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err((ProblemKind::Missing, "is listed but missing".to_owned()));
        }
        Err(error) => return Err((ProblemKind::Unreadable, error.to_string())),
    };
    let text = || format!("has {length} bytes; the manifest lists {}", listed.bytes);
    match length.cmp(&listed.bytes) {
        std::cmp::Ordering::Less => Err((ProblemKind::Truncated, text())),
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => Err((ProblemKind::TooLong, text())),
    }
}

/// Adds new warnings. The one about the page cache is left out: it concerns speed, and none is reported here.
fn remember(told: Vec<Warning>, warnings: &mut Vec<Warning>) {
    for warning in told {
        if warning.code != WarningCode::PageCache && !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }
}

/// The content digest of every file, or why it cannot be read to its end.
fn digest_files(
    dataset: &Dataset,
    warnings: &mut Vec<Warning>,
    stop: &AtomicBool,
) -> Result<Vec<Result<ContentDigest, String>>, DatagenError> {
    let flag = StopFlag::new();
    let scanned = std::thread::scope(|scope| {
        // Closed when the scan is done, however it ends: a watcher that is not let go would be waited for for ever.
        let (_done, watched) = channel::<()>();
        let flag = &flag;
        scope.spawn(move || {
            while watched.recv_timeout(STOP_INTERVAL) == Err(RecvTimeoutError::Timeout) {
                if stop.load(Ordering::Relaxed) {
                    return flag.stop();
                }
            }
        });
        dataset.scan().stop(flag).digest_files(false)
    });
    let (digests, report) = scanned.map_err(|source| DatagenError::Engine(Box::new(source)))?;
    let result = |(entry, digest): (&ringquet::FileEntry, ContentDigest)| {
        let path = entry.path.display().to_string();
        match report.failures.iter().find(|failure| failure.path == path) {
            Some(failure) => Err(failure.error.clone()),
            None => Ok(digest),
        }
    };
    let digests = dataset.files().iter().zip(digests).map(result).collect();
    remember(report.warnings, warnings);
    Ok(digests)
}

/// Hashes the bytes of the files of `group` whose result is good so far.
fn check_bytes(
    group: &[Candidate<'_>],
    results: &mut [Result<(), Defect>],
    threads: usize,
    stop: &AtomicBool,
) -> Result<(), DatagenError> {
    let threads = threads_for(threads, group.len());
    let per_thread = group.len().div_ceil(threads).max(1);
    let failed = AtomicBool::new(false);
    let is_over = || stop.load(Ordering::Relaxed) || failed.load(Ordering::Relaxed);
    let hash = |group: &[Candidate<'_>], results: &mut [Result<(), Defect>]| {
        for (candidate, result) in group.iter().zip(results) {
            if result.is_ok() && !is_over() {
                *result = check_hash(&candidate.path, candidate.listed, stop);
            }
        }
    };
    std::thread::scope(|scope| {
        let shares = group.chunks(per_thread).zip(results.chunks_mut(per_thread));
        let hash = |(group, results)| {
            let (hash, failed) = (&hash, &failed);
            scope.spawn(move || {
                let done = panics::caught(|| hash(group, results));
                failed.fetch_or(done.is_err(), Ordering::Relaxed);
                done
            })
        };
        let threads: Vec<_> = shares.map(hash).collect();
        let ends = threads.into_iter().map(|thread| {
            thread
                .join()
                .unwrap_or_else(|_| Err("unknown".to_owned()))
                .map_err(DatagenError::Panicked)
        });
        ends.collect::<Vec<_>>().into_iter().collect()
    })
}

fn check_hash(path: &Path, listed: &ManifestFile, stop: &AtomicBool) -> Result<(), Defect> {
    let unreadable = |error: io::Error| (ProblemKind::Unreadable, error.to_string());
    let mut file = open_regular(path).map_err(unreadable)?;
    let (mut hasher, mut buffer) = (XxHash3_128::new(), vec![0; HASH_BUFFER_BYTES]);
    loop {
        if stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => hasher.write(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unreadable(error)),
        }
    }
    let hash = hash_text(hasher.finish_128());
    if hash == listed.bytes_hash {
        return Ok(());
    }
    let text = format!(
        "has the values that were written, but other bytes differ: statistics, padding or \
         parts of the footer (hash {hash}; the manifest lists {})",
        listed.bytes_hash
    );
    Err((ProblemKind::Bytes, text))
}

/// Schema and row groups are those of the recipe.
fn check_structure(dataset: &Dataset, file: usize, recipe: &Recipe) -> Result<(), Defect> {
    let defect = |text: String| Err((ProblemKind::Structure, text));
    let footer = &dataset.files()[file].footer;
    let expected = schema_of(&recipe.columns);
    if let Some(text) = field_difference(footer.projected_schema(), &expected) {
        return defect(text);
    }
    let row_groups = recipe.layout.len();
    if footer.num_row_groups() as u64 != row_groups {
        let found = footer.num_row_groups();
        return defect(format!("has {found} row groups; it was written with {row_groups}"));
    }
    for (index, rows) in recipe.layout.row_groups().enumerate() {
        let (found, expected) = (footer.row_group_rows(index), rows.end - rows.start);
        if found != expected {
            return defect(format!("row group {index} has {found} rows; {expected} were written"));
        }
    }
    Ok(())
}

fn check_content(
    candidate: &Candidate<'_>,
    recipe: &Recipe,
    digest: ContentDigest,
    storage: Option<&TestStorage>,
) -> Result<(), Defect> {
    if digest == candidate.listed.content_digest() {
        return Ok(());
    }
    let text = if candidate.generator == GENERATOR {
        first_difference(&candidate.path, recipe, storage)?.unwrap_or_else(|| {
            "has the values of this seed and workload, but the manifest lists another digest: the \
             manifest was changed"
                .to_owned()
        })
    } else {
        let generator = candidate.generator;
        format!(
            "has other values than were written; which one is the first is unknown, because \
             generator {generator} wrote them and this version has generator {GENERATOR}"
        )
    };
    let digests = format!("digest {digest}; the manifest lists {}", candidate.listed.digest);
    Err((ProblemKind::Content, format!("{text} ({digests})")))
}

/// Where the file differs first, by row, from what seed and workload give.
fn first_difference(
    path: &Path,
    recipe: &Recipe,
    storage: Option<&TestStorage>,
) -> Result<Option<String>, Defect> {
    let unreadable =
        |error: ringquet::Error| -> Defect { (ProblemKind::Unreadable, error.to_string()) };
    // One thread delivers row groups and rows in their order.
    let options = engine_options(storage, 1);
    let dataset = Dataset::open_files(vec![path.to_owned()], options).map_err(unreadable)?;
    let mut current: Option<(u64, RowGroupContent)> = None;
    for batch in dataset.scan().placed_batches().map_err(unreadable)? {
        let batch = batch.map_err(unreadable)?;
        let row_group = u64::from(batch.row_group);
        let Some(range) = recipe.layout.row_group(row_group) else { continue };
        let (_, content) = match &mut current {
            Some(current) if current.0 == row_group => current,
            other => {
                let rows = range.end - range.start;
                let content = RowGroupContent::new(
                    recipe.key,
                    row_group,
                    rows,
                    &recipe.columns,
                    recipe.content,
                );
                other.insert((row_group, content))
            }
        };
        let expected = content.take_rows(batch.columns.num_rows());
        if let Some(found) = difference(&batch.columns, &expected) {
            let row = batch.first_row + found.row as u64;
            return Ok(Some(format!(
                "row group {row_group}, column `{}`, row {row} (row {} of the file): {}",
                found.column,
                range.start + row,
                found.text
            )));
        }
    }
    Ok(None)
}
