//! Generating a data set: files dealt to threads, a manifest that keeps up.

use ringquet_result::{OptionError, Warning, WarningCode};
use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ringquet::engine::{DirectChoice, panics};
use ringquet_io::{WriteChoice, WriteDriver, WriteQueue};
use ringquet_workload::{Compression, Loaded};
use serde::Serialize;

use crate::check::{Candidate, Reading, check_files};
use crate::content::row_group::FileKey;
use crate::data_file::write_file;
use crate::error::DatagenError;
use crate::manifest::{Manifest, ManifestFile, path_text};
use crate::manifest_name::{MANIFEST_NAME, is_manifest_name};
use crate::options::{DatagenOptions, Existing, Progress, TestStorage, threads_for, write_queue};
use crate::partial::{left_over_bytes, remove_left_over};
use crate::plan::{Plan, PlannedFile};
use crate::recipe::Recipe;
use crate::writer::options::PAGE_BYTES_RANGE;

/// While files are written the manifest is renewed this often, and never so often that it takes
/// more than a twentieth of the time. A kill loses at most the files since.
const MANIFEST_INTERVAL: Duration = Duration::from_secs(1);
const MANIFEST_SHARE: u32 = 20;

/// Of the estimated size, what is left free for metadata of the file system: a 64th.
const SPACE_MARGIN: u64 = 64;

/// What was generated.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GenerateReport {
    /// The data folder.
    #[serde(serialize_with = "ringquet_result::path_text::serialize_path")]
    pub data_dir: PathBuf,
    /// The manifest.
    #[serde(serialize_with = "ringquet_result::path_text::serialize_path")]
    pub manifest: PathBuf,
    /// Requested files that exist now.
    pub files: u64,
    /// Of these, files that were there already and as listed.
    pub files_kept: u64,
    /// Rows of all of them.
    pub rows: u64,
    /// Bytes on disk of all of them.
    pub bytes: u64,
    /// Bytes of the files that were written this time.
    pub bytes_written: u64,
    /// Bytes by DLIO's widths: what a throughput in its reports counts.
    pub nominal_bytes: u64,
    /// Wall time in seconds.
    pub seconds: f64,
    /// Digest of the files, as in the manifest.
    pub digest: String,
    /// Whether all files that were written went around the page cache.
    pub direct: bool,
    /// What carried the writes; `None` if nothing had to be written.
    pub written_with: Option<WriteDriver>,
    /// Threads that wrote.
    pub threads: usize,
    /// Warnings.
    pub warnings: Vec<Warning>,
}

