//! Rows as text, for a table or for the document.
//!
//! A FLUX row holds lists of a million floats: a cell is cut when it has [`CELL_CHARS_MAX`] characters, and what comes
//! after that is never formatted.

use std::fmt;
use std::sync::Arc;

use anyhow::Result;
use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_cast::display::{ArrayFormatter, FormatOptions, ValueFormatter};
use arrow_cast::pretty::pretty_format_batches;
use arrow_schema::{DataType, Field, FieldRef, Schema};
use serde::ser::{Serialize, SerializeSeq as _, Serializer};

/// Characters of a cell at most; a longer value ends with an ellipsis.
const CELL_CHARS_MAX: usize = 48;

/// The rows taken so far, by column.
#[derive(Debug)]
pub(super) struct Cells {
    names: Vec<String>,
    columns: Vec<Vec<String>>,
    rows: usize,
}

impl Cells {
    pub(super) fn new(schema: &Schema) -> Cells {
        let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
        Cells { columns: vec![Vec::new(); names.len()], names, rows: 0 }
    }

    /// Adds rows.
    ///
    /// # Errors
    /// If Arrow cannot show a type.
    pub(super) fn take(&mut self, rows: &RecordBatch) -> Result<()> {
        let options = FormatOptions::new().with_null("null");
        for (array, cells) in rows.columns().iter().zip(&mut self.columns) {
            let array = in_utc(array)?;
            let formatter = ArrayFormatter::try_new(&array, &options)?;
            cells.extend((0..array.len()).map(|row| cell(&formatter.value(row))));
        }
        self.rows += rows.num_rows();
        Ok(())
    }
}

/// The same instants with an offset in place of a zone's name: Arrow shows a zone only with a table of all zones of the
/// world, and `UTC`, the one that Parquet files have, needs none.
fn in_utc(array: &ArrayRef) -> Result<ArrayRef> {
    let shown = utc_type(array.data_type());
    if shown == *array.data_type() {
        return Ok(Arc::clone(array));
    }
    Ok(arrow_cast::cast(array, &shown)?)
}

fn utc_type(data_type: &DataType) -> DataType {
    let field = |field: &FieldRef| {
        let shown = utc_type(field.data_type());
        Arc::new(field.as_ref().clone().with_data_type(shown))
    };
    match data_type {
        DataType::Timestamp(unit, Some(zone)) if !zone.starts_with(['+', '-']) => {
            DataType::Timestamp(*unit, Some("+00:00".into()))
        }
        DataType::List(item) => DataType::List(field(item)),
        DataType::LargeList(item) => DataType::LargeList(field(item)),
        DataType::FixedSizeList(item, size) => DataType::FixedSizeList(field(item), *size),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(field).collect()),
        DataType::Map(entries, sorted) => DataType::Map(field(entries), *sorted),
        DataType::Dictionary(key, values) => {
            DataType::Dictionary(key.clone(), Box::new(utc_type(values)))
        }
        other => other.clone(),
    }
}

/// A value as text, cut. A value that Arrow cannot show, such as a time in the year 300,000, becomes a cell with a note.
fn cell(value: &ValueFormatter<'_>) -> String {
    let mut cut = Cut { text: String::new(), chars: 0 };
    match value.write(&mut cut) {
        Ok(()) => {}
        Err(_) if cut.chars > CELL_CHARS_MAX => cut.text.push('…'),
        Err(error) => cut.text = format!("<{error}>"),
    }
    cut.text
}

/// Takes [`CELL_CHARS_MAX`] characters and refuses the next.
struct Cut {
    text: String,
    /// One more than are kept, once the limit was met.
    chars: usize,
}

impl fmt::Write for Cut {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            if self.chars >= CELL_CHARS_MAX {
                self.chars = CELL_CHARS_MAX + 1;
                return Err(fmt::Error);
            }
            self.chars += 1;
            // A line break within a cell would break the table, an escape sequence the terminal.
            self.text.push(if c.is_control() { ' ' } else { c });
        }
        Ok(())
    }
}

