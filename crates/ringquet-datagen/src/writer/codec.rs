//! Compressing pages, with the formats and levels that PyArrow takes.

use std::io::{self, Write as _};

use ringquet_decode::Codec;

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
    /// A compressor of `codec`, at Arrow's level if `level` is none.
    ///
    /// # Errors
    /// Of a codec that is only read here, or a context that cannot be made.
    pub(crate) fn new(codec: Codec, level: Option<u32>) -> io::Result<Self> {
        Ok(match codec {
            Codec::Uncompressed => Self::None,
            Codec::Snappy => Self::Snappy(Box::new(snap::raw::Encoder::new())),
            Codec::Gzip => Self::Gzip(flate2::Compression::new(level.unwrap_or(GZIP_LEVEL).min(9))),
            Codec::Lz4Raw => Self::Lz4Raw,
            Codec::Zstd => {
                let level = level.unwrap_or(ZSTD_LEVEL).min(22).cast_signed();
                Self::Zstd(Box::new(zstd::bulk::Compressor::new(level)?))
            }
            Codec::Brotli | Codec::Lz4Hadoop => {
                return Err(io::Error::other(format!("{codec} is not written")));
            }
        })
    }

    /// Which one.
    pub(crate) fn codec(&self) -> Codec {
        match self {
            Self::None => Codec::Uncompressed,
            Self::Snappy(_) => Codec::Snappy,
            Self::Gzip(_) => Codec::Gzip,
            Self::Lz4Raw => Codec::Lz4Raw,
            Self::Zstd(_) => Codec::Zstd,
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
