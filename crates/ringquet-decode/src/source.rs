//! Where bytes come from.

use std::ops::Range;

/// Where the decoder gets the bytes of a column chunk.
///
/// `range` is in offsets of the file, inside the chunk of that leaf, and never empty. The answer is `Some` exactly when
/// every byte of the range is at hand and contiguous; after `None`, the caller of [`RowGroupDecoder::next_batch`] gets
/// them. Starts of the requested ranges of a leaf never go down, and bytes below [`RowGroupDecoder::consumed`] are not requested
/// again; a range that was answered may be requested again until then. But where [`PoolLimits::held_bytes`] is met,
/// pages that were read before are requested again, without their headers.
///
/// [`RowGroupDecoder::next_batch`]: crate::RowGroupDecoder::next_batch
/// [`RowGroupDecoder::consumed`]: crate::RowGroupDecoder::consumed
/// [`PoolLimits::held_bytes`]: crate::PoolLimits::held_bytes
pub trait ChunkSource {
    /// The bytes of `range`, if all are at hand.
    fn bytes(&mut self, leaf: usize, range: Range<u64>) -> Option<&[u8]>;
}
