//! Sizes in bytes, as people type them and as we print them.

pub(crate) use ringquet_result::ByteSize;
#[cfg(test)]
pub(crate) use ringquet_result::SizeError;
