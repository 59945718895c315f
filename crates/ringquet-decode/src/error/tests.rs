//! Every message of [`DecodeError`] and every form of [`Place`], kept in `snapshots/`.

use ringquet_messages::{assert_messages, assert_text, listed};

use super::*;
use crate::Codec;

fn place() -> Place {
    Place {
        column: Some("a.list.element".to_owned()),
        row_group: Some(2),
        offset: Some(4),
        length: Some(1_048_576),
    }
}

fn at() -> Box<Place> {
    Box::new(place())
}

#[test]
fn messages() {
    assert_messages!(DecodeError {
        OutOfSpec { at: at(), what: "dictionary index 7 among 3 entries".to_owned() },
        Unsupported { at: at(), what: "encoding BIT_PACKED".to_owned() },
        WouldOverAllocate { at: at(), what: "page", wanted_bytes: 2_000_000, bound_bytes: 1_000_000 },
        OverLimit {
            at: at(),
            what: "a page",
            wanted_bytes: 2_000_000,
            bound_bytes: 1_000_000,
            option: "`page_bytes_max`",
        },
        Truncated { at: at(), what: "page", wanted_bytes: 100, present_bytes: 60 },
        CrcMismatch { at: at(), expected: 0x1234_5678, computed: 0x8765_4321 },
        Codec { at: at(), codec: Codec::Zstd, what: "unknown frame descriptor".to_owned() },
        Parquet { at: at(), source: Box::new(ParquetError::EOF("not enough bytes".to_owned())) },
        Arrow {
            at: at(),
            source: Box::new(arrow_schema::ArrowError::InvalidArgumentError("lengths differ".to_owned())),
        },
        UnknownColumn { name: "lable".to_owned(), nearest: vec!["label".to_owned(), "table".to_owned()] },
        UnknownColumn { name: "lable".to_owned(), nearest: Vec::new() },
        Encrypted {},
        NotParquet { found: *b"\x1f\x8b\x00\n" },
    });
}

#[test]
fn places() {
    let whole = place();
    let places = [
        Place::default(),
        Place { column: None, ..whole.clone() },
        Place { row_group: None, ..whole.clone() },
        Place { offset: None, ..whole.clone() },
        Place { length: None, ..whole.clone() },
        Place { offset: None, length: None, ..whole.clone() },
        whole,
    ];
    assert_text!("Place", listed(places.map(|place| ("Place", place.to_string()))));
}

#[test]
fn digests() {
    let error = "12ab".parse::<crate::ContentDigest>().expect_err("it is too short");
    assert_text!("ParseDigestError", error.to_string());
}
