//! From reader threads to a consumer on another thread: a bounded queue, and iterators over it.

pub(crate) mod waited;

pub(crate) mod batch_queue;
pub(crate) mod ordered_queue;

pub(crate) mod channel;
pub(crate) mod placed_batches;

#[cfg(feature = "async")]
pub(crate) mod batch_stream;
pub(crate) mod batches;
