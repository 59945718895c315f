//! Pages of nothing but nulls, which leave out what is there only for values: the width of indices, the headers of delta encodings,
//! the length of runs, and the entries of the dictionary.
//!
//! The `parquet` crate looks for them all the same, so nested columns, and all columns with `--decoder fallback`, were refused.

use arrow_array::Array as _;
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray as _;
use ringquet_decode::{DecoderChoice, Int96};

use super::by_hand::{
    Chunk, Element, File, HOWS, How, OPTIONAL, REPEATED, encoding, group, int32s, leaf, physical,
};
use super::support::{read_every_way, read_ways};

/// Physical type with the encodings that its values may have.
const ENCODINGS: [(i32, &[i32]); 7] = [
    (physical::BOOLEAN, &[encoding::PLAIN, encoding::RLE]),
    (
        physical::INT32,
        &[
            encoding::PLAIN,
            encoding::PLAIN_DICTIONARY,
            encoding::RLE_DICTIONARY,
            encoding::DELTA_BINARY_PACKED,
            encoding::BYTE_STREAM_SPLIT,
        ],
    ),
    (physical::INT64, &[encoding::RLE_DICTIONARY, encoding::DELTA_BINARY_PACKED]),
    (physical::INT96, &[encoding::PLAIN, encoding::RLE_DICTIONARY]),
    (physical::DOUBLE, &[encoding::RLE_DICTIONARY, encoding::BYTE_STREAM_SPLIT]),
    (
        physical::BYTE_ARRAY,
        &[
            encoding::PLAIN,
            encoding::RLE_DICTIONARY,
            encoding::DELTA_LENGTH_BYTE_ARRAY,
            encoding::DELTA_BYTE_ARRAY,
        ],
    ),
    (physical::FIXED, &[encoding::RLE_DICTIONARY, encoding::DELTA_BYTE_ARRAY]),
];

fn is_dictionary(number: i32) -> bool {
    matches!(number, encoding::PLAIN_DICTIONARY | encoding::RLE_DICTIONARY)
}

/// Twenty rows of nulls: flat, in a struct, in a list.
#[derive(Debug, Clone, Copy)]
enum Shape {
    Flat,
    InStruct,
    InList,
}

impl Shape {
    fn schema(self, leaf: Element) -> Vec<Element> {
        match self {
            Shape::Flat => vec![leaf],
            Shape::InStruct => vec![group("s", OPTIONAL, 1), leaf],
            Shape::InList => {
                vec![group("l", OPTIONAL, 1).list(), group("list", REPEATED, 1), leaf]
            }
        }
    }

    /// Highest levels, and the definition level of a null.
    fn levels(self) -> (i16, i16, i16) {
        match self {
            Shape::Flat => (0, 1, 0),
            Shape::InStruct => (0, 2, 1),
            Shape::InList => (1, 3, 2),
        }
    }
}

fn column(physical_type: i32) -> Element {
    let element = leaf("x", physical_type, OPTIONAL);
    if physical_type == physical::FIXED { element.length(3) } else { element }
}

fn file(shape: Shape, physical_type: i32, number: i32, how: How, dictionary: bool) -> File {
    let (max_repetition, max_definition, null) = shape.levels();
    let mut chunk = Chunk::new(physical_type, max_repetition, max_definition, how);
    if dictionary {
        chunk = chunk.dictionary(0, &[]);
    }
    for rows in [12, 8] {
        chunk = chunk.page(&vec![0; rows], &vec![null; rows], number, &[]);
    }
    File::new(shape.schema(column(physical_type)), 20, vec![chunk])
}

fn check(batch: &RecordBatch, shape: Shape, what: &str) {
    let values = match shape {
        Shape::Flat => batch.column(0),
        Shape::InStruct => batch.column(0).as_struct().column(0),
        Shape::InList => batch.column(0).as_list::<i32>().values(),
    };
    assert_eq!((values.len(), values.logical_null_count()), (20, 20), "{what}");
}

#[test]
fn pages_that_end_after_their_levels() {
    for (physical_type, encodings) in ENCODINGS {
        for number in encodings.iter().copied() {
            for how in HOWS {
                for shape in [Shape::Flat, Shape::InStruct, Shape::InList] {
                    let what =
                        format!("{shape:?}, type {physical_type}, encoding {number}, {how:?}");
                    let dictionary = is_dictionary(number);
                    let file = file(shape, physical_type, number, how, dictionary).bytes();
                    check(&read_every_way(&file, Int96::default(), &what), shape, &what);
                }
            }
        }
    }
}

/// Not even an empty dictionary page: our kernels do not need one.
#[test]
fn pages_without_a_dictionary() {
    let ways = [(DecoderChoice::Auto, false), (DecoderChoice::Auto, true)];
    for how in HOWS {
        let what = format!("{how:?}");
        let file = file(Shape::Flat, physical::INT32, encoding::RLE_DICTIONARY, how, false).bytes();
        check(&read_ways(&file, Int96::default(), &ways, &what), Shape::Flat, &what);
    }
}

/// A page of nulls between others: what is put at its end is no value of the next.
#[test]
fn among_pages_with_values() {
    for how in HOWS {
        for nested in [false, true] {
            let (schema, max, null) = if nested {
                (Shape::InStruct.schema(column(physical::INT32)), 2, 1)
            } else {
                (Shape::Flat.schema(column(physical::INT32)), 1, 0)
            };
            let number = encoding::RLE_DICTIONARY;
            let chunk = Chunk::new(physical::INT32, 0, max, how)
                .dictionary(2, &int32s(&[7, 9]))
                .page(&[], &[max, null, max], number, &[1, 2, 0, 2, 1])
                .page(&[], &[null; 4], number, &[])
                .page(&[], &[null, max], number, &[1, 2, 1]);
            let what = format!("{how:?}, nested {nested}");
            let batch =
                read_every_way(&File::new(schema, 9, vec![chunk]).bytes(), Int96::default(), &what);
            let values = match nested {
                true => batch.column(0).as_struct().column(0),
                false => batch.column(0),
            };
            let values = values.as_primitive::<arrow_array::types::Int32Type>();
            let expect = [Some(7), None, Some(9), None, None, None, None, None, Some(9)];
            assert_eq!(values.iter().collect::<Vec<_>>(), expect, "{what}");
        }
    }
}
