//! Logical types that are not known, or not meant for their physical type: ignored, and the column is read as its physical type.
//!
//! The `parquet` crate refuses the schema of such a file. PyArrow and DuckDB read it.

use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::{Array as _, ArrayRef, Int32Array, NullArray};
use arrow_schema::{DataType, TimeUnit};
use ringquet_decode::{Int96, Projection};

use super::by_hand::{
    Chunk, Element, File, HOWS, OPTIONAL, REPEATED, REQUIRED, SIMPLE, Thrift, encoding, group,
    int32s, leaf, logical, physical,
};
use super::support::{open, read_every_way, refusals};

const UTF8: i32 = 0;
const DATE: i32 = 6;
const LIST: i32 = 3;

fn time(unit: i16) -> Thrift {
    Thrift::new().boolean(1, true).structure(2, logical(unit))
}

/// Name and bytes of each logical type.
fn logicals() -> Vec<(&'static str, Thrift)> {
    let parameters = |id, parameters| Thrift::new().structure(id, parameters);
    let integer = |width| Thrift::new().i8(1, width).boolean(2, true);
    vec![
        ("STRING", logical(1)),
        ("MAP", logical(2)),
        ("LIST", logical(3)),
        ("ENUM", logical(4)),
        ("DECIMAL(9, 2)", parameters(5, Thrift::new().i32(1, 2).i32(2, 9))),
        ("DECIMAL(30, 2)", parameters(5, Thrift::new().i32(1, 2).i32(2, 30))),
        ("DATE", logical(6)),
        ("TIME(ms)", parameters(7, time(1))),
        ("TIME(us)", parameters(7, time(2))),
        ("TIMESTAMP(ms)", parameters(8, time(1))),
        ("TIMESTAMP(ns)", parameters(8, time(3))),
        ("TIMESTAMP(a unit to come)", parameters(8, time(4))),
        ("INTEGER(8)", parameters(10, integer(8))),
        ("INTEGER(64)", parameters(10, integer(64))),
        ("UNKNOWN", logical(11)),
        ("JSON", logical(12)),
        ("BSON", logical(13)),
        ("UUID", logical(14)),
        ("FLOAT16", logical(15)),
        ("VARIANT", parameters(16, Thrift::new().i8(1, 1))),
        ("GEOMETRY", logical(17)),
        ("GEOGRAPHY", logical(18)),
        ("FILE", logical(19)),
        ("number 99", logical(99)),
        ("number 2555 with fields", parameters(2555, Thrift::new().i32(1, 7).binary(2, b"x"))),
    ]
}

/// Physical type, its length, what is read of it where there is no annotation, and two values.
fn physicals() -> Vec<(i32, i32, DataType, Vec<u8>)> {
    let fixed = |length| DataType::FixedSizeBinary(length);
    let bytes = |length: i32| (1..=u8::try_from(2 * length).unwrap()).collect::<Vec<u8>>();
    let mut day = 0_u64.to_le_bytes().to_vec();
    day.extend(2_440_588_u32.to_le_bytes());
    vec![
        (physical::BOOLEAN, 0, DataType::Boolean, vec![0b01]),
        (physical::INT32, 0, DataType::Int32, bytes(4)),
        (physical::INT64, 0, DataType::Int64, bytes(8)),
        (physical::INT96, 0, DataType::Timestamp(TimeUnit::Nanosecond, None), day.repeat(2)),
        (physical::FLOAT, 0, DataType::Float32, bytes(4)),
        (physical::DOUBLE, 0, DataType::Float64, bytes(8)),
        (physical::BYTE_ARRAY, 0, DataType::Binary, vec![1, 0, 0, 0, b'a', 2, 0, 0, 0, b'b', b'c']),
        (physical::FIXED, 2, fixed(2), bytes(2)),
        (physical::FIXED, 5, fixed(5), bytes(5)),
        (physical::FIXED, 12, fixed(12), bytes(12)),
        (physical::FIXED, 16, fixed(16), bytes(16)),
    ]
}

/// Where an annotation belongs, and what it makes of the column.
fn meant(name: &str, physical_type: i32, length: i32) -> Option<DataType> {
    Some(match (name, physical_type, length) {
        ("UNKNOWN", _, _) => DataType::Null,
        ("STRING" | "JSON", physical::BYTE_ARRAY, _) => DataType::Utf8,
        ("DECIMAL(9, 2)", physical::INT32 | physical::INT64 | physical::BYTE_ARRAY, _)
        | ("DECIMAL(9, 2)", physical::FIXED, 5..) => DataType::Decimal128(9, 2),
        ("DECIMAL(30, 2)", physical::BYTE_ARRAY, _) | ("DECIMAL(30, 2)", physical::FIXED, 16) => {
            DataType::Decimal128(30, 2)
        }
        ("DATE", physical::INT32, _) => DataType::Date32,
        ("TIME(ms)", physical::INT32, _) => DataType::Time32(TimeUnit::Millisecond),
        ("TIME(us)", physical::INT64, _) => DataType::Time64(TimeUnit::Microsecond),
        ("TIMESTAMP(ms)", physical::INT64, _) => {
            DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))
        }
        ("TIMESTAMP(ns)", physical::INT64, _) => {
            DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))
        }
        ("INTEGER(8)", physical::INT32, _) => DataType::Int8,
        ("FLOAT16", physical::FIXED, 2) => DataType::Float16,
        _ => return None,
    })
}

fn column(physical_type: i32, length: i32) -> Element {
    let element = leaf("x", physical_type, REQUIRED);
    if length > 0 { element.length(length) } else { element }
}

