//! How the rows fall into row groups, and what the pages are.

use std::fs::File;
use std::path::Path;

use parquet::basic::{Encoding, PageType};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use ringquet_datagen::{DatagenError, DatagenOptions, Existing, PageOptions};

use super::support::{
    MIXED, SMALL, dir, existing, files, generate, manifest, try_generate, verify, workload,
};

fn row_groups(path: &Path) -> Vec<i64> {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    reader.metadata().row_groups().iter().map(|row_group| row_group.num_rows()).collect()
}

#[test]
fn rows_fall_into_row_groups_as_dlio_has_them() {
    let legacy = "dataset: {format: parquet, num_files_train: 1, num_samples_per_file: 5000, \
                  record_length_bytes: 64}";
    for (yaml, row_group_size, batch, expected) in [
        (SMALL, 2000, 1500, vec![1500, 1500, 1500, 500]),
        (SMALL, 1000, 1500, vec![1000, 500, 1000, 500, 1000, 500, 500]),
        (SMALL, 2500, 0, vec![2500, 2500]),
        (SMALL, 10_000, 0, vec![5000]),
        (legacy, 3000, 0, vec![3000, 2000]),
    ] {
        let dir = dir();
        let overrides = [
            "dataset.num_files_train=1".to_owned(),
            "dataset.num_samples_per_file=5000".to_owned(),
            format!("++workload.dataset.parquet.row_group_size={row_group_size}"),
            format!("++workload.dataset.parquet.generation_batch_size={batch}"),
        ];
        let overrides: Vec<&str> = overrides.iter().map(String::as_str).collect();
        generate(&workload(yaml, dir.path(), &overrides), &DatagenOptions::default());
        let found = row_groups(&dir.path().join("train/img_0_of_1.parquet"));
        assert_eq!(found, expected, "row_group_size {row_group_size}, batch {batch}");
    }
}

#[test]
fn files_and_folders_have_dlios_names() {
    let dir = dir();
    let overrides = [
        "dataset.num_files_train=10",
        "dataset.num_samples_per_file=10",
        "++workload.dataset.num_subfolders_train=2",
        "++workload.dataset.num_files_eval=1",
        "++workload.dataset.file_prefix=part",
    ];
    generate(&workload(SMALL, dir.path(), &overrides), &DatagenOptions::default());
    let expected = [
        "ringquet-manifest.json",
        "train/0/part_00_of_10.parquet",
        "train/0/part_02_of_10.parquet",
        "train/0/part_04_of_10.parquet",
        "train/0/part_06_of_10.parquet",
        "train/0/part_08_of_10.parquet",
        "train/1/part_01_of_10.parquet",
        "train/1/part_03_of_10.parquet",
        "train/1/part_05_of_10.parquet",
        "train/1/part_07_of_10.parquet",
        "train/1/part_09_of_10.parquet",
        "valid/part_0_of_1.parquet",
    ];
    assert_eq!(files(dir.path()), expected);
}

#[test]
fn train_and_valid_are_there_even_if_empty() {
    let dir = dir();
    generate(&workload(SMALL, dir.path(), &[]), &DatagenOptions::default());
    assert!(dir.path().join("valid").is_dir());
}

#[test]
fn nothing_is_in_the_footer_that_pyarrow_does_not_write() {
    let dir = dir();
    generate(&workload(MIXED, dir.path(), &[]), &DatagenOptions::default());
    let file = File::open(dir.path().join("train/img_0_of_3.parquet")).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let metadata = reader.metadata();
    let about = metadata.file_metadata();
    assert_eq!(about.schema().name(), "schema");
    assert!(about.created_by().unwrap().starts_with("ringquet version "));
    let keys: Vec<&str> =
        about.key_value_metadata().unwrap().iter().map(|pair| pair.key.as_str()).collect();
    assert_eq!(keys, ["ARROW:schema"]);
    for row_group in metadata.row_groups() {
        for chunk in row_group.columns() {
            let path = chunk.column_path().string();
            let statistics = chunk.statistics().unwrap();
            assert_eq!(statistics.null_count_opt(), Some(0), "{path}");
            assert_eq!(statistics.distinct_count_opt(), None, "{path}");
            assert!(statistics.min_bytes_opt().is_some(), "{path}");
            assert_eq!(chunk.column_index_offset(), None, "{path}");
            assert_eq!(chunk.offset_index_offset(), None, "{path}");
            assert_eq!(chunk.bloom_filter_offset(), None, "{path}");
            let has_dictionary = chunk.dictionary_page_offset().is_some();
            assert_eq!(has_dictionary, path != "flag", "{path}");
        }
    }
}

/// (page type, encoding) of every page of a column of the first row group.
fn pages(path: &Path, column: usize) -> Vec<(PageType, Encoding)> {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let pages = reader.get_row_group(0).unwrap().get_column_page_reader(column).unwrap();
    pages.map(|page| page.map(|page| (page.page_type(), page.encoding())).unwrap()).collect()
}

