//! A table for the terminal: text to the left, numbers to the right.

/// Lines of equal width; the first row is the heading. Cells that begin with a digit stand to the right,
/// and so does a heading above such cells.
pub(crate) fn render(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let cell = |row: &[String], column: usize| row.get(column).cloned().unwrap_or_default();
    let mut lines = vec![String::new(); rows.len()];
    for column in 0..columns {
        let cells: Vec<String> = rows.iter().map(|row| cell(row, column)).collect();
        let width = cells.iter().map(|cell| cell.chars().count()).max().unwrap_or(0);
        let numbers =
            cells.iter().skip(1).any(|cell| cell.starts_with(|c: char| c.is_ascii_digit()));
        for (line, cell) in lines.iter_mut().zip(&cells) {
            if column > 0 {
                line.push_str("  ");
            }
            line.push_str(&if numbers {
                format!("{cell:>width$}")
            } else {
                format!("{cell:<width$}")
            });
        }
    }
    lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// Bytes for a person, in powers of 1024: `512 B`, `1.5 MiB`.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(crate) fn bytes(count: u64) -> String {
    let (mut value, mut unit) = (count as f64, "B");
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = larger;
    }
    if unit == "B" { format!("{count} B") } else { format!("{value:.1} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_to_the_right_and_text_to_the_left() {
        let rows = [["what", "rows", "direct"], ["scan", "12", "on"], ["run of it", "3", "off"]];
        let rows: Vec<Vec<String>> =
            rows.iter().map(|row| row.iter().map(ToString::to_string).collect()).collect();
        let expect = "what       rows  direct\nscan         12  on\nrun of it     3  off\n";
        assert_eq!(render(&rows), expect);
    }

    #[test]
    fn a_short_row_leaves_its_last_cells_empty() {
        let rows = [vec!["a".to_owned(), "b".to_owned()], vec!["c".to_owned()]];
        assert_eq!(render(&rows), "a  b\nc\n");
        assert_eq!(render(&[]), "");
    }

    #[test]
    fn bytes_take_the_unit_that_fits() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes(3 << 30), "3.0 GiB");
    }
}
