//! Holding a data set against its manifests.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use ringquet_result::{Warning, WarningCode};
use serde::Serialize;

use crate::check::{Candidate, Reading, check_files};
use crate::error::DatagenError;
use crate::manifest::{Manifest, ManifestFile, path_text, set_digest};
use crate::manifest_name::is_manifest_name;
use crate::options::{Progress, TestStorage, null_if_0};
use crate::partial::is_partial;
use crate::problem::{Problem, ProblemKind};

/// How a data set is verified.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VerifyOptions {
    /// Threads; 0, which documents show as null, takes one per CPU that this process may use.
    #[serde(serialize_with = "null_if_0")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<usize>"))]
    pub threads: usize,
    /// Leave out the hash of each file's bytes, for which a file is read once more. Only the hash notices
    /// what no value depends on: statistics, or the upper bytes of an int8 that is stored as INT32.
    pub skip_bytes: bool,
    /// In place of this machine's storage: for tests.
    #[doc(hidden)]
    #[serde(skip)]
    pub storage: Option<TestStorage>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VerifyReport {
    /// Files that were read.
    pub files_checked: u64,
    /// Files that manifests list.
    pub files_listed: u64,
    /// Rows of the files that are as listed.
    pub rows: u64,
    /// Bytes on disk of the files that are as listed.
    pub bytes: u64,
    /// Digest of the set if nothing is wrong, as the manifest of the whole has it.
    pub digest: Option<String>,
    /// Wall time in seconds.
    pub seconds: f64,
    /// What is wrong, by file.
    pub problems: Vec<Problem>,
    /// Warnings of the engine while reading, e.g. that io_uring is refused.
    pub warnings: Vec<Warning>,
}

