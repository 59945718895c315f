//! The schema's tree, as our own walk reads it: columns of the first level with their leaves, and each leaf's type.

use std::borrow::Cow;
use std::ops::Range;

use crate::error::Fault;
use crate::thrift::kind;
use crate::thrift::reader::ThriftReader;

/// How deeply groups may nest in a schema. The `parquet` crate and Arrow recurse over schemas; deeper ones than anyone
/// writes would only reach the end of the stack.
const SCHEMA_DEPTH_MAX: usize = 64;

/// Our own reading of the schema list.
#[derive(Debug)]
pub(crate) struct SchemaTree {
    /// Name of each column of the first level, and its leaves.
    pub(crate) roots: Vec<(String, Range<usize>)>,
    /// Physical type of each leaf, to be held against its column chunks.
    pub(crate) leaf_types: Vec<i32>,
    /// Path of each leaf, for messages.
    pub(crate) leaf_paths: Vec<String>,
}

pub(crate) fn struct_list(
    reader: &mut ThriftReader<'_>,
    name: &'static str,
) -> Result<usize, Fault> {
    let (element, length) = reader.list()?;
    if length > 0 && element != kind::STRUCT {
        return Err(Fault::out_of_spec(format!("footer: {name} is not a list of structs")));
    }
    Ok(length)
}

/// One `SchemaElement`.
struct TreeElement<'a> {
    physical_type: Option<i32>,
    /// With U+FFFD in place of what is not UTF-8.
    name: Cow<'a, str>,
    num_children: usize,
}

fn read_element<'a>(reader: &mut ThriftReader<'a>) -> Result<TreeElement<'a>, Fault> {
    let (mut physical_type, mut name, mut num_children) = (None, None, 0);
    let mut last = 0;
    while let Some(field) = reader.field(last)? {
        match (field.id, field.kind) {
            (1, kind::I32) => physical_type = Some(reader.i32()?),
            (4, kind::BINARY) => name = Some(reader.binary()?),
            (5, kind::I32) => num_children = reader.i32()?,
            (_, kind) => reader.skip(kind)?,
        }
        last = field.id;
    }
    let name = name.ok_or_else(|| Fault::out_of_spec("footer: name of a column is missing"))?;
    let name = String::from_utf8_lossy(name);
    let num_children = usize::try_from(num_children)
        .map_err(|_| Fault::out_of_spec(format!("footer: num_children is {num_children}")))?;
    Ok(TreeElement { physical_type, name, num_children })
}

/// Reads the schema, a tree written depth first.
pub(crate) fn read_schema(reader: &mut ThriftReader<'_>) -> Result<SchemaTree, Fault> {
    let length = struct_list(reader, "schema")?;
    let mut tree = SchemaTree { roots: Vec::new(), leaf_types: Vec::new(), leaf_paths: Vec::new() };
    // Name, and children that are still to come, of each group on the way down.
    let mut open: Vec<(Cow<'_, str>, usize)> = Vec::new();
    for index in 0..length {
        let element = read_element(reader)?;
        if index == 0 {
            open.push((element.name, element.num_children));
            continue;
        }
        while open.last().is_some_and(|(_, left)| *left == 0) {
            open.pop();
        }
        let depth = open.len();
        let (_, left) = open.last_mut().ok_or_else(|| {
            Fault::out_of_spec(format!("footer: schema element {index} belongs to no group"))
        })?;
        *left -= 1;
        if depth == 1 {
            let leaf = tree.leaf_types.len();
            tree.roots.push((element.name.clone().into_owned(), leaf..leaf));
        }
        match element.physical_type {
            Some(physical_type) if element.num_children == 0 => {
                tree.leaf_types.push(physical_type);
                let groups = open[1..].iter().map(|(name, _)| &**name);
                let path: Vec<&str> = groups.chain([&*element.name]).collect();
                tree.leaf_paths.push(path.join("."));
            }
            _ => open.push((element.name, element.num_children)),
        }
        if open.len() > SCHEMA_DEPTH_MAX {
            return Err(Fault::unsupported(format!(
                "schemas that nest deeper than {SCHEMA_DEPTH_MAX} levels"
            )));
        }
        if let Some((_, leaves)) = tree.roots.last_mut() {
            leaves.end = tree.leaf_types.len();
        }
    }
    if length == 0 || open.iter().any(|(_, left)| *left > 0) {
        return Err(Fault::out_of_spec("footer: schema ends before its groups are complete"));
    }
    Ok(tree)
}
