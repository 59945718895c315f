//! `ringquet datasize`: how many files a workload needs on a machine, by MLPerf Storage's rule.

use std::fmt;

use anyhow::Result;
use ringquet_result::command_line;
use ringquet_workload::{Client, Compression, Datasize};
use serde::Serialize;

use super::source::{self, WorkloadOptions};
use crate::args::DatasizeArgs;
use crate::console::Console;
use crate::exit::{Exit, UsageError};
use crate::quantity::{count, counted};
use crate::size::ByteSize;

/// No host has less: smaller numbers lack a unit.
const HOST_MEMORY_BYTES_MIN: u64 = 1 << 20;

pub(crate) fn run(args: &DatasizeArgs, console: &mut Console) -> Result<Exit> {
    let client = client(args)?;
    let loaded = source::load(&args.workload, console)?;
    console
        .set_options(&Options { workload: WorkloadOptions::new(&args.workload, &loaded), client });
    let report = Report {
        client,
        datasize: loaded.workload.datasize(client)?,
        is_compressed: loaded.workload.dataset.compression != Compression::None,
        workload: args.workload.workload.display().to_string(),
        typed: &args.workload.overrides,
    };
    console.report(&report, &report)?;
    Ok(Exit::Done)
}

fn client(args: &DatasizeArgs) -> Result<Client, UsageError> {
    let host_memory_bytes = args.host_memory.0;
    for (option, number) in [
        ("--accelerators", args.accelerators),
        ("--hosts", args.hosts),
        ("--host-memory", host_memory_bytes),
    ] {
        if number == 0 {
            return Err(UsageError(format!("{option} 0: must be at least 1")));
        }
    }
    if host_memory_bytes < HOST_MEMORY_BYTES_MIN {
        return Err(UsageError(format!(
            "--host-memory {host_memory_bytes}: must be at least {HOST_MEMORY_BYTES_MIN} bytes; with a unit, as in 256GiB"
        )));
    }
    Ok(Client { accelerators: args.accelerators, hosts: args.hosts, host_memory_bytes })
}

/// `options` of the document.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Options<'a> {
    #[serde(flatten)]
    workload: WorkloadOptions<'a>,
    #[serde(flatten)]
    client: Client,
}

/// Number and size of the files that the workload needs on the machine.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Report<'a> {
    #[serde(flatten)]
    client: Client,
    #[serde(flatten)]
    datasize: Datasize,
    /// Then the bytes on disk are those that it would take without.
    #[serde(skip)]
    is_compressed: bool,
    #[serde(skip)]
    workload: String,
    #[serde(skip)]
    typed: &'a [String],
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Client { accelerators, hosts, host_memory_bytes } = self.client;
        let size = &self.datasize;
        writeln!(
            f,
            "for           {}, {} of {} memory each",
            counted(accelerators, "accelerator"),
            counted(hosts, "host"),
            ByteSize(host_memory_bytes)
        )?;
        writeln!(f, "files         {}", count(size.num_files_train))?;
        writeln!(f, "  by memory   {}", count(size.num_files_by_memory))?;
        writeln!(f, "  by steps    {}", count(size.num_files_by_steps))?;
        writeln!(f, "subfolders    {}", count(size.num_subfolders_train))?;
        writeln!(
            f,
            "nominal       {} ({} per file, {} per sample)",
            ByteSize(size.nominal_bytes),
            ByteSize(size.nominal_file_bytes),
            ByteSize(size.nominal_sample_bytes)
        )?;
        let at_most =
            if self.is_compressed { " at most: how far it compresses is not known" } else { "" };
        writeln!(f, "on disk       {}{at_most}", ByteSize(size.disk_bytes))?;
        let words = ["ringquet", "datagen", &self.workload];
        let overrides = self.typed.iter().chain(&size.overrides).map(|text| &**text);
        let words: Vec<&str> = words.into_iter().chain(overrides).collect();
        write!(f, "generate      {}", command_line::line(&words))
    }
}
