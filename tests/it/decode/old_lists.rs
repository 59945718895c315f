//! Lists of the old, two-level shape, at any depth and mixed with the others.
//!
//! The `parquet` crate refuses a list of lists of lists, and takes the map in a list for a list of structs. The values are those
//! that PyArrow and DuckDB read.

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray as _;
use arrow_array::{Array as _, ArrayRef};
use arrow_schema::DataType;
use ringquet_decode::{Int96, Projection};

use super::by_hand::{
    Chunk, Element, File, HOWS, How, OPTIONAL, REPEATED, REQUIRED, encoding, group, indices,
    int32s, leaf, logical, physical,
};
use super::support::{open, read_every_way, refusals};

/// An INT32 leaf: highest levels, levels, values.
type Leaf<'a> = ((i16, i16), &'a [i16], &'a [i16], &'a [i32]);

fn file(schema: &[Element], rows: i64, leaves: &[Leaf<'_>], how: How, dictionary: bool) -> File {
    let chunk = |((max_repetition, max_definition), repetition, definition, values): &Leaf<'_>| {
        let chunk = Chunk::new(physical::INT32, *max_repetition, *max_definition, how);
        if dictionary {
            let order: Vec<u8> = (0..u8::try_from(values.len()).unwrap()).collect();
            let count = i32::try_from(values.len()).unwrap();
            let chunk = chunk.dictionary(count, &int32s(values));
            chunk.page(repetition, definition, encoding::RLE_DICTIONARY, &indices(&order))
        } else {
            chunk.page(repetition, definition, encoding::PLAIN, &int32s(values))
        }
    };
    File::new(schema.to_vec(), rows, leaves.iter().map(chunk).collect())
}

/// A value as text: `[[1, null]]`, `{x: 1}`.
fn text(array: &ArrayRef, row: usize) -> String {
    if array.is_null(row) {
        return "null".to_owned();
    }
    let items = |items: ArrayRef| {
        let items: Vec<String> = (0..items.len()).map(|item| text(&items, item)).collect();
        format!("[{}]", items.join(", "))
    };
    match array.data_type() {
        DataType::List(_) => items(array.as_list::<i32>().value(row)),
        DataType::Map(_, _) => {
            use std::sync::Arc;
            items(Arc::new(array.as_map().value(row)))
        }
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns().iter().zip(fields);
            let parts: Vec<String> = columns
                .map(|(column, field)| format!("{}: {}", field.name(), text(column, row)))
                .collect();
            format!("{{{}}}", parts.join(", "))
        }
        _ => array.as_primitive::<arrow_array::types::Int32Type>().value(row).to_string(),
    }
}

