//! The command line that measures again: what a document says of its options, without those that
//! are the defaults.

use ringquet::engine::{EngineOptions, IoOptions};

use crate::report::fields::Fields;

/// The command line of a document, where its command is known.
pub(crate) fn line(document: Fields<'_>) -> Option<String> {
    let mut words = match document.text("command")? {
        "scan" => scan(document),
        "run" => run(document)?,
        "layout" => layout(document)?,
        "characterize" => characterize(document),
        _ => return None,
    };
    words.insert(0, "ringquet".to_owned());
    Some(words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "))
}

fn scan(document: Fields<'_>) -> Vec<String> {
    let mut words = vec!["scan".to_owned()];
    words.extend(
        document.list("options.paths").filter_map(|path| path.0.as_str()).map(str::to_owned),
    );
    for flag in ["raw", "digest", "strict"] {
        if document.number(&format!("options.{flag}")) == Some(1.0) {
            words.push(format!("--{flag}"));
        }
    }
    if document.text("options.decoder") == Some("fallback") {
        words.extend(["--decoder".to_owned(), "fallback".to_owned()]);
    }
    if document.number("options.verify_crc") == Some(1.0) {
        words.push("--verify-crc".to_owned());
    }
    words.extend(columns(document, "options.columns"));
    words.extend(engine(document, "options"));
    words
}

fn run(document: Fields<'_>) -> Option<Vec<String>> {
    let mut words = workload_verb(document, "run", "options.workload")?;
    let mut option = |name: &str, key: &str| {
        if let Some(shown) = document.shown(&format!("options.{key}")) {
            words.extend([name.to_owned(), shown]);
        }
    };
    option("--accelerators", "accelerators");
    option("--round-seconds", "round_seconds");
    option("--accelerators-max", "accelerators_max");
    option("--results-dir", "results_dir");
    for (flag, key) in [("--results-tree", "results_tree"), ("--drop-caches", "drop_caches")] {
        if document.number(&format!("options.{key}")) == Some(1.0) {
            words.push(flag.to_owned());
        }
    }
    if document.at("points").is_some() {
        words.push("--find-max-accelerators".to_owned());
    }
    if document.text("options.decode") == Some("raw") {
        words.extend(["--decode".to_owned(), "raw".to_owned()]);
    }
    if !columns_are_the_workloads(document) {
        words.extend(columns(document, "options.engine.columns"));
    }
    words.extend(engine(document, "options.engine"));
    Some(words)
}

fn layout(document: Fields<'_>) -> Option<Vec<String>> {
    let mut words = workload_verb(document, "layout", "options.workload_file")?;
    for (option, key) in [("--size", "size_bytes"), ("--repeats", "repeats")] {
        if let Some(shown) = document.shown(&format!("options.{key}")) {
            words.extend([option.to_owned(), shown]);
        }
    }
    if let Some(fraction) = document.number("options.content.repeat_fraction")
        && fraction > 0.0
    {
        words.extend(["--repeat-fraction".to_owned(), fraction.to_string()]);
    }
    words.extend(columns(document, "options.columns"));
    words.extend(engine(document, "options"));
    Some(words)
}

fn workload_verb(document: Fields<'_>, verb: &str, key: &str) -> Option<Vec<String>> {
    let mut words = vec![verb.to_owned(), document.text(key)?.to_owned()];
    let overrides = document.list("options.overrides");
    words.extend(overrides.filter_map(|text| text.0.as_str()).map(str::to_owned));
    Some(words)
}

fn characterize(document: Fields<'_>) -> Vec<String> {
    let mut words = vec!["characterize".to_owned()];
    let texts =
        |path: &str| document.list(path).filter_map(|text| text.0.as_str()).map(str::to_owned);
    words.extend(texts("options.paths"));
    for (option, key) in [
        ("--preset", "preset"),
        ("--read-sizes", "block_bytes"),
        ("--queue-depths", "queue_depths"),
        ("--threads", "threads"),
        ("--test-file-size", "test_file_bytes"),
        ("--access", "access"),
        ("--rounds", "rounds_max"),
        ("--round", "round_seconds"),
    ] {
        if let Some(shown) = document.shown(&format!("options.{key}")) {
            words.extend([option.to_owned(), shown.replace(", ", ",")]);
        }
    }
    if document.number("options.extras") == Some(0.0) {
        words.push("--no-extras".to_owned());
    }
    // Sizes, depths and threads are the sweep's; of the engine it takes no more than these.
    words.extend(cpus(document, "options.cpus"));
    let submit_batch = u64::from(IoOptions::default().submit_batch);
    if let Some(reads) =
        document.count("options.io.submit_batch").filter(|reads| *reads != submit_batch)
    {
        words.extend(["--submit-batch".to_owned(), reads.to_string()]);
    }
    words.extend(choices(document, "options", &["driver", "direct"]));
    if let Some(workload) = document.text("options.workload") {
        words.extend(["--workload".to_owned(), workload.to_owned()]);
        for text in texts("options.overrides") {
            words.extend(["--override".to_owned(), text]);
        }
    }
    let parquet: Vec<String> = texts("options.parquet_paths").collect();
    if !parquet.is_empty() {
        words.push("--parquet".to_owned());
        words.extend(parquet);
        words.extend(columns(document, "options.parquet_columns"));
    }
    words
}

/// Whether the columns of a run are those that its workload reads; true where the document tells
/// no columns.
fn columns_are_the_workloads(document: Fields<'_>) -> bool {
    let names = |path: &str, key: Option<&str>| -> Vec<String> {
        let of = |item: Fields<'_>| match key {
            None => item.0.as_str().map(str::to_owned),
            Some(key) if item.number("read") != Some(0.0) => item.text(key).map(str::to_owned),
            Some(_) => None,
        };
        document.list(path).filter_map(of).collect()
    };
    let read = names("options.engine.columns", None);
    read.is_empty() || read == names("workload.dataset.parquet.columns", Some("name"))
}

