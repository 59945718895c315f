//! Columns: what may be said of one, and how many bytes it counts for.

use ringquet_workload::{Dtype, Named, Workload};

use super::{refusal, text};

fn columns(list: &str) -> Workload {
    text(&format!("dataset: {{format: parquet, parquet: {{columns: {list}}}}}"), &[])
}

/// The message about `dataset.parquet.columns: list`, behind file and line.
#[track_caller]
fn refused(list: &str) -> String {
    let message = refusal(&format!("dataset: {{parquet: {{columns: {list}}}}}"), &[]);
    message.strip_prefix("w.yaml:1: dataset.parquet.").expect("file, line, key").to_owned()
}

#[test]
fn a_misspelt_dtype_is_one_clear_line() {
    let yaml = "dataset:\n  parquet:\n    columns:\n      - {name: a}\n      - {name: b, dtype: flaot32}\n";
    assert_eq!(
        refusal(yaml, &[]),
        "w.yaml:5: dataset.parquet.columns[1].dtype: invalid value \"flaot32\": expected uint8, \
         uint16, uint32, uint64, int8, int16, int32, int64, float16, float32, float64, list, string, \
         binary, bool"
    );
}

#[test]
fn defaults_and_bare_names() {
    let columns =
        columns("[a, {name: b}, {dtype: int8, size: 3, read: false}]").dataset.parquet.columns;
    let all: Vec<_> =
        columns.iter().map(|c| (c.name.as_str(), c.dtype, c.size, c.read, c.is_list())).collect();
    assert_eq!(
        all,
        [
            ("a", Dtype::Float32, 1, true, false),
            ("b", Dtype::Float32, 1, true, false),
            ("data", Dtype::Int8, 3, false, true),
        ]
    );
}

#[test]
fn what_is_no_column() {
    for (list, expected) in [
        ("[a, a]", "columns[1]: invalid value \"a\": expected a name that no other column has"),
        ("[5]", "columns[0]: invalid value 5: expected a name, or {name, dtype, size, read}"),
        ("[{name: ''}]", "columns[0].name: invalid value \"\""),
        ("[a/b]", "columns[0]: invalid value \"a/b\""),
        (
            "[{name: a, size: 0}]",
            "columns[0].size: invalid value 0: expected a whole number from 1 to 2147483647",
        ),
        ("[{name: a, size: 2147483648}]", "columns[0].size: invalid value 2147483648"),
        (
            "[{name: a, dtype: bool, size: 2}]",
            "columns[0].size: invalid value 2: expected 1, the only size of dtype bool",
        ),
        ("[{name: a, read: false}]", "columns: read is false for every column"),
        ("a", "columns: invalid value \"a\": expected a list"),
    ] {
        let refused = refused(list);
        assert!(refused.starts_with(expected), "{list}: {refused}");
    }
    let long = format!("[{}]", "n".repeat(1025));
    assert!(refused(&long).contains("a name of 1 to 1024 bytes"));
}

#[test]
fn the_three_byte_counts() {
    for (dtype, size, record, datasize) in [
        ("uint8", 1, 1, 1),
        ("int8", 1, 1, 4),
        ("uint16", 1, 2, 4),
        ("int16", 3, 6, 12),
        ("float16", 1, 2, 4),
        ("uint32", 1, 4, 4),
        ("int32", 1, 4, 4),
        ("float32", 409, 1636, 1636),
        ("uint64", 1, 8, 4),
        ("int64", 1, 8, 8),
        ("float64", 2, 16, 16),
        ("list", 3, 12, 12),
        ("string", 1, 4, 4),
        ("binary", 16, 64, 64),
        ("bool", 1, 1, 1),
    ] {
        let dataset = columns(&format!("[{{dtype: {dtype}, size: {size}}}]")).dataset;
        assert_eq!(dataset.record_bytes(), record, "{dtype}");
        assert_eq!(dataset.datasize_record_bytes(), datasize, "{dtype}");
    }
    assert_eq!(Dtype::ALL.len(), 15);
    let widths: Vec<Option<u64>> = Dtype::ALL.iter().map(|dtype| dtype.value_bytes()).collect();
    let [i8, i16, i32, i64] = [Some(1), Some(2), Some(4), Some(8)];
    assert_eq!(
        widths,
        [i8, i16, i32, i64, i8, i16, i32, i64, i16, i32, i64, i32, None, None, None],
    );
}

