//! Many column names in one cell: those that count up as a range, and only as many as there is room for.

/// Joins `names`, in their order, to at most `width` characters. Names that differ in one number only and count up by one
/// become `first..last`; what has no room is counted: `label, feature_001..feature_013, … 26 more`. The first name or
/// range is always shown.
pub(super) fn shortened(names: &[&str], width: usize) -> String {
    let ranges = ranges(names);
    let mut text = String::new();
    let mut left = names.len();
    for (at, range) in ranges.iter().enumerate() {
        let more = left - range.len();
        let separator = if at == 0 { "" } else { ", " };
        let part = format!("{separator}{}", range_text(range));
        let rest = if more == 0 { String::new() } else { format!(", … {more} more") };
        let length = text.chars().count() + part.chars().count() + rest.chars().count();
        if at > 0 && length > width {
            text.push_str(&format!(", … {left} more"));
            break;
        }
        text.push_str(&part);
        left = more;
    }
    text
}

fn range_text(range: &[&str]) -> String {
    match range {
        [first, .., last] if range.len() > 2 => format!("{first}..{last}"),
        few => few.join(", "),
    }
}

/// The names in runs that count up.
fn ranges<'a>(names: &'a [&'a str]) -> Vec<&'a [&'a str]> {
    names.chunk_by(|before, name| counts_up(before, name)).collect()
}

/// Whether `name` is `before` with its last number one higher, in as many digits if there are leading zeros.
fn counts_up(before: &str, name: &str) -> bool {
    let (Some(before), Some(name)) = (Numbered::of(before), Numbered::of(name)) else {
        return false;
    };
    let next = before.number.parse::<u64>().ok().and_then(|number| number.checked_add(1));
    let width = before.number.len();
    (before.prefix, before.suffix) == (name.prefix, name.suffix)
        && next.is_some_and(|next| format!("{next:0width$}") == name.number)
}

/// A name around its last number: `feature_` `012` `.list.item`.
struct Numbered<'a> {
    prefix: &'a str,
    number: &'a str,
    suffix: &'a str,
}

impl<'a> Numbered<'a> {
    fn of(name: &'a str) -> Option<Numbered<'a>> {
        let end = name.rfind(|c: char| c.is_ascii_digit())? + 1;
        let start = name[..end].rfind(|c: char| !c.is_ascii_digit());
        let start = start.map_or(0, |at| at + name[at..].chars().next().map_or(1, char::len_utf8));
        Some(Numbered { prefix: &name[..start], number: &name[start..end], suffix: &name[end..] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_count_up_are_a_range() {
        let check = |names: &[&str], expect: &str| assert_eq!(shortened(names, 40), expect);
        check(&[], "");
        check(&["a"], "a");
        check(&["label", "f_1", "f_2", "f_3"], "label, f_1..f_3");
        check(&["f_1", "f_2"], "f_1, f_2");
        check(&["f_098", "f_099", "f_100", "f_102"], "f_098..f_100, f_102");
        check(&["f_9", "f_10", "f_11"], "f_9..f_11");
        check(&["f_09", "f_010", "f_011"], "f_09, f_010, f_011");
        check(&["v1.list.item", "v2.list.item", "v3.list.item"], "v1.list.item..v3.list.item");
        check(&["größe1ß", "größe2ß", "größe3ß"], "größe1ß..größe3ß");
        check(&["3", "2", "1"], "3, 2, 1");
        let most = u64::MAX.to_string();
        check(&[&most, "0"], "18446744073709551615, 0");
    }

    #[test]
    fn what_has_no_room_is_counted() {
        let names = ["alpha", "beta", "gamma", "delta", "epsilon"];
        assert_eq!(shortened(&names, 80), "alpha, beta, gamma, delta, epsilon");
        assert_eq!(shortened(&names, 24), "alpha, beta, … 3 more");
        assert_eq!(shortened(&names, 1), "alpha, … 4 more");
        let long = "x".repeat(50);
        assert_eq!(shortened(&[&long], 10), long);
        for width in 16..80 {
            assert!(shortened(&names, width).chars().count() <= width, "{width}");
        }
    }
}
