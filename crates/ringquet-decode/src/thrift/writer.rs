//! Writing thrift's compact protocol.

use super::kind;
use super::varint::{self, zigzag};

/// A struct being written. Fields come in the order of their ids.
#[derive(Debug)]
pub struct StructWriter<'a> {
    out: &'a mut Vec<u8>,
    last_id: i16,
}

impl<'a> StructWriter<'a> {
    /// Begins a struct: an element of a list, or the outermost one.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, last_id: 0 }
    }

    fn header(&mut self, id: i16, kind: u8) {
        debug_assert!(id > self.last_id, "ids ascend");
        match u8::try_from(id - self.last_id) {
            Ok(delta @ 1..=15) => self.out.push(delta << 4 | kind),
            _ => {
                self.out.push(kind);
                varint::write(self.out, zigzag(i64::from(id)));
            }
        }
        self.last_id = id;
    }

    /// A boolean, which is in the field's header.
    pub fn bool(&mut self, id: i16, value: bool) {
        self.header(id, of_bool(value));
    }

    /// An `i8`, which is one byte.
    pub fn i8(&mut self, id: i16, value: u8) {
        self.header(id, kind::I8);
        self.out.push(value);
    }

    /// An `i32`.
    pub fn i32(&mut self, id: i16, value: i32) {
        self.header(id, kind::I32);
        varint::write(self.out, zigzag(value.into()));
    }

    /// An `i64`.
    pub fn i64(&mut self, id: i16, value: i64) {
        self.header(id, kind::I64);
        varint::write(self.out, zigzag(value));
    }

    /// A binary or a string.
    pub fn bytes(&mut self, id: i16, value: &[u8]) {
        self.header(id, kind::BINARY);
        write_bytes(self.out, value);
    }

    /// A struct in the struct.
    pub fn structure(&mut self, id: i16, fields: impl FnOnce(&mut StructWriter<'_>)) {
        self.header(id, kind::STRUCT);
        let mut inner = StructWriter::new(self.out);
        fields(&mut inner);
        inner.end();
    }

    /// A struct that is encoded already, its end included.
    pub fn encoded_structure(&mut self, id: i16, encoded: &[u8]) {
        self.header(id, kind::STRUCT);
        self.out.extend_from_slice(encoded);
    }

    /// A list of structs.
    pub fn structures<T>(
        &mut self,
        id: i16,
        items: &[T],
        mut fields: impl FnMut(&T, &mut StructWriter<'_>),
    ) {
        self.list_header(id, items.len(), kind::STRUCT);
        for item in items {
            let mut inner = StructWriter::new(self.out);
            fields(item, &mut inner);
            inner.end();
        }
    }

    /// A list of structs that are encoded already, back to back.
    pub fn encoded_structures(&mut self, id: i16, count: usize, encoded: &[u8]) {
        self.list_header(id, count, kind::STRUCT);
        self.out.extend_from_slice(encoded);
    }

    /// A list that is encoded already, its header included.
    pub fn encoded_list(&mut self, id: i16, encoded: &[u8]) {
        self.header(id, kind::LIST);
        self.out.extend_from_slice(encoded);
    }

    /// A list of `i32`.
    pub fn list_i32(&mut self, id: i16, values: &[i32]) {
        self.list_header(id, values.len(), kind::I32);
        values.iter().for_each(|value| varint::write(self.out, zigzag(i64::from(*value))));
    }

    /// A list of `count` times the same boolean.
    pub fn list_bool(&mut self, id: i16, value: bool, count: usize) {
        self.list_header(id, count, kind::TRUE);
        self.out.extend(std::iter::repeat_n(of_bool(value), count));
    }

    /// A list of `i64`.
    pub fn list_i64(&mut self, id: i16, values: &[i64]) {
        self.list_header(id, values.len(), kind::I64);
        values.iter().for_each(|value| varint::write(self.out, zigzag(*value)));
    }

    /// A list of binaries or strings.
    pub fn list_bytes(&mut self, id: i16, values: &[&[u8]]) {
        self.list_header(id, values.len(), kind::BINARY);
        values.iter().for_each(|value| write_bytes(self.out, value));
    }

    fn list_header(&mut self, id: i16, count: usize, kind: u8) {
        self.header(id, kind::LIST);
        write_list_header(self.out, count, kind);
    }

    /// Ends the struct.
    pub fn end(self) {
        self.out.push(kind::STOP);
    }
}

/// A list of `count` structs that are encoded one after the other in `encoded`, with its header.
pub(crate) fn struct_list(count: usize, encoded: &[u8]) -> Vec<u8> {
    let mut list = Vec::with_capacity(encoded.len() + 10);
    write_list_header(&mut list, count, kind::STRUCT);
    list.extend_from_slice(encoded);
    list
}

fn write_list_header(out: &mut Vec<u8>, count: usize, kind: u8) {
    match u8::try_from(count) {
        Ok(short @ 0..15) => out.push(short << 4 | kind),
        _ => {
            out.push(0xf0 | kind);
            varint::write(out, count as u64);
        }
    }
}

fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    varint::write(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn of_bool(value: bool) -> u8 {
    if value { kind::TRUE } else { kind::FALSE }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::thrift::reader::ThriftReader;

    #[test]
    fn a_struct() {
        let mut out = Vec::new();
        let mut writer = StructWriter::new(&mut out);
        writer.i32(1, 2);
        writer.structure(5, |inner| inner.bool(3, false));
        writer.list_i64(16, &[0, 3]);
        writer.end();
        assert_eq!(out, [0x15, 4, 0x4c, 0x32, 0, 0xb9, 0x26, 0, 6, 0]);
    }

    #[test]
    fn what_is_written_is_read() {
        let mut inner = Vec::new();
        let mut writer = StructWriter::new(&mut inner);
        writer.i32(1, -7);
        writer.end();
        let mut bytes = Vec::new();
        let mut writer = StructWriter::new(&mut bytes);
        writer.i64(3, i64::MIN);
        writer.bytes(99, b"abc");
        writer.encoded_structure(100, &inner);
        writer.encoded_list(101, &struct_list(20, &inner.repeat(20)));
        writer.end();
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
