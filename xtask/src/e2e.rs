//! `cargo xtask e2e`: the whole road. Generate, read with either driver, train, verify, and show it.
//!
//! What it insists on: fork-compat holds, uring and pread decode the same, `verify` finds what was
//! generated, and on a host where nothing refuses io_uring and O_DIRECT, both were used, with registered
//! buffers and bytes that came from the device. How fast it went is shown, not judged: smoke sizes say
//! little about speed.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::datagen::{SmokeSet, generate};
use crate::host::{self, Ability};
use crate::ringquet::{Profile, Ringquet, data_folder};
use crate::workshop::Workshop;
use crate::{fork_compat, python, table};

/// What the road is walked with.
const SETS: [SmokeSet; 2] = [SmokeSet::Dlrm, SmokeSet::Flux];

/// Generates, reads, trains, verifies; leaves the documents under target/e2e/results.
pub(crate) fn run(workshop: &Workshop, small: bool) -> Result<()> {
    // Asked first: it is the one thing that may be missing, and the rest takes minutes.
    let python = python::FORK_COMPAT.environment(workshop)?.ready()?;
    let ringquet = Ringquet::build(workshop, Profile::Release)?;
    let results = workshop.e2e("results");
    workshop.empty_dir(&results)?;

    let overrides: &[&str] = if small { &["dataset.num_files_train=2"] } else { &[] };
    let mut roads = Vec::new();
    for set in SETS {
        let data = workshop.e2e("data").join(set.name());
        generate(workshop, &ringquet, &set.workload(), &data, overrides)?;
        roads.push(Road { workshop, ringquet: &ringquet, results: &results, set, data, overrides });
    }
    fork_compat::run(workshop, &ringquet, &python)?;

    let first = first_file(&roads[0].data.join("train"))?;
    let host = Host {
        io_uring: host::io_uring(&workshop.sh),
        registered_buffers: host::registered_buffers(&workshop.sh),
        direct: host::direct_io(&workshop.sh, &first)?,
    };
    let mut rows = vec![Measured::heading()];
    for road in &roads {
        rows.extend(road.walk(&host)?);
    }
    let lines = [
        format!("io_uring works here: {}", host.io_uring.text()),
        format!("its buffers can be registered: {}", host.registered_buffers.text()),
        format!("O_DIRECT works in {}: {}", workshop.e2e("data").display(), host.direct.text()),
    ];
    println!("\n{}\n{}", lines.join("\n"), table::render(&rows));
    println!("Results: {}", results.display());
    Ok(())
}

/// What this host is held to.
struct Host {
    io_uring: Ability,
    registered_buffers: Ability,
    direct: Ability,
}

/// One data set and the way through it.
struct Road<'w> {
    workshop: &'w Workshop,
    ringquet: &'w Ringquet<'w>,
    results: &'w Path,
    set: SmokeSet,
    data: PathBuf,
    overrides: &'w [&'w str],
}

impl Road<'_> {
    /// The rows of the table for this data set.
    fn walk(&self, host: &Host) -> Result<Vec<Vec<String>>> {
        // Where the host may refuse, ask for what users get by default.
        let driver_option = if host.io_uring == Ability::Must { "uring" } else { "auto" };
        let direct_option = if host.direct == Ability::Must { "on" } else { "auto" };

        let uring = self.scan("scan uring", driver_option, direct_option)?;
        let pread = self.scan("scan pread", "pread", "auto")?;
        uring.insist(host)?;
        if uring.content != pread.content {
            bail!(
                "{}: uring decodes {:?}, pread decodes {:?}",
                self.data.display(),
                uring.content,
                pread.content
            );
        }

        let data = self.data.display().to_string();
        self.ringquet.run(&["verify", &data])?;
        let run = self.run_epoch(driver_option, direct_option)?;
        run.insist(host)?;
        Ok(vec![uring.row(), pread.row(), run.row()])
    }

    /// Reads everything twice: once for the digest, once for the time, for hashing takes its share.
    fn scan(&self, what: &str, driver: &str, direct: &str) -> Result<Measured> {
        let data = self.data.display().to_string();
        let args = ["scan", &data, "--driver", driver, "--direct", direct];
        let digested = self.ringquet.json(&[&args[..], &["--digest"]].concat())?;
        let timed = self.ringquet.json(&args)?;
        let what = format!("{} {what}", self.set.name());
        self.keep(&what, &timed)?;
        let content = fork_compat::content(&digested).context(what.clone())?;
        if digested["rows"] != timed["rows"] {
            bail!("{what}: {} rows with --digest, {} without", digested["rows"], timed["rows"]);
        }
        Ok(Measured { what, document: timed, content: Some(content), au: None })
    }

    /// One epoch of emulated training.
    fn run_epoch(&self, driver: &str, direct: &str) -> Result<Measured> {
        let what = format!("{} run", self.set.name());
        let folder = self.results.join(format!("{}_run", self.set.name()));
        let workload = self.set.workload().display().to_string();
        let (data, results) = (data_folder(&self.data), folder.display().to_string());
        let mut args = vec!["run", &workload, &data, "train.epochs=1"];
        args.extend(self.overrides);
        args.extend(["--accelerators", "1", "--results-dir", &results]);
        args.extend(["--driver", driver, "--direct", direct]);
        let answer = self.ringquet.answer(&args)?;
        self.keep(&what, &answer.document)?;

        // The smoke workloads state no target: a run that fails, failed at something else.
        if !answer.succeeded {
            bail!("{what}: ended with an error, see above");
        }
        let summary = folder.join("summary.json");
        let text = self.workshop.sh.read_file(&summary)?;
        let summary_json: Value =
            serde_json::from_str(&text).with_context(|| summary.display().to_string())?;
        let Some(au) = summary_json["metric"]["train_au_mean_percentage"].as_f64() else {
            bail!("{}: no number metric.train_au_mean_percentage", summary.display());
        };
        if !(0.0..=100.5).contains(&au) {
            bail!("{}: an AU of {au} % cannot be", summary.display());
        }
        let au = Some(format!("{au:.1} %"));
        Ok(Measured { what, document: answer.document, content: None, au })
    }

    /// Leaves a document in the results.
    fn keep(&self, what: &str, document: &Value) -> Result<()> {
        let path = self.results.join(format!("{}.json", what.replace(' ', "_")));
        Ok(self.workshop.sh.write_file(path, format!("{document:#}\n"))?)
    }
}

