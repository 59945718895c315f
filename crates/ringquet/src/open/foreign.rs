//! Files that are not Parquet: what they look like by their first bytes, and what to do about it.

use std::path::Path;

use ringquet_io::{DataFile, DirectChoice};

/// First bytes that are looked at: the mark of a tar archive stands at 257, and a line of text is seldom longer.
const HEAD_BYTES: usize = 1024;

/// What the file at `path` looks like; `None` if nothing is recognised, or the file cannot be read.
pub(crate) fn hint(path: &Path) -> Option<&'static str> {
    let file = DataFile::open(path, DirectChoice::Off).ok()?;
    let mut head = vec![0; HEAD_BYTES];
    let len = rustix::io::pread(&file, &mut head, 0).ok()?;
    hint_of(&head[..len])
}

/// Marks at the start of a file: offset, bytes, hint. The longer of two that fit stands first.
const MARKS: &[(usize, &[u8], &str)] = &[
    (
        0,
        b"PAR1",
        "it begins like a Parquet file: it was cut off, or its writer did not finish; write or copy it again",
    ),
    (0, b"\x1f\x8b", "it looks like gzip: decompress it first, e.g. with 'gzip -d'"),
    (0, b"\x28\xb5\x2f\xfd", "it looks like zstd: decompress it first, e.g. with 'zstd -d'"),
    (0, b"\x04\x22\x4d\x18", "it looks like LZ4: decompress it first, e.g. with 'lz4 -d'"),
    (0, b"\xfd7zXZ\0", "it looks like xz: decompress it first, e.g. with 'xz -d'"),
    (0, b"BZh", "it looks like bzip2: decompress it first, e.g. with 'bzip2 -d'"),
    (0, b"\xff\x06\0\0sNaPpY", "it looks like framed Snappy: decompress it first"),
    (
        0,
        b"PK\x03\x04",
        "it looks like a ZIP archive (.zip, .npz, .xlsx, .pt): unpack it, or convert it to Parquet",
    ),
    (0, b"PK\x05\x06", "it looks like an empty ZIP archive"),
    (257, b"ustar", "it looks like a tar archive: unpack it first, e.g. with 'tar -xf'"),
    (
        0,
        b"ARROW1",
        "it looks like an Arrow IPC file (Feather v2): convert it to Parquet, e.g. with pyarrow.feather.read_table and pyarrow.parquet.write_table",
    ),
    (
        0,
        b"\xff\xff\xff\xff",
        "it looks like an Arrow IPC stream: convert it to Parquet, e.g. with pyarrow.ipc.open_stream and pyarrow.parquet.write_table",
    ),
    (
        0,
        b"FEA1",
        "it looks like a Feather v1 file: convert it to Parquet, e.g. with pyarrow.feather.read_table and pyarrow.parquet.write_table",
    ),
    (
        0,
        b"ORC",
        "it looks like an ORC file: convert it to Parquet, e.g. with pyarrow.orc.read_table and pyarrow.parquet.write_table",
    ),
    (0, b"Obj\x01", "it looks like an Avro file: convert it to Parquet"),
    (0, b"\x89HDF\r\n\x1a\n", "it looks like an HDF5 file: convert it to Parquet"),
    (0, b"\x93NUMPY", "it looks like a NumPy array (.npy): convert it to Parquet"),
    (0, b"\x80\x04\x95", PICKLE),
    (0, b"\x80\x05\x95", PICKLE),
    (0, b"SQLite format 3\0", "it looks like a SQLite database: export its tables as Parquet"),
    (
        8,
        b"DUCK",
        "it looks like a DuckDB database: export its tables with 'COPY … TO … (FORMAT parquet)'",
    ),
    (
        0,
        b"version https://git-lfs",
        "it looks like a Git LFS pointer: fetch the file itself with 'git lfs pull'",
    ),
    (
        0,
        b"/annex/objects/",
        "it looks like a git-annex pointer: fetch the file itself with 'git annex get'",
    ),
];

const PICKLE: &str = "it looks like a Python pickle: load it and write it as Parquet";
const EMPTY: &str = "the file is empty: its writer has not finished, or the disk was full";
const ZEROS: &str = "it begins with zeros: its copy or download was not completed";
const HTML: &str =
    "it looks like a web page: the download brought an error or a login page; open it in an editor";
const XML: &str =
    "it looks like XML, maybe the error message of an object store; open it in an editor";
