//! Target `footer`: a footer with two lists of columns. We took the last one, after having looked for the wanted columns in each; so
//! a file could be read with all of its columns, and not with one of them by name. Readers differ in which of two fields they
//! take, and no writer writes two: it is an error.

use ringquet_decode::{Footer, Projection};

/// version; schema of a root and an INT32 column "c"; no rows; no row groups. The field `again` comes once more.
fn footer(again: &[u8]) -> Vec<u8> {
    let schema = [
        0x19, 0x2c, // 2: list of two structs
        0x48, 1, b'r', 0x15, 2, 0, // name, num_children: 1
        0x15, 2, 0x25, 0, 0x18, 1, b'c', 0, // type: INT32, repetition: required, name
    ];
    let rows = [0x16, 0, 0x19, 0x0c]; // 3: no rows, 4: no row groups
    [&[0x15, 2][..], &schema, &rows, again, &[0]].concat()
}

#[test]
fn a_field_that_comes_twice_is_an_error() {
    let parse = |bytes: &[u8], projection| Footer::parse(bytes, 1 << 20, &projection);
    let by_name = || Projection::Names(vec!["c".to_owned()]);
    assert!(parse(&footer(&[]), Projection::All).is_ok());
    assert!(parse(&footer(&[]), by_name()).is_ok());

    // A second schema, whose id is written out, with a root and nothing in it; then a second list of row groups.
    let schema = [0x09, 4, 0x1c, 0x48, 1, b'r', 0x15, 0, 0];
    let row_groups = [0x09, 8, 0x0c];
    for (again, what) in [(&schema[..], "the schema twice"), (&row_groups, "the row groups twice")]
    {
        for projection in [Projection::All, by_name()] {
            let error = parse(&footer(again), projection).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
    }
}
