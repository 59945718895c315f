//! Writing a variant, reading it raw and decoded, and removing it.

use std::path::PathBuf;

use ringquet::report::{DriverReport, ScanReport};
use ringquet::{Batch, Dataset, StopFlag};
use ringquet_datagen::{DatagenOptions, Silent};
use ringquet_result::Warning;
use ringquet_workload::Loaded;

use crate::error::LayoutError;
use crate::variants::{self, Variant};
use crate::{LayoutOptions, VariantReport};

/// What measures variants one after the other.
pub(crate) struct VariantBench<'a> {
    small: Loaded,
    options: &'a LayoutOptions,
    stop: &'a StopFlag,
    driver: Option<DriverReport>,
    warnings: Vec<Warning>,
}

impl<'a> VariantBench<'a> {
    /// For variants of `small`.
    pub(crate) fn new(
        small: Loaded,
        options: &'a LayoutOptions,
        stop: &'a StopFlag,
    ) -> VariantBench<'a> {
        VariantBench { small, options, stop, driver: None, warnings: Vec::new() }
    }

    /// I/O driver of the reads, and warnings.
    pub(crate) fn finish(self) -> (Option<DriverReport>, Vec<Warning>) {
        (self.driver, self.warnings)
    }

    /// Writes, reads and removes `variant`.
    pub(crate) fn measure(&mut self, variant: Variant) -> Result<VariantReport, LayoutError> {
        let mut loaded = self.small.clone();
        variants::apply(&variant, &mut loaded.workload);
        let folder = loaded.workload.data_dir().join("variant");
        loaded.workload.dataset.data_folder = folder.clone();
        let options = DatagenOptions {
            content: self.options.content,
            pages: variant.pages,
            ..DatagenOptions::default()
        };
        let stop = self.stop.as_atomic();
        let generated = ringquet_datagen::generate(&loaded, &options, &Silent, stop);
        let generated = generated.map_err(|source| match source.is_stopped() {
            true => LayoutError::Stopped,
            false => {
                LayoutError::Generate { variant: variant.name.clone(), source: Box::new(source) }
            }
        })?;
        let measured = self.read(&loaded, folder.join("train"), &variant.name);
        let removed = std::fs::remove_dir_all(&folder);
        let (raw, decoded) = measured?;
        removed.map_err(|source| LayoutError::Folder { path: folder, source })?;
        Ok(report(variant, generated.bytes, raw, decoded))
    }

    /// Reads a variant raw and decoded, in turns.
    fn read(
        &mut self,
        loaded: &Loaded,
        folder: PathBuf,
        name: &str,
    ) -> Result<(Vec<ScanReport>, Vec<ScanReport>), LayoutError> {
        let fail =
            |source| LayoutError::Read { variant: name.to_owned(), source: Box::new(source) };
        let mut engine = self.options.engine.clone();
        if engine.columns.is_none() {
            let names = loaded.workload.dataset.parquet.read_column_names();
            engine.columns = Some(names.into_iter().map(str::to_owned).collect());
        }
        let dataset =
            Dataset::open_with(&[folder], engine).and_then(Dataset::require_all).map_err(fail)?;
        let (mut raw, mut decoded) = (Vec::new(), Vec::new());
        for _ in 0..self.options.repeats {
            raw.push(self.checked(dataset.scan().stop(self.stop).read_raw().map_err(fail)?, name)?);
            let visit = |batch: Batch| drop(std::hint::black_box(batch));
            decoded.push(
                self.checked(dataset.scan().stop(self.stop).visit(|_| visit).map_err(fail)?, name)?,
            );
        }
        Ok((raw, decoded))
    }

    fn checked(&mut self, scan: ScanReport, name: &str) -> Result<ScanReport, LayoutError> {
        if scan.stopped || self.stop.is_stopped() {
            return Err(LayoutError::Stopped);
        }
        if let Some(failure) = scan.failures.first() {
            return Err(LayoutError::Damaged {
                variant: name.to_owned(),
                file: failure.path.clone(),
                reason: failure.error.clone(),
            });
        }
        for warning in &scan.warnings {
            // The same of every variant, with other numbers: once is enough.
            if !self.warnings.iter().any(|known| known.code == warning.code) {
                self.warnings.push(warning.clone());
            }
        }
        self.driver.get_or_insert_with(|| scan.driver.clone());
        Ok(scan)
    }
}

fn report(
    variant: Variant,
    file_bytes: u64,
    mut raw: Vec<ScanReport>,
    mut decoded: Vec<ScanReport>,
) -> VariantReport {
    let by_time = |a: &ScanReport, b: &ScanReport| a.seconds.total_cmp(&b.seconds);
    raw.sort_by(by_time);
    decoded.sort_by(by_time);
    // Each has an entry per repeat, and there is at least one.
    let (raw, middle) = (&raw[raw.len() / 2], &decoded[decoded.len() / 2]);
    let rate =
        |amount: u64, seconds: f64| if seconds > 0.0 { amount as f64 / seconds } else { 0.0 };
    let rows = middle.rows;
    let slowest = decoded.last().map_or(0.0, |scan| scan.rows_per_second);
    VariantReport {
        variant,
        file_bytes,
        bytes_per_row: if rows > 0 { file_bytes as f64 / rows as f64 } else { 0.0 },
        read_bytes: raw.read_bytes,
        device_read_bytes: raw.device_read_bytes,
        raw_bytes_per_second: raw.read_bytes_per_second,
        device_bytes_per_second: raw.device_read_bytes.map(|bytes| rate(bytes, raw.seconds)),
        raw_rows_per_second: rate(rows, raw.seconds),
        rows_per_second: middle.rows_per_second,
        decoded_bytes_per_second: middle.decoded_bytes_per_second,
        rows_per_second_per_core: rate(rows, middle.decode_seconds),
        fallback_column_chunks: middle.decoder.fallback_column_chunks,
        rows_per_second_range: [slowest, decoded.first().map_or(0.0, |scan| scan.rows_per_second)],
    }
}
