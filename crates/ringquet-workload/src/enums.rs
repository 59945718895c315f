//! DLIO's enumerations with DLIO's strings.
//!
//! Parsing is exact, as it is there, and a failure lists what is accepted. A few names were added
//! by one line of DLIO or another: `parquet` by its Parquet support, `snappy`, `lz4` and `zstd` by
//! its first and second generation, `direct_fs` by MLPerf Storage v3. All of them are taken here.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// A string that is none of an enumeration's names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{value}` is not a {kind}; expected one of {accepted}")]
pub struct UnknownName {
    /// The enumeration, e.g. `FormatType`.
    pub kind: &'static str,
    /// The string that was given.
    pub value: String,
    /// All names, separated by commas.
    pub accepted: String,
}

/// An enumeration whose values have DLIO's names.
pub trait Named: Copy + Sized + 'static {
    /// The name of the enumeration in DLIO.
    const KIND: &'static str;
    /// All values, in DLIO's order.
    const ALL: &'static [Self];

    /// DLIO's string for the value.
    fn name(self) -> &'static str;

    /// The names of all values, separated by commas.
    fn accepted() -> String {
        let names: Vec<&str> = Self::ALL.iter().map(|value| value.name()).collect();
        names.join(", ")
    }

    /// The value of that name.
    ///
    /// # Errors
    /// [`UnknownName`], which lists the names, if there is none.
    fn parse_name(text: &str) -> Result<Self, UnknownName> {
        Self::ALL.iter().copied().find(|value| value.name() == text).ok_or_else(|| UnknownName {
            kind: Self::KIND,
            value: text.to_owned(),
            accepted: Self::accepted(),
        })
    }
}

macro_rules! named {
    ($(#[$outer:meta])* $kind:ident { $($(#[$inner:meta])* $value:ident = $name:literal,)+ }) => {
        $(#[$outer])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        pub enum $kind {
            $(
                #[doc = concat!("`", $name, "`.")] $(#[$inner])*
                #[cfg_attr(feature = "schema", schemars(rename = $name))]
                $value,
            )+
        }

        impl Named for $kind {
            const KIND: &'static str = stringify!($kind);
            const ALL: &'static [Self] = &[$(Self::$value,)+];

            fn name(self) -> &'static str {
                match self { $(Self::$value => $name,)+ }
            }
        }

        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }

        impl FromStr for $kind {
            type Err = UnknownName;

            fn from_str(text: &str) -> Result<Self, UnknownName> {
                Self::parse_name(text)
            }
        }

        impl Serialize for $kind {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }
    };
}
pub(crate) use named;

named! {
    /// Format of the data files, and their extension. This tool moves `parquet` only; the others
    /// parse, so that any DLIO workload loads and is refused by name where it matters.
    FormatType {
        Tfrecord = "tfrecord",
        Hdf5 = "hdf5",
        Csv = "csv",
        Npz = "npz",
        Npy = "npy",
        Hdf5Opt = "hdf5_opt",
        Jpeg = "jpeg",
        Png = "png",
        IndexedBinary = "indexed_binary",
        MmapIndexedBinary = "mmap_indexed_binary",
        Synthetic = "synthetic",
        Parquet = "parquet",
    }
}

named! {
    /// Codec of the data files. Parquet has `none`, `snappy`, `gzip`, `lz4` (written as LZ4_RAW)
    /// and `zstd`.
    Compression {
        None = "none",
        Gzip = "gzip",
        Lzf = "lzf",
        Bz2 = "bz2",
        Zip = "zip",
        Xz = "xz",
        Snappy = "snappy",
        Lz4 = "lz4",
        Zstd = "zstd",
    }
}

named! {
    /// Order of files or samples. The fork treats `seed` and `random` alike, and so does this tool:
    /// a run is a function of its seed.
    Shuffle {
        /// In YAML the bare word is the boolean `false`; both spellings mean this.
        Off = "off",
        Seed = "seed",
        Random = "random",
    }
}

named! {
    /// Whether files stay in memory between samples.
    ReadType {
        Memory = "memory",
        OnDemand = "on_demand",
    }
}

named! {
    /// How ranks share a file.
    FileAccess {
        Multi = "multi",
        Shared = "shared",
        Collective = "collective",
        Mpio = "mpio",
        Posix = "posix",
    }
}

named! {
    /// The framework that is played.
    FrameworkType {
        Tensorflow = "tensorflow",
        Pytorch = "pytorch",
    }
}

named! {
    /// The framework's data loader. Here the engine is always the loader; the name is kept.
    DataLoaderType {
        Tensorflow = "tensorflow",
        Pytorch = "pytorch",
        Dali = "dali",
        NativeDali = "native_dali",
        Custom = "custom",
        None = "none",
        Synthetic = "synthetic",
    }
}

named! {
    /// How samples are dealt to ranks.
    DataLoaderSampler {
        Iterative = "iterative",
        Index = "index",
        None = "none",
    }
}

named! {
    /// Where the files lie.
    StorageType {
        LocalFs = "local_fs",
        ParallelFs = "parallel_fs",
        DirectFs = "direct_fs",
        S3 = "s3",
        Aistore = "aistore",
    }
}

named! {
    /// The two halves of a data set; also the names of their folders.
    DatasetType {
        Train = "train",
        Valid = "valid",
    }
}

named! {
    /// DLIO's profilers.
    Profiler {
        None = "none",
        Iostat = "iostat",
        Darshan = "darshan",
        Tensorboard = "tensorboard",
    }
}

named! {
    /// Which of the two legacy schemas a data set without `parquet.columns` has. The key
    /// `dataset.parquet.legacy` is this tool's own.
    LegacySchema {
        /// `data`: `fixed_size_list<uint8>`, as MLPerf Storage v3's DLIO writes it.
        Fork = "fork",
        /// `data`: `list<int64>`, as the first Parquet support wrote it.
        Seed = "seed",
    }
}
