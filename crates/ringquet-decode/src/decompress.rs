//! Decompression of pages, into memory that the caller gives.
//!
//! A page header says how long the page is after decompression. That length is trusted only as far as the compressed
//! bytes can justify it ([`check_expansion`]), the decompressors write into exactly that much, and a page that gives
//! less or more is an error. Contexts live as long as their [`Decompressor`], one per reader thread.

use std::fmt;
use std::io::Read;

use crate::codec::Codec;
use crate::error::Fault;

/// Page lengths up to this many bytes are allocated without asking how the compressed bytes could become that long:
/// headers and constants of the formats would otherwise matter for tiny pages.
const EXPANSION_FREE_BYTES: u64 = 1 << 16;

/// Checks that `source` compressed bytes can become `target` bytes, before anyone allocates for them.
pub(crate) fn check_expansion(codec: Codec, source: usize, target: usize) -> Result<(), Fault> {
    let bound_bytes =
        (source as u64).saturating_mul(codec.expansion_max()).max(EXPANSION_FREE_BYTES);
    if target as u64 > bound_bytes {
        let what = "decompressed page";
        return Err(Fault::WouldOverAllocate { what, wanted_bytes: target as u64, bound_bytes });
    }
    Ok(())
}

/// Contexts of all codecs, made when first needed and kept.
#[derive(Default)]
pub(crate) struct Decompressor {
    snappy: snap::raw::Decoder,
    zstd: Option<zstd::bulk::Decompressor<'static>>,
    inflate: Option<Box<flate2::Decompress>>,
}

impl fmt::Debug for Decompressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decompressor").finish_non_exhaustive()
    }
}

impl Decompressor {
    /// Decompresses `source` so that it fills `target` exactly.
    pub(crate) fn decompress(
        &mut self,
        codec: Codec,
        source: &[u8],
        target: &mut [u8],
    ) -> Result<(), Fault> {
        // A page without values may have no compressed bytes at all.
        if target.is_empty() {
            return Ok(());
        }
        let wanted = target.len();
        let written = match codec {
            Codec::Uncompressed if source.len() == wanted => {
                target.copy_from_slice(source);
                Ok(wanted)
            }
            Codec::Uncompressed => Ok(source.len()),
            Codec::Snappy => self.snappy(source, target),
            Codec::Gzip => self.gzip(source, target),
            Codec::Brotli => read_exactly(brotli::Decompressor::new(source, 4096), target),
            Codec::Zstd => self.zstd(source, target),
            Codec::Lz4Raw => lz4_block(source, target),
            Codec::Lz4Hadoop => lz4_hadoop(source, target, false)
                .or_else(|_| lz4_hadoop(source, target, true))
                // Older arrow-rs wrote LZ4 frames under this name, older parquet-cpp raw blocks.
                .or_else(|_| {
                    read_exactly(lz4_flex::frame::FrameDecoder::new(source), target)
                        .and_then(|written| same_length(written, wanted))
                })
                .or_else(|_| lz4_block(source, target)),
        };
        let written = written.map_err(|what| Fault::Codec { codec, what })?;
        if written != wanted {
            let what = format!("{written} bytes instead of the {wanted} in the page header");
            return Err(Fault::Codec { codec, what });
        }
        Ok(())
    }

    fn snappy(&mut self, source: &[u8], target: &mut [u8]) -> Result<usize, String> {
        let announced = snap::raw::decompress_len(source).map_err(|error| error.to_string())?;
        if announced != target.len() {
            return Ok(announced);
        }
        self.snappy.decompress(source, target).map_err(|error| error.to_string())
    }

    fn zstd(&mut self, source: &[u8], target: &mut [u8]) -> Result<usize, String> {
        let context = match &mut self.zstd {
            Some(context) => context,
            none => {
                none.insert(zstd::bulk::Decompressor::new().map_err(|error| error.to_string())?)
            }
        };
        context.decompress_to_buffer(source, target).map_err(|error| error.to_string())
    }

    /// One gzip member through the kept inflate context; anything unusual (several members, header extras) through the
    /// general reader.
    fn gzip(&mut self, source: &[u8], target: &mut [u8]) -> Result<usize, String> {
        const HEADER_BYTES: usize = 10;
        const TRAILER_BYTES: usize = 8;
        let plain_header = source.len() >= HEADER_BYTES + TRAILER_BYTES
            && source[..3] == [0x1f, 0x8b, 8]
            && source[3] == 0;
        if plain_header {
            let inflate =
                self.inflate.get_or_insert_with(|| Box::new(flate2::Decompress::new(false)));
            inflate.reset(false);
            let status = inflate.decompress(
                &source[HEADER_BYTES..],
                target,
                flate2::FlushDecompress::Finish,
            );
            let consumed = HEADER_BYTES as u64 + inflate.total_in();
            let whole = consumed + TRAILER_BYTES as u64 == source.len() as u64;
            if matches!(status, Ok(flate2::Status::StreamEnd)) && whole {
                let crc = &source[source.len() - TRAILER_BYTES..][..4];
                let written = usize::try_from(inflate.total_out()).unwrap_or(usize::MAX);
                if written == target.len() && crc != crc32fast::hash(target).to_le_bytes() {
                    return Err("gzip checksum mismatch".to_owned());
                }
                return Ok(written);
            }
        }
        read_exactly(flate2::read::MultiGzDecoder::new(source), target)
    }
}

