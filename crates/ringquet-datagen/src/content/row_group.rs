//! The values of a row group, batch by batch.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use ringquet_workload::DatasetType;

use super::column::ColumnContent;
use super::options::ContentOptions;
use super::random::Key;
use crate::writer::schema::{DataColumn, row_bytes, schema_of};

/// Bytes of a batch that are aimed at: some rows of FLUX, a row group of DLRM.
const BATCH_BYTES: u64 = 8 << 20;

/// Which file of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileKey {
    pub(crate) seed: u64,
    pub(crate) half: DatasetType,
    /// Index within the half.
    pub(crate) file: u64,
}

impl FileKey {
    /// The key of a column chunk.
    pub(crate) fn chunk(self, row_group: u64, column: usize) -> Key {
        let half = match self.half {
            DatasetType::Train => 0,
            DatasetType::Valid => 1,
        };
        Key::new(&[self.seed, half, self.file, row_group, column as u64])
    }
}

/// The rows of one row group, made batch by batch.
#[derive(Debug)]
pub(crate) struct RowGroupContent<'a> {
    schema: SchemaRef,
    columns: Vec<ColumnContent<'a>>,
    rows_left: u64,
    batch_rows: u64,
}

impl<'a> RowGroupContent<'a> {
    /// Content of row group `row_group`, which has `rows` rows.
    pub(crate) fn new(
        file: FileKey,
        row_group: u64,
        rows: u64,
        columns: &'a [DataColumn],
        options: ContentOptions,
    ) -> Self {
        let content =
            |(index, column)| ColumnContent::new(file.chunk(row_group, index), column, options);
        let row_bytes = row_bytes(columns).max(1);
        Self {
            schema: schema_of(columns),
            columns: columns.iter().enumerate().map(content).collect(),
            rows_left: rows,
            batch_rows: (BATCH_BYTES / row_bytes).max(1),
        }
    }

    /// The next `rows` rows, or as many as are left.
    pub(crate) fn take_rows(&mut self, rows: usize) -> RecordBatch {
        let rows = usize::try_from(self.rows_left).map_or(rows, |left| rows.min(left));
        self.rows_left -= rows as u64;
        let arrays = self.columns.iter_mut().map(|column| column.next_rows(rows)).collect();
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), arrays);
        batch.expect("arrays are made from the columns of the schema")
    }
}

