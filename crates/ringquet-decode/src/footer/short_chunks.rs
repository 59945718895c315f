//! Column chunks whose announced size leaves out a header.
//!
//! parquet-mr before 1.2.9 counted the header of the dictionary page in neither size of a column chunk, and other writers of
//! that time had the same fault. Such a chunk ends a few bytes behind its stated end. Readers notice nothing that go on until
//! they have all values; we plan reads beforehand. So the chunks of writers that are not known to count right may reach to
//! where the next one begins, or the footer, but no more than [`GROWTH_MAX_BYTES`] farther. What does not belong to a chunk
//! is not decoded: its pages end with its last value.

use crate::error::Fault;
use crate::schema::tree::struct_list;
use crate::thrift::kind;
use crate::thrift::reader::ThriftReader;

/// How far a chunk may reach beyond its announced size. A header of a dictionary page takes some 20 bytes, one of a data page
/// with statistics some 100. Met: the chunk ends there, and a page that does not is an error.
const GROWTH_MAX_BYTES: u64 = 4096;

/// Where column chunks begin, in order, and where the last one has to end.
#[derive(Debug)]
pub(super) struct ChunkStarts {
    starts: Vec<u64>,
    data_end: u64,
}

impl ChunkStarts {
    /// Of all columns of all row groups in the thrift list of row groups.
    pub(super) fn read(row_groups: &[u8], data_end: u64) -> Result<Self, Fault> {
        let mut reader = ThriftReader::new(row_groups);
        let mut starts = Vec::new();
        for _ in 0..struct_list(&mut reader, "row_groups")? {
            each_struct(&mut reader, |id, kind, reader| match (id, kind) {
                (1, kind::LIST) => {
                    for _ in 0..struct_list(reader, "columns")? {
                        starts.extend(read_start(reader)?);
                    }
                    Ok(())
                }
                (_, kind) => Ok(reader.skip(kind)?),
            })?;
        }
        starts.sort_unstable();
        Ok(Self { starts, data_end })
    }

    /// Bytes that a chunk may have which begins at `offset` and states `announced` bytes.
    pub(super) fn length(&self, offset: u64, announced: u64) -> u64 {
        let next = self.starts.partition_point(|start| *start <= offset);
        let end_max = self.starts.get(next).map_or(self.data_end, |start| *start);
        let room = end_max.min(self.data_end).saturating_sub(offset);
        announced.max(room.min(announced.saturating_add(GROWTH_MAX_BYTES)))
    }
}

/// Offset of the first page of the `ColumnChunk` that the reader is at.
fn read_start(reader: &mut ThriftReader<'_>) -> Result<Option<u64>, Fault> {
    let (mut data_page, mut dictionary_page) = (None, None);
    each_struct(reader, |id, kind, reader| match (id, kind) {
        (3, kind::STRUCT) => each_struct(reader, |id, kind, reader| {
            match (id, kind) {
                (9, kind::I64) => data_page = u64::try_from(reader.i64()?).ok(),
                (11, kind::I64) => dictionary_page = u64::try_from(reader.i64()?).ok(),
                (_, kind) => reader.skip(kind)?,
            }
            Ok(())
        }),
        (_, kind) => Ok(reader.skip(kind)?),
    })?;
    // 0 stands for none.
    let dictionary_page = dictionary_page.filter(|offset| *offset > 0);
    Ok(data_page.map(|data_page| data_page.min(dictionary_page.unwrap_or(data_page))))
}

/// Calls `take` at each field of the struct that the reader is at; it takes the value or steps over it.
pub(super) fn each_struct<'a>(
    reader: &mut ThriftReader<'a>,
    mut take: impl FnMut(i16, u8, &mut ThriftReader<'a>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut last = 0;
    while let Some(field) = reader.field(last)? {
        take(field.id, field.kind, reader)?;
        last = field.id;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_grows_up_to_the_next_one() {
        let starts = ChunkStarts { starts: vec![4, 100, 100, 20_000], data_end: 20_050 };
        assert_eq!(starts.length(4, 80), 96);
        assert_eq!(starts.length(4, 96), 96);
        assert_eq!(starts.length(4, 120), 120, "chunks that overlap stay as they are");
        assert_eq!(starts.length(100, 80), 80 + GROWTH_MAX_BYTES);
        assert_eq!(starts.length(20_000, 40), 50);
        assert_eq!(starts.length(20_000, 60), 60);
    }
}
