//! The dictionary of a column chunk, which may be given back while memory is short, and read again.

use std::ops::Range;

use super::page_memory::PageMemory;
use super::plan::Leaf;
use super::values::Dictionary;
use crate::codec::{Codec, Decompressor};
use crate::error::Fault;
use crate::page::{self, RawPage};
use crate::page_header::{PageHeader, PageKind};
use crate::pool::BufferPool;
use crate::row_group::ChunkSource;

/// A dictionary, or where it can be read again.
#[derive(Debug, Default)]
pub(super) struct KeptDictionary {
    dictionary: Option<Dictionary>,
    page: Option<(PageHeader, Range<u64>)>,
    is_given_back: bool,
}

impl KeptDictionary {
    /// The dictionary, if there is one in memory.
    pub(super) fn get(&self) -> Option<&Dictionary> {
        self.dictionary.as_ref()
    }

    /// The dictionary, for good.
    pub(super) fn take(&mut self) -> Option<Dictionary> {
        self.page = None;
        self.dictionary.take()
    }

    /// Reads the dictionary in a page that lies in the memory of the source.
    pub(super) fn set_at_source(
        &mut self,
        leaf: &Leaf,
        page: &RawPage<'_>,
        pool: &BufferPool,
    ) -> Result<(), Fault> {
        let (num_values, encoding) = page.header.dictionary()?;
        self.dictionary =
            Some(Dictionary::at_source(leaf, num_values, encoding, page.bytes, pool)?);
        self.page = Some((page.header, page.range()));
        self.is_given_back = false;
        Ok(())
    }

    /// Reads the dictionary in a page that was decompressed into `memory`; in the file it has `range`, without its header.
    pub(super) fn set_decompressed(
        &mut self,
        leaf: &Leaf,
        header: PageHeader,
        range: Range<u64>,
        memory: PageMemory,
        pool: &BufferPool,
    ) -> Result<(), Fault> {
        let (num_values, encoding) = header.dictionary()?;
        self.dictionary = Some(Dictionary::of_page(leaf, num_values, encoding, memory, pool)?);
        self.page = Some((header, range));
        self.is_given_back = false;
        Ok(())
    }

    /// Gives its memory back.
    pub(super) fn give_back(&mut self) {
        if self.page.is_some() && self.dictionary.take().is_some() {
            self.is_given_back = true;
        }
    }

    /// Whether it must be read again before values are looked up.
    pub(super) fn is_given_back(&self) -> bool {
        self.is_given_back
    }

    /// Reads it again; the bytes that this takes if they are not at hand.
    pub(super) fn read_again(
        &mut self,
        column: usize,
        leaf: &Leaf,
        codec: Codec,
        source: &mut dyn ChunkSource,
        decompressor: &mut Decompressor,
        pool: &BufferPool,
    ) -> Result<Option<Range<u64>>, Fault> {
        let Some((header, range)) = self.page.clone() else { return Ok(None) };
        let bytes =
            if range.is_empty() { Some(&[][..]) } else { source.bytes(column, range.clone()) };
        let Some(bytes) = bytes else { return Ok(Some(range)) };
        let page = RawPage { header, offset: range.start, bytes };
        if page::is_plain(&header, codec) {
            self.set_at_source(leaf, &page, pool)?;
        } else {
            let mut memory = PageMemory::new(pool);
            memory.hold(page::decompressed_bytes(&header, codec) as usize)?;
            page::decompress(&page, codec, decompressor, |length| memory.of_length(length))?;
            self.set_decompressed(leaf, header, range, memory, pool)?;
        }
        Ok(None)
    }
}

impl PageHeader {
    /// Entries and encoding of a dictionary page.
    fn dictionary(&self) -> Result<(u32, crate::page_header::PageEncoding), Fault> {
        match self.kind {
            PageKind::Dictionary { num_values, encoding } => Ok((num_values, encoding)),
            _ => Err(Fault::out_of_spec("a data page where the dictionary was")),
        }
    }
}
