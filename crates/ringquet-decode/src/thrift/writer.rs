//! Writes the few kinds of thrift fields that a schema has, in the compact protocol.

use crate::thrift::reader::kind;

/// One struct that is being written.
#[derive(Debug, Default)]
pub(crate) struct StructWriter {
    bytes: Vec<u8>,
    last: i16,
}

impl StructWriter {
    fn field(&mut self, id: i16, kind: u8) {
        match u8::try_from(id - self.last) {
            Ok(delta @ 1..=15) => self.bytes.push((delta << 4) | kind),
            _ => {
                self.bytes.push(kind);
                varint(&mut self.bytes, zigzag(i64::from(id)));
            }
        }
        self.last = id;
    }

    pub(crate) fn i32(&mut self, id: i16, value: i32) {
        self.field(id, kind::I32);
        varint(&mut self.bytes, zigzag(i64::from(value)));
    }

    pub(crate) fn i64(&mut self, id: i16, value: i64) {
        self.field(id, kind::I64);
        varint(&mut self.bytes, zigzag(value));
    }

    pub(crate) fn binary(&mut self, id: i16, value: &[u8]) {
        self.field(id, kind::BINARY);
        varint(&mut self.bytes, value.len() as u64);
        self.bytes.extend_from_slice(value);
    }

    /// A struct that was written already, its end included.
    pub(crate) fn structure(&mut self, id: i16, value: &[u8]) {
        self.field(id, kind::STRUCT);
        self.bytes.extend_from_slice(value);
    }

    /// A list that was written already, its header included.
    pub(crate) fn list(&mut self, id: i16, value: &[u8]) {
        self.field(id, kind::LIST);
        self.bytes.extend_from_slice(value);
    }

    /// The bytes, with the end of the struct.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.bytes.push(kind::STOP);
        self.bytes
    }
}

/// A list of `length` structs that are written one after the other in `structs`.
pub(crate) fn struct_list(length: usize, structs: &[u8]) -> Vec<u8> {
    let mut list = Vec::with_capacity(structs.len() + 10);
    match u8::try_from(length) {
        Ok(short @ 0..15) => list.push((short << 4) | kind::STRUCT),
        _ => {
            list.push(0xf0 | kind::STRUCT);
            varint(&mut list, length as u64);
        }
    }
    list.extend_from_slice(structs);
    list
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

fn varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push((value & 0x7f) as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::thrift::reader::ThriftReader;

    #[test]
    fn what_is_written_is_read() {
        let mut inner = StructWriter::default();
        inner.i32(1, -7);
        let inner = inner.finish();
        let mut writer = StructWriter::default();
        writer.i64(3, i64::MIN);
        writer.binary(99, b"abc");
        writer.structure(100, &inner);
        let list = struct_list(20, &inner.repeat(20));
        writer.list(101, &list);
        let bytes = writer.finish();
        let mut reader = ThriftReader::new(&bytes);
        assert_eq!(reader.field(0).unwrap().map(|field| field.id), Some(3));
        assert_eq!(reader.i64(), Ok(i64::MIN));
        assert_eq!(reader.field(3).unwrap().map(|field| field.id), Some(99));
        assert_eq!(reader.binary(), Ok(&b"abc"[..]));
        assert_eq!(reader.field(99).unwrap().map(|field| field.id), Some(100));
        reader.skip(kind::STRUCT).unwrap();
        assert_eq!(reader.field(100).unwrap().map(|field| field.id), Some(101));
        assert_eq!(reader.list(), Ok((kind::STRUCT, 20)));
        for _ in 0..20 {
            assert_eq!(reader.field(0).unwrap().map(|field| field.id), Some(1));
            assert_eq!(reader.i32(), Ok(-7));
            assert_eq!(reader.byte(), Ok(kind::STOP));
        }
        assert_eq!(reader.field(101), Ok(None));
        assert!(reader.rest().is_empty());
    }
}
