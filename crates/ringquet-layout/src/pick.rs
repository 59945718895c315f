//! Which variant to write, and which to try together.

use ringquet_result::{Warning, WarningCode};
use serde::Serialize;

use crate::VariantReport;
use crate::variants::{Variant, VariantChange};

/// Variants within this share of the fastest count as equally fast: repeats differ by as much.
const EQUALLY_FAST: f64 = 0.97;

/// A change has to be this much faster than the workload's own layout before it is tried together
/// with others.
const WORTH_TRYING: f64 = 1.03;

/// Repeats that differ by more than this share of their middle make a comparison doubtful.
const NOISE: f64 = 0.25;

/// A warning if the repeats of some variants differ much.
pub(crate) fn noise(all: &[VariantReport]) -> Option<Warning> {
    let spread = |report: &VariantReport| {
        let [slowest, fastest] = report.rows_per_second_range;
        (fastest - slowest) / report.rows_per_second.max(f64::MIN_POSITIVE)
    };
    let noisy = all.iter().filter(|report| spread(report) > NOISE).count();
    let most = all.iter().map(spread).fold(0.0, f64::max);
    (noisy > 0).then(|| {
        let message = format!(
            "repeats of {noisy} of {} layouts differ by more than {:.0} %, at most by {:.0} %: something else uses the CPUs or the device, so the pick is uncertain; use more `repeats` or a larger `size_bytes`",
            all.len(),
            100.0 * NOISE,
            100.0 * most
        );
        Warning::new(WarningCode::LayoutNoise, message)
    })
}

/// The variant to write.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PickedVariant {
    /// Its name.
    pub name: String,
    /// Why, with the numbers.
    pub why: String,
    /// What to change in the workload and in the options of `datagen`.
    pub settings: Vec<String>,
    /// Of the variant.
    pub rows_per_second: f64,
    /// Of the variant.
    pub rows_per_second_per_core: f64,
    /// Of the variant.
    pub raw_bytes_per_second: f64,
    /// Of the variant.
    pub bytes_per_row: f64,
}

/// The smallest of those that are about as fast as the fastest.
pub(crate) fn pick(all: &[VariantReport]) -> Option<PickedVariant> {
    let own = all.first()?;
    let fastest = all.iter().max_by(|a, b| a.rows_per_second.total_cmp(&b.rows_per_second))?;
    let most = fastest.rows_per_second;
    // What one of its own repeats reached cannot be distinguished from it: that keeps the workload's own layout. Another one has to be
    // more alike, each having reached the other's middle, and no slower than the own.
    let is_fast = |report: &&VariantReport| {
        let has_reached = report.rows_per_second_range[1] >= most;
        let is_alike = fastest.rows_per_second_range[0] <= report.rows_per_second
            && report.rows_per_second >= EQUALLY_FAST * own.rows_per_second;
        let is_own = report.variant.name == own.variant.name;
        report.rows_per_second >= EQUALLY_FAST * most || (has_reached && (is_own || is_alike))
    };
    let fast = all.iter().filter(is_fast);
    // Of equals the first, which has fewer changes.
    let picked = fast.min_by_key(|report| report.file_bytes)?;
    let times = |value: f64, of: f64| if of > 0.0 { value / of } else { 1.0 };
    let why = if picked.variant.name == own.variant.name {
        "no other layout delivers more rows per second here, by more than 3 % and than its repeats differ, or as many from fewer bytes".to_owned()
    } else {
        format!(
            "{:.2} times the rows per second of the workload's own layout, from {:.2} times its bytes",
            times(picked.rows_per_second, own.rows_per_second),
            times(picked.bytes_per_row, own.bytes_per_row),
        )
    };
    Some(PickedVariant {
        name: picked.variant.name.clone(),
        why,
        settings: picked.variant.settings(&own.variant),
        rows_per_second: picked.rows_per_second,
        rows_per_second_per_core: picked.rows_per_second_per_core,
        raw_bytes_per_second: picked.raw_bytes_per_second,
        bytes_per_row: picked.bytes_per_row,
    })
}

