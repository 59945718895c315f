//! The JSON Schemas of all documents, and of the files that hold results: generated here, kept in docs/schema.
//!
//! `cargo xtask schemas` writes them, `cargo xtask schemas --check` and every run of the tests compare.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::CommandFactory as _;
use ringquet_datagen::{GenerateReport, Manifest, VerifyReport};
use ringquet_device::characterize::{CharacterizeReport, ShownOptions};
use ringquet_layout::LayoutReport;
use ringquet_report::check::CheckReport;
use ringquet_result::schema::{DocumentSchema, of_file};
use ringquet_train::{RunDocument, RunReport, SearchReport, ShownRunOptions, ShownSearchOptions};
use serde_json::Value;

use super::{
    cat, check, completions, datagen, datasize, doctor, inspect, layout, man, plan, report, scan,
    verify,
};
use crate::args::Cli;

/// Set to `write`, the schemas are written. `cargo xtask schemas` sets it.
const VARIABLE: &str = "RINGQUET_SCHEMAS";

/// The forms of the document of a verb.
fn forms(verb: &'static str) -> Option<DocumentSchema> {
    let new = DocumentSchema::new(verb);
    Some(match verb {
        "inspect" => new.form::<inspect::Options<'_>, inspect::Report>("what files hold"),
        "plan" => new.form::<plan::Options<'_>, plan::Report>("the reads of a scan"),
        "scan" => new.form::<scan::Options<'_>, scan::Report>("a scan"),
        "cat" => new.form::<cat::Options<'_>, cat::Report>("rows"),
        "datagen" => new.form::<datagen::Options<'_>, GenerateReport>("a generated data set"),
        "datasize" => {
            new.form::<datasize::Options<'_>, datasize::Report<'_>>("the size of a data set")
        }
        "run" => new
            .form::<ShownRunOptions<'_>, RunReport>("a training run")
            .form::<ShownSearchOptions<'_>, SearchReport>("a search for the most accelerators"),
        "verify" => new.form::<verify::Options<'_>, VerifyReport>("a verified data set"),
        "characterize" => new.form::<ShownOptions<'_>, CharacterizeReport>("a measured device"),
        "doctor" => new.form::<doctor::Options<'_>, doctor::Report>("an examined machine"),
        "layout" => new.form::<layout::Options<'_>, LayoutReport>("compared layouts"),
        "report" => new.form::<report::Options<'_>, report::Report<'_>>("results in a report"),
        "check" => new.form::<check::Options<'_>, CheckReport>("checked results"),
        "completions" => {
            new.form::<completions::Options<'_>, completions::CompletionScript>("a script")
        }
        "man" => new.form::<man::Options<'_>, man::Report>("manual pages"),
        _ => return None,
    })
}

/// Every schema, by the name of its file without `.json`.
fn all() -> BTreeMap<String, Value> {
    let mut schemas = BTreeMap::new();
    for command in Cli::command().get_subcommands() {
        let verb: &'static str = command.get_name().to_owned().leak();
        let forms = forms(verb).unwrap_or_else(|| panic!("{verb} has no schema"));
        let title = format!("ringquet {verb} --json");
        let about = command.get_about().expect("every verb says what it does").to_string();
        schemas.insert(verb.to_owned(), forms.or_failure().finish(&title, &format!("{about}.")));
    }
    let run = DocumentSchema::new("run")
        .form::<ShownRunOptions<'_>, RunDocument<'_, RunReport>>("a training run")
        .finish("ringquet.json", "Result of a training run, beside the files that DLIO has.");
    schemas.insert("ringquet".to_owned(), run);
    let search = DocumentSchema::new("run")
        .form::<ShownSearchOptions<'_>, RunDocument<'_, SearchReport>>("a search")
        .finish("ringquet-search.json", "Result of a search for the most accelerators.");
    schemas.insert("ringquet-search".to_owned(), search);
    schemas.insert("ringquet-manifest".to_owned(), of_file::<Manifest>("ringquet-manifest.json"));
    schemas
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema")
}

/// The schemas that are kept, by the name of their file without `.json`.
fn kept() -> BTreeMap<String, String> {
    let files = std::fs::read_dir(folder()).into_iter().flatten();
    let schema = |path: PathBuf| {
        let name = path.file_name()?.to_str()?.strip_suffix(".json")?.to_owned();
        Some((name, std::fs::read_to_string(&path).expect("a schema can be read")))
    };
    files.filter_map(|file| schema(file.expect("the folder can be listed").path())).collect()
}

#[test]
fn schemas_are_kept_as_they_are_generated() {
    let generated: BTreeMap<String, String> =
        all().into_iter().map(|(name, schema)| (name, format!("{schema:#}\n"))).collect();
    if std::env::var_os(VARIABLE).is_some_and(|value| value == "write") {
        std::fs::create_dir_all(folder()).unwrap();
        for (name, schema) in &generated {
            std::fs::write(folder().join(format!("{name}.json")), schema).unwrap();
        }
    }
    let kept = kept();
    let names =
        |schemas: &BTreeMap<String, String>| schemas.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(
        names(&generated),
        names(&kept),
        "docs/schema: `cargo xtask schemas`, and remove what is left over"
    );
    let stale: Vec<&String> =
        generated.keys().filter(|name| generated[*name] != kept[*name]).collect();
    assert!(
        stale.is_empty(),
        "docs/schema: {stale:?} are stale, `cargo xtask schemas` writes them anew"
    );
}

#[test]
fn every_key_is_described() {
    let mut missing = Vec::new();
    for (name, schema) in all() {
        undescribed(&schema, &name, &mut missing);
    }
    assert!(missing.is_empty(), "without a doc comment: {missing:#?}");
}

fn undescribed(schema: &Value, place: &str, missing: &mut Vec<String>) {
    match schema {
        Value::Object(fields) => {
            for (key, value) in fields {
                let place = format!("{place}.{key}");
                match (key.as_str(), value) {
                    // A variant with a value: what the variant says holds for its only key.
                    ("properties", Value::Object(one))
                        if one.len() == 1 && fields.contains_key("description") => {}
                    ("properties", Value::Object(properties)) => {
                        let plain =
                            properties.iter().filter(|(_, of)| of.get("description").is_none());
                        missing.extend(plain.map(|(key, _)| format!("{place}.{key}")));
                    }
                    // Start and end of a range speak for themselves.
                    ("Range_of_uint64", _) => continue,
                    _ => {}
                }
                undescribed(value, &place, missing);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| undescribed(item, place, missing)),
        _ => {}
    }
}