const JSON: &str = "it looks like JSON, maybe the error message of a server; JSON lines have to be converted to Parquet";
const SEPARATED: &str = "it looks like CSV: convert it to Parquet, e.g. with pyarrow.csv.read_csv and pyarrow.parquet.write_table";
const TEXT: &str = "it looks like text";

fn hint_of(head: &[u8]) -> Option<&'static str> {
    if head.is_empty() {
        return Some(EMPTY);
    }
    let marked = |(at, mark, _): &&(usize, &[u8], &str)| {
        head.get(*at..).is_some_and(|rest| rest.starts_with(mark))
    };
    if let Some((_, _, hint)) = MARKS.iter().find(marked) {
        return Some(hint);
    }
    if head.iter().all(|&byte| byte == 0) {
        return Some(ZEROS);
    }
    hint_of_text(text(head)?)
}

/// The head as text: UTF-8 without control characters. Its last character may be cut off.
fn text(head: &[u8]) -> Option<&str> {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    let is_text = |char: char| !char.is_control() || char.is_ascii_whitespace();
    (!text.is_empty() && text.chars().all(is_text)).then_some(text)
}

fn hint_of_text(text: &str) -> Option<&'static str> {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let begins =
        |mark: &str| text.get(..mark.len()).is_some_and(|start| start.eq_ignore_ascii_case(mark));
    if begins("<!doctype html") || begins("<html") {
        return Some(HTML);
    }
    if begins("<?xml") || begins("<Error>") {
        return Some(XML);
    }
    if let Some(rest) = text.strip_prefix(['{', '[']) {
        let next = rest.trim_start().chars().next();
        if next.is_none_or(|next| "\"{}[]-0123456789tfn".contains(next)) {
            return Some(JSON);
        }
    }
    // A table has the separators of its first line in the second one too.
    let mut lines = text.lines();
    let (first, second) = (lines.next().unwrap_or_default(), lines.next());
    let is_table = |separator: char| {
        let count = first.matches(separator).count();
        match second {
            // It may be cut off by the end of the head.
            Some(second) => (1..=count).contains(&second.matches(separator).count()),
            None => count >= 3,
        }
    };
    Some(if [',', ';', '\t', '|'].into_iter().any(is_table) { SEPARATED } else { TEXT })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(head: &[u8], expect: &str) {
        let found = hint_of(head);
        assert!(found.is_some_and(|hint| hint.contains(expect)), "{expect}: {found:?}");
    }

    #[test]
    fn known_files_are_named() {
        check(b"", "is empty");
        check(b"PAR1", "begins like a Parquet file");
        check(b"\x1f\x8b\x08\0", "gzip");
        check(b"\x28\xb5\x2f\xfd\x04", "zstd");
        check(b"PK\x03\x04\x14", "ZIP archive");
        check(b"ARROW1\0\0", "Arrow IPC file");
        check(b"\xff\xff\xff\xff\x10\0\0\0", "Arrow IPC stream");
        check(b"FEA1", "Feather v1");
        check(b"ORC\x08", "ORC");
        check(b"Obj\x01\x04", "Avro");
        check(b"\x89HDF\r\n\x1a\n\0", "HDF5");
        check(b"\x93NUMPY\x01", "NumPy");
        check(
            b"version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 1\n",
            "git lfs pull",
        );
        let mut tar = vec![b'x'; 600];
        tar[257..262].copy_from_slice(b"ustar");
        check(&tar, "tar archive");
        check(&[0; 1024], "begins with zeros");
    }

    #[test]
    fn text_is_told_apart() {
        check(b"<!DOCTYPE html>\n<html>", "web page");
        check(b"  <HTML lang=\"en\">", "web page");
        check(b"<?xml version=\"1.0\"?><Error><Code>NoSuchKey", "object store");
        check(b"{\"error\": \"not found\"}", "JSON");
        check(b"{\"a\": 1}\n{\"a\": 2}\n", "JSON");
        check(b"[{\"a\": 1}]", "JSON");
        check(b"id,name\n1,x\n2,y\n", "CSV");
        check("\u{feff}id;größe\n1;2\n".as_bytes(), "CSV");
        check(b"a\tb\n1\t2\n", "CSV");
        check(b"this is a letter, not a Parquet file\n", "it looks like text");
        check(&b"column,".repeat(200), "CSV");
        check(b"Dear reader,\nthis is a letter\n", "it looks like text");
        // Cut off in the middle of a letter.
        check(&"aö".as_bytes()[..2], "it looks like text");
        assert_eq!(hint_of(b"\x01\x02\x03"), None);
        check(b"\x80\x04\x95", "pickle");
    }
}
