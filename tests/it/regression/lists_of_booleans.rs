//! Target `footer`: an input that took long, and would have taken for ever had it been meant to. Our walk steps over
//! fields of the schema that it does not know; the `parquet` crate, which is given the same bytes, took the booleans of a
//! list to have no bytes, was inside the list then, and found another list there: of 2^31 booleans, for which it counted
//! to 2^31. Eight bytes of a footer cost seconds. The same happened behind a known field of a kind that is not its own,
//! for the crate reads fields by their numbers alone. The schema now is held against the specification first.

use super::support::open;

fn check(file: &[u8], expect: &str) {
    let error = open(file).unwrap_err().to_string();
    assert!(error.contains(expect), "{error}");
}

#[test]
fn in_a_field_that_is_not_known() {
    check(include_bytes!("files/boolean-lists.parquet"), "collection of booleans in the schema");
}

#[test]
fn behind_a_field_of_another_kind() {
    check(
        include_bytes!("files/wrong-kind.parquet"),
        "field 3 of the schema has thrift kind 8, expected I32",
    );
}
