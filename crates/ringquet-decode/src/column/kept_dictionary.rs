//! The dictionary of a column chunk, which may be given back while memory is short, and read again.

use std::ops::Range;

use super::dictionary::Dictionary;
use super::page_memory::PageMemory;
use crate::codec::Codec;
use crate::decompress::Decompressor;
use crate::encoding::PageEncoding;
use crate::error::Fault;
use crate::page::header::{PageHeader, PageKind};
use crate::page::walk::{self, PageLocation, RawPage};
use crate::pool::BufferPool;
use crate::schema::column_layout::Leaf;
use crate::source::ChunkSource;

/// A dictionary, or where it can be read again.
#[derive(Debug, Default)]
pub(super) struct KeptDictionary {
    dictionary: Option<Dictionary>,
    /// `None` where there is no dictionary, or no more.
    location: Option<PageLocation>,
}

impl KeptDictionary {
    /// The dictionary, if there is one in memory.
    pub(super) fn get(&self) -> Option<&Dictionary> {
        self.dictionary.as_ref()
    }

    /// The dictionary, for good.
    pub(super) fn take(&mut self) -> Option<Dictionary> {
        self.location = None;
        self.dictionary.take()
    }

    /// Gives its memory back.
    pub(super) fn give_back(&mut self) {
        self.dictionary = None;
    }

    /// Whether it must be read again before values are looked up.
    pub(super) fn is_given_back(&self) -> bool {
        self.dictionary.is_none() && self.location.is_some()
    }

    /// Reads the dictionary in a page that lies in the memory of the source.
    pub(super) fn set_at_source(
        &mut self,
        leaf: &Leaf,
        page: &RawPage<'_>,
        pool: &BufferPool,
    ) -> Result<(), Fault> {
        let (num_values, encoding) = counts(&page.header)?;
        self.dictionary =
            Some(Dictionary::at_source(leaf, num_values, encoding, page.bytes, pool)?);
        self.location = Some(page.location());
        Ok(())
    }

    /// Reads the dictionary in a page that was decompressed into `memory`; in the file it is at `location`.
    pub(super) fn set_decompressed(
        &mut self,
        leaf: &Leaf,
        location: PageLocation,
        memory: PageMemory,
        pool: &BufferPool,
    ) -> Result<(), Fault> {
        let (num_values, encoding) = counts(&location.header)?;
        self.dictionary = Some(Dictionary::of_page(leaf, num_values, encoding, memory, pool)?);
        self.location = Some(location);
        Ok(())
    }

    /// Reads it again; the bytes of the leaf column `column` that this takes if they are not at hand.
    pub(super) fn read_again(
        &mut self,
        column: usize,
        leaf: &Leaf,
        codec: Codec,
        source: &mut dyn ChunkSource,
        decompressor: &mut Decompressor,
        pool: &BufferPool,
    ) -> Result<Option<Range<u64>>, Fault> {
        let Some(location) = self.location.clone() else { return Ok(None) };
        let Some(page) = location.page(column, source) else { return Ok(Some(location.range)) };
        if walk::is_plain(&page.header, codec) {
            self.set_at_source(leaf, &page, pool)?;
        } else {
            let mut memory = PageMemory::new(pool);
            memory.hold(walk::decompressed_bytes(&page.header, codec) as usize)?;
            walk::decompress(&page, codec, decompressor, |length| memory.of_length(length))?;
            self.set_decompressed(leaf, location, memory, pool)?;
        }
        Ok(None)
    }
}

/// Entries and encoding of a dictionary page.
fn counts(header: &PageHeader) -> Result<(u32, PageEncoding), Fault> {
    match header.kind {
        PageKind::Dictionary { num_values, encoding } => Ok((num_values, encoding)),
        _ => Err(Fault::out_of_spec("a data page where the dictionary was")),
    }
}
