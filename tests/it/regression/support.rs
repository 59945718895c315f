//! Reading a small file in memory with either decoder.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::RecordBatch;
use ringquet_decode::{
    BufferPool, ChunkSource, DecodeError, DecodeOptions, DecoderChoice, Footer, Projection,
    RowGroupDecoder, Step, TAIL_LEN, footer_len,
};

struct WholeFile<'a>(&'a [u8]);

impl ChunkSource for WholeFile<'_> {
    fn bytes(&mut self, _leaf: usize, range: Range<u64>) -> Option<&[u8]> {
        let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
        Some(&self.0[range])
    }
}

/// The footer of a file in memory.
pub(super) fn open(file: &[u8]) -> Result<Arc<Footer>, DecodeError> {
    let tail = file.last_chunk::<TAIL_LEN>().expect("the files have a tail");
    let length = footer_len(tail, file.len() as u64)? as usize;
    let end = file.len() - TAIL_LEN;
    Footer::parse(&file[end - length..end], file.len() as u64, &Projection::All).map(Arc::new)
}

/// All batches of all row groups, `batch_rows` rows at a time.
pub(super) fn read(
    file: &[u8],
    decoder: DecoderChoice,
    batch_rows: usize,
) -> Result<Vec<RecordBatch>, DecodeError> {
    let footer = open(file)?;
    let options = DecodeOptions { batch_rows, decoder, ..DecodeOptions::default() };
    let pool = BufferPool::new();
    let mut batches = Vec::new();
    for row_group in 0..footer.num_row_groups() {
        let mut decoder = RowGroupDecoder::new(&footer, row_group, &options, &pool)?;
        loop {
            match decoder.next_batch(&mut WholeFile(file))? {
                Step::Batch(batch) => batches.push(batch),
                Step::NeedsBytes { leaf, range } => {
                    panic!("leaf {leaf} waits for {range:?} of a file that is at hand")
                }
                Step::Finished => break,
            }
        }
    }
    Ok(batches)
}

/// Both decoders refuse the file.
pub(super) fn check_refused(file: &[u8]) {
    for decoder in [DecoderChoice::Auto, DecoderChoice::FallbackOnly] {
        let result = read(file, decoder, 8192);
        assert!(result.is_err(), "{decoder:?} reads {:?}", result.unwrap());
    }
}
