//! The kinds of the fields of the schema, held against the specification.
//!
//! Our own walk steps over a field of an unexpected kind. The `parquet` crate reads a field by its number alone,
//! whatever its kind, and takes booleans in lists to have no bytes: after either, it would be somewhere else in the bytes than
//! we are. It is given fields that we wrote, except for logical types, which are copied.

use crate::error::Fault;
use crate::thrift::kind;
use crate::thrift::reader::{Observer, ThriftFault, ThriftReader};

/// What a field must be.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Bool,
    I8,
    I32,
    Binary,
    /// With fields of its own; those that are not listed may be anything but collections of booleans.
    Struct(&'static [(i16, Kind)]),
}

const EMPTY: Kind = Kind::Struct(&[]);
const TIME_UNIT: Kind = Kind::Struct(&[(1, EMPTY), (2, EMPTY), (3, EMPTY)]);
const TIME: Kind = Kind::Struct(&[(1, Kind::Bool), (2, TIME_UNIT)]);
const LOGICAL_TYPE: Kind = Kind::Struct(&[
    (1, EMPTY),                                               // STRING
    (2, EMPTY),                                               // MAP
    (3, EMPTY),                                               // LIST
    (4, EMPTY),                                               // ENUM
    (5, Kind::Struct(&[(1, Kind::I32), (2, Kind::I32)])),     // DECIMAL
    (6, EMPTY),                                               // DATE
    (7, TIME),                                                // TIME
    (8, TIME),                                                // TIMESTAMP
    (10, Kind::Struct(&[(1, Kind::I8), (2, Kind::Bool)])),    // INTEGER
    (11, EMPTY),                                              // UNKNOWN
    (12, EMPTY),                                              // JSON
    (13, EMPTY),                                              // BSON
    (14, EMPTY),                                              // UUID
    (15, EMPTY),                                              // FLOAT16
    (16, Kind::Struct(&[(1, Kind::I8)])),                     // VARIANT
    (17, Kind::Struct(&[(1, Kind::Binary)])),                 // GEOMETRY
    (18, Kind::Struct(&[(1, Kind::Binary), (2, Kind::I32)])), // GEOGRAPHY
]);
const SCHEMA_ELEMENT: &[(i16, Kind)] = &[
    (1, Kind::I32),    // type
    (2, Kind::I32),    // type_length
    (3, Kind::I32),    // repetition_type
    (4, Kind::Binary), // name
    (5, Kind::I32),    // num_children
    (6, Kind::I32),    // converted_type
    (7, Kind::I32),    // scale
    (8, Kind::I32),    // precision
    (9, Kind::I32),    // field_id
    (10, LOGICAL_TYPE),
];
const KEY_VALUE: &[(i16, Kind)] = &[(1, Kind::Binary), (2, Kind::Binary)];

/// Refuses booleans in lists, sets and maps.
struct NoBooleans;

impl Observer for NoBooleans {
    fn number(&mut self, _bytes: std::ops::Range<usize>) {}
    fn opaque(&mut self, _bytes: std::ops::Range<usize>) {}
    fn boolean_element(&mut self) -> Result<(), ThriftFault> {
        Err(ThriftFault::OutOfSpec("thrift collection of booleans in the schema"))
    }
}

/// Checks the list of schema elements.
pub(crate) fn check_schema(list: &[u8]) -> Result<(), Fault> {
    check_list(list, SCHEMA_ELEMENT)
}

/// Checks the list of key-value pairs.
pub(crate) fn check_key_values(list: &[u8]) -> Result<(), Fault> {
    check_list(list, KEY_VALUE)
}

fn check_list(list: &[u8], fields: &[(i16, Kind)]) -> Result<(), Fault> {
    let mut reader = ThriftReader::new(list);
    let (element, length) = reader.list()?;
    if length > 0 && element != kind::STRUCT {
        return Err(Fault::out_of_spec("footer: a list of structs has other elements"));
    }
    (0..length).try_for_each(|_| check_struct(&mut reader, fields))
}

/// As deep as the tables above, and no deeper.
fn check_struct(reader: &mut ThriftReader<'_>, fields: &[(i16, Kind)]) -> Result<(), Fault> {
    let mut last = 0;
    while let Some(field) = reader.field(last)? {
        let known = fields.iter().find(|(id, _)| *id == field.id).map(|(_, kind)| *kind);
        match (known, field.kind) {
            (Some(Kind::Struct(fields)), kind::STRUCT) => check_struct(reader, fields)?,
            (Some(Kind::Bool), kind::TRUE | kind::FALSE)
            | (Some(Kind::I8), kind::I8)
            | (Some(Kind::I32), kind::I32)
            | (Some(Kind::Binary), kind::BINARY) => reader.skip(field.kind)?,
            (None, kind) => reader.skip_observed(kind, &mut NoBooleans)?,
            (Some(known), kind) => {
                return Err(Fault::out_of_spec(format!(
                    "footer: field {} of the schema has thrift kind {kind}, expected {known:?}",
                    field.id
                )));
            }
        }
        last = field.id;
    }
    Ok(())
}