/// Generates the data set of `loaded`, or the part of it that `options` names, in its data folder.
/// `stop` is looked at every few mebibytes.
///
/// # Errors
/// Whatever the error, no file is under its final name that is not whole, no temporary file is
/// left, and the manifest lists what is complete. See [`DatagenError`].
pub fn generate(
    loaded: &Loaded,
    options: &DatagenOptions,
    progress: &dyn Progress,
    stop: &AtomicBool,
) -> Result<GenerateReport, DatagenError> {
    let started = Instant::now();
    let workload = &loaded.workload;
    check_options(options)?;
    let plan = Plan::new(workload, options.first_file, options.files)?;
    let data_dir = workload.data_dir();
    let manifest_path = data_dir.join(Manifest::name_for(&plan));
    let mut manifest = Manifest::new(workload, options);

    let folders: Vec<PathBuf> =
        workload.dataset.folders().map(|folder| data_dir.join(folder)).collect();
    let existing = look_around(&plan, &data_dir, &folders, &manifest, options.existing)?;
    let mut warnings = Vec::new();
    if workload.dataset.compression != Compression::None {
        warnings.push(Warning {
            code: WarningCode::CompressionUnlikeDlio,
            message: format!(
                "dataset.compression: files are compressed with {}, as the key says; DLIO itself \
                 ignores the key for Parquet and writes uncompressed files",
                workload.dataset.compression
            ),
        });
    }
    check_space(&plan, &data_dir, &existing, workload.dataset.compression, &mut warnings)?;
    for folder in &folders {
        fs::create_dir_all(folder).map_err(DatagenError::io(folder, "create"))?;
        remove_left_over(folder, |path| existing.planned.contains(path))?;
    }
    // Manifests of parts may be another host's, which is writing them right now.
    let is_ours = |path: &Path| path == manifest_path || plan.is_whole() && is_manifest(path);
    remove_left_over(&data_dir, is_ours)?;
    progress.begin(plan.bytes_estimated(), plan.len());
    let ListedFiles { kept, rewritten, told } = check_listed(
        &existing.listed,
        &plan,
        &data_dir,
        &manifest,
        (options.threads, options.storage.as_ref()),
        progress,
        stop,
    )?;
    warnings.extend(told);
    if stop.load(Ordering::Relaxed) {
        // Nothing was touched: the existing manifests are still true.
        return Err(DatagenError::Stopped { files_done: kept.len() as u64, files: plan.len() });
    }
    manifest.files.extend(kept.values().cloned());
    for path in rewritten {
        warnings.push(Warning {
            code: WarningCode::Rewritten,
            message: format!("{path}: differs from the manifest and is written again"),
        });
    }

    let generation = Generation {
        plan: &plan,
        data_dir: &data_dir,
        recipe: |file: &PlannedFile| Recipe {
            key: FileKey { seed: options.seed, half: file.half, file: file.half_index },
            layout: file.layout,
            columns: plan.columns(file),
            content: options.content,
            pages: options.pages,
            compression: workload.dataset.compression,
            compression_level: workload.dataset.compression_level,
        },
        kept: &kept,
        direct: options.direct,
        driver: options.driver,
        storage: options.storage.as_ref(),
        progress,
        stop,
        failed: AtomicBool::new(false),
        next: AtomicU64::new(plan.indices().start),
        ledger: Mutex::new(Ledger {
            manifest,
            path: &manifest_path,
            renewed: Instant::now(),
            pause: MANIFEST_INTERVAL,
            bytes_written: 0,
            buffered_files: 0,
            written_with: None,
            told: Vec::new(),
        }),
    };
    let files = usize::try_from(plan.len()).unwrap_or(usize::MAX);
    let threads = threads_for(options.threads, files);
    // From here on the manifest says what is kept, and then what is added to it.
    generation.ledger().renew()?;
    let errors: Vec<DatagenError> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| generation.work())).collect();
        let results = workers.into_iter().map(|worker| {
            worker.join().unwrap_or_else(|_| Err(DatagenError::Panicked("unknown".to_owned())))
        });
        results.filter_map(Result::err).collect()
    });
    let mut ledger = generation.ledger.into_inner().unwrap_or_else(PoisonError::into_inner);
    let done = ledger.manifest.files.len() as u64;
    ledger.manifest.complete = done == plan.len();
    let renewed = ledger.renew();
    if let Some(error) = errors.into_iter().next() {
        return Err(error);
    }
    renewed?;
    if done < plan.len() {
        return Err(DatagenError::Stopped { files_done: done, files: plan.len() });
    }
    for warning in std::mem::take(&mut ledger.told) {
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }
    if plan.is_whole() {
        remove_part_manifests(&data_dir)?;
    }
    Ok(GenerateReport {
        files: done,
        files_kept: kept.len() as u64,
        rows: ledger.manifest.files.iter().map(|file| file.rows).sum(),
        bytes: ledger.manifest.files.iter().map(|file| file.bytes).sum(),
        bytes_written: ledger.bytes_written,
        nominal_bytes: plan.files().map(|file| plan.nominal_bytes(&file)).sum(),
        seconds: started.elapsed().as_secs_f64(),
        digest: ledger.manifest.digest.clone(),
        direct: ledger.buffered_files == 0,
        written_with: ledger.written_with,
        threads,
        warnings,
        data_dir,
        manifest: manifest_path,
    })
}

fn check_options(options: &DatagenOptions) -> Result<(), DatagenError> {
    let fraction = options.content.repeat_fraction;
    if !(0.0..1.0).contains(&fraction) {
        return Err(OptionError::new("repeat_fraction", fraction, "must be 0 to below 1").into());
    }
    let page_bytes = options.pages.page_bytes;
    if !PAGE_BYTES_RANGE.contains(&page_bytes) {
        let (least, most) = (PAGE_BYTES_RANGE.start(), PAGE_BYTES_RANGE.end());
        let accepted = format!("must be {least} to {most}");
        return Err(OptionError::new("page_bytes", page_bytes, accepted).into());
    }
    Ok(())
}