fn rows(batch: &RecordBatch) -> String {
    let column = batch.column(0);
    (0..batch.num_rows()).map(|row| text(column, row)).collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn check(schema: &[Element], count: i64, leaves: &[Leaf<'_>], expect: &str) {
    for how in HOWS {
        for dictionary in [false, true] {
            let file = file(schema, count, leaves, how, dictionary).bytes();
            let batch = read_every_way(&file, Int96::default(), &format!("{expect}, {how:?}"));
            assert_eq!(rows(&batch), expect, "{how:?}, dictionary {dictionary}");
        }
    }
}

fn list(name: &str, repetition: i32) -> Element {
    group(name, repetition, 1).list()
}

#[test]
fn three_and_four_deep() {
    let leaf = leaf("array", physical::INT32, REPEATED);
    let array = || list("array", REPEATED);
    check(
        &[list("a", REQUIRED), array(), array(), leaf.clone()],
        2,
        &[((3, 3), &[0, 3, 2, 1, 0], &[3, 3, 2, 1, 0], &[1, 2])],
        "[[[1, 2], []], []] []",
    );
    check(
        &[list("a", OPTIONAL), array(), array(), leaf.clone()],
        3,
        &[((3, 4), &[0, 3, 2, 1, 0, 0], &[4, 4, 3, 2, 1, 0], &[1, 2])],
        "[[[1, 2], []], []] [] null",
    );
    check(
        &[list("a", OPTIONAL), array(), array(), array(), leaf],
        3,
        &[((4, 5), &[0, 4, 3, 2, 1, 0, 0], &[5, 5, 4, 3, 2, 1, 0], &[1, 2])],
        "[[[[1, 2], []], []], []] [] null",
    );
}

#[test]
fn with_logical_types_alone() {
    let list = |name: &str, repetition| group(name, repetition, 1).logical(logical(3));
    check(
        &[
            list("a", REQUIRED),
            list("array", REPEATED),
            list("array", REPEATED),
            leaf("array", physical::INT32, REPEATED),
        ],
        2,
        &[((3, 3), &[0, 3, 2, 1, 0], &[3, 3, 2, 1, 0], &[1, 2])],
        "[[[1, 2], []], []] []",
    );
}

#[test]
fn two_level_in_three_level_and_the_other_way_round() {
    check(
        &[
            list("a", OPTIONAL),
            group("list", REPEATED, 1),
            list("element", OPTIONAL),
            leaf("array", physical::INT32, REPEATED),
        ],
        3,
        &[((2, 4), &[0, 2, 1, 1, 0, 0], &[4, 4, 3, 2, 1, 0], &[1, 2])],
        "[[1, 2], [], null] [] null",
    );
    check(
        &[
            list("a", OPTIONAL),
            list("array", REPEATED),
            group("list", REPEATED, 1),
            leaf("element", physical::INT32, OPTIONAL),
        ],
        3,
        &[((2, 4), &[0, 2, 1, 0, 0], &[4, 3, 2, 1, 0], &[1])],
        "[[1, null], []] [] null",
    );
}

#[test]
fn of_structs_and_in_structs() {
    check(
        &[
            list("a", OPTIONAL),
            list("array", REPEATED),
            list("array", REPEATED),
            group("array", REPEATED, 2),
            leaf("x", physical::INT32, OPTIONAL),
            leaf("y", physical::INT32, REQUIRED),
        ],
        3,
        &[
            ((3, 5), &[0, 3, 2, 1, 0, 0], &[5, 4, 3, 2, 1, 0], &[5]),
            ((3, 4), &[0, 3, 2, 1, 0, 0], &[4, 4, 3, 2, 1, 0], &[7, 8]),
        ],
        "[[[{x: 5, y: 7}, {x: null, y: 8}], []], []] [] null",
    );
    check(
        &[
            group("s", OPTIONAL, 2),
            list("a", OPTIONAL),
            list("array", REPEATED),
            list("array", REPEATED),
            leaf("array", physical::INT32, REPEATED),
            leaf("z", physical::INT32, OPTIONAL),
        ],
        4,
        &[
            ((3, 5), &[0, 3, 2, 1, 0, 0, 0], &[5, 5, 4, 3, 2, 1, 0], &[1, 2]),
            ((0, 2), &[], &[2, 2, 1, 0], &[8, 9]),
        ],
        "{a: [[[1, 2], []], []], z: 8} {a: [], z: 9} {a: null, z: null} null",
    );
}

#[test]
fn of_maps_and_in_maps() {
    let key = leaf("key", physical::INT32, REQUIRED);
    check(
        &[
            list("a", OPTIONAL),
            group("array", REPEATED, 1).map(),
            group("key_value", REPEATED, 2),
            key.clone(),
            leaf("value", physical::INT32, OPTIONAL),
        ],
        3,
        &[
            ((2, 3), &[0, 2, 1, 0, 0], &[3, 3, 2, 1, 0], &[1, 2]),
            ((2, 4), &[0, 2, 1, 0, 0], &[4, 3, 2, 1, 0], &[9]),
        ],
        "[[{key: 1, value: 9}, {key: 2, value: null}], []] [] null",
    );
    check(
        &[
            group("m", OPTIONAL, 1).map(),
            group("key_value", REPEATED, 2),
            key,
            list("value", OPTIONAL),
            list("array", REPEATED),
            list("array", REPEATED),
            leaf("array", physical::INT32, REPEATED),
        ],
        3,
        &[
            ((1, 2), &[0, 1, 0, 0], &[2, 2, 1, 0], &[1, 2]),
            ((4, 6), &[0, 4, 3, 2, 1, 0, 0], &[6, 6, 5, 4, 2, 1, 0], &[1, 2]),
        ],
        "[{key: 1, value: [[[1, 2], []], []]}, {key: 2, value: null}] [] null",
    );
}

/// Read before as well: they stay what they were.
#[test]
fn shapes_that_are_no_old_lists_of_lists() {
    check(
        &[list("a", OPTIONAL), group("array", REPEATED, 1), leaf("x", physical::INT32, OPTIONAL)],
        3,
        &[((1, 3), &[0, 1, 0, 0], &[3, 2, 1, 0], &[1])],
        "[{x: 1}, {x: null}] [] null",
    );
    check(
        &[list("a", OPTIONAL), list("list", REPEATED), leaf("element", physical::INT32, OPTIONAL)],
        3,
        &[((1, 3), &[0, 1, 0, 0], &[3, 2, 1, 0], &[1])],
        "[1, null] [] null",
    );
}

/// Columns go by the names that the file has, also where the shape was rewritten.
#[test]
fn names_are_those_of_the_file() {
    let schema = [
        list("a", REQUIRED),
        list("array", REPEATED),
        list("array", REPEATED),
        leaf("item", physical::INT32, REPEATED),
    ];
    let leaves: [Leaf<'_>; 1] = [((3, 3), &[0], &[3], &[1])];
    let footer =
        open(&file(&schema, 1, &leaves, HOWS[0], false).bytes(), &Projection::All).unwrap();
    assert_eq!(footer.schema().leaf_path(0), "a.array.array.item");
}

/// PyArrow refuses a list that is repeated outside of a list.
#[test]
fn a_repeated_list_in_no_list_is_refused() {
    let schema = [list("a", REPEATED), leaf("array", physical::INT32, REPEATED)];
    let leaves: [Leaf<'_>; 1] = [((2, 2), &[0, 2, 1, 0], &[2, 2, 1, 0], &[1, 2])];
    let refusals = refusals(&file(&schema, 2, &leaves, HOWS[0], false).bytes(), Int96::default());
    assert!(refusals[0].contains("cannot be repeated"), "{refusals:?}");
}
