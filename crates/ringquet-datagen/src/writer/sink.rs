//! Where the bytes of a file go.

use std::io;

/// Takes the bytes of a file in their order.
pub(crate) trait ByteSink {
    /// Bytes so far: the offset of what is written next.
    fn position(&self) -> u64;

    /// Takes the next bytes.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;
}
