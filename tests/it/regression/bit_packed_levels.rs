//! Target `levels`: BIT_PACKED levels are packed from the most significant bit of each byte. The `parquet` crate takes
//! them from the least significant one, without an error, so that other rows were null when a column was left to it.
//! They now reach it as RLE levels.

use arrow_array::{Array, Int32Array};
use ringquet_decode::DecoderChoice;

use super::support::read;

#[test]
fn both_decoders_read_them_alike() {
    let file = include_bytes!("files/bit-packed-levels.parquet");
    for decoder in [DecoderChoice::Auto, DecoderChoice::FallbackOnly] {
        let batches = read(file, decoder, 8192).unwrap();
        let column = batches[0].column(0).as_any().downcast_ref::<Int32Array>().unwrap();
        // The level bytes are 0x31 and 0x01 …: 0011 0001 0000 0001.
        let valid: Vec<usize> = (0..16).filter(|row| column.is_valid(*row)).collect();
        assert_eq!(valid, [2, 3, 7, 15], "{decoder:?}");
        assert_eq!(column.value(2), 23, "{decoder:?}");
    }
}