impl fmt::Display for Cells {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.columns.is_empty() {
            return write!(f, "{} rows without columns", self.rows);
        }
        // As a batch of strings: its columns may share a name, as those of a file may.
        let text = |name: &String| Field::new(name, DataType::Utf8, false);
        let schema = Arc::new(Schema::new(self.names.iter().map(text).collect::<Vec<Field>>()));
        let array =
            |cells: &Vec<String>| Arc::new(StringArray::from_iter_values(cells)) as ArrayRef;
        let arrays = self.columns.iter().map(array).collect();
        let batch = RecordBatch::try_new(schema, arrays).map_err(|_| fmt::Error)?;
        let table = pretty_format_batches(std::slice::from_ref(&batch)).map_err(|_| fmt::Error)?;
        write!(f, "{table}")
    }
}

/// Row by row.
impl Serialize for Cells {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut rows = serializer.serialize_seq(Some(self.rows))?;
        for row in 0..self.rows {
            let cells: Vec<&str> = self.columns.iter().map(|cells| cells[row].as_str()).collect();
            rows.serialize_element(&cells)?;
        }
        rows.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use arrow_array::types::Int32Type;
    use arrow_array::{Int32Array, ListArray, StructArray, TimestampMillisecondArray};

    fn cells() -> Cells {
        let numbers: ArrayRef = Arc::new(Int32Array::from(vec![Some(7), None]));
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["two\nlines", ""]));
        let long = (0..1000).map(Some);
        let lists = [Some(long.collect::<Vec<_>>()), Some(vec![Some(1), None])];
        let lists: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(lists));
        let batch =
            RecordBatch::try_from_iter([("n", numbers), ("t", texts), ("l", lists)]).unwrap();
        let mut cells = Cells::new(&batch.schema());
        cells.take(&batch).unwrap();
        cells
    }

    #[test]
    fn long_values_are_cut_and_nulls_are_named() {
        let cells = cells();
        assert_eq!(cells.columns[0], ["7", "null"]);
        assert_eq!(cells.columns[1], ["two lines", ""]);
        assert_eq!(cells.columns[2][1], "[1, null]");
        assert_eq!(cells.columns[2][0].chars().count(), CELL_CHARS_MAX + 1);
        assert!(cells.columns[2][0].starts_with("[0, 1, 2") && cells.columns[2][0].ends_with('…'));
    }

    #[test]
    fn a_table_has_a_line_per_row_and_a_document_a_list_per_row() {
        let cells = cells();
        let text = cells.to_string();
        assert_eq!(text.lines().count(), 6, "{text}");
        assert!(text.lines().nth(1).unwrap().starts_with("| n    | t         | l "), "{text}");
        let json = serde_json::to_value(&cells).unwrap();
        assert_eq!(json[1], serde_json::json!(["null", "", "[1, null]"]));
    }

    #[test]
    fn times_are_shown_in_utc_and_impossible_ones_are_named() {
        let times = TimestampMillisecondArray::from(vec![0, i64::MIN / 2]).with_timezone("UTC");
        let times: ArrayRef = Arc::new(times);
        let field = Arc::new(Field::new("t", times.data_type().clone(), false));
        let nested: ArrayRef = Arc::new(StructArray::from(vec![(field, Arc::clone(&times))]));
        let batch = RecordBatch::try_from_iter([("times", times), ("nested", nested)]).unwrap();
        let mut cells = Cells::new(&batch.schema());
        cells.take(&batch).unwrap();
        assert_eq!(cells.columns[0][0], "1970-01-01T00:00:00Z");
        assert!(cells.columns[0][1].contains("-4611686018427387904"), "{}", cells.columns[0][1]);
        assert_eq!(cells.columns[1][0], "{t: 1970-01-01T00:00:00Z}");
    }

    #[test]
    fn no_columns_are_no_table() {
        let cells = Cells { names: Vec::new(), columns: Vec::new(), rows: 3 };
        assert_eq!(cells.to_string(), "3 rows without columns");
    }
}
