//! What can be wrong with files of a data set.

use serde::Serialize;

/// What is wrong with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// Listed, but not there.
    Missing,
    /// There, but not listed.
    Extra,
    /// Shorter than listed.
    Truncated,
    /// Longer than listed.
    TooLong,
    /// Cannot be read or decoded.
    Unreadable,
    /// Schema, rows or row groups are not as listed.
    Structure,
    /// The values are not as listed.
    Content,
    /// The values are as listed, but bytes that no value depends on are not.
    Bytes,
    /// Listed twice, differently, by manifests of parts.
    Conflict,
    /// Data generation did not finish.
    Incomplete,
}

/// Something wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Problem {
    /// Relative to the data folder.
    pub file: String,
    /// What it is.
    pub kind: ProblemKind,
    /// One sentence with the numbers: for content, the first difference with row group, column and
    /// row.
    pub text: String,
}

/// What is wrong with a file, and a sentence about it.
pub(crate) type Defect = (ProblemKind, String);
