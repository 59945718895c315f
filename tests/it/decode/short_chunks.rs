//! Column chunks whose announced size leaves out the header of their dictionary page, as parquet-mr before 1.2.9 wrote them.

use arrow_array::cast::AsArray as _;
use ringquet_decode::{Int96, Projection};

use super::by_hand::{
    Chunk, File, HOWS, How, OPTIONAL, REPEATED, encoding, group, indices, int32s, leaf, physical,
};
use super::support::{open, read_every_way, refusals};

const OLD: [Option<&str>; 4] = [
    Some("parquet-mr version 1.2.8 (build 0)"),
    Some("parquet-cpp version 1.0.0"),
    Some("impala version 1.2"),
    None,
];

/// Two row groups of two columns, flat and in a list; all column chunks are announced too short.
fn file(how: How, created_by: Option<&str>) -> File {
    let values = int32s(&[7, 9]);
    let number = encoding::PLAIN_DICTIONARY;
    let short = |chunk: Chunk| {
        let bytes = chunk.dictionary_header_bytes(&values);
        chunk.leaving_out(bytes)
    };
    let flat = Chunk::new(physical::INT32, 0, 1, how)
        .dictionary(2, &values)
        .page(&[], &[1, 1, 0], number, &indices(&[0, 1]))
        .page(&[], &[1], number, &indices(&[1]));
    let listed = Chunk::new(physical::INT32, 1, 2, how).dictionary(2, &values).page(
        &[0, 1, 0, 0, 0],
        &[2, 2, 0, 1, 2],
        number,
        &indices(&[1, 0, 1]),
    );
    let chunks = vec![short(flat), short(listed)];
    let schema = vec![
        leaf("x", physical::INT32, OPTIONAL),
        group("l", OPTIONAL, 1).list(),
        leaf("array", physical::INT32, REPEATED),
    ];
    let mut file = File::new(schema, 4, chunks.clone());
    file.row_groups.push((4, chunks));
    file.created_by = created_by.map(|name| name.as_bytes().to_vec());
    file
}

#[test]
fn are_read_to_their_last_value() {
    for how in HOWS {
        for created_by in OLD {
            let file = file(how, created_by).bytes();
            let batch =
                read_every_way(&file, Int96::default(), &format!("{how:?}, {created_by:?}"));
            let values = batch.column(0).as_primitive::<arrow_array::types::Int32Type>();
            let of_group = [Some(7), Some(9), None, Some(9)];
            assert_eq!(values.iter().collect::<Vec<_>>(), of_group.repeat(2));
            let items = batch.column(1).as_list::<i32>().values();
            let items = items.as_primitive::<arrow_array::types::Int32Type>();
            assert_eq!(items.values(), &[9, 7, 9, 9, 7, 9]);
        }
    }
}

/// A chunk never reaches into the next one, which may be of a column that is not read.
#[test]
fn end_where_the_next_one_begins() {
    let file = file(HOWS[0], OLD[0]).bytes();
    let all = open(&file, &Projection::All).unwrap();
    let chunks: Vec<_> = (0..2).flat_map(|group| all.column_chunks(group)).collect();
    for pair in chunks.windows(2) {
        assert_eq!(pair[0].1.byte_range().end, pair[1].1.byte_range().start);
    }
    let one = open(&file, &Projection::Names(vec!["x".to_owned()])).unwrap();
    assert_eq!(one.column_chunk(1, 0), all.column_chunk(1, 0));
}

/// Of a writer that counts right, a size that is too small is damage.
#[test]
fn of_writers_that_count_right_are_refused() {
    for created_by in ["parquet-mr version 1.13.1 (build 0)", "parquet-cpp-arrow version 26.0.1"] {
        for refusal in refusals(&file(HOWS[0], Some(created_by)).bytes(), Int96::default()) {
            assert!(refusal.contains(", row group 0") && refusal.contains("early"), "{refusal}");
        }
    }
}
