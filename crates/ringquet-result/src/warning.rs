//! Warnings: the work continued, but the user should read them.

use std::fmt;

use serde::{Serialize, Serializer};

/// Defines [`WarningCode`] with the word of each code.
macro_rules! warning_codes {
    ($($(#[$doc:meta])* $code:ident = $word:literal,)*) => {
        /// What a warning is about: a stable word for scripts. All codes of all commands.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[non_exhaustive]
        pub enum WarningCode {
            $($(#[$doc])* #[cfg_attr(feature = "schema", schemars(rename = $word))] $code,)*
        }

        impl WarningCode {
            /// Every code.
            pub const ALL: &[WarningCode] = &[$(WarningCode::$code),*];

            /// As it is written in documents.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(WarningCode::$code => $word,)*
                }
            }
        }
    };
}

warning_codes! {
    /// io_uring cannot be used; reads or writes go through another driver.
    UringUnavailable = "uring_unavailable",
    /// `io_uring_register` is refused: neither buffers nor files are registered.
    UringRegisterRefused = "uring_register_refused",
    /// Buffers could not be registered.
    RegisteredBuffersUnavailable = "registered_buffers_unavailable",
    /// The table of files could not be registered.
    RegisteredFilesUnavailable = "registered_files_unavailable",
    /// No reserved huge pages are left for the arena.
    HugePagesUnavailable = "huge_pages_unavailable",
    /// Files whose names begin with `_` or `.` were skipped.
    HiddenFilesSkipped = "hidden_files_skipped",
    /// Symbolic links to directories were not followed.
    LinksNotFollowed = "links_not_followed",
    /// Entries that are neither regular files nor block devices were skipped.
    SpecialFilesSkipped = "special_files_skipped",
    /// Files that were named or found more than once count once.
    FilesListedTwice = "files_listed_twice",
    /// Files lie on a file system without O_DIRECT.
    DirectUnavailable = "direct_unavailable",
    /// Files lie on a file system in memory.
    MemoryFileSystem = "memory_file_system",
    /// RWF_DONTCACHE cannot be used.
    DontcacheUnavailable = "dontcache_unavailable",
    /// RWF_DONTCACHE has no effect on direct reads.
    DontcacheWithoutEffect = "dontcache_without_effect",
    /// Footers state another number of rows than their row groups have.
    RowCount = "row_count",
    /// The Arrow schema in footers was ignored.
    ArrowSchema = "arrow_schema",
    /// The device read less than was served: the rest came from a cache.
    PageCache = "page_cache",
    /// Arrow IPC: columns are written without their dictionaries.
    Dictionaries = "dictionaries",
    /// Names of files do not fit into fio's log.
    FioIologNames = "fio_iolog_names",
    /// A key of a workload is unknown to DLIO and to this tool.
    UnknownKey = "unknown_key",
    /// A key of a workload is known to DLIO but has no effect here.
    IneffectiveKey = "ineffective_key",
    /// A section of a workload is about something that this tool does not do.
    OutOfScope = "out_of_scope",
    /// DLIO itself writes uncompressed files whatever `dataset.compression` is.
    CompressionUnlikeDlio = "compression_unlike_dlio",
    /// With a codec the size can only be bounded, and the bound exceeds the free space.
    SpaceMayRunOut = "space_may_run_out",
    /// A listed file differed from the manifest and was written again.
    Rewritten = "rewritten",
    /// The files that were verified are a part of a data set.
    PartOfDataSet = "part_of_data_set",
    /// The work is done on one thread.
    OneThread = "one_thread",
    /// Accelerators run with a real-time policy, so AU depends on a privilege.
    AcceleratorsRealtime = "accelerators_realtime",
    /// The page cache could not be dropped.
    DropCachesFailed = "drop_caches_failed",
    /// The data set is smaller than memory.
    PotentialCaching = "potential_caching",
    /// Prefetched batches fill the memory.
    PrefetchMemory = "prefetch_memory",
    /// The run or search was stopped early.
    Incomplete = "incomplete",
    /// A measurement did not become steady.
    NotSteady = "not_steady",
    /// Something else used the CPUs during a measurement.
    Disturbed = "disturbed",
    /// Members of an array did unequal work.
    ArrayImbalance = "array_imbalance",
    /// A data set was read more slowly without decoding than with it.
    RawSlowerThanDecoding = "raw_slower_than_decoding",
    /// The test file fits into a cache.
    SmallTestFile = "small_test_file",
    /// Repeats of a layout differ too much.
    LayoutNoise = "layout_noise",
    /// What a debug build measures is worth nothing.
    DebugBuild = "debug_build",
}

impl fmt::Display for WarningCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for WarningCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A warning: something to know that stopped nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Warning {
    /// What it is about.
    pub code: WarningCode,
    /// One sentence with the numbers, and what to do.
    pub message: String,
}

impl Warning {
    /// A warning with its code.
    pub fn new(code: WarningCode, message: impl Into<String>) -> Warning {
        Warning { code, message: message.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_codes_have_the_same_word() {
        let mut words: Vec<_> = WarningCode::ALL.iter().map(|code| code.as_str()).collect();
        let count = words.len();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), count);
        let is_word = |word: &&str| word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        assert!(words.iter().all(is_word), "{words:?}");
    }

    /// Scripts rely on these words: one that changes breaks them.
    #[test]
    fn words_of_all_codes() {
        let words: Vec<&str> = WarningCode::ALL.iter().map(|code| code.as_str()).collect();
        ringquet_messages::assert_text!("WarningCode", words.join("\n"));
    }
}
