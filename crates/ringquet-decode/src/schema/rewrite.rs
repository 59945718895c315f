//! The schema as the `parquet` crate is shown it.
//!
//! The crate refuses schemas that others read. So the list of columns is read by us and written anew:
//!
//! - Names, keys and values that are not UTF-8 have U+FFFD in place of what is no text.
//! - A logical type that is not known, or not meant for its physical type, is left out ([`super::annotation`]).
//! - A list whose element is a list or a map of the old, two-level shape is brought into the three-level shape. The levels
//!   are the same, for a repeated group adds as much as `repeated group list { required group array }` does:
//!
//! ```text
//! group a (LIST) {                              group a (LIST) {
//!   repeated group array (LIST) {                 repeated group list {
//!     repeated int32 array;              ─▶         required group array (LIST) {
//!   }                                                 repeated int32 array;
//! }                                             } } }
//! ```
//!
//! - For the decoders ([`crate::stored`]), INT96 and INTERVAL become FIXED_LEN_BYTE_ARRAY(12), and a column that is all null by
//!   its logical type loses it.

use std::borrow::Cow;

use super::annotation::{Logical, decimal_digits_max, physical};
use super::tree::struct_list;
use crate::error::Fault;
use crate::thrift::kind;
use crate::thrift::reader::ThriftReader;
use crate::thrift::writer::{self, StructWriter};

/// `FieldRepetitionType`.
const REQUIRED: i32 = 0;
const REPEATED: i32 = 2;

/// `ConvertedType`.
const MAP: i32 = 1;
const MAP_KEY_VALUE: i32 = 2;
const LIST: i32 = 3;
const DECIMAL: i32 = 5;
const INTERVAL: i32 = 21;

/// Bytes of INT96 and of INTERVAL.
const TWELVE: i32 = 12;

/// The key under which Arrow writers keep their schema.
const ARROW_SCHEMA_KEY: &[u8] = b"ARROW:schema";

/// One `SchemaElement`.
#[derive(Debug, Clone)]
struct Element<'a> {
    physical_type: Option<i32>,
    length: Option<i32>,
    repetition: Option<i32>,
    name: Cow<'a, str>,
    num_children: Option<i32>,
    converted: Option<i32>,
    scale: Option<i32>,
    precision: Option<i32>,
    field_id: Option<i32>,
    logical: Option<Logical<'a>>,
}

impl<'a> Element<'a> {
    fn read(reader: &mut ThriftReader<'a>) -> Result<Self, Fault> {
        let mut element = Self::group(Cow::Borrowed(""), None, None);
        let mut last = 0;
        while let Some(field) = reader.field(last)? {
            last = field.id;
            let number = match (field.id, field.kind) {
                (4, kind::BINARY) => {
                    element.name = String::from_utf8_lossy(reader.binary()?);
                    continue;
                }
                (10, kind::STRUCT) => {
                    element.logical = Logical::read(reader)?;
                    continue;
                }
                (_, kind::I32) => reader.i32()?,
                (_, kind) => {
                    reader.skip(kind)?;
                    continue;
                }
            };
            match field.id {
                1 => element.physical_type = Some(number),
                2 => element.length = Some(number),
                3 => element.repetition = Some(number),
                5 => element.num_children = Some(number),
                6 => element.converted = Some(number),
                7 => element.scale = Some(number),
                8 => element.precision = Some(number),
                9 => element.field_id = Some(number),
                _ => {}
            }
        }
        element.ignore_what_does_not_fit();
        element.check_decimal()?;
        Ok(element)
    }

    fn group(name: Cow<'a, str>, repetition: Option<i32>, num_children: Option<i32>) -> Self {
        Self {
            physical_type: None,
            length: None,
            repetition,
            name,
            num_children,
            converted: None,
            scale: None,
            precision: None,
            field_id: None,
            logical: None,
        }
    }

    fn leaf_type(&self) -> Option<i32> {
        self.physical_type.filter(|_| self.children() == 0)
    }

    fn children(&self) -> usize {
        usize::try_from(self.num_children.unwrap_or(0)).unwrap_or(0)
    }