impl Iterator for RowGroupContent<'_> {
    type Item = RecordBatch;

    fn next(&mut self) -> Option<RecordBatch> {
        if self.rows_left == 0 {
            return None;
        }
        let rows = self.rows_left.min(self.batch_rows);
        Some(self.take_rows(usize::try_from(rows).expect("a batch has a few mebibytes")))
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::cast::AsArray as _;
    use arrow_array::types::{Float32Type, Int64Type};
    use ringquet_decode::RowGroupDigest;
    use ringquet_workload::{Column, Dtype, LegacySchema};

    use super::*;
    use crate::columns::columns_of;

    fn column(dtype: Dtype, size: u64) -> Column {
        Column { name: format!("{dtype}_{size}"), dtype, size, read: true }
    }

    fn every_column() -> Vec<DataColumn> {
        let mut columns: Vec<Column> = [
            Dtype::Uint8,
            Dtype::Uint16,
            Dtype::Uint32,
            Dtype::Uint64,
            Dtype::Int8,
            Dtype::Int16,
            Dtype::Int32,
            Dtype::Int64,
            Dtype::Float16,
            Dtype::Float32,
            Dtype::Float64,
            Dtype::List,
        ]
        .into_iter()
        .flat_map(|dtype| [column(dtype, 1), column(dtype, 5)])
        .collect();
        columns.extend([column(Dtype::String, 1), column(Dtype::Bool, 1)]);
        columns.extend([1, 2, 3, 4, 7, 8, 20].map(|size| column(Dtype::Binary, size)));
        columns_of(&columns, None)
    }

    const FILE: FileKey = FileKey { seed: 10, half: DatasetType::Train, file: 3 };

    fn rows(columns: &[DataColumn], options: ContentOptions, cuts: &[usize]) -> Vec<RecordBatch> {
        let mut content = RowGroupContent::new(FILE, 0, 0, columns, options);
        let mut batches = Vec::new();
        for rows in cuts {
            content.rows_left = *rows as u64;
            batches.extend(&mut content);
        }
        batches
    }

    #[test]
    fn batches_may_end_anywhere() {
        for repeat_fraction in [0.0, 0.6] {
            let options = ContentOptions { repeat_fraction, raw_floats: false };
            let whole = rows(&every_column(), options, &[100]).remove(0);
            let mut start = 0;
            for part in rows(&every_column(), options, &[1, 6, 40, 53]) {
                let slice = whole.slice(start, part.num_rows());
                assert_eq!(part, slice, "rows from {start}, repeats {repeat_fraction}");
                start += part.num_rows();
            }
            assert_eq!(start, 100);
        }
    }

    #[test]
    fn wide_values_never_repeat_and_floats_are_finite() {
        let columns = columns_of(&[column(Dtype::Float32, 1), column(Dtype::String, 1)], None);
        let batch = rows(&columns, ContentOptions::default(), &[50_000]).remove(0);
        let floats = batch.column(0).as_primitive::<Float32Type>().values().to_vec();
        assert!(floats.iter().all(|value| value.is_finite()));
        let distinct: std::collections::HashSet<u32> =
            floats.iter().map(|value| value.to_bits()).collect();
        assert_eq!(distinct.len(), 50_000);
        let texts: std::collections::HashSet<&str> =
            batch.column(1).as_string::<i32>().iter().flatten().collect();
        assert_eq!(texts.len(), 50_000);
        for text in texts {
            let number: u64 = text.strip_prefix("s_").unwrap().parse().unwrap();
            assert!(number < 1 << 31, "{text}");
        }
        let raw = ContentOptions { raw_floats: true, ..ContentOptions::default() };
        let batch = rows(&columns, raw, &[50_000]).remove(0);
        let floats = batch.column(0).as_primitive::<Float32Type>().values().to_vec();
        let not_finite = floats.iter().filter(|value| !value.is_finite()).count();
        assert!((130..270).contains(&not_finite), "about one in 256: {not_finite}");
    }

    #[test]
    fn repeats_are_as_many_as_asked_for() {
        let columns = columns_of(&[column(Dtype::Int64, 1)], None);
        let options = ContentOptions { repeat_fraction: 0.75, raw_floats: false };
        let batch = rows(&columns, options, &[40_000]).remove(0);
        let values = batch.column(0).as_primitive::<Int64Type>().values().to_vec();
        let distinct: std::collections::HashSet<i64> = values.into_iter().collect();
        assert!((9_500..10_500).contains(&distinct.len()), "{} of 40000", distinct.len());
    }

    #[test]
    fn everything_in_the_key_matters() {
        let columns = columns_of(&[column(Dtype::Int64, 1), column(Dtype::Int64, 1)], None);
        let first = |file: FileKey, row_group: u64| {
            let options = ContentOptions::default();
            let mut content = RowGroupContent::new(file, row_group, 1, &columns, options);
            let batch = content.next().unwrap();
            [0, 1].map(|index| batch.column(index).as_primitive::<Int64Type>().value(0))
        };
        let mut seen = std::collections::HashSet::new();
        for (file, row_group) in [
            (FILE, 0),
            (FILE, 1),
            (FileKey { seed: 11, ..FILE }, 0),
            (FileKey { half: DatasetType::Valid, ..FILE }, 0),
            (FileKey { file: 4, ..FILE }, 0),
        ] {
            for value in first(file, row_group) {
                assert!(seen.insert(value), "{file:?}, row group {row_group}");
            }
        }
    }

    #[test]
    fn seed_legacy_is_bytes_below_255() {
        let columns = columns_of(&[], Some((LegacySchema::Seed, 484)));
        let batch = rows(&columns, ContentOptions::default(), &[50]).remove(0);
        let lists = batch.column(0).as_list::<i32>();
        assert_eq!(lists.value_length(7), 484);
        let values = lists.values().as_primitive::<Int64Type>().values();
        let distinct: std::collections::HashSet<i64> = values.iter().copied().collect();
        assert_eq!(distinct, (0..255).collect(), "DLIO draws below 255");
    }

    /// What a seed gives may only change together with [`crate::GENERATOR`]; nor may it depend on the CPU.
    #[test]
    fn the_values_are_those_of_this_generator() {
        let digest = |columns: &[DataColumn], repeat_fraction, raw_floats| {
            let options = ContentOptions { repeat_fraction, raw_floats };
            let mut digest = RowGroupDigest::new(0, 0, &schema_of(columns));
            rows(columns, options, &[1000]).iter().for_each(|batch| digest.update(batch));
            digest.finish().to_string()
        };
        let seed_legacy = columns_of(&[], Some((LegacySchema::Seed, 40)));
        assert_eq!(crate::GENERATOR, 2);
        assert_eq!(digest(&every_column(), 0.0, false), "15699bbc392b3cfed05c72c8d7e248e6");
        assert_eq!(digest(&every_column(), 0.5, true), "04624ee513f2d4043fb387bd8f0f4ccf");
        assert_eq!(digest(&seed_legacy, 0.0, false), "9e056f4bf7e29c8a76b92aef80ad43ce");
    }
}
