//! Small files of PyArrow that lie in `pyarrow_files`: checksums and a page index, which arrow-rs does not write or not
//! in this way, and its choice of pages.

use std::path::Path;

use bytes::Bytes;
use ringquet_decode::{DecodeError, DecodeOptions, Projection};

use super::support::{check, open, read_row_group};

const FILES: [&str; 4] = ["dictionary-1", "dictionary-2", "encodings-1", "encodings-2"];

fn file(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("it/decode/pyarrow_files");
    std::fs::read(folder.join(format!("{name}.parquet"))).unwrap()
}

#[test]
fn read_as_the_parquet_crate_reads_them() {
    for name in FILES {
        let counters = check(&Bytes::from(file(name)), &Projection::All, &[64, 1000], name);
        assert_eq!(counters.fallback_column_chunks, 0, "{name}");
    }
}

#[test]
fn each_damaged_page_is_found_by_its_checksum() {
    for name in FILES {
        let mut bytes = file(name);
        let footer = open(&bytes, &Projection::All).unwrap();
        let chunks: Vec<_> = footer.column_chunks(0).collect();
        for (leaf, chunk) in chunks {
            // The last byte of a column chunk lies in its last page.
            let last = usize::try_from(chunk.byte_range().end - 1).unwrap();
            bytes[last] ^= 0x10;
            let options = DecodeOptions { verify_crc: true, ..DecodeOptions::default() };
            let error = read_row_group(&bytes, &footer, 0, &options, false).unwrap_err();
            let found = matches!(error, DecodeError::CrcMismatch { .. });
            assert!(found, "{name}, leaf {leaf}: {error}");
            bytes[last] ^= 0x10;
        }
    }
}