/// What a scan or a run says about itself.
struct Measured {
    what: String,
    document: Value,
    /// Digest and rows, of a scan.
    content: Option<Value>,
    /// Accelerator utilisation, of a run.
    au: Option<String>,
}

impl Measured {
    fn heading() -> Vec<String> {
        let names = [
            "what",
            "rows",
            "decoded",
            "read",
            "device",
            "seconds",
            "decoded/s",
            "AU",
            "driver",
            "direct",
            "registered",
        ];
        names.map(str::to_owned).to_vec()
    }

    /// Fails where the host can do something and the scan did not.
    fn insist(&self, host: &Host) -> Result<()> {
        let driver = &self.document["driver"];
        let what = &self.what;
        if host.io_uring == Ability::Must {
            if driver["name"] != "uring" {
                bail!(
                    "{what}: nothing refuses io_uring here, yet the driver is {}",
                    driver["name"]
                );
            }
            if host.registered_buffers == Ability::Must && !is_on(&driver["registered_buffers"]) {
                bail!("{what}: buffers are not registered: {driver}");
            }
        }
        if host.direct == Ability::Must {
            if !is_on(&driver["direct"]) {
                bail!("{what}: O_DIRECT works here, yet it was not used: {driver}");
            }
            if self.document["device_read_bytes"].as_u64() == Some(0) {
                bail!("{what}: with O_DIRECT, and no byte came from the device");
            }
        }
        Ok(())
    }

    fn row(&self) -> Vec<String> {
        let document = &self.document;
        let bytes = |key: &str| document[key].as_u64().map_or("–".to_owned(), table::bytes);
        let rate = document["decoded_bytes_per_second"]
            .as_f64()
            .map_or("–".to_owned(), |rate| format!("{:.2} GiB/s", rate / f64::from(1 << 30)));
        let seconds = document["seconds"].as_f64().map_or("–".to_owned(), |s| format!("{s:.3}"));
        let driver = &document["driver"];
        vec![
            self.what.clone(),
            document["rows"].as_u64().map_or("–".to_owned(), |rows| rows.to_string()),
            bytes("decoded_bytes"),
            bytes("read_bytes"),
            bytes("device_read_bytes"),
            seconds,
            rate,
            self.au.clone().unwrap_or_else(|| "–".to_owned()),
            driver["name"].as_str().unwrap_or("–").to_owned(),
            on_text(&driver["direct"]).to_owned(),
            on_text(&driver["registered_buffers"]).to_owned(),
        ]
    }
}

fn is_on(value: &Value) -> bool {
    value == true || value == "on"
}

fn on_text(value: &Value) -> &'static str {
    match value {
        Value::Null => "–",
        value if is_on(value) => "on",
        _ => "off",
    }
}

/// Some Parquet file of the data set.
fn first_file(folder: &Path) -> Result<PathBuf> {
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "parquet") {
            return Ok(path);
        }
    }
    bail!("{}: no *.parquet in it", folder.display())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn scan(driver: &str, direct: bool, device: u64) -> Measured {
        let driver =
            json!({ "name": driver, "direct": direct, "registered_buffers": driver == "uring" });
        let document = json!({ "driver": driver, "device_read_bytes": device, "rows": 5 });
        Measured { what: "x scan".to_owned(), document, content: None, au: None }
    }

    fn host_of(ability: Ability) -> Host {
        let registered_buffers = ability.clone();
        Host { io_uring: ability.clone(), registered_buffers, direct: ability }
    }

    #[test]
    fn a_host_that_can_is_held_to_it() {
        let host = host_of(Ability::Must);
        assert!(scan("uring", true, 4096).insist(&host).is_ok());
        let said = |measured: Measured| measured.insist(&host).unwrap_err().to_string();
        assert!(said(scan("pread", true, 4096)).contains("the driver is \"pread\""));
        assert!(said(scan("uring", false, 4096)).contains("it was not used"));
        assert!(said(scan("uring", true, 0)).contains("no byte came from the device"));
        let mut unregistered = scan("uring", true, 4096);
        unregistered.document["driver"]["registered_buffers"] = json!(false);
        assert!(said(unregistered).contains("not registered"));
    }

    #[test]
    fn a_host_that_may_refuse_is_not() {
        let host = host_of(Ability::May("refused".to_owned()));
        assert!(scan("pread", false, 0).insist(&host).is_ok());
    }

    #[test]
    fn a_row_has_a_cell_for_each_heading() {
        let row = scan("uring", true, 4096).row();
        assert_eq!(row.len(), Measured::heading().len());
        assert_eq!(row[1], "5");
        assert_eq!(row[4], "4.0 KiB");
        assert_eq!(row[8..], ["uring", "on", "on"]);
    }
}
