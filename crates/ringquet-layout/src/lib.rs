//! Compares file layouts: small variants of a workload's data are written to and read from the
//! storage that is to hold it.
//!
//! ```text
//!  workload ─▶ variants ─▶ for each: generate ─▶ open ─▶ read raw ─┐ × repeats ─▶ remove
//!               one change each                         decode ────┘
//!                          └─▶ the best of each kind of change together, as one more ─▶ pick
//! ```
//! All variants hold the same rows. They are written to a folder of their own in the data folder and
//! are removed again, even if an error or the stop flag ends the work.
//!
//! The pick is the variant with the most rows per second here; among those that are about as fast,
//! the smallest.

mod error;
mod measure;
mod pick;
mod scratch;
mod variants;

use ringquet_result::{OptionError, Warning};
use std::time::Instant;

use ringquet::StopFlag;
use ringquet::engine::EngineOptions;
use ringquet::report::DriverReport;
use ringquet_datagen::ContentOptions;
use ringquet_workload::Loaded;
use serde::Serialize;

pub use error::LayoutError;
pub use pick::PickedVariant;
pub use variants::{Variant, VariantChange};

/// Lower bound of [`LayoutOptions::size_bytes`]: below it, opening files takes longer than reading them.
const SIZE_BYTES_MIN: u64 = 1 << 20;
/// Bound of [`LayoutOptions::repeats`].
const REPEATS_MAX: u32 = 100;

/// What is compared, and how.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LayoutOptions {
    /// Decoded size of the files of one variant, about; at least 1 MiB. On disk there is one variant
    /// at a time.
    pub size_bytes: u64,
    /// How often each variant is read; medians count. 1 to 100.
    pub repeats: u32,
    /// The values: whether they repeat decides what dictionaries and codecs can do.
    pub content: ContentOptions,
    /// The engine. `columns` left open come from the workload.
    #[serde(flatten)]
    pub engine: EngineOptions,
}

impl Default for LayoutOptions {
    fn default() -> Self {
        Self {
            size_bytes: 128 << 20,
            repeats: 3,
            content: ContentOptions::default(),
            engine: EngineOptions::default(),
        }
    }
}

impl LayoutOptions {
    fn check(&self) -> Result<(), LayoutError> {
        if self.size_bytes < SIZE_BYTES_MIN {
            return Err(OptionError::new(
                "size_bytes",
                self.size_bytes,
                format!("must be at least {SIZE_BYTES_MIN} bytes"),
            )
            .into());
        }
        if !(1..=REPEATS_MAX).contains(&self.repeats) {
            return Err(OptionError::new(
                "repeats",
                self.repeats,
                format!("must be 1 to {REPEATS_MAX}"),
            )
            .into());
        }
        Ok(())
    }
}

/// How far the comparison is.
#[derive(Debug, Clone)]
pub struct LayoutProgress {
    /// Variants that are done.
    pub done: u64,
    /// Variants in all, as far as is known.
    pub variants: u64,
    /// The one at hand.
    pub name: String,
}

/// One variant, measured. Times are medians of the repeats.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VariantReport {
    /// What is changed, in few words.
    #[serde(flatten)]
    pub variant: Variant,
    /// Bytes of its files.
    pub file_bytes: u64,
    /// `file_bytes` by rows.
    pub bytes_per_row: f64,
    /// Bytes of one raw read of the selected columns.
    pub read_bytes: u64,
    /// Bytes that the devices read meanwhile; `None` if they have no counter.
    pub device_read_bytes: Option<u64>,
    /// Raw read bytes per second.
    pub raw_bytes_per_second: f64,
    /// Bytes per second of the devices during the raw read.
    pub device_bytes_per_second: Option<f64>,
    /// Rows per second, read and not decoded.
    pub raw_rows_per_second: f64,
    /// Rows per second, read and decoded by all threads.
    pub rows_per_second: f64,
    /// Decoded bytes per second.
    pub decoded_bytes_per_second: f64,
    /// Rows by the seconds that threads spent decoding: what one core decodes when data is there.
    pub rows_per_second_per_core: f64,
    /// Column chunks that no fast kernel decoded.
    pub fallback_column_chunks: u64,
    /// The fastest and the slowest of the repeats, as rows per second, decoded.
    pub rows_per_second_range: [f64; 2],
}

/// The comparison.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LayoutReport {
    /// `model.name` of the workload.
    pub model: String,
    /// Rows of each variant.
    pub rows: u64,
    /// Files of each variant.
    pub files: u64,
    /// How often each was read.
    pub repeats: u32,
    /// All of it, generating included.
    pub seconds: f64,
    /// The variants, the workload's own layout first.
    pub variants: Vec<VariantReport>,
    /// The one to write.
    pub picked: PickedVariant,
    /// I/O driver of the reads.
    pub driver: DriverReport,
    /// Warnings.
    pub warnings: Vec<Warning>,
}

/// Compares layouts of `loaded`'s data where its data folder is.
///
/// # Errors
/// [`LayoutError`]; the files are removed however the comparison ends.
pub fn compare(
    loaded: &Loaded,
    options: &LayoutOptions,
    progress: &dyn Fn(LayoutProgress),
    stop: &StopFlag,
) -> Result<LayoutReport, LayoutError> {
    options.check()?;
    loaded.workload.require_local_parquet()?;
    let begun = Instant::now();
    let scratch = scratch::Scratch::new(&loaded.workload.data_dir())?;
    let small = variants::small(loaded, options, scratch.folder())?;
    let (rows, files) = (variants::rows(&small), small.workload.dataset.num_files_train);
    let all = variants::list(&small.workload);
    let mut bench = measure::VariantBench::new(small, options, stop);
    // The first variant would pay for what is made once: threads, caches, a device that slept.
    if let Some(variant) = all.first() {
        progress(LayoutProgress {
            done: 0,
            variants: all.len() as u64 + 1,
            name: "warming up".to_owned(),
        });
        bench.measure(variant.clone())?;
    }
    // One more may follow: the best of each kind of change together.
    let variants = all.len() as u64 + 1;
    let mut done: Vec<VariantReport> = Vec::new();
    for variant in all {
        let name = variant.name.clone();
        progress(LayoutProgress { done: done.len() as u64, variants, name });
        done.push(bench.measure(variant)?);
    }
    if let Some(variant) = pick::together(&done) {
        let name = variant.name.clone();
        progress(LayoutProgress { done: done.len() as u64, variants, name });
        done.push(bench.measure(variant)?);
    }
    let (driver, mut warnings) = bench.finish();
    warnings.extend(pick::noise(&done));
    Ok(LayoutReport {
        model: loaded.workload.model.name.clone(),
        rows,
        files,
        repeats: options.repeats,
        seconds: begun.elapsed().as_secs_f64(),
        picked: pick::pick(&done).ok_or(LayoutError::Nothing)?,
        variants: done,
        driver: driver.ok_or(LayoutError::Nothing)?,
        warnings,
    })
}
