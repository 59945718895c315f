//! The schema of a file, twice: as Parquet stores it and as Arrow shows it.
//!
//! Both come from the `parquet` crate, so that types and `ARROW:schema` hints mean exactly what they mean there. What it is
//! shown is written by us ([`crate::schema::rewrite`]): it refuses schemas that others read.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use arrow_schema::{Field, Fields, Schema, SchemaRef};
use parquet::arrow::{FieldLevels, ProjectionMask, parquet_to_arrow_field_levels};
use parquet::file::metadata::{FileMetaData, ParquetMetaData};
use parquet::schema::types::{SchemaDescPtr, SchemaDescriptor, Type};

use super::column_layout::ColumnLayout;
use super::projection::{Projection, Wanted};
use super::tree::SchemaTree;
use super::views::{SchemaSource, Views};
use crate::error::Fault;
use crate::guarded::guarded;
use crate::stored::Int96;

/// A column of the schema's first level: what a projection names and what becomes one Arrow array.
#[derive(Debug)]
pub struct Root {
    /// Its name.
    pub name: String,
    /// Its leaf columns, as indices into a row group's column chunks. One leaf unless it is a struct or a map.
    pub leaves: Range<usize>,
    /// Its index among the Arrow fields. `None` for the rare root without leaves, which Arrow does not show.
    field: Option<usize>,
    /// How the `parquet` crate reads it, made when first needed.
    reader: OnceLock<Arc<RootReader>>,
}

/// How the `parquet` crate reads a root column: the metadata of a file that has no other column, and what its levels mean.
#[derive(Debug)]
pub(crate) struct RootReader {
    pub(crate) metadata: Arc<ParquetMetaData>,
    pub(crate) levels: FieldLevels,
}

/// The schema of a file. Files with the same schema share one.
#[derive(Debug)]
pub struct FileSchema {
    /// What decoded batches look like when every column is read.
    pub arrow: SchemaRef,
    /// Parquet's view: leaf columns with their levels.
    pub parquet: SchemaDescPtr,
    /// Columns of the first level, in the order of the file.
    pub roots: Vec<Root>,
    /// What the decoders give, where that is not yet what [`Self::arrow`] shows: see [`crate::stored`].
    stored_arrow: SchemaRef,
    /// Leaf columns as the decoders take them.
    stored_parquet: SchemaDescPtr,
    /// As what timestamps of INT96 are read.
    int96: Int96,
    /// Why `ARROW:schema` was ignored, where it was.
    arrow_schema_ignored: Option<String>,
    /// The thrift bytes that all of this was made from. Equal bytes, equal schema.
    identity: Box<[u8]>,
    /// Where the list of columns lies in them.
    schema_at: Range<usize>,
    /// What our own walk of that list found.
    tree: Arc<SchemaTree>,
    /// How our decoders read each column of the first level, made when first needed; `None` where they do not.
    layouts: Box<[OnceLock<Option<Arc<ColumnLayout>>>]>,
    /// What the first requested projection takes: the files of a data set are read with one.
    projected: OnceLock<Projected>,
}

/// A projection of a schema.
#[derive(Debug)]
struct Projected {
    projection: Projection,
    wanted: Wanted,
    arrow: SchemaRef,
}

impl FileSchema {
    /// Builds the schema from `source`; `identity` has the thrift bytes that it depends on, the list of columns at
    /// `schema_at`. `tree` is what our own walk of it found; the `parquet` crate must agree.
    pub(crate) fn new(
        source: SchemaSource<'_>,
        identity: Vec<u8>,
        schema_at: Range<usize>,
        tree: Arc<SchemaTree>,
    ) -> Result<Self, Fault> {
        let roots = &tree.roots;
        let Views { arrow, parquet, stored_arrow, stored_parquet, arrow_schema_ignored } =
            Views::new(source)?;
        let fields = parquet.root_schema().get_fields();
        let leaves_agree = roots.last().map_or(0, |(_, leaves)| leaves.end)
            == parquet.num_columns()
            && roots.iter().enumerate().all(|(root, (_, leaves))| {
                leaves.clone().all(|leaf| parquet.get_column_root_idx(leaf) == root)
            });
        let names_agree = fields.len() == roots.len()
            && fields.iter().zip(roots).all(|(field, (name, _))| field.name() == name);
        if !leaves_agree || !names_agree {
            return Err(Fault::out_of_spec("schema tree is inconsistent"));
        }
        let mut fields = 0..;
        let roots: Vec<Root> = roots
            .iter()
            .map(|(name, leaves)| {
                let field = if leaves.is_empty() { None } else { fields.next() };
                let (name, leaves) = (name.clone(), leaves.clone());
                Root { name, leaves, field, reader: OnceLock::new() }
            })
            .collect();
        Ok(Self {
            arrow,
            parquet,
            stored_arrow,
            stored_parquet,
            int96: source.int96,
            arrow_schema_ignored,
            layouts: roots.iter().map(|_| OnceLock::new()).collect(),
            roots,
            identity: identity.into_boxed_slice(),
            schema_at,
            tree,
            projected: OnceLock::new(),
        })
    }

