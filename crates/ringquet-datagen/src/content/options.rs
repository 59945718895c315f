//! What can be chosen about values.

use serde::{Deserialize, Serialize};

/// Choices that change the values of a data set. The manifest holds them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ContentOptions {
    /// Fraction of values, from 0 to below 1, that repeat an earlier value of their column chunk.
    /// Default 0: values of 24 bits and more do not come again while a dictionary has room, so that
    /// every entry is used once and nothing compresses. 0.9 leaves one new value in ten.
    pub repeat_fraction: f64,
    /// Floats of any bit pattern, NaN and infinities included, as DLIO writes them. Default false:
    /// all finite patterns, subnormals included, equally likely.
    pub raw_floats: bool,
}

impl Default for ContentOptions {
    fn default() -> Self {
        Self { repeat_fraction: 0.0, raw_floats: false }
    }
}
