//! The forms of a report, read strictly enough to see whether a text of a result became markup.

/// Elements that have no end.
const VOID: [&str; 2] = ["meta", "!doctype"];

/// Elements that load or run something.
const ACTIVE: [&str; 8] = ["script", "link", "iframe", "img", "object", "embed", "base", "form"];

/// Whether all elements of the page are closed in order, load and run nothing, and have places that are numbers; and whether
/// no character is there that HTML forbids, that separates lines or that turns the direction of text.
pub(crate) fn check_html(page: &str) -> Result<(), String> {
    let is_forbidden = |c: &char| match c {
        '\n' => false,
        '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        c => c.is_control(),
    };
    if let Some(c) = page.chars().find(is_forbidden) {
        return Err(format!("{c:?} in the page"));
    }
    let mut open: Vec<String> = Vec::new();
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let (tag, after) = split_tag(rest).ok_or_else(|| format!("no end: <{}", start(rest)))?;
        rest = after;
        let (closes, tag) = tag.strip_prefix('/').map_or((false, tag), |tag| (true, tag));
        let name: String = tag.chars().take_while(|c| !c.is_whitespace() && *c != '/').collect();
        let name = name.to_ascii_lowercase();
        if ACTIVE.contains(&&*name) {
            return Err(format!("<{name}> in the page"));
        }
        if closes {
            match open.pop() {
                Some(inner) if inner == name => {}
                inner => return Err(format!("</{name}> ends {inner:?}")),
            }
            continue;
        }
        for (key, value) in attributes(tag) {
            if key.starts_with("on") {
                return Err(format!("{key} of <{tag}> runs something"));
            }
            if value.split([' ', ',']).any(|word| matches!(word, "NaN" | "inf" | "-inf")) {
                return Err(format!("{key} of <{tag}> is no number"));
            }
        }
        if !tag.ends_with('/') && !VOID.contains(&&*name) {
            open.push(name);
        }
    }
    if open.is_empty() { Ok(()) } else { Err(format!("{open:?} have no end")) }
}

/// A tag without its brackets, and what follows; a bracket in quotes does not end it.
fn split_tag(text: &str) -> Option<(&str, &str)> {
    let mut quoted = false;
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '<' => return None,
            '>' if !quoted => return Some((&text[..at], &text[at + 1..])),
            _ => {}
        }
    }
    None
}

/// Names and values of the attributes in quotes.
fn attributes(tag: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut parts = tag.split('"');
    std::iter::from_fn(move || {
        let (before, value) = (parts.next()?, parts.next()?);
        Some((before.trim_end_matches('=').rsplit(char::is_whitespace).next()?, value))
    })
}

fn start(text: &str) -> &str {
    text.char_indices().nth(60).map_or(text, |(at, _)| &text[..at])
}

/// Whether each table has as many cells in every row, other lines have neither tags nor code without an end, and the fenced
/// code is what the text ends with.
pub(crate) fn check_markdown(text: &str) -> Result<(), String> {
    let mut cells_before = None;
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let fence = ticks(line);
        if fence >= 3 {
            let behind = lines.by_ref().skip_while(|l| ticks(l) < fence || l.len() > ticks(l));
            return match behind.count() {
                1 => Ok(()),
                0 => Err("the fenced code has no end".to_owned()),
                n => Err(format!("{n} lines from the end of the fenced code on")),
            };
        }
        if !is_plain(line) {
            return Err(format!("markup: {line}"));
        }
        let cells = line.starts_with('|').then(|| cells(line));
        if let (Some(before), Some(cells)) = (cells_before, cells)
            && before != cells
        {
            return Err(format!("{cells} cells instead of {before}: {line}"));
        }
        cells_before = cells;
    }
    Ok(())
}

/// Backticks that a line begins with.
fn ticks(line: &str) -> usize {
    line.bytes().take_while(|byte| *byte == b'`').count()
}

/// Whether a line has no tag, and no code without an end.
fn is_plain(line: &str) -> bool {
    let (mut code, mut escaped) = (false, false);
    for c in line.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if !code => escaped = true,
            '`' => code = !code,
            '<' | '>' if !code => return false,
            _ => {}
        }
    }
    !code
}

fn cells(line: &str) -> usize {
    let mut escapes = false;
    let is_bar = |c: char| {
        let bar = c == '|' && !escapes;
        escapes = c == '\\' && !escapes;
        bar
    };
    line.chars().map(is_bar).filter(|bar| *bar).count()
}

/// Whether the text is a table of `columns` columns (RFC 4180).
pub(crate) fn check_csv(text: &str, columns: usize) -> Result<(), String> {
    let (mut cells, mut quoted, mut after_quote) = (1, false, false);
    let mut cell_is_empty = true;
    for (at, c) in text.char_indices() {
        match (quoted, c) {
            (true, '"') => (quoted, after_quote) = (false, true),
            (true, _) => {}
            (false, '"') if after_quote || cell_is_empty => {
                (quoted, after_quote, cell_is_empty) = (true, false, false);
            }
            (false, ',') => (cells, after_quote, cell_is_empty) = (cells + 1, false, true),
            (false, '\n') => {
                if cells != columns {
                    return Err(format!("{cells} cells before byte {at}"));
                }
                (cells, after_quote, cell_is_empty) = (1, false, true);
            }
            (false, '"' | '\r') => return Err(format!("{c:?} outside of quotes at byte {at}")),
            (false, _) if after_quote => return Err(format!("text behind quotes at byte {at}")),
            (false, _) => cell_is_empty = false,
        }
    }
    if quoted || cells != 1 { Err("the last line has no end".to_owned()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_that_a_text_broke() {
        let sound = "<!DOCTYPE html><p class=\"a>b\">x &lt; y</p><svg><line x1=\"1.5\"/></svg>";
        assert_eq!(check_html(sound), Ok(()));
        for broken in [
            "<p>a <b</p>",
            "<p>a</p></p>",
            "<p><b>a</p></b>",
            "<p>",
            "<p><script></script></p>",
            "<p onclick=\"x\">a</p>",
            "<line x1=\"NaN\"/>",
            "<p>\u{1b}</p>",
            "<p>\u{2028}</p>",
        ] {
            assert!(check_html(broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn tables_that_a_text_broke() {
        assert_eq!(check_markdown("|a|b\\|c|\n|-|-|\n\n|x|\n```sh\n|\n||\n```\n"), Ok(()));
        assert!(check_markdown("|a|\n|-|-|\n").is_err());
        for broken in ["```sh\na\n```\nb\n```\n", "```sh\na\n", "a <b>\n", "`a\n"] {
            assert!(check_markdown(broken).is_err(), "{broken}");
        }
        assert_eq!(check_markdown("\\<b\\> `<b>`\n````sh\n```\n````\n"), Ok(()));
        assert_eq!(check_csv("a,b\n\"c,\"\"\nd\",\n,\"\"\n", 2), Ok(()));
        for broken in ["a\n", "a,b", "a,b\"c\n", "\"a\"b,c\n", "a,\"b\n"] {
            assert!(check_csv(broken, 2).is_err(), "{broken}");
        }
    }
}
