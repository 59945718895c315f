//! One run's folder, read: what is missing or damaged is kept as a sentence.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use jiff::civil::DateTime;
use ringquet_result::regular_file::open_regular;
use serde_json::Value;

use crate::read_json;
use ringquet_result::Fields;

/// Bound on a YAML file in bytes; DLRM's has 14,475. A longer one is not read.
const YAML_BYTES_MAX: u64 = 4 << 20;

/// Ranks whose files are looked for and read. A run of more accelerators is reported as such.
pub(crate) const RANKS_MAX: u64 = 4096;

/// A value that is there, or why not.
pub(crate) type Found = Result<Value, String>;

/// A run's folder.
#[derive(Debug)]
pub(crate) struct RunFolder {
    pub(crate) folder: PathBuf,
    /// Its place in `training/MODEL/run/TIME`.
    pub(crate) place: Option<TreePlace>,
    pub(crate) summary: Found,
    /// What ringquet alone writes.
    pub(crate) ringquet: Option<Value>,
    /// `workload` of the composed configuration.
    pub(crate) config: Found,
    /// What was changed, `++workload.key=value`.
    pub(crate) overrides: Result<Vec<String>, String>,
    /// Content of `N_output.json`, by rank.
    pub(crate) ranks: Vec<Result<RankOutput, String>>,
    /// Names of the files and folders.
    pub(crate) names: BTreeSet<String>,
    /// And of those in `dlio_config`.
    pub(crate) config_names: BTreeSet<String>,
}

/// What is needed of one rank.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RankOutput {
    pub(crate) hostname: Option<String>,
    /// AU of each epoch in percent, from its `au.block1`.
    pub(crate) au_percent: Vec<f64>,
    /// Steps of the shortest epoch.
    pub(crate) steps: u64,
}

/// Where a run stands in a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TreePlace {
    /// `…/training/MODEL/run`.
    pub(crate) runs: PathBuf,
    pub(crate) model: String,
    pub(crate) name: String,
    /// The name as a time, if it is one.
    pub(crate) time: Option<DateTime>,
}

impl RunFolder {
    /// Reads all that there is.
    pub(crate) fn read(folder: &Path) -> RunFolder {
        let summary = json(&folder.join("summary.json"));
        let ringquet = folder.join("ringquet.json");
        let config_dir = folder.join("dlio_config");
        let config = yaml(&config_dir.join("config.yaml")).and_then(|mut config| {
            let workload = config.get_mut("workload").map(Value::take);
            workload.ok_or_else(|| "dlio_config/config.yaml has no workload".to_owned())
        });
        let overrides = yaml(&config_dir.join("overrides.yaml")).and_then(|value| {
            let words = value.as_array().map(|all| all.iter().map(Value::as_str).collect());
            let words: Option<Option<Vec<&str>>> = words;
            let words =
                words.flatten().ok_or("dlio_config/overrides.yaml: expected a list of strings")?;
            Ok(words.into_iter().map(str::to_owned).collect())
        });
        let ranks = summary.as_ref().ok().and_then(|s| Fields(s).count("num_accelerators"));
        let ranks = (0..ranks.unwrap_or(0).min(RANKS_MAX))
            .map(|rank| json(&folder.join(format!("{rank}_output.json"))).map(|v| rank_output(&v)));
        RunFolder {
            folder: folder.to_owned(),
            place: place(folder),
            ranks: ranks.collect(),
            summary,
            ringquet: ringquet.exists().then(|| json(&ringquet).unwrap_or(Value::Null)),
            config,
            overrides,
            names: names(folder),
            config_names: names(&config_dir),
        }
    }

    /// A number of the summary.
    pub(crate) fn number(&self, key: &str) -> Option<f64> {
        Fields(self.summary.as_ref().ok()?).number(key)
    }

    /// A count of the summary.
    pub(crate) fn count(&self, key: &str) -> Option<u64> {
        Fields(self.summary.as_ref().ok()?).count(key)
    }

    /// A place in the configuration, or which file is missing.
    pub(crate) fn setting(&self) -> Result<Fields<'_>, &str> {
        self.config.as_ref().map(Fields).map_err(|reason| &**reason)
    }

    /// `start` or `end` of the summary.
    pub(crate) fn stamp(&self, key: &str) -> Option<DateTime> {
        Fields(self.summary.as_ref().ok()?).text(key)?.parse().ok()
    }

    /// Played by ringquet, not by DLIO.
    pub(crate) fn is_rehearsal(&self) -> bool {
        self.ringquet.is_some()
    }

    /// Played by DLIO with the data loader of ringquet.
    pub(crate) fn is_read_by_ringquet(&self) -> bool {
        self.names.contains("0_ringquet.json")
    }
}

fn rank_output(value: &Value) -> RankOutput {
    let fields = Fields(value);
    let (mut au_percent, mut steps) = (Vec::new(), u64::MAX);
    for epoch in 1_u32.. {
        let Some(epoch) = fields.at(&epoch.to_string()) else { break };
        au_percent.extend(epoch.number("au.block1"));
        steps = steps.min(epoch.list("load.block1").count() as u64);
    }
    RankOutput {
        hostname: fields.text("hostname").map(str::to_owned),
        steps: if au_percent.is_empty() { 0 } else { steps },
        au_percent,
    }
}

fn json(path: &Path) -> Found {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if !path.exists() {
        return Err(format!("{name} is missing"));
    }
    // The error names the file, with its folder.
    read_json(path).map_err(|error| error.to_string())
}

fn yaml(path: &Path) -> Found {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let fail = |reason: String| format!("dlio_config/{name}: {reason}");
    let file = match open_regular(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(format!("dlio_config/{name} is missing"));
        }
        Err(error) => return Err(fail(error.to_string())),
    };
    let mut text = String::new();
    file.take(YAML_BYTES_MAX + 1).read_to_string(&mut text).map_err(|e| fail(e.to_string()))?;
    if text.len() as u64 > YAML_BYTES_MAX {
        return Err(fail(format!("longer than {YAML_BYTES_MAX} bytes")));
    }
    serde_saphyr::from_str(&text).map_err(|error| {
        let first = error.to_string();
        fail(first.lines().next().unwrap_or_default().to_owned())
    })
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// `training/MODEL/run/TIME`, from the end of the path.
fn place(folder: &Path) -> Option<TreePlace> {
    let folder = std::fs::canonicalize(folder).ok()?;
    let mut parts = folder.components().rev().map(|part| part.as_os_str().to_string_lossy());
    let name = parts.next()?.into_owned();
    let (phase, model, kind) = (parts.next()?, parts.next()?.into_owned(), parts.next()?);
    if phase != "run" || kind != "training" {
        return None;
    }
    let time = folder_time(&name);
    Some(TreePlace { runs: folder.parent()?.to_owned(), model, name, time })
}

/// `YYYYMMDD_HHMMSS`.
pub(crate) fn folder_time(name: &str) -> Option<DateTime> {
    let (date, time) = name.split_once('_')?;
    let is_digits =
        |text: &str, length| text.len() == length && text.bytes().all(|b| b.is_ascii_digit());
    if !is_digits(date, 8) || !is_digits(time, 6) {
        return None;
    }
    DateTime::strptime("%Y%m%d_%H%M%S", name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_folders_are_times() {
        assert!(folder_time("20261122_144646").is_some());
        for wrong in
            ["20261322_144646", "2026112_144646", "20261122-144646", "20261122_1446", "x", ""]
        {
            assert_eq!(folder_time(wrong), None, "{wrong}");
        }
    }
}
