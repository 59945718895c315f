//! The string literals of Rust source text.

/// What stands before a literal that only a programmer reads.
const FOR_PROGRAMMERS: [&str; 7] =
    [".expect(", "reason = ", "unreachable!(", "panic!(", "include_str!(", "doc = ", "concat!("];

/// A literal with fewer words is a name, a key or a format.
const WORDS_MIN: usize = 3;

/// The sentences of a source file: its string literals of three words or more, outside of comments, of `#[cfg(test)]` modules at
/// the end of the file and of what only a programmer reads. Line continuations are joined; other escapes stay as they are written.
pub fn sentences(source: &str) -> Vec<String> {
    let source = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or(source);
    let is_sentence = |literal: &Literal<'_>| {
        let before = source[..literal.start].trim_end_matches(['\n', ' ']);
        let before = if before.ends_with('(') || before.ends_with(',') {
            before
        } else {
            &source[..literal.start]
        };
        let words =
            literal.text.split_whitespace().filter(|word| word.contains(char::is_alphabetic));
        words.count() >= WORDS_MIN && !FOR_PROGRAMMERS.iter().any(|mark| before.ends_with(mark))
    };
    literals(source).into_iter().filter(is_sentence).map(|literal| joined(literal.text)).collect()
}

/// A string literal between its quotes.
struct Literal<'s> {
    start: usize,
    text: &'s str,
}

fn literals(source: &str) -> Vec<Literal<'_>> {
    let bytes = source.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &source[at..];
        if rest.starts_with("//") {
            at += rest.find('\n').unwrap_or(rest.len());
        } else if rest.starts_with("/*") {
            at += rest.find("*/").map_or(rest.len(), |end| end + 2);
        } else if let Some(hashes) = raw_string(rest) {
            let open = at + "r".len() + hashes + "\"".len();
            let close = format!("\"{}", "#".repeat(hashes));
            let end = source[open..].find(&close).map_or(source.len(), |end| open + end);
            found.push(Literal { start: at, text: &source[open..end] });
            at = (end + close.len()).min(source.len());
        } else if bytes[at] == b'"' {
            let end = end_of_string(bytes, at + 1);
            found.push(Literal { start: at, text: &source[at + 1..end] });
            at = end + 1;
        } else if rest.starts_with("'\"'") || rest.starts_with("'\\") {
            // A character, which may be a quote. A lifetime never has a backslash.
            at += if bytes[at + 1] == b'\\' { "'\\x".len() } else { "'x'".len() };
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    found
}

/// The hashes of `r#"` where a raw string begins.
fn raw_string(rest: &str) -> Option<usize> {
    let after = rest.strip_prefix('r')?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    after[hashes..].starts_with('"').then_some(hashes)
}

fn end_of_string(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() && bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    at.min(bytes.len())
}

/// Without line continuations: a backslash at the end of a line, and the blanks that begin the next one.
fn joined(text: &str) -> String {
    let mut parts = text.split("\\\n");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |joined, part| joined + part.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_and_nothing_else() {
        let source = r##"
            // "not this one here"
            /* "nor this one here" */
            const Q: [char; 2] = ['"', '\''];
            fn a<'a>() { b("cannot open the \"file\"", "two words", r#"a raw "one" too"#) }
            fn c() { d().expect("why this must hold") }
            #[expect(dead_code, reason = "a lint may be wrong")]
            const E: &str = "in two \
                lines";
        "##;
        let expect = ["cannot open the \\\"file\\\"", "a raw \"one\" too", "in two lines"];
        assert_eq!(sentences(source), expect);
        assert!(sentences("#[cfg(test)]\nmod tests {\n \"one of a test\" }").is_empty());
    }
}
