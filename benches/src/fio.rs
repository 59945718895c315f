//! fio, the peer for raw reads: found, or installed by its name from Debian, or the bench says that it is missing.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::latency::Percentiles;
use crate::pairs::Sample;

/// Is there an fio? Tries `apt-get install -y fio` once where it is missing, and says so.
#[expect(clippy::print_stdout, reason = "a bench prints what it does")]
pub fn available() -> bool {
    let there = || {
        Command::new("fio")
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok()
    };
    if there() {
        return true;
    }
    println!("fio is missing: trying 'apt-get install -y fio'");
    let installed =
        Command::new("apt-get").args(["install", "-y", "fio"]).stdout(Stdio::null()).status();
    if installed.is_ok_and(|status| status.success()) && there() {
        return true;
    }
    println!(
        "fio could not be installed: the comparisons with it are left out ('apt-get install fio' as root mends it)"
    );
    false
}

/// One job (one thread) of an fio run: lines of its job section.
pub type Job = Vec<String>;

/// What every job of a run shares.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Reads in flight per job.
    pub queue_depth: u32,
    /// Reads per system call at most.
    pub submit_batch: u32,
    /// Buffers on reserved huge pages, else on base pages.
    pub huge_pages: bool,
}

/// Runs fio with io_uring, registered buffers and files, O_DIRECT, one pinned thread per job, and sums up what the jobs
/// read, from the first start to the last end.
///
/// # Errors
/// fio's own words.
pub fn run(scratch: &Path, settings: Settings, jobs: &[Job]) -> Result<Sample> {
    let mut sample = Sample { work: 0.0, seconds: 0.0, cpu_seconds: 0.0 };
    for job in results(scratch, settings, "", jobs)? {
        let seconds = number(&job["read"]["runtime"]) / 1e3;
        sample.work += number(&job["read"]["io_bytes"]);
        sample.seconds = sample.seconds.max(seconds);
        sample.cpu_seconds += (number(&job["usr_cpu"]) + number(&job["sys_cpu"])) / 100.0 * seconds;
    }
    Ok(sample)
}

/// Runs fio as [`run`] does; the percentiles of its clat and of its lat, over all jobs.
///
/// # Errors
/// fio's own words, and a document without percentiles.
pub fn latency(scratch: &Path, settings: Settings, jobs: &[Job]) -> Result<[Percentiles; 2]> {
    let options = "group_reporting=1\nclat_percentiles=1\nlat_percentiles=1\n";
    let jobs = results(scratch, settings, options, jobs)?;
    let job = jobs.first().context("fio's JSON has a job")?;
    let of = |kind: &str| {
        let of = &job["read"][kind]["percentile"];
        let [p50, p99] = ["50.000000", "99.000000"].map(|percent| number(&of[percent]));
        anyhow::ensure!(p50 > 0.0 && p99 >= p50, "fio has no percentiles of {kind}: {of}");
        Ok(Percentiles { p50, p99, reap_delay_p99: f64::NAN })
    };
    Ok([of("clat_ns")?, of("lat_ns")?])
}

fn number(value: &serde_json::Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

/// fio's results of each job, all of them without an error.
fn results(
    scratch: &Path,
    settings: Settings,
    options: &str,
    jobs: &[Job],
) -> Result<Vec<serde_json::Value>> {
    let Settings { queue_depth, submit_batch, huge_pages } = settings;
    let mut file = format!(
        "[global]\nioengine=io_uring\nfixedbufs=1\nregisterfiles=1\ndirect=1\nthread=1\niodepth={queue_depth}\n\
         iodepth_batch_submit={submit_batch}\niodepth_batch_complete_min=1\niodepth_batch_complete_max={queue_depth}\n\
         norandommap=1\nrandrepeat=1\n{options}"
    );
    if huge_pages {
        file.push_str("mem=mmaphuge\nhugepage-size=2m\n");
    }
    // Pinned as our threads are: where a thread runs, and where the device's interrupts arrive, is half of a small read.
    let cpus = ringquet_io::cpus::allowed();
    for (n, job) in jobs.iter().enumerate() {
        let cpu = cpus.get(n % cpus.len().max(1)).copied().unwrap_or_default();
        file.push_str(&format!("[job{n}]\ncpus_allowed={cpu}\n{}\n", job.join("\n")));
    }
    let path = scratch.join("bench.fio");
    std::fs::write(&path, file)?;
    let output = Command::new("fio")
        .arg("--output-format=json")
        .arg(&path)
        .output()
        .context("starting fio")?;
    let text = String::from_utf8_lossy(&output.stdout);
    // fio may put notes before the document.
    let start = text
        .find('{')
        .with_context(|| format!("fio: {}", String::from_utf8_lossy(&output.stderr)))?;
    let document: serde_json::Value = serde_json::from_str(&text[start..]).context("fio's JSON")?;
    let told = document["jobs"].as_array().context("fio's JSON has jobs")?;
    for job in told {
        if job["error"].as_i64() != Some(0) {
            bail!(
                "fio: job ended with error {}: {}",
                job["error"],
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
    Ok(told.clone())
}
