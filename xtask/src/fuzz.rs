//! `cargo xtask fuzz [TARGET…] [--minutes N]`: hostile bytes for each layer, one target after another.
//!
//! Targets and their seeds lie in `tests/fuzz`; what the fuzzer finds interesting is kept in the target directory and
//! taken up again by the next run. A finding ends the verb with the path of the bytes that show it.

use anyhow::{Result, ensure};
use clap::ValueEnum;
use xshell::cmd;

use crate::workshop::Workshop;

/// Longest input of the decoder's targets, in bytes: the largest seed. Everything that a file can have fits, and small
/// inputs run fast.
const INPUT_BYTES_MAX: u32 = 4096;

/// Longest input of the targets of text: the results of a run, or the 200 columns of DLRM.
const TEXT_BYTES_MAX: u32 = 16 << 10;

/// One allocation, in MiB. What is decoded from an input is bounded well below; more means that a length was believed.
const MALLOC_MIB_MAX: u32 = 256;

/// Memory of the whole process, in MiB: the fuzzer's own tables take a few hundred under AddressSanitizer.
const RSS_MIB_MAX: u32 = 2048;

/// Seconds for one input, after which it counts as a hang. Ordinary ones take less than a millisecond.
const INPUT_SECONDS_MAX: u32 = 10;

/// A target, named after its layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Target {
    /// Thrift headers of pages
    PageHeader,
    /// Repetition and definition levels
    Levels,
    /// Dictionary pages, indices, bit-unpacking
    Dictionary,
    /// DELTA_BINARY_PACKED and the two for byte arrays
    Delta,
    /// PLAIN, BYTE_STREAM_SPLIT, booleans in runs
    Plain,
    /// Decompression
    Codecs,
    /// Footers
    Footer,
    /// Whole files, through both decoders
    File,
    /// Workload files
    Workload,
    /// Overrides of a workload
    Overrides,
    /// Manifests of data sets
    Manifest,
    /// Documents that `report` reads
    Documents,
    /// Folders of results that `check` and `report` read
    Results,
}

impl Target {
    fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    fn input_bytes_max(self) -> u32 {
        match self {
            Self::Workload | Self::Overrides | Self::Manifest | Self::Documents | Self::Results => {
                TEXT_BYTES_MAX
            }
            _ => INPUT_BYTES_MAX,
        }
    }
}

/// Needs cargo-fuzz. Sanitizer and coverage are options of the compiler that are not stable: the pinned toolchain takes them
/// when it is asked to, so that what is fuzzed is compiled by what compiles the rest.
pub(crate) fn run(workshop: &Workshop, targets: &[Target], minutes: u32) -> Result<()> {
    let sh = &workshop.sh;
    let _unstable = sh.push_env("RUSTC_BOOTSTRAP", "1");
    ensure!(
        workshop.has("cargo fuzz"),
        "fuzz needs cargo-fuzz: 'cargo install cargo-fuzz --locked'"
    );
    let all = Target::value_variants();
    let targets = if targets.is_empty() { all } else { targets };
    // A target directory of its own: everything is built again with other flags.
    let _target = sh.push_env("CARGO_TARGET_DIR", workshop.target.join("fuzz"));
    for target in targets {
        fuzz(workshop, *target, minutes)?;
    }
    Ok(())
}

fn fuzz(workshop: &Workshop, target: Target, minutes: u32) -> Result<()> {
    let sh = &workshop.sh;
    let name = target.name();
    let seeds = workshop.root.join("tests/fuzz/seeds").join(&name);
    let corpus = workshop.target.join("fuzz-corpus").join(&name);
    let findings = workshop.target.join("fuzz-findings").join(&name);
    sh.create_dir(&corpus)?;
    sh.create_dir(&findings)?;
    let options = [
        format!("-max_total_time={}", u64::from(minutes) * 60),
        format!("-max_len={}", target.input_bytes_max()),
        format!("-timeout={INPUT_SECONDS_MAX}"),
        format!("-malloc_limit_mb={MALLOC_MIB_MAX}"),
        format!("-rss_limit_mb={RSS_MIB_MAX}"),
        format!("-artifact_prefix={}/", findings.display()),
        "-print_final_stats=1".to_owned(),
    ];
    let result =
        cmd!(sh, "cargo fuzz run --fuzz-dir tests/fuzz {name} {corpus} {seeds} -- {options...}")
            .run();
    ensure!(result.is_ok(), "{name}: a finding, in {}", findings.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn every_folder_of_seeds_is_a_target() {
        let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fuzz/seeds");
        let folders = fs::read_dir(seeds).expect("the folder of seeds can be listed");
        let name = |entry: std::io::Result<fs::DirEntry>| {
            entry.expect("a folder of seeds").file_name().display().to_string()
        };
        let mut folders: Vec<String> = folders.map(name).collect();
        let mut targets: Vec<String> = Target::value_variants().iter().map(|t| t.name()).collect();
        folders.sort();
        targets.sort();
        assert_eq!(folders, targets);
    }
}
