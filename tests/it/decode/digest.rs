//! The digest of what was decoded does not depend on how.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::Schema;
use parquet::file::properties::WriterProperties;
use ringquet_decode::{DecodeOptions, DecoderChoice, FileDigest, Projection, RowGroupDigest};

use super::arrays::{self, Nulls, Recipe, Repeats};
use super::support::{open, read_row_group, write};

#[test]
fn batch_rows_codec_and_decoder_do_not_change_the_digest() {
    let recipe = Recipe { rows: 900, nulls: Nulls::Few, repeats: Repeats::Seldom, seed: 11 };
    let mut columns = arrays::flat(recipe);
    columns.extend(arrays::lists(recipe));
    columns.extend(arrays::nested(recipe));
    let (fields, arrays): (Vec<_>, Vec<_>) = columns
        .into_iter()
        .map(|(name, array)| (arrays::field(name, &array, &recipe), array))
        .unzip();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap();
    let mut digests = Vec::new();
    for dictionary in [true, false] {
        let properties = WriterProperties::builder()
            .set_max_row_group_row_count(Some(350))
            .set_dictionary_enabled(dictionary)
            .build();
        let file = write(batch.schema(), std::slice::from_ref(&batch), properties);
        let footer = open(&file, &Projection::All).unwrap();
        for decoder in [DecoderChoice::Auto, DecoderChoice::FallbackOnly] {
            for batch_rows in [1, 64, 1000] {
                let options = DecodeOptions { batch_rows, decoder, ..DecodeOptions::default() };
                let mut digest = FileDigest::new();
                // Last row group first: the order must not matter.
                for row_group in (0..footer.num_row_groups()).rev() {
                    let mut of_row_group =
                        RowGroupDigest::new(0, row_group as u64, footer.projected_schema());
                    let (batches, _) =
                        read_row_group(&file, &footer, row_group, &options, false).unwrap();
                    batches.iter().for_each(|batch| of_row_group.update(batch));
                    digest.add(of_row_group.finish());
                }
                digests.push(digest.finish());
            }
        }
    }
    digests.dedup();
    assert_eq!(digests.len(), 1, "{digests:?}");
}
