//! Our own walk of the footer says what the `parquet` crate's says.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::Schema;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use ringquet_decode::{Codec, DecodeError, Footer, Projection, TAIL_LEN};

use super::arrays::{self, Nulls, Recipe, Repeats};
use super::support::{open, write};

fn sample(row_group_rows: usize) -> Bytes {
    let recipe = Recipe { rows: 300, nulls: Nulls::Few, repeats: Repeats::Often, seed: 21 };
    let mut columns = arrays::flat(recipe);
    columns.extend(arrays::lists(recipe));
    columns.extend(arrays::nested(recipe));
    let (fields, arrays): (Vec<_>, Vec<_>) = columns
        .into_iter()
        .map(|(name, array)| (arrays::field(name, &array, &recipe), array))
        .unzip();
    let schema = Schema::new(fields).with_metadata([("story".to_owned(), "told".to_owned())]);
    let batch = RecordBatch::try_new(Arc::new(schema), arrays).unwrap();
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(row_group_rows))
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .build();
    write(batch.schema(), &[batch], properties)
}

#[test]
fn agrees_with_the_parquet_crate() {
    let file = sample(100);
    let footer = open(&file, &Projection::All).unwrap();
    let builder = ParquetRecordBatchReaderBuilder::try_new(file.clone()).unwrap();
    let metadata = builder.metadata();
    assert_eq!(&footer.schema().arrow, builder.schema());
    assert_eq!(footer.projected_schema(), builder.schema());
    assert_eq!(footer.created_by(), metadata.file_metadata().created_by());
    assert_eq!(footer.num_rows(), 300);
    assert_eq!(footer.num_row_groups(), metadata.num_row_groups());
    for (index, row_group) in metadata.row_groups().iter().enumerate() {
        assert_eq!(footer.row_group_rows(index), row_group.num_rows().cast_unsigned());
        for (leaf, theirs) in row_group.columns().iter().enumerate() {
            let ours = footer.column_chunk(index, leaf).unwrap();
            let (start, length) = theirs.byte_range();
            assert_eq!(ours.byte_range(), start..start + length);
            assert_eq!(ours.num_values, theirs.num_values().cast_unsigned());
            assert_eq!(ours.uncompressed_bytes, theirs.uncompressed_size().cast_unsigned());
            assert_eq!(ours.codec, Codec::Zstd);
            assert_eq!(ours.has_dictionary, theirs.dictionary_page_offset().is_some());
        }
    }
}

#[test]
fn a_projection_keeps_only_its_leaves() {
    let file = sample(100);
    let all = open(&file, &Projection::All).unwrap();
    let names = ["struct", "int8"].map(str::to_owned).to_vec();
    let some = open(&file, &Projection::Names(names)).unwrap();
    let schema = some.schema();
    let names: Vec<&str> = some.roots().iter().map(|root| &*schema.roots[*root].name).collect();
    assert_eq!(names, ["int8", "struct"]);
    assert_eq!(some.leaves().len(), 4);
    for row_group in 0..some.num_row_groups() {
        for leaf in 0..schema.num_leaves() {
            let wanted = some.leaves().contains(&leaf);
            let expect = all.column_chunk(row_group, leaf).filter(|_| wanted);
            assert_eq!(some.column_chunk(row_group, leaf), expect);
        }
    }
    let error = open(&file, &Projection::Names(vec!["int9".to_owned()])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no column 'int9' in the file; nearest: 'int8', 'int16', 'int32'"
    );
}

#[test]
fn files_of_one_kind_share_their_schema() {
    let (first, second) = (sample(100), sample(50));
    let parse = |file: &Bytes, shared: Option<&Footer>| {
        let end = file.len() - TAIL_LEN;
        let length = u32::from_le_bytes(file[end..end + 4].try_into().unwrap()) as usize;
        let bytes = &file[end - length..end];
        let shared = shared.map(Footer::schema);
        Footer::parse_sharing(bytes, file.len() as u64, &Projection::All, shared).unwrap()
    };
    let first = parse(&first, None);
    let second = parse(&second, Some(&first));
    assert!(Arc::ptr_eq(first.schema(), second.schema()));
    assert_eq!(second.num_row_groups(), 6);
}

#[test]
fn a_footer_is_small() {
    let file = sample(10);
    let footer = open(&file, &Projection::All).unwrap();
    let chunks = footer.num_row_groups() * footer.leaves().len();
    let per_chunk = footer.heap_bytes() / chunks;
    assert!(per_chunk <= 16, "{per_chunk} bytes per column chunk");
}

#[test]
fn every_cut_of_a_footer_is_an_error() {
    let file = sample(300);
    let end = file.len() - TAIL_LEN;
    let length = u32::from_le_bytes(file[end..end + 4].try_into().unwrap()) as usize;
    let thrift = &file[end - length..end];
    for cut in 0..thrift.len() {
        let result = Footer::parse(&thrift[..cut], file.len() as u64, &Projection::All);
        assert!(result.is_err(), "cut at {cut} of {length}");
    }
}

#[test]
fn a_chunk_outside_of_the_file_is_an_error() {
    let file = sample(300);
    let end = file.len() - TAIL_LEN;
    let length = u32::from_le_bytes(file[end..end + 4].try_into().unwrap()) as usize;
    // The same footer in a file that is too short for its chunks.
    let thrift = &file[end - length..end];
    let error = Footer::parse(thrift, (length + 20) as u64, &Projection::All).unwrap_err();
    assert!(matches!(error, DecodeError::OutOfSpec { .. }), "{error}");
    assert!(error.to_string().contains("column 'bool', row group 0"), "{error}");
    assert!(
        error.to_string().contains("extends beyond the row groups, which end at 12"),
        "{error}"
    );
}