/// What lies where the files will be.
struct Surroundings {
    /// Final paths of all planned files.
    planned: HashSet<PathBuf>,
    /// What manifests of the same data set list, by path. Empty unless resuming.
    listed: HashMap<String, ManifestFile>,
    /// Bytes of planned files that are there, and of those that killed processes left.
    bytes_there: u64,
}

fn look_around(
    plan: &Plan,
    data_dir: &Path,
    folders: &[PathBuf],
    manifest: &Manifest,
    existing: Existing,
) -> Result<Surroundings, DatagenError> {
    let mut around =
        Surroundings { planned: HashSet::new(), listed: HashMap::new(), bytes_there: 0 };
    for file in plan.files() {
        let path = data_dir.join(&file.path);
        match fs::symlink_metadata(&path) {
            Ok(_) if existing == Existing::Refuse => return Err(DatagenError::Exists { path }),
            Ok(metadata) => around.bytes_there += metadata.len(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(DatagenError::io(&path, "look at")(error)),
        }
        around.planned.insert(path);
    }
    if !data_dir.exists() {
        return Ok(around);
    }
    for folder in folders {
        around.bytes_there += left_over_bytes(folder, |path| around.planned.contains(path))?;
    }
    let own = data_dir.join(Manifest::name_for(plan));
    for path in Manifest::find(data_dir)? {
        match existing {
            Existing::Refuse if path == own => return Err(DatagenError::Exists { path }),
            Existing::Force => {}
            Existing::Refuse | Existing::Resume => {
                let found = Manifest::read(&path)?;
                if let Some(difference) = found.difference(manifest) {
                    return Err(DatagenError::OtherDataSet { manifest: path, difference });
                }
                if existing == Existing::Resume {
                    let listed = found.files.into_iter().map(|file| (file.path.clone(), file));
                    around.listed.extend(listed);
                }
            }
        }
    }
    Ok(around)
}

/// The planned files that are listed.
#[derive(Default)]
struct ListedFiles {
    /// Those that are as listed, by path.
    kept: HashMap<String, ManifestFile>,
    /// Paths of the others.
    rewritten: Vec<String>,
    /// What the engine remarked while reading them.
    told: Vec<Warning>,
}

fn check_listed(
    listed: &HashMap<String, ManifestFile>,
    plan: &Plan,
    data_dir: &Path,
    manifest: &Manifest,
    (threads, storage): (usize, Option<&TestStorage>),
    progress: &dyn Progress,
    stop: &AtomicBool,
) -> Result<ListedFiles, DatagenError> {
    let mut found = ListedFiles::default();
    if listed.is_empty() {
        return Ok(found);
    }
    let planned: Vec<&ManifestFile> =
        plan.files().filter_map(|file| listed.get(&path_text(&file.path))).collect();
    let candidates = planned.iter().map(|file| Candidate {
        path: data_dir.join(&file.path),
        listed: file,
        generator: manifest.generator,
        recipe: manifest.recipe(file),
    });
    let candidates = candidates.collect();
    let reading = Reading { threads, storage, bytes_too: false };
    let results = check_files(candidates, &reading, &mut found.told, progress, stop)?;
    for (file, result) in planned.into_iter().zip(results) {
        match result {
            Ok(()) => drop(found.kept.insert(file.path.clone(), file.clone())),
            Err(_) => found.rewritten.push(file.path.clone()),
        }
    }
    Ok(found)
}

fn check_space(
    plan: &Plan,
    data_dir: &Path,
    existing: &Surroundings,
    compression: Compression,
    warnings: &mut Vec<Warning>,
) -> Result<(), DatagenError> {
    // The folder itself may not exist yet: use the nearest one that does.
    let there = data_dir.ancestors().find(|path| path.exists());
    let there = there.filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let space = rustix::fs::statvfs(there)
        .map_err(|errno| DatagenError::io(there, "get the free space")(errno.into()))?;
    let available = space.f_bavail.saturating_mul(space.f_frsize);
    let estimated = plan.bytes_estimated();
    let needed = estimated.saturating_add(estimated / SPACE_MARGIN);
    if needed <= available.saturating_add(existing.bytes_there) {
        return Ok(());
    }
    if compression == Compression::None {
        return Err(DatagenError::NoSpace { path: data_dir.to_owned(), needed, available });
    }
    warnings.push(Warning {
        code: WarningCode::SpaceMayRunOut,
        message: format!(
            "{}: up to {needed} bytes are needed (before compression with {compression}), and \
             {available} are free",
            data_dir.display()
        ),
    });
    Ok(())
}

fn is_manifest(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(is_manifest_name)
}

/// The manifest of the whole set lists what those of its parts did.
fn remove_part_manifests(data_dir: &Path) -> Result<(), DatagenError> {
    let parts = Manifest::find(data_dir)?;
    for path in parts.iter().filter(|path| !path.ends_with(MANIFEST_NAME)) {
        fs::remove_file(path).map_err(DatagenError::io(path, "remove"))?;
    }
    Ok(())
}

/// What is shared by the threads.
struct Generation<'a, R> {
    plan: &'a Plan,
    data_dir: &'a Path,
    recipe: R,
    /// Files that need not be written, by path.
    kept: &'a HashMap<String, ManifestFile>,
    progress: &'a dyn Progress,
    direct: DirectChoice,
    driver: WriteChoice,
    storage: Option<&'a TestStorage>,
    /// The caller's flag.
    stop: &'a AtomicBool,
    /// Another thread has failed.
    failed: AtomicBool,
    next: AtomicU64,
    ledger: Mutex<Ledger<'a>>,
}

