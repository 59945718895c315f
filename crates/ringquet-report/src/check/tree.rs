//! Where results lie: every folder with a `summary.json` is a run.

use std::path::{Path, PathBuf};

use crate::check::error::CheckError;
use crate::check::run_folder::RunFolder;

/// Folders that are looked into; a submission of a hundred systems has some thousands. More is an
/// error: it is a home directory, not a tree of results.
const FOLDERS_MAX: usize = 100_000;

/// Nesting: `closed/ORG/results/SYSTEM/training/MODEL/run/TIME` is eight deep. Deeper folders are not
/// looked into.
const DEPTH_MAX: usize = 16;

/// The runs in and below `dir`, in the order of their paths.
pub(crate) fn find(dir: &Path) -> Result<Vec<RunFolder>, CheckError> {
    let mut folders = 0;
    let mut runs = Vec::new();
    search(dir, 0, &mut folders, &mut runs)?;
    if runs.is_empty() {
        return Err(CheckError::NoResults { path: dir.to_owned() });
    }
    runs.sort();
    Ok(runs.iter().map(|folder| RunFolder::read(folder)).collect())
}

fn search(
    dir: &Path,
    depth: usize,
    folders: &mut usize,
    runs: &mut Vec<PathBuf>,
) -> Result<(), CheckError> {
    let fail = |source| CheckError::List { path: dir.to_owned(), source };
    *folders += 1;
    if *folders > FOLDERS_MAX {
        return Err(CheckError::TooMany { path: dir.to_owned(), limit: FOLDERS_MAX });
    }
    let mut below = Vec::new();
    let mut is_run = false;
    for entry in std::fs::read_dir(dir).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        // Links are not followed: they may lead round in circles.
        let kind = entry.file_type().map_err(fail)?;
        if kind.is_dir() {
            below.push(entry.path());
        } else if entry.file_name() == "summary.json" {
            is_run = true;
        }
    }
    if is_run {
        runs.push(dir.to_owned());
    } else if depth < DEPTH_MAX {
        for dir in below {
            search(&dir, depth + 1, folders, runs)?;
        }
    }
    Ok(())
}