impl VerifyReport {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Checks every file in `dir` against the manifests there.
///
/// # Errors
/// Only what keeps it from checking: no manifest, one that cannot be read, a folder that cannot be
/// listed, an engine that cannot read at all, or the stop flag. What is wrong with files is in the
/// report.
pub fn verify(
    dir: &Path,
    options: &VerifyOptions,
    progress: &dyn Progress,
    stop: &AtomicBool,
) -> Result<VerifyReport, DatagenError> {
    let started = Instant::now();
    let paths = Manifest::find(dir)?;
    if paths.is_empty() {
        return Err(DatagenError::NoManifest { dir: dir.to_owned() });
    }
    let manifests: Vec<Manifest> =
        paths.iter().map(|path| Manifest::read(path)).collect::<Result<_, _>>()?;
    let mut problems = Vec::new();
    let mut listed: BTreeMap<&str, (&Manifest, &ManifestFile)> = BTreeMap::new();
    for (path, manifest) in paths.iter().zip(&manifests) {
        let name = || path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !manifest.complete {
            problems.push(Problem {
                file: name(),
                kind: ProblemKind::Incomplete,
                text: format!(
                    "lists {} files and is not complete: datagen was stopped; `resume` continues",
                    manifest.files.len()
                ),
            });
        }
        if let Some(difference) = manifest.difference(&manifests[0]) {
            problems.push(Problem {
                file: name(),
                kind: ProblemKind::Conflict,
                text: format!(
                    "generated with another {difference}, according to {}",
                    paths[0].display()
                ),
            });
        }
        for file in &manifest.files {
            let (_, earlier) = *listed.entry(&file.path).or_insert((manifest, file));
            if !earlier.lists_the_same(file) {
                problems.push(Problem {
                    file: file.path.clone(),
                    kind: ProblemKind::Conflict,
                    text: format!("{} and another manifest list it differently", path.display()),
                });
            }
        }
    }
    let is_listed = |path: &str| listed.contains_key(path);
    find_extra(dir, Path::new(""), &is_listed, &mut problems)?;

    let files: Vec<(&Manifest, &ManifestFile)> = listed.values().copied().collect();
    // Each manifest's sums fit, but there are several.
    let add = |sum: u64, number: u64| sum.saturating_add(number);
    let bytes = files.iter().map(|(_, file)| file.bytes).fold(0, add);
    progress.begin(bytes, files.len() as u64);
    let candidates = files.iter().map(|(manifest, file)| Candidate {
        path: dir.join(&file.path),
        listed: file,
        generator: manifest.generator,
        recipe: manifest.recipe(file),
    });
    let storage = options.storage.as_ref();
    let reading = Reading { threads: options.threads, storage, bytes_too: !options.skip_bytes };
    let mut warnings: Vec<Warning> = unlisted(&manifests, &files).into_iter().collect();
    let found = check_files(candidates.collect(), &reading, &mut warnings, progress, stop)?;
    if stop.load(Ordering::Relaxed) {
        let files_done = found.len() as u64;
        return Err(DatagenError::Stopped { files_done, files: files.len() as u64 });
    }
    let mut missing = 0;
    for ((_, file), result) in files.iter().zip(found) {
        if let Err((kind, text)) = result {
            missing += u64::from(kind == ProblemKind::Missing);
            problems.push(Problem { file: file.path.clone(), kind, text });
        }
    }
    problems.sort_by(|a, b| (&a.file, a.kind).cmp(&(&b.file, b.kind)));

    let bad: HashSet<&str> = problems.iter().map(|problem| problem.file.as_str()).collect();
    let sound = || files.iter().filter(|(_, file)| !bad.contains(file.path.as_str()));
    let digest = problems.is_empty().then(|| {
        let digests = files
            .iter()
            .map(|(manifest, file)| (manifest.global_index(file), file.content_digest()));
        set_digest(digests).to_string()
    });
    Ok(VerifyReport {
        files_checked: files.len() as u64 - missing,
        files_listed: files.len() as u64,
        rows: sound().map(|(_, file)| file.rows).fold(0, add),
        bytes: sound().map(|(_, file)| file.bytes).fold(0, add),
        digest,
        seconds: started.elapsed().as_secs_f64(),
        problems,
        warnings,
    })
}

/// Whether files of the data set are in no manifest: another host's, or forgotten ones.
fn unlisted(manifests: &[Manifest], files: &[(&Manifest, &ManifestFile)]) -> Option<Warning> {
    let workload = &manifests.first()?.workload;
    let all = workload.num_files_train + workload.num_files_eval;
    let there: HashSet<u64> =
        files.iter().map(|(manifest, file)| manifest.global_index(file)).collect();
    let first = (0..all).find(|index| !there.contains(index))?;
    // Manifests of other data sets may list files beyond these.
    let missing = all - there.iter().filter(|&&index| index < all).count() as u64;
    Some(Warning::new(
        WarningCode::PartOfDataSet,
        format!(
            "{missing} of the {all} files of the data set are in no manifest here, the first is number {first}: this is only a part; 'ringquet datagen … `first_file` {first} `files` N' writes others"
        ),
    ))
}

/// Everything below `dir` that is neither listed nor a manifest.
fn find_extra(
    dir: &Path,
    below: &Path,
    is_listed: &dyn Fn(&str) -> bool,
    problems: &mut Vec<Problem>,
) -> Result<(), DatagenError> {
    let folder = dir.join(below);
    let fail = || DatagenError::io(&folder, "list");
    for entry in fs::read_dir(&folder).map_err(fail())? {
        let entry = entry.map_err(fail())?;
        let name = entry.file_name();
        let path: PathBuf = below.join(&name);
        // Links are not followed: one to a folder may lead round in circles.
        if entry.file_type().map_err(fail())?.is_dir() {
            find_extra(dir, &path, is_listed, problems)?;
            continue;
        }
        let name = name.to_string_lossy();
        let is_manifest = below.as_os_str().is_empty() && is_manifest_name(&name);
        let file = path_text(&path);
        if is_manifest || is_listed(&file) {
            continue;
        }
        let text = if is_partial(&name) {
            "left over from a run that was killed; it can be removed"
        } else {
            "is not in any manifest"
        };
        problems.push(Problem { file, kind: ProblemKind::Extra, text: text.to_owned() });
    }
    Ok(())
}