    /// A logical type takes the place of a converted one, also where it is ignored; readers agree in that for leaves. A group
    /// whose logical type means nothing follows its converted type.
    fn ignore_what_does_not_fit(&mut self) {
        let Some(logical) = self.logical else { return };
        match self.leaf_type() {
            Some(physical_type) => {
                self.converted = None;
                let fits = logical.fits(physical_type, self.length.unwrap_or(0));
                self.logical = Some(logical).filter(|_| fits);
                if let Some((scale, precision)) = logical.decimal().filter(|_| fits) {
                    (self.scale, self.precision) = (Some(scale), Some(precision));
                }
            }
            None if logical.fits_group() => self.converted = None,
            None => self.logical = None,
        }
    }

    /// Decimals of more digits than their type has room for are out of spec.
    fn check_decimal(&self) -> Result<(), Fault> {
        let precision = self.precision.unwrap_or(0);
        if self.logical.is_none()
            && self.converted == Some(DECIMAL)
            && let Some(physical_type) = self.leaf_type()
            && let Some(max) = decimal_digits_max(physical_type, self.length.unwrap_or(0))
            && precision > max
        {
            return Err(Fault::out_of_spec(format!(
                "column '{}': DECIMAL of {precision} digits in a physical type that holds {max}",
                self.name
            )));
        }
        Ok(())
    }

    fn is_list(&self) -> bool {
        match &self.logical {
            Some(logical) => logical.is_list(),
            None => self.converted == Some(LIST),
        }
    }

    fn is_map(&self) -> bool {
        match &self.logical {
            Some(logical) => logical.is_map(),
            None => matches!(self.converted, Some(MAP | MAP_KEY_VALUE)),
        }
    }

    fn is_repeated(&self) -> bool {
        self.repetition == Some(REPEATED)
    }

    /// All null by its logical type.
    fn is_unknown(&self) -> bool {
        self.leaf_type().is_some() && self.logical.is_some_and(|logical| logical.is_unknown())
    }

    /// INT96 or INTERVAL, whose values have twelve bytes.
    fn is_twelve_bytes(&self) -> bool {
        match self.leaf_type() {
            Some(physical::INT96) => self.logical.is_none(),
            Some(physical::FIXED_LEN_BYTE_ARRAY) => {
                self.logical.is_none()
                    && self.converted == Some(INTERVAL)
                    && self.length == Some(TWELVE)
            }
            _ => false,
        }
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        let mut writer = StructWriter::new(bytes);
        for (id, value) in [(1, self.physical_type), (2, self.length), (3, self.repetition)] {
            value.into_iter().for_each(|value| writer.i32(id, value));
        }
        writer.bytes(4, self.name.as_bytes());
        for (id, value) in [
            (5, self.num_children),
            (6, self.converted),
            (7, self.scale),
            (8, self.precision),
            (9, self.field_id),
        ] {
            value.into_iter().for_each(|value| writer.i32(id, value));
        }
        if let Some(logical) = &self.logical {
            writer.encoded_structure(10, logical.bytes());
        }
        writer.end();
    }
}

/// The lists of columns that the `parquet` crate is given.
#[derive(Debug)]
pub(crate) struct Schemas {
    /// For the types that are shown.
    pub(crate) shown: Vec<u8>,
    /// For decoding; `None` if it is the same.
    pub(crate) stored: Option<Vec<u8>>,
}

/// Writes the list of columns anew. `list` was walked before: it is a tree, and not too deep.
pub(crate) fn schemas(list: &[u8]) -> Result<Schemas, Fault> {
    let mut reader = ThriftReader::new(list);
    let length = struct_list(&mut reader, "schema")?;
    let mut elements = (0..length)
        .map(|_| Element::read(&mut reader))
        .collect::<Result<Vec<Element<'_>>, Fault>>()?;
    let shown = write_list(&elements);
    let mut differs = false;
    for element in &mut elements {
        differs |= element.is_unknown() || element.is_twelve_bytes();
        if element.is_unknown() {
            element.logical = None;
        }
        if element.is_twelve_bytes() {
            element.physical_type = Some(physical::FIXED_LEN_BYTE_ARRAY);
            element.length = Some(TWELVE);
            element.converted = None;
        }
    }
    let stored = differs.then(|| write_list(&elements));
    Ok(Schemas { shown, stored })
}

