//! The writer of a file (`created_by`), and the bugs that writers of that name and version had.

/// Writers that count the page headers in the size of a column chunk, by how `created_by` begins.
const COUNT_RIGHT: [&str; 9] = [
    "parquet-cpp-arrow ",
    "parquet-rs ",
    "parquet-go ",
    "github.com/parquet-go/",
    "DuckDB ",
    "Polars",
    "ClickHouse ",
    "Velox",
    "ringquet",
];

/// The first release of parquet-mr that counts them.
const PARQUET_MR_COUNTS_RIGHT: Version = [1, 2, 9];

/// The first releases whose v2 data pages state whether they are compressed. (ARROW-10353, ARROW-17100) parquet-cpp became
/// parquet-cpp-arrow after version 1.5.1.
const SAY_COMPRESSED: [(&str, Version); 2] =
    [("parquet-cpp", [2, 0, 0]), ("parquet-cpp-arrow", [3, 0, 0])];

type Version = [u64; 3];

/// A writer as it calls itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct CreatedBy<'a>(Option<&'a str>);

impl<'a> CreatedBy<'a> {
    pub(super) fn new(created_by: Option<&'a str>) -> Self {
        Self(created_by)
    }

    /// Its version, when it is `application`. Numbers that are missing are 0.
    fn version_of(self, application: &str) -> Option<Version> {
        let version = self.0?.strip_prefix(application)?.strip_prefix(" version ")?;
        let numbers = version.split(|c: char| !c.is_ascii_digit());
        let mut numbers = numbers.map_while(|number| number.parse().ok());
        Some([(); 3].map(|()| numbers.next().unwrap_or(0)))
    }

    /// Whether the size that it announces of a column chunk may leave out a page header.
    pub(super) fn may_leave_out_headers(self) -> bool {
        if let Some(version) = self.version_of("parquet-mr") {
            return version < PARQUET_MR_COUNTS_RIGHT;
        }
        let counts_right =
            |created_by: &str| COUNT_RIGHT.iter().any(|writer| created_by.starts_with(writer));
        !self.0.is_some_and(counts_right)
    }

    /// Whether its v2 data pages are compressed by the codec of their chunk, although their headers deny it.
    pub(super) fn denies_compression(self) -> bool {
        SAY_COMPRESSED
            .into_iter()
            .any(|(writer, first)| self.version_of(writer).is_some_and(|version| version < first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writers_that_may_leave_headers_out() {
        for (created_by, expect) in [
            (None, true),
            (Some("parquet-mr version 1.2.8 (build 0)"), true),
            (Some("parquet-mr version 1.2"), true),
            (Some("parquet-mr version 1.2.9"), false),
            (Some("parquet-mr version 1.13.1 (build 0)"), false),
            (Some("parquet-mr"), true),
            (Some("parquet-cpp version 1.1.1"), true),
            (Some("parquet-cpp-arrow version 26.0.1"), false),
            (Some("parquet-rs version 60.1.0"), false),
            (Some("impala version 1.2 (build 0)"), true),
        ] {
            let writer = CreatedBy::new(created_by);
            assert_eq!(writer.may_leave_out_headers(), expect, "{created_by:?}");
        }
    }

    #[test]
    fn writers_that_deny_compression() {
        for (created_by, expect) in [
            (None, false),
            (Some("parquet-cpp version 1.5.1-SNAPSHOT"), true),
            (Some("parquet-cpp-arrow version 1.0.0"), true),
            (Some("parquet-cpp-arrow version 2.0.0-SNAPSHOT"), true),
            (Some("parquet-cpp-arrow version 3.0.0"), false),
            (Some("parquet-cpp-arrow version 26.0.1"), false),
            (Some("parquet-mr version 1.2.8"), false),
        ] {
            assert_eq!(CreatedBy::new(created_by).denies_compression(), expect, "{created_by:?}");
        }
    }
}