fn columns(document: Fields<'_>, path: &str) -> Vec<String> {
    let names: Vec<&str> = document.list(path).filter_map(|name| name.0.as_str()).collect();
    if names.is_empty() { Vec::new() } else { vec!["--columns".to_owned(), names.join(",")] }
}

/// The options of the engine at `path` that differ from what is taken without them.
fn engine(document: Fields<'_>, path: &str) -> Vec<String> {
    let Some(options) = document.at(path) else { return Vec::new() };
    let defaults = (EngineOptions::default(), IoOptions::default());
    let mut words = Vec::new();
    let mut number = |name: &str, key: &str, default: Option<u64>| {
        if let Some(value) = options.count(key)
            && Some(value) != default
        {
            words.extend([name.to_owned(), value.to_string()]);
        }
    };
    number("--threads", "threads", None);
    number("--queue-depth", "io.queue_depth", Some(u64::from(defaults.1.queue_depth)));
    number("--read-size", "io.read_size_bytes", Some(u64::from(defaults.1.read_size_bytes)));
    number("--submit-batch", "io.submit_batch", Some(u64::from(defaults.1.submit_batch)));
    number("--coalesce-gap", "coalesce_gap_bytes", defaults.0.coalesce_gap_bytes);
    number("--memory-budget", "memory_budget_bytes", None);
    number("--batch-rows", "batch_rows", None);
    number("--page-bytes-max", "page_bytes_max", None);
    number("--row-bytes-max", "row_bytes_max", None);
    number("--footer-bytes-max", "footer_bytes_max", None);
    words.extend(cpus(options, "cpus"));
    words.extend(choices(document, path, &["driver", "direct", "huge_pages"]));
    for (flag, key, when) in [
        ("--iopoll", "io.iopoll", 1.0),
        ("--dontcache", "io.dontcache", 1.0),
        ("--no-registered-buffers", "io.registered_buffers", 0.0),
        ("--no-registered-files", "io.registered_files", 0.0),
    ] {
        if options.number(key) == Some(when) {
            words.push(flag.to_owned());
        }
    }
    if let Some(sqpoll) = options.at("io.sqpoll") {
        words.push(match sqpoll.count("cpu") {
            Some(cpu) => format!("--sqpoll={cpu}"),
            None => "--sqpoll".to_owned(),
        });
    }
    words
}

