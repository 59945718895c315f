//! v2 data pages that say that they are not compressed and are, as parquet-cpp and parquet-cpp-arrow before 3.0.0 wrote them.
//! (ARROW-17100)

use arrow_array::cast::AsArray as _;
use arrow_array::types::Int32Type;
use ringquet_decode::{Int96, Projection};

use super::by_hand::{
    Chunk, File, HOWS, How, OPTIONAL, REPEATED, encoding, group, indices, int32s, leaf, physical,
};
use super::support::{open, read_every_way, refusals};

/// A flat column, one with a dictionary, and a list.
fn file(how: How, created_by: Option<&str>) -> File {
    let chunk = |max_repetition, max_definition| {
        Chunk::new(physical::INT32, max_repetition, max_definition, how).denying_compression()
    };
    let chunks = vec![
        chunk(0, 1).page(&[], &[1, 0], encoding::PLAIN, &int32s(&[5])).page(
            &[],
            &[1, 1],
            encoding::PLAIN,
            &int32s(&[6, 7]),
        ),
        chunk(0, 1).dictionary(2, &int32s(&[7, 9])).page(
            &[],
            &[1, 1, 0, 1],
            encoding::RLE_DICTIONARY,
            &indices(&[0, 1, 1]),
        ),
        chunk(1, 2).page(&[0, 1, 0, 0, 0], &[2, 2, 0, 1, 2], encoding::PLAIN, &int32s(&[1, 2, 3])),
    ];
    let schema = vec![
        leaf("flat", physical::INT32, OPTIONAL),
        leaf("dictionary", physical::INT32, OPTIONAL),
        group("l", OPTIONAL, 1).list(),
        leaf("array", physical::INT32, REPEATED),
    ];
    let mut file = File::new(schema, 4, chunks);
    file.created_by = created_by.map(|name| name.as_bytes().to_vec());
    file
}

#[test]
fn of_parquet_cpp_before_3_are_decompressed() {
    for created_by in ["parquet-cpp version 1.5.1-SNAPSHOT", "parquet-cpp-arrow version 2.0.0"] {
        for how in HOWS {
            let file = file(how, Some(created_by)).bytes();
            let batch = read_every_way(&file, Int96::default(), &format!("{how:?}, {created_by}"));
            let values = |column| batch.column(column).as_primitive::<Int32Type>().iter();
            assert!(values(0).eq([Some(5), None, Some(6), Some(7)]), "{how:?}");
            assert!(values(1).eq([Some(7), Some(9), None, Some(9)]), "{how:?}");
            let items = batch.column(2).as_list::<i32>().values();
            assert_eq!(items.as_primitive::<Int32Type>().values(), &[1, 2, 3], "{how:?}");
        }
    }
}

/// Of any other writer it is damage: as they stand in the file, the bytes would be wrong values.
#[test]
fn of_other_writers_are_refused() {
    let how = How { v2: true, snappy: true };
    for created_by in [Some("parquet-cpp-arrow version 3.0.0"), Some("parquet-rs"), None] {
        let file = file(how, created_by).bytes();
        let footer = open(&file, &Projection::All).unwrap();
        assert!(footer.column_chunks(0).all(|(_, chunk)| !chunk.v2_denies_compression));
        for refusal in refusals(&file, Int96::default()) {
            assert!(refusal.contains("'flat'") && refusal.contains("not compressed"), "{refusal}");
        }
    }
}
