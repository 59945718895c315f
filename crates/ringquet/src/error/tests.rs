//! Every message of [`Error`], kept in `snapshots/`.

use ringquet_messages::assert_messages;

use super::*;

fn path() -> PathBuf {
    PathBuf::from("data/part-0.parquet")
}

fn missing() -> std::io::Error {
    std::io::Error::from_raw_os_error(2)
}

#[test]
fn messages() {
    let unopened = Error::Path { path: path(), source: missing() };
    assert_messages!(Error {
        Io(IoError::Open { path: path(), source: missing() }),
        Decode { path: path(), source: DecodeError::Encrypted },
        Path { path: path(), source: missing() },
        NoFiles { path: PathBuf::from("data") },
        TooShort { path: path(), len: 7, hint: None },
        TooShort { path: path(), len: 7, hint: Some("it looks like gzip: decompress it first") },
        NotParquet {
            path: path(),
            source: DecodeError::NotParquet { found: *b"abcd" },
            hint: Some("it looks like gzip: decompress it first"),
        },
        NoneReadable {
            count: 3,
            first: Box::new(Error::Path { path: path(), source: missing() }),
        },
        Unopened(Arc::new(unopened)),
        Schemas {
            first: path(),
            other: PathBuf::from("data/part-1.parquet"),
            difference: "column 'a' is Int32, but Int64".to_owned(),
        },
        NoRowGroup { id: RowGroupId { file: 3, row_group: 9 }, files: 4, row_groups: 2 },
        NoRow { row: 100, rows: 100 },
        Arrow { source: ArrowError::SchemaError("lengths differ".to_owned()) },
        Options(OptionError::new("threads", 0, "must be at least 1")),
        Panicked("index out of bounds (src/plan.rs:41)".to_owned()),
        Stopped {},
    });
}