#[test]
fn every_logical_type_on_every_physical_type() {
    for (physical_type, length, plain, values) in physicals() {
        let chunk =
            Chunk::new(physical_type, 0, 0, SIMPLE).page(&[], &[0; 2], encoding::PLAIN, &values);
        let file = |element| File::new(vec![element], 2, vec![chunk.clone()]).bytes();
        let unannotated =
            read_every_way(&file(column(physical_type, length)), Int96::default(), "no annotation");
        assert_eq!(*unannotated.column(0).data_type(), plain);
        for (name, logical) in logicals() {
            let what = format!("{name} on {physical_type} of {length} bytes");
            let element = column(physical_type, length).logical(logical.clone());
            let read = read_every_way(&file(element.clone()), Int96::default(), &what);
            let expect = meant(name, physical_type, length).unwrap_or(plain.clone());
            assert_eq!(*read.column(0).data_type(), expect, "{what}");
            if expect == plain {
                assert_eq!(read.column(0), unannotated.column(0), "{what}");
            }
            // A converted type beside a logical one does not count.
            let both = read_every_way(&file(element.converted(DATE)), Int96::default(), &what);
            assert_eq!(both.column(0), read.column(0), "{what}, with DATE");
        }
    }
}

/// A converted type of its own is refused where it does not fit, by all readers.
#[test]
fn converted_types_where_they_do_not_belong() {
    for (physical_type, length, _, values) in physicals() {
        let chunk =
            Chunk::new(physical_type, 0, 0, SIMPLE).page(&[], &[0; 2], encoding::PLAIN, &values);
        for (converted, home) in [(UTF8, physical::BYTE_ARRAY), (DATE, physical::INT32)] {
            let element = column(physical_type, length).converted(converted);
            let file = File::new(vec![element], 2, vec![chunk.clone()]).bytes();
            assert_eq!(open(&file, &Projection::All).is_ok(), physical_type == home);
        }
    }
    let decimal = column(physical::INT32, 0).converted(5).decimal(2, 12);
    let chunk = Chunk::new(physical::INT32, 0, 0, SIMPLE);
    let chunk = chunk.page(&[], &[0; 2], encoding::PLAIN, &int32s(&[1, 2]));
    let file = File::new(vec![decimal], 2, vec![chunk]).bytes();
    let refusal = &refusals(&file, Int96::default())[0];
    assert!(refusal.contains("column 'x': DECIMAL of 12 digits"), "{refusal}");
}

#[test]
fn below_lists_and_structs_and_in_every_kind_of_page() {
    for how in HOWS {
        for unfit in [logical(1), logical(99)] {
            // struct { list of INT32 with an unfit logical type }, through a dictionary.
            let schema = vec![
                group("s", OPTIONAL, 1).logical(logical(99)),
                group("l", OPTIONAL, 1).list(),
                group("list", REPEATED, 1),
                leaf("element", physical::INT32, OPTIONAL).logical(unfit),
            ];
            let chunk = Chunk::new(physical::INT32, 1, 4, how)
                .dictionary(2, &int32s(&[7, 9]))
                .page(&[0, 1, 0, 0], &[4, 3, 1, 4], encoding::RLE_DICTIONARY, &[1, 2, 0, 2, 1]);
            let file = File::new(schema, 3, vec![chunk]).bytes();
            let batch = read_every_way(&file, Int96::default(), &format!("{how:?}"));
            let lists = batch.column(0).as_struct().column(0).as_list::<i32>();
            let values = lists.values().as_primitive::<arrow_array::types::Int32Type>();
            assert_eq!(*values, Int32Array::from(vec![Some(7), None, Some(9)]));
            assert!(lists.is_null(1));
        }
    }
}

/// A group is what its converted type says where its logical type means nothing.
#[test]
fn groups() {
    for unfit in [logical(99), logical(6), logical(1), logical(19)] {
        let list = group("a", OPTIONAL, 1).converted(LIST).logical(unfit.clone());
        let schema = vec![list, leaf("x", physical::INT32, REPEATED)];
        let chunk = Chunk::new(physical::INT32, 1, 2, SIMPLE);
        let chunk = chunk.page(&[0, 1, 0], &[2, 2, 0], encoding::PLAIN, &int32s(&[1, 2]));
        let file = File::new(schema, 2, vec![chunk]).bytes();
        let batch = read_every_way(&file, Int96::default(), "a list");
        assert_eq!(batch.column(0).as_list::<i32>().value(0).len(), 2);

        let schema =
            vec![group("a", OPTIONAL, 1).logical(unfit), leaf("x", physical::INT32, OPTIONAL)];
        let chunk = Chunk::new(physical::INT32, 0, 2, SIMPLE);
        let chunk = chunk.page(&[], &[2, 0], encoding::PLAIN, &int32s(&[1]));
        let batch = read_every_way(
            &File::new(schema, 2, vec![chunk]).bytes(),
            Int96::default(),
            "a struct",
        );
        assert!(batch.column(0).as_struct().is_null(1));
    }
}

/// All null, whatever lies in the pages: values too short for the `parquet` crate were refused.
#[test]
fn columns_that_are_all_null_by_their_type() {
    let nulls: ArrayRef = Arc::new(NullArray::new(3));
    for how in HOWS {
        for (physical_type, length, values) in
            [(physical::BOOLEAN, 0, vec![0b10]), (physical::FIXED, 2, vec![1, 2, 3, 4])]
        {
            let element = Element::logical(leaf("x", physical_type, OPTIONAL), logical(11));
            let element = if length > 0 { element.length(length) } else { element };
            let chunk = Chunk::new(physical_type, 0, 1, how);
            let chunk = chunk.page(&[], &[1, 0, 1], encoding::PLAIN, &values);
            let file = File::new(vec![element], 3, vec![chunk]).bytes();
            let batch = read_every_way(&file, Int96::default(), &format!("{how:?}"));
            assert_eq!(batch.column(0), &nulls);
        }
    }
}