    /// The thrift bytes of the list of columns.
    pub(crate) fn schema_list(&self) -> &[u8] {
        &self.identity[self.schema_at.clone()]
    }

    /// What our own walk of that list found.
    pub(crate) fn tree(&self) -> &Arc<SchemaTree> {
        &self.tree
    }

    fn projected(&self, projection: &Projection) -> Option<&Projected> {
        self.projected.get().filter(|projected| projected.projection == *projection)
    }

    /// What a projection takes, if it is the one that was requested first.
    pub(crate) fn wanted(&self, projection: &Projection) -> Option<Wanted> {
        self.projected(projection).map(|projected| projected.wanted.clone())
    }

    /// The Arrow schema of a projection, which takes `wanted`.
    pub(crate) fn projection(&self, projection: &Projection, wanted: &Wanted) -> SchemaRef {
        if let Some(projected) = self.projected(projection) {
            return Arc::clone(&projected.arrow);
        }
        let arrow = self.project(&wanted.roots);
        let (projection, wanted) = (projection.clone(), wanted.clone());
        let projected = Projected { projection, wanted, arrow: Arc::clone(&arrow) };
        // Where another was first, it stays.
        drop(self.projected.set(projected));
        arrow
    }

    /// How our decoders read a column of the first level, if they do.
    pub(crate) fn layout(&self, root: usize) -> Option<&Arc<ColumnLayout>> {
        let make = || {
            let leaves = &self.roots[root].leaves;
            let field = self.stored_field(root).filter(|_| leaves.len() == 1)?;
            let column = self.stored_parquet.column(leaves.start);
            let root = &self.stored_parquet.root_schema().get_fields()[root];
            ColumnLayout::new(root, &column, field).map(Arc::new)
        };
        self.layouts[root].get_or_init(make).as_ref()
    }

    pub(crate) fn has_identity(&self, identity: &[u8], int96: Int96) -> bool {
        self.int96 == int96 && *self.identity == *identity
    }

    /// Why the entry `ARROW:schema` of the file was ignored: it is damaged, or of another schema. `None` if it was not.
    #[must_use]
    pub fn arrow_schema_ignored(&self) -> Option<&str> {
        self.arrow_schema_ignored.as_deref()
    }

    /// Leaf columns as the decoders take them.
    pub(crate) fn stored_parquet(&self) -> &SchemaDescPtr {
        &self.stored_parquet
    }

    /// Arrow field of a root column as the decoders give it.
    pub(crate) fn stored_field(&self, root: usize) -> Option<&Field> {
        self.stored_arrow.fields().get(self.roots[root].field?).map(|field| &**field)
    }

    /// Leaf columns of the whole file.
    #[must_use]
    pub fn num_leaves(&self) -> usize {
        self.parquet.num_columns()
    }

    /// Dotted path of a leaf column, for messages and reports.
    #[must_use]
    pub fn leaf_path(&self, leaf: usize) -> String {
        self.tree.leaf_paths[leaf].clone()
    }

    /// Index of the root column that a leaf belongs to.
    #[must_use]
    pub fn root_of(&self, leaf: usize) -> usize {
        self.parquet.get_column_root_idx(leaf)
    }

    /// Arrow field of a root column; `None` for the rare root that has no leaf, which Arrow does not show.
    #[must_use]
    pub fn field(&self, root: usize) -> Option<&Field> {
        self.arrow.fields().get(self.roots[root].field?).map(|field| &**field)
    }

    /// Arrow schema of the columns `roots`, in the given order, with the file's key-value metadata.
    #[must_use]
    pub fn project(&self, roots: &[usize]) -> SchemaRef {
        let fields: Vec<Field> =
            roots.iter().filter_map(|root| self.field(*root).cloned()).collect();
        Arc::new(Schema::new_with_metadata(fields, self.arrow.metadata().clone()))
    }

    /// What the `parquet` crate needs to decode one root column. Its pages are handed to it by [`crate::fallback`].
    pub(crate) fn reader(&self, root: usize) -> Result<&Arc<RootReader>, Fault> {
        let slot = &self.roots[root].reader;
        if let Some(reader) = slot.get() {
            return Ok(reader);
        }
        let reader = guarded("schema", || self.make_reader(root))?;
        Ok(slot.get_or_init(|| Arc::new(reader)))
    }

    fn make_reader(&self, root: usize) -> Result<RootReader, Fault> {
        let field = self
            .stored_field(root)
            .ok_or_else(|| Fault::out_of_spec("a column without leaves cannot be read"))?;
        let whole = self.stored_parquet.root_schema();
        let only_root = Type::group_type_builder(whole.name())
            .with_fields(vec![Arc::clone(&whole.get_fields()[root])])
            .build()?;
        let parquet = Arc::new(SchemaDescriptor::new(Arc::new(only_root)));
        // The Arrow type of the column is its own best hint: it is what the file's hint made of the Parquet type.
        let hint = Fields::from(vec![field.clone()]);
        let levels = parquet_to_arrow_field_levels(&parquet, ProjectionMask::all(), Some(&hint))?;
        let file = FileMetaData::new(2, 0, None, None, parquet, None);
        let metadata = Arc::new(ParquetMetaData::new(file, Vec::new()));
        Ok(RootReader { metadata, levels })
    }
}
