//! `cargo xtask bench NAME [CASE…]`: runs a bench of `benches/`; with `--keep` its output lies afterwards in
//! `benches/runs/DATE-MACHINE/`, beside the set-up that it was measured on.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use xshell::cmd;

use crate::package;
use crate::python::{self, Environment};
use crate::workshop::Workshop;

/// Runs the bench, its output passed on as it comes.
pub(crate) fn run(workshop: &Workshop, name: &str, cases: &[String], keep: bool) -> Result<()> {
    let mut command = Command::new("cargo");
    command
        // The whole workspace, as tests and e2e build it: cargo picks features by what is built together.
        .args(["bench", "--workspace", "--bench", name, "--"])
        .args(cases)
        .stdout(Stdio::piped());
    // A bench with PyArrow as its peer finds it here; without it that peer is left out, and the bench says so.
    if let Environment::Ready(python) = python::FORK_COMPAT.environment(workshop)? {
        command.env("RINGQUET_PYTHON", python);
    }
    if name == "python" {
        command.env("RINGQUET_PYTHON_TORCH", package::with_frameworks(workshop)?);
    }
    let mut child = command.current_dir(&workshop.root).spawn().context("starting cargo bench")?;
    let output = child.stdout.take().context("the output of cargo bench is piped")?;
    let mut text = String::new();
    for line in BufReader::new(output).lines() {
        let line = line?;
        println!("{line}");
        text.push_str(&line);
        text.push('\n');
    }
    ensure!(child.wait()?.success(), "the bench {name} failed");
    if keep { keep_run(workshop, name, cases, &text) } else { Ok(()) }
}

fn keep_run(workshop: &Workshop, name: &str, cases: &[String], text: &str) -> Result<()> {
    let sh = &workshop.sh;
    let date = cmd!(sh, "date -u +%Y-%m-%d").read()?;
    let cores = std::thread::available_parallelism()?;
    let machine = format!(
        "{}-{cores}core",
        cpu_model().to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-")
    );
    let dir = workshop.root.join(format!("benches/runs/{date}-{machine}"));
    fs::create_dir_all(&dir)?;
    let command = format!("cargo xtask bench {name} {} --keep", cases.join(" "));
    // Some of the cases are a run of their own.
    let name = [&[name.to_owned()], cases].concat().join("-").replace('/', "-");
    let mut file = fs::File::create(dir.join(format!("{name}.txt")))?;
    write!(file, "{text}")?;
    let commit = cmd!(sh, "git rev-parse --short HEAD").read()?;
    let fio = cmd!(sh, "fio --version").ignore_stderr().ignore_status().read().unwrap_or_default();
    let kernel = cmd!(sh, "uname -sr").read()?;
    let root = &workshop.target;
    let disk = cmd!(sh, "df -T {root}").read()?;
    let memory = fs::read_to_string("/proc/meminfo")?.lines().next().unwrap_or_default().to_owned();
    let setup = format!(
        "command   {command}\ncommit    {commit} (and what was not committed then)\nmachine   {} × {cores}\nmemory    {memory}\nkernel    {kernel}\nfio       {fio}\ntoolchain {}\nfile system of the data:\n{disk}\n",
        cpu_model(),
        cmd!(sh, "rustc --version").read()?,
    );
    fs::write(dir.join(format!("{name}.SETUP")), setup)?;
    println!("kept in {}", dir.display());
    Ok(())
}

fn cpu_model() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    model.map_or_else(|| "unknown".to_owned(), |(_, model)| model.trim().to_owned())
}
