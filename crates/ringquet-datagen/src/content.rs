//! The values of a data set, from its seed: a value is a function of the key of its column chunk and of its number.

pub(crate) mod options;

// every value by its number
pub(crate) mod random;

// which number stands where
mod domain;
mod ordinals;

// values as arrays: of a column chunk, of a row group
pub(crate) mod column;
pub(crate) mod row_group;

/// Which function makes values from the seed. It changes when the same seed begins to give others.
pub const GENERATOR: u32 = 2;
