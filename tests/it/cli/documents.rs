//! The keys of `--json` that scripts rely on, as the design has them.

use serde_json::Value;

use super::binary::ringquet;
use super::sets;
use crate::scratch;

/// Every document begins with these.
#[track_caller]
pub(super) fn has_header(document: &Value, command: &str) {
    assert_eq!(document["schema_version"], 1);
    assert_eq!(document["command"], command);
    for key in ["hostname", "kernel", "cpu_model", "ringquet_version"] {
        assert!(document["environment"][key].is_string(), "environment.{key}: {document:#}");
    }
    assert!(document["options"].is_object(), "{document:#}");
    for warning in document["warnings"].as_array().expect("a list of warnings") {
        assert!(warning["code"].is_string() && warning["message"].is_string(), "{warning}");
    }
}

/// The numbers of everything that reads.
#[track_caller]
pub(super) fn has_reading(document: &Value) {
    for key in [
        "decoded_bytes",
        "read_bytes",
        "seconds",
        "rows",
        "rows_per_second",
        "decoded_bytes_per_second",
        "read_bytes_per_second",
    ] {
        assert!(document[key].is_number(), "{key}: {document:#}");
    }
    let device = document.get("device_read_bytes").expect("device_read_bytes is there");
    assert!(device.is_null() || device.is_u64(), "device_read_bytes: {device}");
    for key in ["p50", "p99", "p99_9", "max"] {
        assert!(document["latency_ns"][key].is_u64(), "latency_ns.{key}: {document:#}");
        assert!(document["reap_delay_ns"][key].is_u64(), "reap_delay_ns.{key}: {document:#}");
    }
    let driver = &document["driver"];
    assert!(driver["name"].is_string(), "{driver}");
    for key in ["direct", "registered_buffers", "registered_files"] {
        assert!(driver[key].is_boolean(), "driver.{key}: {driver}");
    }
    assert!(driver.get("huge_pages").is_some() && driver["cpus"].is_array(), "{driver}");
    assert!(driver["queue_depth"].is_u64() && driver["threads"].is_u64(), "{driver}");
    for key in ["fast_column_chunks", "fallback_column_chunks"] {
        assert!(document["decoder"][key].is_u64(), "decoder.{key}: {document:#}");
    }
}

#[test]
fn a_scan_has_every_promised_key() {
    let dir = scratch::dir();
    sets::write_files(dir.path(), 2);
    let document = ringquet(dir.path(), "scan . --json").succeeds().document();
    has_header(&document, "scan");
    has_reading(&document);
    assert_eq!(document["rows"], 2 * sets::FILE_ROWS);
    assert!(document.get("digest").is_none(), "a digest is made only if asked for");
    let document = ringquet(dir.path(), "--json scan . --digest").succeeds().document();
    assert_eq!(document["digest"].as_str().map(str::len), Some(32), "{}", document["digest"]);
}

#[test]
fn options_tell_what_was_asked_for() {
    let dir = scratch::dir();
    sets::write_files(dir.path(), 1);
    let line = "scan . --json --columns id,text --threads 1 --queue-depth 8 --read-size 64K --coalesce-gap 4kB";
    let options = &ringquet(dir.path(), line).succeeds().document()["options"];
    assert_eq!(options["columns"], serde_json::json!(["id", "text"]));
    assert_eq!(options["threads"], 1);
    assert_eq!(options["io"]["queue_depth"], 8);
    assert_eq!(options["io"]["read_size_bytes"], 65_536);
    assert_eq!(options["coalesce_gap_bytes"], 4000);
}

#[test]
fn a_failure_has_a_document_too() {
    let dir = scratch::dir();
    let answer = ringquet(dir.path(), "scan nowhere --json").ends_with(1);
    let document = answer.document();
    has_header(&document, "scan");
    assert_eq!(document["error"]["message"], answer.error());
}