/// The best change of each kind together, where at least two kinds are worth it.
pub(crate) fn together(all: &[VariantReport]) -> Option<Variant> {
    let own = all.first()?;
    let mut variant = own.variant.clone();
    let mut names = Vec::new();
    for kind in [
        VariantChange::RowGroup,
        VariantChange::Page,
        VariantChange::Encoding,
        VariantChange::Compression,
    ] {
        let of_kind = all.iter().filter(|report| report.variant.change == kind);
        let best = of_kind.max_by(|a, b| a.rows_per_second.total_cmp(&b.rows_per_second));
        let Some(best) = best else { continue };
        let [slowest, _] = best.rows_per_second_range;
        if best.rows_per_second < WORTH_TRYING * own.rows_per_second
            || slowest < own.rows_per_second_range[1]
        {
            continue;
        }
        names.push(best.variant.name.clone());
        match kind {
            VariantChange::RowGroup => variant.row_group_rows = best.variant.row_group_rows,
            VariantChange::Page => variant.pages.page_bytes = best.variant.pages.page_bytes,
            VariantChange::Encoding => {
                variant.pages.dictionary = best.variant.pages.dictionary;
                variant.pages.byte_stream_split = best.variant.pages.byte_stream_split;
            }
            _ => variant.compression = best.variant.compression,
        }
    }
    variant.name = names.join(", ");
    variant.change = VariantChange::Together;
    (names.len() >= 2).then_some(variant)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringquet_datagen::PageOptions;
    use ringquet_workload::Compression;

    fn report(
        name: &str,
        change: VariantChange,
        rows_per_second: f64,
        file_bytes: u64,
    ) -> VariantReport {
        let pages =
            PageOptions { dictionary: change != VariantChange::Encoding, ..PageOptions::default() };
        let row_group_rows = if change == VariantChange::RowGroup { 10 } else { 5 };
        VariantReport {
            variant: Variant {
                name: name.to_owned(),
                change,
                row_group_rows,
                pages,
                compression: Compression::None,
            },
            file_bytes,
            bytes_per_row: file_bytes as f64,
            read_bytes: 0,
            device_read_bytes: None,
            raw_bytes_per_second: 0.0,
            device_bytes_per_second: None,
            raw_rows_per_second: 0.0,
            rows_per_second,
            decoded_bytes_per_second: 0.0,
            rows_per_second_per_core: 0.0,
            fallback_column_chunks: 0,
            rows_per_second_range: [rows_per_second; 2],
        }
    }

    #[test]
    fn the_smallest_of_the_fastest() {
        let all = [
            report("own", VariantChange::Nothing, 100.0, 50),
            report("fastest", VariantChange::Encoding, 201.0, 40),
            report("as fast, smaller", VariantChange::RowGroup, 200.0, 30),
            report("smallest, slow", VariantChange::Compression, 90.0, 10),
        ];
        let picked = pick(&all).unwrap();
        assert_eq!(picked.name, "as fast, smaller");
        assert!(
            picked.why.starts_with("2.00 times the rows") && picked.why.contains("0.60 times"),
            "{}",
            picked.why
        );
        assert_eq!(picked.settings, ["dataset.parquet.row_group_size=10"]);
        assert_eq!(pick(&[]), None);
    }

    #[test]
    fn what_repeats_cannot_tell_apart_is_equally_fast() {
        let mut all = [
            report("own", VariantChange::Nothing, 100.0, 50),
            report("fastest", VariantChange::Encoding, 120.0, 60),
        ];
        assert_eq!(pick(&all).unwrap().name, "fastest");
        assert_eq!(noise(&all), None);
        all[0].rows_per_second_range = [90.0, 125.0];
        assert_eq!(pick(&all).unwrap().name, "own");
        assert!(noise(&all).unwrap().message.starts_with("repeats of 1 of 2 layouts"));
    }

    /// However far its repeats lie apart, and however few bytes it has.
    #[test]
    fn a_slower_layout_is_not_picked_for_one_lucky_repeat() {
        let mut all = [
            report("own", VariantChange::Nothing, 100.0, 50),
            report("lucky", VariantChange::Encoding, 90.0, 20),
            report("fastest", VariantChange::Page, 110.0, 50),
        ];
        all[1].rows_per_second_range = [60.0, 130.0];
        all[2].rows_per_second_range = [80.0, 115.0];
        assert_eq!(pick(&all).unwrap().name, "fastest");
        all[1].rows_per_second = 101.0;
        assert_eq!(pick(&all).unwrap().name, "lucky");
    }

    #[test]
    fn nothing_better_is_the_workloads_own() {
        let all = [
            report("own", VariantChange::Nothing, 100.0, 50),
            report("x", VariantChange::Page, 102.0, 50),
        ];
        let picked = pick(&all).unwrap();
        assert_eq!((picked.name.as_str(), picked.settings.len()), ("own", 0));
        assert_eq!(together(&all), None);
    }

    #[test]
    fn the_best_of_two_kinds_are_tried_together() {
        let all = [
            report("own", VariantChange::Nothing, 100.0, 50),
            report("plain", VariantChange::Encoding, 150.0, 40),
            report("large", VariantChange::RowGroup, 120.0, 50),
            report("snappy", VariantChange::Compression, 80.0, 50),
        ];
        let variant = together(&all).unwrap();
        assert_eq!(variant.name, "large, plain");
        assert_eq!((variant.row_group_rows, variant.pages.dictionary), (10, false));
        assert_eq!(variant.change, VariantChange::Together);
    }
}