/// The fork's selector decides over `read`.
#[test]
fn storage_options_choose_columns() {
    let yaml = "{storage: {storage_options: {columns: [c, a]}}, dataset: {parquet: {columns: [a, {name: b}, \
                {name: c, read: false}]}}}";
    let parquet = text(yaml, &[]).dataset.parquet;
    assert_eq!(parquet.read_column_names(), ["a", "c"]);
    assert_eq!(parquet.read_column_indices(), [0, 2]);
    let refused = refusal(yaml, &["storage.storage_options.columns=[a, d]"]);
    assert!(refused.contains("names `d`, which is not a column"), "{refused}");
}

#[test]
fn partition_columns_are_scalars_of_the_table() {
    let yaml = |by: &str| {
        format!(
            "dataset: {{parquet: {{partition_by: {by}, columns: [a, {{name: b, size: 2}}, {{name: c, dtype: bool}}]}}}}"
        )
    };
    assert_eq!(text(&yaml("c"), &[]).dataset.parquet.partition_by.as_deref(), Some("c"));
    let missing = refusal(&yaml("d"), &[]);
    assert!(
        missing.ends_with("invalid value \"d\": expected the name of a column: a, b, c, …"),
        "{missing}"
    );
    assert!(refusal(&yaml("b"), &[]).contains("its values make no folder names"));
    let alone = refusal("dataset: {parquet: {partition_by: a, columns: [a]}}", &[]);
    assert!(alone.contains("the only column"), "{alone}");
    let unread = "dataset: {parquet: {partition_by: a, columns: [a, {name: b, read: false}]}}";
    assert!(refusal(unread, &[]).contains("the only column with read: true"));
    let long = "x".repeat(250);
    let long = format!("dataset: {{parquet: {{partition_by: {long}, columns: [a, {long}]}}}}");
    // `x…x=15.5`: 250 + 5 bytes are just short enough; one more is not.
    assert_eq!(text(&long, &[]).dataset.parquet.columns.len(), 2);
    let longer = long.replace("xx", "xxx");
    assert!(refusal(&longer, &[]).contains("file systems take 255"));
    let both = yaml("c").replace("dataset: {", "dataset: {num_subfolders_train: 2, ");
    assert!(refusal(&both, &[]).contains("the folders are those of `c`"));
}

/// Without columns a row is one list, whose elements are a square.
#[test]
fn legacy_records() {
    let dataset = text("dataset: {record_length_bytes: 512}", &[]).dataset;
    assert_eq!((dataset.legacy_elements(), dataset.record_bytes()), (484, 512));
    assert_eq!(dataset.parquet.read_column_names(), ["data"]);
    let dataset =
        text("dataset: {record_dims: [3, 5, 7], record_element_type: float32}", &[]).dataset;
    assert_eq!((dataset.legacy_elements(), dataset.legacy_record_bytes()), (105, 420));
    let dims = dataset.legacy_dimensions().next().expect("eight files");
    assert_eq!((dims.dim1, dims.dim2), (3, 35));
    let refused = refusal("dataset: {parquet: {legacy: seed, columns: [a]}}", &[]);
    assert!(refused.contains("this one has columns"), "{refused}");
}

/// Sizes of the golden files of 16,384 bytes ± 4,096: four training files, two evaluation files.
#[test]
fn legacy_records_that_vary_have_the_sizes_that_numpy_draws() {
    let yaml = "dataset: {record_length_bytes: 16384, record_length_bytes_stdev: 4096, num_files_train: 4, \
                num_files_eval: 2}";
    let dataset = text(yaml, &[]).dataset;
    assert!(dataset.has_varying_dimensions());
    let elements: Vec<u64> = dataset.legacy_dimensions().map(|dims| dims.elements()).collect();
    assert_eq!(elements, [20711, 13081, 15892, 17028, 16000, 19698]);
}
