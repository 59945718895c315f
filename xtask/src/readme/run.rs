//! Kept runs: `benches/runs/DATE-MACHINE/BENCH[-CASES].txt`, and `.SETUP` beside it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::line::{Line, parse};

/// Runs of how many days (or machines) a table shows: the newest.
const DAYS_SHOWN: usize = 2;

/// The benches of `benches/`.
const BENCHES: [&str; 7] =
    ["characterize", "datagen", "decode", "io", "scaling", "snappy", "train"];

/// The runs of a bench on one day and machine.
#[derive(Debug)]
pub(super) struct Day {
    /// `2026-11-26-amd-epyc-2core`.
    pub(super) folder: String,
    /// Machine and kernel, as the set-up says; the name of the folder where there is none.
    pub(super) machine: String,
    /// In the order of their names, the whole bench before single cases.
    pub(super) runs: Vec<Vec<Line>>,
}

/// All kept runs by bench, the newest day first.
#[derive(Debug)]
pub(super) struct Runs {
    days: BTreeMap<String, Vec<Day>>,
}

impl Runs {
    /// Reads every run below `folder`.
    ///
    /// # Errors
    /// Where a file is of no bench, or holds a line that no bench prints.
    pub(super) fn read(folder: &Path) -> Result<Runs> {
        let mut days: BTreeMap<String, Vec<Day>> = BTreeMap::new();
        let mut folders = names(folder)?;
        folders.reverse();
        for name in folders {
            let path = folder.join(&name);
            if !path.is_dir() {
                continue;
            }
            let mut files: Vec<String> =
                names(&path)?.into_iter().filter(|file| file.ends_with(".txt")).collect();
            files.sort_by_key(|file| file.strip_suffix(".txt").map(str::to_owned));
            for file in files {
                let stem = file.strip_suffix(".txt").unwrap_or(&file);
                let bench = stem.split('-').next().unwrap_or(stem);
                let path = path.join(&file);
                let place = || path.display().to_string();
                ensure!(BENCHES.contains(&bench), "{}: no bench is called {bench}", place());
                let text = fs::read_to_string(&path).with_context(place)?;
                let lines = parse(bench, &text).with_context(place)?;
                let of_bench = days.entry(bench.to_owned()).or_default();
                if of_bench.last().is_none_or(|day| day.folder != name) {
                    let machine = machine(&path.with_extension("SETUP"), &name)?;
                    of_bench.push(Day { folder: name.clone(), machine, runs: Vec::new() });
                }
                of_bench.last_mut().expect("pushed above").runs.push(lines);
            }
        }
        Ok(Runs { days })
    }

    /// The newest days of a bench.
    pub(super) fn newest(&self, bench: &str) -> &[Day] {
        let days = self.days.get(bench).map_or(&[][..], Vec::as_slice);
        &days[..days.len().min(DAYS_SHOWN)]
    }

    /// The names of the benches that have runs.
    #[cfg(test)]
    pub(super) fn benches(&self) -> Vec<&str> {
        self.days.keys().map(String::as_str).collect()
    }
}

/// What `cargo xtask bench --keep` writes down about the machine.
fn machine(setup: &Path, folder: &str) -> Result<String> {
    if !setup.exists() {
        return Ok(folder.splitn(4, '-').last().unwrap_or(folder).to_owned());
    }
    let text = fs::read_to_string(setup).with_context(|| setup.display().to_string())?;
    let of = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
    let machine = of("machine ").with_context(|| format!("{}: no machine", setup.display()))?;
    Ok(match of("kernel ") {
        Some(kernel) => format!("{machine}; {kernel}"),
        None => machine.to_owned(),
    })
}

/// The names in a folder, sorted.
fn names(folder: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut names = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        names.push(name.to_str().context("a name that is not UTF-8")?.to_owned());
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kept_run_is_understood() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../benches/runs");
        let runs = Runs::read(Path::new(folder)).unwrap();
        assert_eq!(runs.benches(), BENCHES);
        for bench in BENCHES {
            let newest = runs.newest(bench);
            assert!(newest.windows(2).all(|days| days[0].folder > days[1].folder), "{bench}");
            assert!(newest.iter().all(|day| !day.runs.is_empty()), "{bench}");
        }
    }

    #[test]
    fn a_run_of_no_bench_and_a_line_of_none_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let day = dir.path().join("2026-01-01-cpu-2core");
        fs::create_dir(&day).unwrap();
        fs::write(day.join("snappy.txt"), "\n").unwrap();
        let read = || Runs::read(dir.path()).map_err(|error| format!("{error:#}"));
        assert_eq!(read().unwrap().newest("snappy")[0].machine, "cpu-2core");
        fs::write(day.join("snappy.txt"), "\nwhatever\n").unwrap();
        assert!(read().unwrap_err().contains("snappy.txt: line 2: \"whatever\""));
        fs::remove_file(day.join("snappy.txt")).unwrap();
        fs::write(day.join("magic.txt"), "").unwrap();
        assert!(read().unwrap_err().contains("no bench is called magic"));
    }
}
