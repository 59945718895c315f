//! Hostile text in the fields of every kind of result, and what the page of the report makes of it.
//!
//! Each document is planted with texts twice: as they are, and as a harmless twin in which a letter stands for each character
//! that means something in markup. The two pages must be the same but for these characters, which must be escaped in the one:
//! whatever a text holds, it changes nothing beside itself.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::sample::select;
use ringquet_report::{ReportFormat, read};
use serde_json::Value;

use crate::folder::{in_folder, parts};
use crate::markup::check_html;

/// What ends a text where one stands, begins something else, or is not seen.
const PIECES: [&str; 30] = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</style>",
    "</title>",
    "</svg>",
    "</td></tr></table>",
    "</pre>",
    "<!--",
    "-->",
    "]]>",
    "<",
    ">",
    "&",
    "&lt;",
    "&#60;",
    "\"",
    "'",
    "\" onload=\"alert(1)",
    "' onload='alert(1)",
    "\0",
    "\u{1b}[31m",
    "\u{7f}",
    "\u{85}",
    "\u{9b}",
    "\u{2028}",
    "\u{2029}",
    "\u{202e}",
    "\u{2066}",
    "\r\n",
    "\t",
];

/// Results of `report`, a document each.
const DOCUMENTS: [&str; 5] = ["characterize", "layout", "run", "scan", "search"];

fn seed(path: &str) -> Vec<u8> {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("fuzz").join("seeds");
    fs::read(seeds.join(path)).expect("a seed of the fuzz targets")
}

/// The results by name: documents, and the folder of a run of DLIO as two files.
fn results() -> Vec<(String, Value)> {
    let parsed = |bytes: &[u8]| serde_json::from_slice(bytes).expect("a seed that is JSON");
    let document =
        |name: &&str| (format!("{name}.json"), parsed(&seed(&format!("documents/{name}"))));
    let mut results: Vec<(String, Value)> = DOCUMENTS.iter().map(document).collect();
    let of_dlio = seed("results/dlio");
    let names = ["summary.json", "", "", "", "0_output.json"];
    let files = parts(&of_dlio, &names).into_iter().filter(|(name, _)| !name.is_empty());
    results.extend(files.map(|(name, text)| (format!("dlio/{name}"), parsed(text))));
    results
}

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => select(&PIECES[..]).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
        1 => "[a-z ,.]{0,5}",
    ];
    proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat().replace(UNSEEN, ""))
}

/// Characters that a page shows as a blank.
fn is_unseen(c: char) -> bool {
    let turns_or_separates = matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c != '\n' && (c.is_control() || turns_or_separates)
}

/// In the twin of a text for what is not seen and is no blank: blanks at the end of a name are cut off. No text has it.
const UNSEEN: char = '\u{fffd}';

/// The harmless twin of a text.
fn twin(text: &str) -> String {
    let harmless = |c: char| match c {
        '<' | '>' | '&' | '"' => 'x',
        c if is_unseen(c) && c.is_whitespace() => ' ',
        c if is_unseen(c) => UNSEEN,
        c => c,
    };
    text.chars().map(harmless).collect()
}

/// Puts texts where a document has some, as far as `mask` says; not where it says what kind of document it is. They are
/// numbered, for what is sorted by them or compared, and begin with what a shell takes in quotes.
fn plant(value: &mut Value, texts: &[String], mask: u64, planted: &mut usize) {
    match value {
        Value::String(text) => {
            let at = *planted;
            *planted += 1;
            if mask >> (at % 64) & 1 == 1 {
                *text = format!("${at:04} {}", texts[at % texts.len()]);
            }
        }
        Value::Array(items) => {
            items.iter_mut().for_each(|item| plant(item, texts, mask, planted));
        }
        Value::Object(fields) => {
            let fields = fields.iter_mut().filter(|(key, _)| *key != "command");
            fields.for_each(|(_, value)| plant(value, texts, mask, planted));
        }
        _ => {}
    }
}

/// The page of all results with these texts in them.
fn page(texts: &[String], mask: u64) -> String {
    let mut files = results();
    for (_, document) in &mut files {
        plant(document, texts, mask, &mut 0);
    }
    let files: Vec<(String, Vec<u8>)> =
        files.into_iter().map(|(name, document)| (name, document.to_string().into())).collect();
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, text)| (&**name, &**text)).collect();
    let mut page = String::new();
    in_folder(&files, |dir| {
        let documents = DOCUMENTS.iter().map(|name| dir.join(format!("{name}.json")));
        let paths: Vec<PathBuf> = documents.chain([dir.join("dlio")]).collect();
        let mut report = read(&paths).expect("every kind of result");
        for (at, entry) in report.entries.iter_mut().enumerate() {
            // A path is the user's, not the document's; the folder has another name each time.
            entry.source = texts[at % texts.len()].clone();
        }
        page = report.render(ReportFormat::Html);
    });
    page
}

fn unescaped(page: &str) -> String {
    let mut page = page.to_owned();
    for entity in ["&lt;", "&gt;", "&amp;", "&quot;"] {
        page = page.replace(entity, "x");
    }
    page
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_text_changes_nothing_beside_itself(
        texts in proptest::collection::vec(text(), 1..8),
        mask in prop_oneof![Just(u64::MAX), any::<u64>()],
    ) {
        let hostile = page(&texts, mask);
        prop_assert_eq!(check_html(&hostile), Ok(()));
        let twins: Vec<String> = texts.iter().map(|text| twin(text)).collect();
        let harmless = page(&twins, mask).replace(UNSEEN, " ");
        let (hostile, harmless) = (unescaped(&hostile), unescaped(&harmless));
        if hostile != harmless {
            let same = hostile.bytes().zip(harmless.bytes()).take_while(|(a, b)| a == b).count();
            let around = |page: &str| {
                let bytes = &page.as_bytes()[same.saturating_sub(80)..(same + 80).min(page.len())];
                String::from_utf8_lossy(bytes).into_owned()
            };
            prop_assert!(false, "{:?}\nis not\n{:?}", around(&hostile), around(&harmless));
        }
    }
}

/// The texts do arrive: a test of pages without them would show nothing.
#[test]
fn texts_are_on_the_page() {
    let page = page(&["<script>&\"".to_owned()], u64::MAX);
    let shown = page.matches("&lt;script&gt;&amp;&quot;").count();
    assert!(shown > 50, "{shown}");
}