#[test]
fn choices_about_pages_change_pages_and_no_value() {
    let base = PageOptions::default();
    let plain = dir();
    let expected = generate(&workload(MIXED, plain.path(), &[]), &DatagenOptions::default());
    for codec in ["none", "zstd"] {
        for pages in [
            PageOptions { dictionary: false, ..base },
            PageOptions { byte_stream_split: true, ..base },
            PageOptions { dictionary: false, byte_stream_split: true, ..base },
            PageOptions { data_page_v2: true, ..base },
            PageOptions { page_index: true, ..base },
            PageOptions { page_bytes: 4096, ..base },
            PageOptions {
                dictionary: false,
                byte_stream_split: true,
                data_page_v2: true,
                page_index: true,
                page_bytes: 8192,
            },
        ] {
            let dir = dir();
            let options = DatagenOptions { pages, ..DatagenOptions::default() };
            let codec = format!("dataset.compression={codec}");
            let report = generate(&workload(MIXED, dir.path(), &[&codec]), &options);
            assert_eq!(report.digest, expected.digest, "{pages:?}, {codec}");
            assert_eq!(verify(dir.path()).problems, [], "{pages:?}, {codec}");
            assert_eq!(manifest(dir.path()).pages, pages);
        }
    }
}

#[test]
fn pages_are_what_was_chosen() {
    // Columns of MIXED: 0 label int8, 3 vec float32[16], 8 flag bool.
    let first = |pages: PageOptions| {
        let dir = dir();
        let options = DatagenOptions { pages, ..DatagenOptions::default() };
        generate(&workload(MIXED, dir.path(), &[]), &options);
        let path = dir.path().join("train/img_0_of_3.parquet");
        let columns = [0, 3, 8].map(|column| self::pages(&path, column));
        (columns, SerializedFileReader::new(File::open(&path).unwrap()).unwrap())
    };
    let base = PageOptions::default();
    let dictionary = (PageType::DICTIONARY_PAGE, Encoding::PLAIN);
    let indices = (PageType::DATA_PAGE, Encoding::RLE_DICTIONARY);
    let plain = (PageType::DATA_PAGE, Encoding::PLAIN);
    let split = (PageType::DATA_PAGE, Encoding::BYTE_STREAM_SPLIT);

    let (columns, _) = first(base);
    assert_eq!(columns, [vec![dictionary, indices], vec![dictionary, indices], vec![plain]]);
    let (columns, _) = first(PageOptions { dictionary: false, ..base });
    assert_eq!(columns, [vec![plain], vec![plain], vec![plain]]);
    let (columns, _) = first(PageOptions { byte_stream_split: true, ..base });
    assert_eq!(columns, [vec![dictionary, indices], vec![split], vec![plain]]);
    let (columns, _) = first(PageOptions { data_page_v2: true, ..base });
    let indices_v2 = (PageType::DATA_PAGE_V2, Encoding::RLE_DICTIONARY);
    assert_eq!(columns[0], [dictionary, indices_v2]);
    let (columns, _) = first(PageOptions { page_bytes: 4096, ..base });
    assert!(columns[1].len() > 5, "{:?}", columns[1]);

    let (columns, reader) = first(PageOptions { page_index: true, page_bytes: 4096, ..base });
    for row_group in reader.metadata().row_groups() {
        for chunk in row_group.columns() {
            assert!(chunk.column_index_offset().is_some() && chunk.offset_index_offset().is_some());
        }
    }
    assert!(columns[1].len() > 5, "{:?}", columns[1]);
}

#[test]
fn the_page_index_is_true() {
    let dir = dir();
    let pages = PageOptions { page_index: true, page_bytes: 4096, ..PageOptions::default() };
    let options = DatagenOptions { pages, ..DatagenOptions::default() };
    generate(&workload(MIXED, dir.path(), &[]), &options);
    let file = File::open(dir.path().join("train/img_0_of_3.parquet")).unwrap();
    let with_index =
        parquet::file::serialized_reader::ReadOptionsBuilder::new().with_page_index().build();
    let reader = SerializedFileReader::new_with_options(file, with_index).unwrap();
    let metadata = reader.metadata();
    for row_group in 0..metadata.num_row_groups() {
        let rows = metadata.row_group(row_group).num_rows();
        let pages = reader.get_row_group(row_group).unwrap();
        for column in 0..metadata.row_group(row_group).num_columns() {
            let index = metadata.page_index_for_row_group(row_group);
            let bounds = index.column_index(column).unwrap();
            let offsets = index.page_locations(column).unwrap();
            assert_eq!(usize::try_from(bounds.num_pages()).unwrap(), offsets.len());
            // With an offset index the reader goes to the pages by it alone.
            let data_pages = pages
                .get_column_page_reader(column)
                .unwrap()
                .map(Result::unwrap)
                .filter(|page| page.page_type() != PageType::DICTIONARY_PAGE);
            assert_eq!(data_pages.count(), offsets.len(), "column {column}");
            assert_eq!(offsets[0].first_row_index, 0);
            let ascending = offsets.windows(2).all(|pair| {
                pair[0].first_row_index < pair[1].first_row_index
                    && pair[0].offset + i64::from(pair[0].compressed_page_size) == pair[1].offset
            });
            assert!(ascending && offsets.iter().all(|page| page.first_row_index < rows));
        }
    }
}

#[test]
fn pages_of_no_size_are_refused_and_other_pages_are_another_set() {
    let dir = dir();
    let loaded = workload(SMALL, dir.path(), &[]);
    let with = |page_bytes| {
        let pages = PageOptions { page_bytes, ..PageOptions::default() };
        DatagenOptions { pages, ..existing(Existing::Resume) }
    };
    let error = try_generate(&loaded, &with(0)).unwrap_err();
    assert_eq!(error.to_string(), "`page_bytes` 0: must be 64 to 536870912");
    generate(&loaded, &with(1000));
    let error = try_generate(&loaded, &with(2000)).unwrap_err();
    assert!(matches!(&error, DatagenError::OtherDataSet { .. }));
    assert!(error.to_string().contains("page_bytes: 1000"), "{error}");
}