/// Fills `target` from a stream; one byte too many is counted, so that the caller detects a wrong length.
fn read_exactly(mut stream: impl Read, target: &mut [u8]) -> Result<usize, String> {
    let mut written = 0;
    while written < target.len() {
        match stream.read(&mut target[written..]) {
            Ok(0) => return Ok(written),
            Ok(count) => written += count,
            Err(error) => return Err(error.to_string()),
        }
    }
    let beyond = stream.read(&mut [0; 1]).map_err(|error| error.to_string())?;
    Ok(written + beyond)
}

fn same_length(written: usize, wanted: usize) -> Result<usize, String> {
    if written == wanted {
        Ok(written)
    } else {
        Err(format!("{written} bytes instead of {wanted}"))
    }
}

fn lz4_block(source: &[u8], target: &mut [u8]) -> Result<usize, String> {
    lz4_flex::block::decompress_into(source, target).map_err(|error| error.to_string())
}

/// Hadoop's framing: any number of frames, each a big-endian decompressed length and blocks until that length is there, each
/// behind its big-endian compressed length. Most frames have one block; a compressor with a small buffer makes several. A frame
/// of length 0 has none, or a block of no bytes.
fn lz4_hadoop(source: &[u8], target: &mut [u8], empty_has_block: bool) -> Result<usize, String> {
    let wanted = target.len();
    let (mut source, mut target) = (source, target);
    let mut written = 0;
    while !source.is_empty() {
        let decompressed = hadoop_length(&mut source)?;
        let (out, target_rest) = target
            .split_at_mut_checked(decompressed)
            .ok_or("Hadoop LZ4 frame longer than the page")?;
        let mut of_frame = 0;
        let mut is_whole = decompressed == 0 && !empty_has_block;
        while !is_whole {
            let compressed = hadoop_length(&mut source)?;
            let (block, rest) =
                source.split_at_checked(compressed).ok_or("Hadoop LZ4 frame cut in its block")?;
            of_frame += lz4_block(block, &mut out[of_frame..])?;
            source = rest;
            is_whole = of_frame >= decompressed;
        }
        written += of_frame;
        target = target_rest;
    }
    same_length(written, wanted)
}

