//! The folder of a run's results: files appear under their names when they are complete.

use std::fs::File;
use std::io::{BufWriter, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;

use crate::error::RunError;

/// An existing or new folder, and what was written to it.
#[derive(Debug)]
pub(crate) struct Results {
    folder: PathBuf,
    written: Vec<PathBuf>,
}

impl Results {
    /// Makes the folder where it is missing.
    ///
    /// # Errors
    /// [`RunError::Results`].
    pub(crate) fn new(folder: PathBuf) -> Result<Self, RunError> {
        std::fs::create_dir_all(&folder).map_err(failed(&folder))?;
        Ok(Self { folder, written: Vec::new() })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes `name`, a path below the folder.
    ///
    /// # Errors
    /// [`RunError::Results`]; a file of an earlier run is then still what it was.
    pub(crate) fn write(&mut self, name: &str, content: &[u8]) -> Result<(), RunError> {
        let path = self.folder.join(name);
        let unfinished = unfinished(&path);
        let parent = path.parent().unwrap_or(&self.folder);
        std::fs::create_dir_all(parent)
            .and_then(|()| std::fs::write(&unfinished, content))
            .and_then(|()| std::fs::rename(&unfinished, &path))
            .map_err(failed(&path))?;
        self.written.push(path);
        Ok(())
    }

    /// As [`Self::write`], as JSON with DLIO's indentation of four.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub(crate) fn write_json(
        &mut self,
        name: &str,
        value: &impl Serialize,
    ) -> Result<(), RunError> {
        let mut text = Vec::new();
        let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
        let mut serializer = serde_json::Serializer::with_formatter(&mut text, formatter);
        let path = self.folder.join(name);
        value.serialize(&mut serializer).map_err(|error| failed(&path)(error.into()))?;
        self.write(name, &text)
    }

    /// As [`Self::write`], as YAML.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub(crate) fn write_yaml(
        &mut self,
        name: &str,
        value: &impl Serialize,
    ) -> Result<(), RunError> {
        let path = self.folder.join(name);
        let text = serde_saphyr::to_string(value)
            .map_err(|error| failed(&path)(std::io::Error::other(error.to_string())))?;
        self.write(name, text.as_bytes())
    }

    /// Removes the files of ranks that an earlier run into the same folder had and this one has not:
    /// results of two runs must not be read as one.
    pub(crate) fn remove_ranks_from(&self, ranks: u32) {
        for rank in ranks.. {
            let of_rank = |kind: &str| self.folder.join(format!("{rank}_{kind}.json"));
            let output = std::fs::remove_file(of_rank("output"));
            let stats = std::fs::remove_file(of_rank("per_epoch_stats"));
            if output.is_err() && stats.is_err() {
                break;
            }
        }
    }

    /// A file that is written line by line.
    ///
    /// # Errors
    /// [`RunError::Results`].
    pub(crate) fn log(&self, name: &str) -> Result<Log, RunError> {
        let path = self.folder.join(name);
        let unfinished = unfinished(&path);
        let file = File::create(&unfinished).map_err(failed(&unfinished))?;
        Ok(Log { path, unfinished, file: Mutex::new(BufWriter::new(file)) })
    }

    /// Gives the log its name.
    ///
    /// # Errors
    /// [`RunError::Results`], also for lines that could not be written before.
    pub(crate) fn finish_log(&mut self, log: Log) -> Result<(), RunError> {
        let Log { path, unfinished, file } = log;
        let mut file = file.into_inner().unwrap_or_else(PoisonError::into_inner);
        file.flush().and_then(|()| std::fs::rename(&unfinished, &path)).map_err(failed(&path))?;
        self.written.push(path);
        Ok(())
    }

    /// The files so far.
    pub(crate) fn written(&self) -> &[PathBuf] {
        &self.written
    }
}

/// `dlio.log`: lines of `[LEVEL] message`.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    unfinished: PathBuf,
    file: Mutex<BufWriter<File>>,
}

impl Log {
    /// `[OUTPUT] message`, at once on disk.
    pub(crate) fn output(&self, message: &str) {
        self.line("OUTPUT", message);
    }

    pub(crate) fn warning(&self, message: &str) {
        self.line("WARNING", message);
    }

    pub(crate) fn metric(&self, message: &str) {
        self.line("METRIC", message);
    }

    fn line(&self, level: &str, message: &str) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // An error shows again when the log is finished.
        let _ = writeln!(file, "[{level}] {message}").and_then(|()| file.flush());
    }
}

/// How long until a second has another name.
const SECOND: Duration = Duration::from_secs(1);

