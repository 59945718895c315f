//! Sizes of legacy records, which may vary from file to file.
//!
//! Without `record_dims` a record is a square of side floor(√record_length). With
//! `record_length_bytes_stdev` both sides are drawn per file by NumPy's legacy generator from seed
//! 10, training files first: `max(int(normal(side, stdev / 2 / √record_length)), 1)`. 16,384 bytes
//! ± 4,096 give 149 × 139, 103 × 127, 137 × 116, … The draws are reproduced bit by bit, so the
//! sizes equal those of files that DLIO wrote.

use crate::dataset::Dataset;
use crate::mt19937::Mt19937;

/// DLIO's seed for everything that it generates.
const SEED: u32 = 10;

/// Both sides of a record; their product is its number of elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dimensions {
    /// First dimension.
    pub dim1: u64,
    /// Product of the others.
    pub dim2: u64,
}

impl Dimensions {
    /// Elements of a record.
    pub fn elements(self) -> u64 {
        self.dim1.saturating_mul(self.dim2)
    }
}

impl Dataset {
    /// Whether legacy records differ in size from file to file.
    pub fn has_varying_dimensions(&self) -> bool {
        self.record_dims.is_empty() && self.record_length_bytes_stdev > 0.0
    }

    /// The dimensions of the legacy records of every file, training files (all that are generated)
    /// before evaluation files. The iterator holds no list.
    pub fn legacy_dimensions(&self) -> impl Iterator<Item = Dimensions> + use<> {
        let files =
            self.num_files_total(crate::DatasetType::Train).saturating_add(self.num_files_eval);
        let files = usize::try_from(files).unwrap_or(usize::MAX);
        let fixed = match self.record_dims.split_first() {
            Some((dim1, rest)) => Dimensions { dim1: *dim1, dim2: rest.iter().product() },
            None => {
                let side = self.legacy_record_bytes().isqrt();
                Dimensions { dim1: side, dim2: side }
            }
        };
        let length = self.legacy_record_bytes() as f64;
        let stdev = self.record_length_bytes_stdev / 2.0 / length.sqrt();
        let varies = self.has_varying_dimensions();
        let mut rng = Mt19937::new(SEED);
        let mut side = move || {
            let drawn =
                rng.normal(fixed.dim1 as f64, stdev).trunc().clamp(1.0, f64::from(i32::MAX));
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "whole, from 1 to 2^31: exact"
            )]
            let side = drawn as u64;
            side
        };
        std::iter::repeat_with(move || {
            if varies { Dimensions { dim1: side(), dim2: side() } } else { fixed }
        })
        .take(files)
    }
}