/// Takes a big-endian length off the front.
fn hadoop_length(source: &mut &[u8]) -> Result<usize, &'static str> {
    let (length, rest) =
        source.split_first_chunk::<4>().ok_or("Hadoop LZ4 frame cut in a length")?;
    *source = rest;
    Ok(u32::from_be_bytes(*length) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const CODECS: [Codec; 6] =
        [Codec::Snappy, Codec::Gzip, Codec::Brotli, Codec::Lz4Hadoop, Codec::Zstd, Codec::Lz4Raw];

    fn compress(codec: Codec, bytes: &[u8]) -> Vec<u8> {
        match codec {
            Codec::Uncompressed => bytes.to_vec(),
            Codec::Snappy => snap::raw::Encoder::new().compress_vec(bytes).unwrap(),
            Codec::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Default::default());
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
            Codec::Brotli => {
                let mut compressed = Vec::new();
                let mut encoder = brotli::CompressorWriter::new(&mut compressed, 4096, 5, 20);
                encoder.write_all(bytes).unwrap();
                drop(encoder);
                compressed
            }
            Codec::Lz4Hadoop => {
                // Two frames, as Hadoop writes for more than its buffer.
                let (first, second) = bytes.split_at(bytes.len() / 3);
                [first, second].into_iter().flat_map(|bytes| hadoop_frame(bytes, 1)).collect()
            }
            Codec::Zstd => zstd::bulk::compress(bytes, 1).unwrap(),
            Codec::Lz4Raw => lz4_flex::block::compress(bytes),
        }
    }

    #[test]
    fn lz4_frames_of_no_bytes() {
        let mut decompressor = Decompressor::default();
        let (empty, frame) = ([0; 4], hadoop_frame(b"values", 1));
        // A block of no bytes is a token of no literals.
        let with_block = [0, 0, 0, 0, 0, 0, 0, 1, 0];
        for compressed in [
            [&empty[..], &frame].concat(),
            [&frame, &empty[..]].concat(),
            [&with_block[..], &frame].concat(),
            [&frame, &with_block[..]].concat(),
        ] {
            let mut target = [0; 6];
            decompressor.decompress(Codec::Lz4Hadoop, &compressed, &mut target).unwrap();
            assert_eq!(&target, b"values", "{compressed:?}");
        }
    }

    /// One length for all, then so many blocks.
    fn hadoop_frame(bytes: &[u8], blocks: usize) -> Vec<u8> {
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap().to_be_bytes();
        let mut frame = length(bytes).to_vec();
        for part in bytes.chunks(bytes.len().div_ceil(blocks).max(1)) {
            let block = lz4_flex::block::compress(part);
            frame.extend(length(&block));
            frame.extend(block);
        }
        frame
    }

    /// Hadoop's compressors cut what they are given into blocks of their buffer's size, under one length for all.
    #[test]
    fn lz4_frames_of_several_blocks() {
        let bytes: Vec<u8> =
            (0..100_000_u32).map(|i| u8::try_from(i % 1000 * i % 251).unwrap()).collect();
        let mut decompressor = Decompressor::default();
        for blocks in [1, 2, 3, 7, 64] {
            for frames in [1, 2, 5] {
                let parts = bytes.chunks(bytes.len().div_ceil(frames));
                let mut compressed: Vec<u8> =
                    parts.flat_map(|bytes| hadoop_frame(bytes, blocks)).collect();
                let mut target = vec![0; bytes.len()];
                decompressor.decompress(Codec::Lz4Hadoop, &compressed, &mut target).unwrap();
                assert!(target == bytes, "{frames} frames of {blocks} blocks");
                // Three bytes begin no frame.
                let longer = [&compressed[..], &[0; 3]].concat();
                let longer = decompressor.decompress(Codec::Lz4Hadoop, &longer, &mut target);
                assert!(longer.is_err(), "{frames} frames of {blocks} blocks, longer");
                compressed.pop();
                let cut = decompressor.decompress(Codec::Lz4Hadoop, &compressed, &mut target);
                assert!(cut.is_err(), "{frames} frames of {blocks} blocks, cut");
            }
        }
    }

    #[test]
    fn each_codec_undoes_its_compressor() {
        let bytes: Vec<u8> =
            (0..100_000_u32).map(|i| u8::try_from(i % 1000 * i % 251).unwrap()).collect();
        let mut decompressor = Decompressor::default();
        for codec in CODECS {
            for length in [1, 100, bytes.len()] {
                let compressed = compress(codec, &bytes[..length]);
                let mut target = vec![0; length];
                decompressor.decompress(codec, &compressed, &mut target).unwrap();
                assert_eq!(target, &bytes[..length], "{codec}, {length} bytes");
            }
        }
    }

    #[test]
    fn a_wrong_length_or_cut_bytes_are_errors() {
        let bytes = vec![7_u8; 5000];
        let mut decompressor = Decompressor::default();
        for codec in CODECS {
            let compressed = compress(codec, &bytes);
            for length in [4999, 5001] {
                let mut target = vec![0; length];
                let result = decompressor.decompress(codec, &compressed, &mut target);
                assert!(
                    matches!(result, Err(Fault::Codec { .. })),
                    "{codec} into {length}: {result:?}"
                );
            }
            let cut = &compressed[..compressed.len() - 1];
            assert!(
                decompressor.decompress(codec, cut, &mut vec![0; 5000]).is_err(),
                "{codec} cut"
            );
        }
    }

    #[test]
    fn old_lz4_framings() {
        let bytes: Vec<u8> = (0..2000_u32).map(|i| u8::try_from(i % 7).unwrap()).collect();
        let mut decompressor = Decompressor::default();
        let block = compress(Codec::Lz4Raw, &bytes);
        let mut target = vec![0; 2000];
        decompressor.decompress(Codec::Lz4Hadoop, &block, &mut target).unwrap();
        assert_eq!(target, bytes);

        let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
        std::io::Write::write_all(&mut encoder, &bytes).unwrap();
        let frame = encoder.finish().unwrap();
        let mut target = vec![0; 2000];
        decompressor.decompress(Codec::Lz4Hadoop, &frame, &mut target).unwrap();
        assert_eq!(target, bytes);
    }

    #[test]
    fn gzip_of_two_members() {
        let bytes: Vec<u8> = (0..3000_u32).map(|i| u8::try_from(i % 11).unwrap()).collect();
        let mut compressed = compress(Codec::Gzip, &bytes[..1000]);
        compressed.extend(compress(Codec::Gzip, &bytes[1000..]));
        let mut target = vec![0; 3000];
        Decompressor::default().decompress(Codec::Gzip, &compressed, &mut target).unwrap();
        assert_eq!(target, bytes);
    }

    #[test]
    fn expansion_is_bounded() {
        assert!(check_expansion(Codec::Snappy, 10, 60_000).is_ok());
        assert!(check_expansion(Codec::Snappy, 10, 1 << 30).is_err());
        assert!(check_expansion(Codec::Uncompressed, 1 << 30, 1 << 30).is_ok());
    }
}