fn write_list(elements: &[Element<'_>]) -> Vec<u8> {
    let mut writer = ListWriter { elements, next: 0, bytes: Vec::new(), written: 0 };
    while writer.next < elements.len() {
        writer.node(false);
    }
    writer::struct_list(writer.written, &writer.bytes)
}

/// Writes a tree depth first.
struct ListWriter<'a> {
    elements: &'a [Element<'a>],
    next: usize,
    bytes: Vec<u8>,
    written: usize,
}

impl ListWriter<'_> {
    /// The next node with all that is below it; its parent may be a list.
    fn node(&mut self, in_list: bool) {
        let Some(element) = self.elements.get(self.next) else { return };
        self.next += 1;
        if in_list && self.is_old_element(element) {
            // The group and its element: as many levels as before.
            let list = Element::group(Cow::Borrowed("list"), Some(REPEATED), Some(1));
            self.put(&list);
            self.put(&Element { repetition: Some(REQUIRED), ..element.clone() });
        } else {
            self.put(element);
        }
        let is_list = element.is_list();
        (0..element.children()).for_each(|_| self.node(is_list));
    }

    /// A repeated group in a list that is a list or a map itself, of which the next node is the repeated field.
    fn is_old_element(&self, element: &Element<'_>) -> bool {
        element.is_repeated()
            && element.children() == 1
            && (element.is_list() || element.is_map())
            && self.elements.get(self.next).is_some_and(Element::is_repeated)
    }

    fn put(&mut self, element: &Element<'_>) {
        element.write(&mut self.bytes);
        self.written += 1;
    }
}

/// Key-value pairs as text; optionally without `ARROW:schema`. Also returns whether that was among them.
pub(crate) fn key_values(list: &[u8], with_arrow_schema: bool) -> Result<(Vec<u8>, bool), Fault> {
    let mut reader = ThriftReader::new(list);
    let length = struct_list(&mut reader, "key_value_metadata")?;
    let (mut bytes, mut written, mut has_arrow_schema) = (Vec::new(), 0, false);
    for _ in 0..length {
        let KeyValue { key, value } = KeyValue::read(&mut reader)?;
        let is_arrow_schema = key == ARROW_SCHEMA_KEY;
        has_arrow_schema |= is_arrow_schema;
        if is_arrow_schema && !with_arrow_schema {
            continue;
        }
        let mut writer = StructWriter::new(&mut bytes);
        writer.bytes(1, String::from_utf8_lossy(key).as_bytes());
        if let Some(value) = value {
            writer.bytes(2, String::from_utf8_lossy(value).as_bytes());
        }
        writer.end();
        written += 1;
    }
    Ok((writer::struct_list(written, &bytes), has_arrow_schema))
}

/// One `KeyValue`.
pub(crate) struct KeyValue<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) value: Option<&'a [u8]>,
}

impl<'a> KeyValue<'a> {
    pub(crate) fn read(reader: &mut ThriftReader<'a>) -> Result<Self, Fault> {
        let (mut key, mut value) = (&[][..], None);
        let mut last = 0;
        while let Some(field) = reader.field(last)? {
            last = field.id;
            match (field.id, field.kind) {
                (1, kind::BINARY) => key = reader.binary()?,
                (2, kind::BINARY) => value = Some(reader.binary()?),
                (_, kind) => reader.skip(kind)?,
            }
        }
        Ok(Self { key, value })
    }
}

/// A footer without row groups, for the `parquet` crate.
pub(crate) fn footer(version: i32, schema: &[u8], key_values: Option<&[u8]>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = StructWriter::new(&mut bytes);
    writer.i32(1, version);
    writer.encoded_list(2, schema);
    writer.i64(3, 0);
    writer.encoded_structures(4, 0, &[]);
    if let Some(key_values) = key_values {
        writer.encoded_list(5, key_values);
    }
    writer.end();
    bytes
}