/// Creates a new folder named after the present second (`numbers`): of two runs that begin in one
/// second, the later one waits for the next.
///
/// # Errors
/// [`RunError::Results`].
pub(crate) fn make_leaf(runs: &Path, numbers: impl Fn() -> [u64; 2]) -> Result<[u64; 2], RunError> {
    std::fs::create_dir_all(runs).map_err(failed(runs))?;
    loop {
        let now = numbers();
        let leaf = runs.join(leaf_name(now));
        match std::fs::create_dir(&leaf) {
            Ok(()) => return Ok(now),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => std::thread::sleep(SECOND),
            Err(error) => return Err(failed(&leaf)(error)),
        }
    }
}

/// Free text, a model's name, as the name of one folder: below its parent whatever the text, and not longer than a name
/// may be.
pub(crate) fn folder_name(text: &str) -> String {
    /// `NAME_MAX` of linux/limits.h.
    const NAME_BYTES_MAX: usize = 255;
    let mut name: String =
        text.chars().map(|c| if c == '/' || c.is_control() { '_' } else { c }).collect();
    // `.` and `..` are other folders, and of the others none is to be hidden.
    if name.is_empty() || name.starts_with('.') {
        name.replace_range(..name.len().min(1), "_");
    }
    name.truncate(name.floor_char_boundary(NAME_BYTES_MAX));
    name
}

/// `20261122_103107` of a date and a time.
pub(crate) fn leaf_name([date, time]: [u64; 2]) -> String {
    format!("{date:08}_{time:06}")
}

fn unfinished(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".unfinished");
    path.with_file_name(name)
}

fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> RunError + use<'_> {
    move |source| RunError::Results { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two runs in one second: none writes over the other's results.
    #[test]
    fn a_leaf_is_always_new() {
        let dir = tempfile::tempdir().unwrap();
        let halves = std::cell::Cell::new(2 * 103_107);
        let clock = || [20_261_122, halves.get() / 2];
        let first = make_leaf(dir.path(), clock).unwrap();
        let later = || {
            halves.set(halves.get() + 1);
            [20_261_122, halves.get() / 2]
        };
        let second = make_leaf(dir.path(), later).unwrap();
        assert_eq!([first, second].map(leaf_name), ["20261122_103107", "20261122_103108"]);
        assert!(dir.path().join("20261122_103108").is_dir());
    }

    /// `model.name: ..` wrote the results beside the results folder.
    #[test]
    fn a_models_folder_lies_below_its_parent() {
        let long = "ä".repeat(200);
        for name in
            ["", ".", "..", "...", "../..", "/etc", "a/../..", "\0", "a\nb", "dlrm", &long, ".x"]
        {
            let folder = folder_name(name);
            let below = Path::new("training").join(&folder);
            let parts: Vec<_> = below.components().collect();
            assert_eq!(parts.len(), 2, "{name:?}: {folder:?}");
            assert!(parts.iter().all(|part| matches!(part, std::path::Component::Normal(_))));
            assert!(!folder.starts_with('.') && folder.len() <= 255, "{name:?}: {folder:?}");
            std::fs::create_dir(tempfile::tempdir().unwrap().path().join(&folder)).unwrap();
        }
        assert_eq!(folder_name("dlrm v3"), "dlrm v3");
        assert_eq!(folder_name(".."), "_.");
    }

    #[test]
    fn files_get_their_names_when_complete() {
        let dir = tempfile::tempdir().unwrap();
        let mut results = Results::new(dir.path().join("a/b")).unwrap();
        let log = results.log("dlio.log").unwrap();
        log.output("one");
        assert!(!dir.path().join("a/b/dlio.log").exists());
        log.metric("two");
        results.finish_log(log).unwrap();
        let text = std::fs::read_to_string(dir.path().join("a/b/dlio.log")).unwrap();
        assert_eq!(text, "[OUTPUT] one\n[METRIC] two\n");
        results.write_json("x.json", &serde_json::json!({"a": [1.0]})).unwrap();
        let text = std::fs::read_to_string(dir.path().join("a/b/x.json")).unwrap();
        assert_eq!(text, "{\n    \"a\": [\n        1.0\n    ]\n}");
        let left: Vec<_> = std::fs::read_dir(dir.path().join("a/b"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .filter(|name| name.as_encoded_bytes().starts_with(b"."))
            .collect();
        assert!(left.is_empty(), "{left:?}");
        assert_eq!(results.written().len(), 2);
    }

    #[test]
    fn ranks_of_an_earlier_run_go() {
        let dir = tempfile::tempdir().unwrap();
        for rank in 0..3 {
            for kind in ["output", "per_epoch_stats"] {
                std::fs::write(dir.path().join(format!("{rank}_{kind}.json")), "{}").unwrap();
            }
        }
        Results::new(dir.path().to_owned()).unwrap().remove_ranks_from(1);
        let mut left: Vec<String> = std::fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".json"))
            .collect();
        left.sort();
        assert_eq!(left, ["0_output.json", "0_per_epoch_stats.json"]);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("file"), "").unwrap();
        let error = Results::new(dir.path().join("file/results")).unwrap_err().to_string();
        assert!(error.contains("file/results"), "{error}");
    }
}