fn cpus(document: Fields<'_>, path: &str) -> Vec<String> {
    let cpus = document.list(path).filter_map(|cpu| cpu.0.as_u64()).map(|cpu| cpu.to_string());
    let cpus: Vec<String> = cpus.collect();
    if cpus.is_empty() { Vec::new() } else { vec!["--cpus".to_owned(), cpus.join(",")] }
}

/// Those of the `io` options at `path` that are not left to the program.
fn choices(document: Fields<'_>, path: &str, keys: &[&str]) -> Vec<String> {
    let chosen = keys.iter().filter_map(|key| {
        let word = document.text(&format!("{path}.io.{key}")).filter(|word| *word != "auto")?;
        Some([format!("--{}", key.replace('_', "-")), word.to_owned()])
    });
    chosen.flatten().collect()
}

/// A word as a shell takes it for one: as it is, or in single quotes.
pub fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn check(document: &Value, expect: &str) {
        assert_eq!(line(Fields(document)).as_deref(), Some(expect));
    }

    #[test]
    fn a_scan_with_what_is_not_the_default() {
        let io = json!({"queue_depth": 4, "read_size_bytes": 524_288, "driver": "auto",
            "registered_buffers": false, "sqpoll": {"cpu": 2}});
        let options = json!({"paths": ["/a b", "/c"], "raw": true, "digest": false, "columns": ["x", "y"],
            "threads": null, "coalesce_gap_bytes": null, "cpus": [0, 1], "io": io});
        check(
            &json!({"command": "scan", "options": options}),
            "ringquet scan '/a b' /c --raw --columns x,y --queue-depth 4 --cpus 0,1 --no-registered-buffers --sqpoll=2",
        );
    }

    #[test]
    fn a_characterisation_is_made_again_as_it_was() {
        let options = json!({"paths": ["/d"], "preset": "quick", "block_bytes": [4096, 65536],
            "queue_depths": null, "threads": [1], "access": "random", "rounds_max": 7,
            "round_seconds": 0.5, "test_file_bytes": null, "cpus": [2, 3], "extras": false,
            "workload": "w.yaml", "overrides": ["dataset.data_folder=/a b"],
            "io": {"driver": "pread", "direct": "off", "submit_batch": 4, "queue_depth": 64}});
        check(
            &json!({"command": "characterize", "options": options}),
            "ringquet characterize /d --preset quick --read-sizes 4096,65536 --threads 1 --access random --rounds 7 --round 0.5 --no-extras --cpus 2,3 --submit-batch 4 --driver pread --direct off --workload w.yaml --override 'dataset.data_folder=/a b'",
        );
    }

    #[test]
    fn a_run_names_columns_only_where_they_are_not_the_workloads() {
        let with = |columns: Value| {
            json!({"command": "run",
                "workload": {"dataset": {"parquet": {"columns": [{"name": "a"}, {"name": "b", "read": false}]}}},
                "options": {"workload": "w.yaml", "overrides": ["train.epochs=2"], "accelerators": 3,
                    "results_dir": "/r", "results_tree": true, "decode": "raw", "engine": {"columns": columns}}})
        };
        let plain = "ringquet run w.yaml train.epochs=2 --accelerators 3 --results-dir /r --results-tree --decode raw";
        check(&with(json!(["a"])), plain);
        check(&with(json!(["b"])), &format!("{plain} --columns b"));
    }

    #[test]
    fn words_for_a_shell() {
        assert_eq!(quoted("a'b"), r"'a'\''b'");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("$(x)"), "'$(x)'");
    }
}
