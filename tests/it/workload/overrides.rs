//! Overrides: Hydra's grammar, what they change, and how they are refused.

use ringquet_workload::Distribution;
use serde_json::{Value, json};

use super::{refusal, text, try_text};

/// The value that `text` sets, as the composed configuration shows it.
fn value(written: &str) -> Value {
    let mut loaded =
        try_text("{}", &[&format!("storage.storage_options.x={written}")]).expect("it loads");
    loaded.resolved["workload"]["storage"]["storage_options"]["x"].take()
}

/// Held against Hydra 1.3's own parser, which differs only in refusing quoted keys.
#[test]
fn values_have_the_types_of_hydra() {
    for (written, expected) in [
        ("8", json!(8)),
        ("-3", json!(-3)),
        ("+3", json!(3)),
        ("1_000", json!(1000)),
        ("18446744073709551615", json!(u64::MAX)),
        ("1.5", json!(1.5)),
        ("1e-3", json!(0.001)),
        (".5", json!(0.5)),
        ("1.", json!(1.0)),
        ("-.5e+3", json!(-500.0)),
        ("1_0.5_0", json!(10.5)),
        ("0", json!(0)),
        ("007", json!("007")),
        ("1__0", json!("1__0")),
        ("1_", json!("1_")),
        ("-_1", json!("-_1")),
        ("++3", json!("++3")),
        ("0x10", json!("0x10")),
        ("1 2", json!("1 2")),
        ("5%", json!("5%")),
        ("true", json!(true)),
        ("False", json!(false)),
        ("null", json!(null)),
        ("NULL", json!(null)),
        ("", json!("")),
        ("abc", json!("abc")),
        ("off", json!("off")),
        ("/mnt/nvme0/data", json!("/mnt/nvme0/data")),
        ("a:b", json!("a:b")),
        ("10:20", json!("10:20")),
        ("2026-11-22", json!("2026-11-22")),
        ("a b ", json!("a b")),
        ("'8'", json!("8")),
        ("\"a,b\"", json!("a,b")),
        (r"'it\'s'", json!("it's")),
        (r"'a\b\\'", json!(r"a\b\")),
        (r"a\,b", json!("a,b")),
        (r"a\ b", json!("a b")),
        (r"C:\dir", json!(r"C:\dir")),
        ("[]", json!([])),
        ("[1, [a, 'b c'], {k: v}]", json!([1, ["a", "b c"], {"k": "v"}])),
        ("{}", json!({})),
        (
            "{a: 1, b: {c: [x, 2.5]}, 'd e': null}",
            json!({"a": 1, "b": {"c": ["x", 2.5]}, "d e": null}),
        ),
    ] {
        assert_eq!(value(written), expected, "{written}");
    }
}

#[test]
fn prefixes_and_the_workload_key() {
    for written in [
        "dataset.num_files_train=9",
        "+dataset.num_files_train=9",
        "++dataset.num_files_train=9",
        "workload.dataset.num_files_train=9",
        "++workload.dataset.num_files_train=9",
        "dataset={num_files_train: 9}",
    ] {
        assert_eq!(text("{}", &[written]).dataset.num_files_train, 9, "{written}");
    }
    let yaml = "{train: {seed: 7, epochs: 3}}";
    assert_eq!(text(yaml, &["~train.seed"]).train.seed, 123);
    assert_eq!(text(yaml, &["~train.seed=7"]).train.seed, 123);
    assert_eq!(text(yaml, &["~train"]).train.epochs, 1);
    assert_eq!(text(yaml, &["train.seed=8", "train.seed=9"]).train.seed, 9, "the last one counts");
    let merged = text(yaml, &["train={seed: 8}"]).train;
    assert_eq!((merged.seed, merged.epochs), (8, 3), "mappings are merged");
}

#[test]
fn lists_and_maps_replace_or_merge() {
    let yaml = "{train: {computation_time: 1}, dataset: {parquet: {columns: [a, b, c]}}}";
    let time =
        text(yaml, &["train.computation_time={mean: 1e-3, stdev: 1e-4}"]).train.computation_time;
    assert_eq!(time, Distribution::Normal { mean: 0.001, stdev: 0.0001 });
    let columns = text(yaml, &["dataset.parquet.columns=[x, {name: y, dtype: int8, read: false}]"]);
    let names: Vec<String> =
        columns.dataset.parquet.columns.into_iter().map(|column| column.name).collect();
    assert_eq!(names, ["x", "y"]);
}

#[test]
fn a_refused_value_names_its_override() {
    let yaml = "{dataset: {num_files_train: 4, parquet: {columns: [{name: a, dtype: int8}]}}}";
    assert_eq!(
        refusal(yaml, &["++workload.dataset.num_files_train=many"]),
        "w.yaml, override `++workload.dataset.num_files_train=many`: dataset.num_files_train: invalid \
         value \"many\": expected a whole number from 0 to 67108864"
    );
    let written = "dataset.parquet.columns=[{name: a, dtype: int9}]";
    let refused = refusal(yaml, &[written]);
    assert!(refused.starts_with(&format!("w.yaml, override `{written}`: ")), "{refused}");
}

#[test]
fn what_is_not_an_override() {
    for (written, expected) in [
        ("dataset.num_files_train", "write it as key=value"),
        ("=3", "is not a dotted key"),
        ("a..b=3", "is not a dotted key"),
        ("a b=3", "is not a dotted key"),
        ("train.seed=1,2", "is a sweep"),
        ("train.seed=range(1,3)", "functions are not supported"),
        ("train.seed=${x}", "interpolation"),
        ("train.seed=[1", "a list ends with `]`"),
        ("train.seed={a: 1", "a mapping ends with `}`"),
        ("train.seed={a 1}", "`:` is missing after `a 1`"),
        ("train.seed='1", "must end with it"),
        ("train.seed=1]", "within a bare string"),
        ("train.seed=[1,]", "a value is missing"),
        ("train.seed=[,1]", "a value is missing"),
        ("~train.nothing", "there is no such key"),
        ("~train.seed=8", "the key is 7, so it stays"),
        ("train.seed=a=b", "within a bare string"),
        ("train.seed=a'b", "within a bare string"),
        ("+train.seed=8", "the key is there already"),
        ("train.seed.x=8", "`train.seed` is 7, not a mapping"),
        ("dataset.parquet.columns.0.read=true", "give the whole list"),
        ("dataset.parquet.columns[0]=a", "give the whole list"),
        ("workload=dlrm", "chosen by the path"),
    ] {
        let refused = refusal("{train: {seed: 7}}", &[written]);
        assert!(refused.starts_with("override `"), "{refused}");
        assert!(refused.contains(expected), "{written}: {refused}");
    }
    let deep = format!("a={}", "[".repeat(100_000));
    assert!(refusal("{}", &[&deep]).contains("nested more than 32 deep"));
    let long = format!("a={}", "x".repeat(200_000));
    assert!(refusal("{}", &[&long]).contains("are allowed"));
}

#[test]
fn hydra_keys_are_told_to_have_no_effect() {
    let loaded = try_text("{}", &["++hydra.run.dir=/tmp/x", "++hydra.output_subdir=dlio_config"]);
    let loaded = loaded.expect("it loads");
    assert_eq!(loaded.warnings.len(), 2);
    assert!(loaded.warnings[0].message.contains("`results_dir`"));
    assert_eq!(loaded.overrides.len(), 2);
    assert!(loaded.resolved["workload"].get("hydra").is_none());
}

#[test]
fn any_text_is_parsed_or_refused() {
    use proptest::prelude::*;
    proptest!(ProptestConfig::with_cases(2000), |(written in "[-+~a-c.=\\[\\]{}:,'\"\\\\ 0-9e$(]{0,24}")| {
        // Neither a panic nor a hang; what is accepted is accepted again from the composed file.
        if let Ok(loaded) = try_text("{}", &[&written]) {
            let composed = loaded.resolved.to_string();
            prop_assert_eq!(try_text(&composed, &[]).expect("JSON is YAML").workload, loaded.workload);
        }
    });
}
