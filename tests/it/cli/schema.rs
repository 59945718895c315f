//! Documents against the schemas in docs/schema. Every document that the binary prints in these tests comes by here, since
//! [`super::binary::Answer`] asks for it: no test can forget it.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::{Mutex, OnceLock};

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::{Value, json};

use super::binary::ringquet;
use super::{sets, stdout};
use crate::scratch;

/// The schema that a document must keep to: of its command.
#[track_caller]
pub(crate) fn check(document: &Value) {
    let command =
        document["command"].as_str().unwrap_or_else(|| panic!("no command: {document:#}"));
    check_as(command, document);
}

/// As [`check`], with the schema of that name: of a command, or of a file that holds results.
#[track_caller]
pub(crate) fn check_as(name: &str, document: &Value) {
    if let Err(error) = against(name, document) {
        panic!("docs/schema/{name}.json: {error}\n{document:#}");
    }
}

/// What a document breaks.
fn against(name: &str, document: &Value) -> Result<(), String> {
    /// Compiled schemas, by name.
    static COMPILED: OnceLock<Mutex<(Schemas, HashMap<String, SchemaIndex>)>> = OnceLock::new();
    let compiled = COMPILED.get_or_init(|| Mutex::new((Schemas::new(), HashMap::new())));
    let mut compiled = compiled.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let (schemas, known) = &mut *compiled;
    let schema = match known.get(name) {
        Some(schema) => *schema,
        None => {
            let schema = compile(name, schemas);
            known.insert(name.to_owned(), schema);
            schema
        }
    };
    schemas.validate(document, schema).map_err(|error| format!("{error:#}"))
}

fn compile(name: &str, schemas: &mut Schemas) -> SchemaIndex {
    let path = format!("../docs/schema/{name}.json");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let text = std::fs::read_to_string(&path);
    let text = text.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let schema: Value = serde_json::from_str(&text).expect("a schema is JSON");
    let url = format!("https://ringquet.invalid/{name}.json");
    let mut compiler = Compiler::new();
    compiler.add_resource(&url, schema).expect("a schema is added once");
    compiler.compile(&url, schemas).unwrap_or_else(|error| panic!("{}: {error:#}", path.display()))
}

/// What is changed in a document, and what the refusal must name.
type Case = (fn(&mut Value), &'static str);

/// Schemas would be worth nothing if they took anything.
#[test]
fn one_key_that_is_not_as_described_is_refused() {
    let dir = scratch::dir();
    sets::write_files(dir.path(), 1);
    let scanned = ringquet(dir.path(), "scan . --json").succeeds().document();
    assert_eq!(against("scan", &scanned), Ok(()));
    let cases: &[Case] = &[
        (|scan| scan["extra"] = json!(1), "extra"),
        (|scan| scan["options"]["io"]["extra"] = json!(1), "extra"),
        (|scan| scan["driver"]["extra"] = json!(1), "extra"),
        (|scan| scan["rows"] = json!("8"), "rows"),
        (|scan| scan["rows"] = json!(-8), "rows"),
        (|scan| scan["rows"] = json!(8.5), "rows"),
        (|scan| scan["seconds"] = Value::Null, "seconds"),
        (|scan| scan["command"] = json!("run"), "command"),
        (|scan| scan["schema_version"] = json!(2), "schema_version"),
        (|scan| scan["options"]["decoder"] = json!("fast"), "decoder"),
        (|scan| scan["warnings"] = json!([{ "code": "no_such_code", "message": "" }]), "code"),
        (|scan| scan["error"] = json!({ "message": "" }), "oneOf"),
        (|scan| drop(removed(scan, "reads")), "reads"),
        (|scan| drop(removed(scan, "argv")), "argv"),
        (|scan| drop(removed(&mut scan["latency_ns"], "p99_9")), "p99_9"),
        (|scan| drop(removed(&mut scan["options"], "int96")), "int96"),
    ];
    for (at, (change, named)) in cases.iter().enumerate() {
        let mut changed = scanned.clone();
        change(&mut changed);
        assert_ne!(changed, scanned, "case {at}, {named}");
        let refused = against("scan", &changed).expect_err(named);
        assert!(refused.contains(named), "case {at}, {named}: {refused}");
    }
    let failed = ringquet(dir.path(), "scan nowhere --json").ends_with(1).document();
    assert_eq!(against("scan", &failed), Ok(()));
    let mut changed = failed.clone();
    changed["rows"] = json!(8);
    against("scan", &changed).expect_err("a command that failed has no report");
    let mut changed = failed;
    changed["error"]["message"] = Value::Null;
    against("scan", &changed).expect_err("a message is text");
}

/// Other tests ask some verbs for text alone.
#[test]
fn every_verb_keeps_to_its_schema() {
    let dir = scratch::dir();
    let mut verbs = BTreeSet::new();
    // Help pages and versions are no documents.
    let calls = stdout::calls(dir.path()).into_iter().filter(|call| {
        let is_verb = !call.starts_with("--");
        is_verb && !call.ends_with("--help")
    });
    for call in calls.chain(["check results"]) {
        let document = ringquet(dir.path(), &format!("{call} --json")).document();
        assert!(document.get("error").is_none(), "{call}: {document:#}");
        verbs.insert(document["command"].as_str().expect("a verb").to_owned());
    }
    assert_eq!(verbs.len(), 15, "a verb is missing: {verbs:?}");
}

fn removed(document: &mut Value, key: &str) -> Option<Value> {
    document.as_object_mut()?.remove(key)
}
