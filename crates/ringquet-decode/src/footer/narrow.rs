//! A footer with fewer columns, made from one that is parsed already: no byte is read again.

use std::sync::Arc;

use arrow_schema::SchemaRef;

use super::chunks::{ChunkTable, ChunkTableBuilder};
use super::file_footer::Footer;
use crate::error::DecodeError;
use crate::schema::projection::{Projection, Wanted};

impl Footer {
    /// The footers with the columns of `projection` only, in the order given. Files of one schema share what they
    /// can, as after parsing.
    ///
    /// # Errors
    /// Of a footer that has no column of a name that the projection holds: [`DecodeError::UnknownColumn`].
    pub fn narrow_all<'a>(
        footers: impl IntoIterator<Item = &'a Footer>,
        projection: &Projection,
    ) -> Vec<Result<Footer, DecodeError>> {
        // What the footer before was narrowed to: most data sets have one schema.
        let mut last: Option<(&Footer, Wanted, SchemaRef)> = None;
        let mut narrow = |footer: &'a Footer| {
            let known = last.as_ref().filter(|(before, ..)| footer.has_columns_of(before));
            let (wanted, projected) = match known {
                Some((_, wanted, projected)) => (wanted.clone(), Arc::clone(projected)),
                None => {
                    let wanted = footer.wanted(projection)?;
                    let projected = footer.schema.project(&wanted.roots);
                    last = Some((footer, wanted.clone(), Arc::clone(&projected)));
                    (wanted, projected)
                }
            };
            Ok(Footer {
                schema: Arc::clone(&footer.schema),
                file_len: footer.file_len,
                num_rows: footer.num_rows,
                stated_rows: footer.stated_rows,
                created_by: footer.created_by.clone(),
                projected,
                chunks: only(&footer.chunks, &footer.row_group_rows, wanted.leaves),
                roots: wanted.roots,
                row_group_rows: footer.row_group_rows.clone(),
            })
        };
        footers.into_iter().map(&mut narrow).collect()
    }

    fn has_columns_of(&self, other: &Footer) -> bool {
        Arc::ptr_eq(&self.schema, &other.schema) && self.roots == other.roots
    }

    /// What a projection takes of the columns that this footer has.
    fn wanted(&self, projection: &Projection) -> Result<Wanted, DecodeError> {
        let of_schema = &self.schema.roots;
        let names: Vec<&str> = self.roots.iter().map(|&root| &*of_schema[root].name).collect();
        let roots = projection.resolve(&names)?.into_iter().map(|at| self.roots[at]);
        let roots: Arc<[usize]> = roots.collect();
        let leaves = roots.iter().flat_map(|&root| of_schema[root].leaves.clone()).collect();
        Ok(Wanted { roots, leaves })
    }
}

/// The chunks of `leaves`, which are ascending and all in `chunks`.
fn only(chunks: &ChunkTable, rows: &[u64], leaves: Arc<[usize]>) -> ChunkTable {
    let mut table = ChunkTableBuilder::default();
    for (row_group, rows) in rows.iter().enumerate() {
        // The table has no more chunks than the one before, which took all of them.
        table.start_row_group();
        for (leaf, chunk) in chunks.row_group(row_group, *rows) {
            if leaves.binary_search(&leaf).is_ok() {
                table.push(&chunk, *rows);
            }
        }
    }
    table.finish(leaves, chunks.v2_denies_compression())
}
