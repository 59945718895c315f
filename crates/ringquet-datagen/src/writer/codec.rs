//! Compressing pages, with the formats and levels that PyArrow takes.

use std::io::{self, Write as _};

use ringquet_workload::Compression;

/// Arrow's default level of gzip.
const GZIP_LEVEL: u32 = 9;
/// Arrow's default level of zstd.
const ZSTD_LEVEL: u32 = 1;

/// Compresses pages of one file; contexts are reused.
pub(crate) enum PageCodec {
    None,
    Snappy(Box<snap::raw::Encoder>),
    Gzip(flate2::Compression),
    /// Blocks without a frame.
    Lz4Raw,
    Zstd(Box<zstd::bulk::Compressor<'static>>),
}

impl PageCodec {
    /// The codec of `compression`, at Arrow's level if `level` is none. Those that Parquet does not
    /// have are refused when a workload is loaded; they count as none.
    pub(crate) fn new(compression: Compression, level: Option<u32>) -> io::Result<Self> {
        Ok(match compression {
            Compression::Snappy => Self::Snappy(Box::new(snap::raw::Encoder::new())),
            Compression::Gzip => {
                Self::Gzip(flate2::Compression::new(level.unwrap_or(GZIP_LEVEL).min(9)))
            }
            Compression::Lz4 => Self::Lz4Raw,
            Compression::Zstd => {
                let level = level.unwrap_or(ZSTD_LEVEL).min(22).cast_signed();
                Self::Zstd(Box::new(zstd::bulk::Compressor::new(level)?))
            }
            _ => Self::None,
        })
    }

    /// Parquet's number of the codec.
    pub(crate) fn id(&self) -> i32 {
        match self {
            Self::None => 0,
            Self::Snappy(_) => 1,
            Self::Gzip(_) => 2,
            Self::Zstd(_) => 6,
            Self::Lz4Raw => 7,
        }
    }

    /// `page` compressed. `None` if there is no codec.
    pub(crate) fn compress(&mut self, page: &[u8]) -> io::Result<Option<Vec<u8>>> {
        Ok(Some(match self {
            Self::None => return Ok(None),
            Self::Snappy(encoder) => encoder.compress_vec(page).map_err(io::Error::other)?,
            Self::Gzip(level) => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), *level);
                encoder.write_all(page)?;
                encoder.finish()?
            }
            Self::Lz4Raw => lz4_flex::block::compress(page),
            Self::Zstd(compressor) => compressor.compress(page)?,
        }))
    }
}
