//! The flags that stand for the options of the libraries.
//!
//! Messages of libraries name options in backticks, by their keys in the document of a command. The command line shows flags
//! instead: `` `queue_depth` 0: must be 1 to 4096 `` becomes
//! `--queue-depth 0: must be 1 to 4096`.

use serde_json::Value;

/// Option and flag.
const FLAGS: &[(&str, &str)] = &[
    ("threads", "--threads"),
    ("cpus", "--cpus"),
    ("memory_budget_bytes", "--memory-budget"),
    ("coalesce_gap_bytes", "--coalesce-gap"),
    ("batch_rows", "--batch-rows"),
    ("page_bytes_max", "--page-bytes-max"),
    ("row_bytes_max", "--row-bytes-max"),
    ("footer_bytes_max", "--footer-bytes-max"),
    ("int96", "--int96"),
    ("driver", "--driver"),
    ("direct", "--direct"),
    ("queue_depth", "--queue-depth"),
    ("read_size_bytes", "--read-size"),
    ("submit_batch", "--submit-batch"),
    ("iopoll", "--iopoll"),
    ("dontcache", "--dontcache"),
    ("decode", "--decode"),
    ("accelerators", "--accelerators"),
    ("accelerator_priority", "--accelerator-priority"),
    ("drop_caches", "--drop-caches"),
    ("find_max_accelerators", "--find-max-accelerators"),
    ("results_dir", "--results-dir"),
    ("size_bytes", "--size"),
    ("repeats", "--repeats"),
    ("test_file_bytes", "--test-file-size"),
    ("block_bytes", "--read-sizes"),
    ("queue_depths", "--queue-depths"),
    ("repeat_fraction", "--repeat-fraction"),
    ("page_bytes", "--page-size"),
    ("first_file", "--first-file"),
    ("files", "--files"),
    ("no_dictionary", "--no-dictionary"),
    ("byte_stream_split", "--byte-stream-split"),
    ("results_tree", "--results-tree"),
    ("preset", "--preset"),
    ("resume", "--resume"),
    ("force", "--force"),
];

/// The text with flags for options. Other words in backticks stay as they are.
pub(crate) fn spelt(text: &str) -> String {
    let mut spelt = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('`') {
        spelt.push_str(before);
        let flag = after.split_once('`').and_then(|(name, behind)| Some((flag(name)?, behind)));
        match flag {
            Some((flag, behind)) => {
                spelt.push_str(flag);
                rest = behind;
            }
            None => {
                spelt.push('`');
                rest = after;
            }
        }
    }
    spelt.push_str(rest);
    spelt
}

/// Spells the texts of a report, wherever they are in it.
pub(crate) fn spell(report: &mut Value) {
    match report {
        Value::String(text) if text.contains('`') => *text = spelt(text),
        Value::Array(items) => items.iter_mut().for_each(spell),
        Value::Object(fields) => fields.values_mut().for_each(spell),
        _ => {}
    }
}

fn flag(option: &str) -> Option<&'static str> {
    FLAGS.iter().find(|(name, _)| *name == option).map(|(_, flag)| *flag)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;
    use serde_json::json;

    use super::*;
    use crate::args::Cli;

    #[test]
    fn options_become_flags_and_the_rest_stays() {
        assert_eq!(spelt("`queue_depth` 0: must be 1"), "--queue-depth 0: must be 1");
        assert_eq!(spelt("lower `threads` or `x`, a ` b"), "lower --threads or `x`, a ` b");
        assert_eq!(spelt("`a`threads`"), "`a--threads");
        let mut report = json!({"why": ["`iopoll` polls"], "n": 1});
        spell(&mut report);
        assert_eq!(report, json!({"why": ["--iopoll polls"], "n": 1}));
    }

    #[test]
    fn every_flag_can_be_typed() {
        let cli = Cli::command();
        let known: Vec<String> = cli
            .get_subcommands()
            .flat_map(|verb| verb.get_arguments())
            .filter_map(|argument| Some(format!("--{}", argument.get_long()?)))
            .collect();
        for (option, flag) in FLAGS {
            assert!(known.iter().any(|known| known == flag), "{option}: {flag}");
        }
    }
    /// `resume` and `force` had no flag: datagen advised what cannot be typed.
    #[test]
    fn every_option_that_a_message_names_has_a_flag() {
        const OTHER_WORDS: [&str; 5] = ["_stdev", "dataset", "error", "parquet", "workload"];
        // No command makes passes of training: those are the library's, and keywords in Python.
        const OF_PASSES: [&str; 8] =
            ["batch_size", "rank", "rows", "shuffle", "window", "worker", "workers", "world_size"];
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/messages/snapshots");
        let mut named = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            // What the Python package says names keywords.
            if path.file_name().is_some_and(|name| name == "ringquet-python.snap") {
                continue;
            }
            let text = std::fs::read_to_string(path).unwrap();
            for line in text.lines() {
                for word in line.split('`').skip(1).step_by(2) {
                    let is_key = word
                        .bytes()
                        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
                    let is_other = OTHER_WORDS.contains(&word) || OF_PASSES.contains(&word);
                    if is_key && !word.is_empty() && !is_other {
                        assert!(flag(word).is_some(), "no flag for `{word}`: {line}");
                        named += 1;
                    }
                }
            }
        }
        assert!(named > 20, "{named} options are named in messages");
    }
}
