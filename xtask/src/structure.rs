//! How two Parquet files are built: schema, row groups, encodings and pages, as `inspect --json` shows them, and the bytes
//! of the pages.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::ringquet::Ringquet;

/// Lines of a difference that are printed; the others are counted.
const DIFFERENCES_SHOWN: usize = 20;

/// Length and magic at the end of a file.
const TAIL_BYTES: usize = 8;

/// Compares two files in schema, row groups, encodings and pages. Returns the codec of the first column chunk.
///
/// # Errors
/// When they differ; the differences are printed.
pub(crate) fn check_same(ringquet: &Ringquet<'_>, ours: &Path, theirs: &Path) -> Result<String> {
    let of = |path: &Path| {
        let document = ringquet.json(&["inspect", &path.display().to_string()])?;
        structure(&document).with_context(|| format!("{}: inspect", path.display()))
    };
    let (left, right) = (of(ours)?, of(theirs)?);
    let mut differences = Vec::new();
    differ("file", &left, &right, &mut differences);
    if differences.is_empty() {
        let codec = left["row_groups"][0]["column_chunks"][0]["codec"].as_str();
        return Ok(codec.unwrap_or_default().to_owned());
    }
    println!("{} and {}:", ours.display(), theirs.display());
    for line in differences.iter().take(DIFFERENCES_SHOWN) {
        println!("  {line}");
    }
    bail!("{}: built differently from ours in {} places", theirs.display(), differences.len());
}

/// Compares what stands in front of the footers, byte by byte.
///
/// # Errors
/// When they differ: at which offset first.
pub(crate) fn check_same_pages(ours: &Path, theirs: &Path) -> Result<()> {
    let read = |path: &Path| -> Result<Vec<u8>> {
        let mut bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
        let tail = bytes.last_chunk::<TAIL_BYTES>().context("no Parquet file")?;
        let footer = u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]) as usize;
        let pages = bytes.len().checked_sub(TAIL_BYTES + footer).context("no Parquet file")?;
        bytes.truncate(pages);
        Ok(bytes)
    };
    let (left, right) = (read(ours)?, read(theirs)?);
    let at = left.iter().zip(&right).position(|(left, right)| left != right);
    let (ours, theirs) = (ours.display(), theirs.display());
    if let Some(at) = at {
        bail!("{theirs}: its pages are other bytes than those of {ours} from offset {at} on");
    }
    let (left, right) = (left.len(), right.len());
    ensure!(left == right, "{theirs}: {right} bytes of pages, {ours} has {left}");
    Ok(())
}

/// What of the one file of an `inspect` document does not depend on its values.
fn structure(document: &Value) -> Result<Value> {
    let file = &document["files"][0];
    let pick = |from: &Value, keys: &[&str]| -> Result<Value> {
        let kept = keys.iter().map(|key| {
            let value = from.get(key).with_context(|| format!("the document has no `{key}`"))?;
            Ok(((*key).to_owned(), value.clone()))
        });
        Ok(Value::Object(kept.collect::<Result<_>>()?))
    };
    let mut kept = pick(file, &["format_version", "key_value_keys", "rows", "columns", "leaves"])?;
    let groups = file["row_groups"].as_array().context("the document has no `row_groups`")?;
    let groups = groups.iter().map(|group| {
        let chunks = group["column_chunks"].as_array().context("no `column_chunks`")?;
        let keys = &["leaf", "codec", "encodings", "pages", "values"];
        let chunks = chunks.iter().map(|chunk| pick(chunk, keys)).collect::<Result<Vec<_>>>()?;
        Ok(serde_json::json!({ "rows": group["rows"], "column_chunks": chunks }))
    });
    kept["row_groups"] = Value::Array(groups.collect::<Result<_>>()?);
    Ok(kept)
}

/// Appends a line for every place where two documents differ.
fn differ(place: &str, ours: &Value, theirs: &Value, lines: &mut Vec<String>) {
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) if ours.keys().eq(theirs.keys()) => {
            for (key, value) in ours {
                differ(&format!("{place}.{key}"), value, &theirs[key], lines);
            }
        }
        (Value::Array(ours), Value::Array(theirs)) if ours.len() == theirs.len() => {
            for (index, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
                differ(&format!("{place}[{index}]"), ours, theirs, lines);
            }
        }
        _ if ours == theirs => {}
        _ => lines.push(format!("{place}: {ours} and {theirs}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_structure_knows_pages_and_not_sizes() {
        let document = |encoding: &str, bytes: u64| {
            let pages = json!([{ "kind": "DATA_PAGE", "encoding": encoding, "count": 1 }]);
            let chunk = json!({ "leaf": "a", "codec": "SNAPPY", "encodings": [encoding], "pages": pages,
                                "values": 3, "compressed_bytes": bytes });
            let group = json!({ "rows": 3, "offset": 4, "column_chunks": [chunk] });
            json!({ "files": [{ "format_version": 2, "key_value_keys": [], "rows": 3, "columns": [],
                                "leaves": [], "row_groups": [group], "file_bytes": bytes }] })
        };
        let differences = |ours: &Value, theirs: &Value| {
            let mut lines = Vec::new();
            differ("file", &structure(ours).unwrap(), &structure(theirs).unwrap(), &mut lines);
            lines
        };
        assert_eq!(differences(&document("PLAIN", 1), &document("PLAIN", 2)), [""; 0]);
        let place = "file.row_groups[0].column_chunks[0]";
        assert_eq!(
            differences(&document("PLAIN", 1), &document("RLE", 1)),
            [
                format!(r#"{place}.encodings[0]: "PLAIN" and "RLE""#),
                format!(r#"{place}.pages[0].encoding: "PLAIN" and "RLE""#),
            ]
        );
        let mut short = document("PLAIN", 1);
        short["files"][0]["row_groups"] = json!([]);
        assert_eq!(differences(&short, &document("PLAIN", 1)).len(), 1);
        assert!(structure(&json!({ "files": [] })).is_err());
    }

    #[test]
    fn pages_are_compared_up_to_the_footer() {
        let file = |pages: &[u8], footer: &[u8]| {
            let length = u32::try_from(footer.len()).unwrap().to_le_bytes();
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), [pages, footer, &length, b"PAR1"].concat()).unwrap();
            file
        };
        let ours = file(b"PAR1 pages", b"ours");
        let check = |theirs: tempfile::NamedTempFile| {
            check_same_pages(ours.path(), theirs.path()).map_err(|error| error.to_string())
        };
        assert_eq!(check(file(b"PAR1 pages", b"another footer")), Ok(()));
        assert!(check(file(b"PAR1 paGes", b"ours")).unwrap_err().contains("from offset 7 on"));
        assert!(check(file(b"PAR1 page", b"ours")).unwrap_err().contains("9 bytes of pages"));
        assert!(check_same_pages(ours.path(), Path::new("/dev/null")).is_err());
    }
}