/// The manifest in the making.
struct Ledger<'a> {
    manifest: Manifest,
    path: &'a Path,
    renewed: Instant,
    pause: Duration,
    bytes_written: u64,
    buffered_files: u64,
    /// Of the files that were written: pwrite if any of them was.
    written_with: Option<WriteDriver>,
    /// Warnings of the threads' queues.
    told: Vec<Warning>,
}

impl Ledger<'_> {
    fn renew(&mut self) -> Result<(), DatagenError> {
        let started = Instant::now();
        self.manifest.write(self.path)?;
        self.renewed = Instant::now();
        self.pause = MANIFEST_INTERVAL.max(started.elapsed() * MANIFEST_SHARE);
        Ok(())
    }

    fn add(&mut self, file: ManifestFile) -> Result<(), DatagenError> {
        self.manifest.files.push(file);
        if self.renewed.elapsed() >= self.pause { self.renew() } else { Ok(()) }
    }
}

impl<'a, R: Fn(&PlannedFile) -> Recipe + Sync> Generation<'a, R> {
    fn ledger(&self) -> MutexGuard<'_, Ledger<'a>> {
        // A thread that panics ends the run; what it had noted is sound.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes file after file until none is left, the caller stops or a thread fails.
    fn work(&self) -> Result<(), DatagenError> {
        // One that panics must end the others at once, as one that fails does.
        let result = panics::caught(|| self.work_on_files());
        let result = result.unwrap_or_else(|panic| Err(DatagenError::Panicked(panic)));
        if result.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
        result
    }

    fn work_on_files(&self) -> Result<(), DatagenError> {
        let mut told = Vec::new();
        // Made here: a ring belongs to the thread that makes it.
        let queue = write_queue(self.storage, self.driver, &mut told);
        self.ledger().told.extend(told);
        let mut queue = queue?;
        loop {
            if self.stop.load(Ordering::Relaxed) || self.failed.load(Ordering::Relaxed) {
                return Ok(());
            }
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(file) = self.plan.file(index).filter(|_| self.plan.indices().contains(&index))
            else {
                return Ok(());
            };
            self.make(&file, &mut queue)?;
        }
    }

    fn make(&self, file: &PlannedFile, queue: &mut WriteQueue) -> Result<(), DatagenError> {
        if self.kept.contains_key(&path_text(&file.path)) {
            return Ok(());
        }
        let path = self.data_dir.join(&file.path);
        let recipe = (self.recipe)(file);
        let bytes = self.plan.file_bytes_known(&recipe);
        let written =
            write_file(&path, &recipe, bytes, self.direct, queue, self.progress, self.stop)?;
        let Some(written) = written else { return Ok(()) };
        let mut ledger = self.ledger();
        ledger.bytes_written += written.bytes;
        if ledger.written_with != Some(WriteDriver::Pwrite) {
            ledger.written_with = Some(written.written_with);
        }
        ledger.buffered_files += u64::from(!written.direct);
        ledger.add(ManifestFile::new(file, written))
    }
}
