//! Writing thrift's compact protocol: page headers and the footer.
//!
//! A struct is a run of fields, each `(delta of its id << 4 | type)` and its value, and ends with a
//! zero. Integers are zigzag varints; a boolean field has its value in the type.

/// Types of the protocol, as far as Parquet's structs need them.
const TRUE: u8 = 1;
const FALSE: u8 = 2;
const I32: u8 = 5;
const I64: u8 = 6;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const STRUCT: u8 = 12;

/// Appends an unsigned varint.
pub(crate) fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

fn zigzag(out: &mut Vec<u8>, value: i64) {
    varint(out, ((value << 1) ^ (value >> 63)).cast_unsigned());
}

/// A struct being written. Fields come in the order of their ids.
pub(crate) struct StructWriter<'a> {
    out: &'a mut Vec<u8>,
    last_id: u8,
}

impl<'a> StructWriter<'a> {
    /// Begins a struct: an element of a list, or the outermost one.
    pub(crate) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, last_id: 0 }
    }

    fn header(&mut self, id: u8, kind: u8) {
        debug_assert!(id > self.last_id && id - self.last_id < 16, "ids ascend in small steps");
        self.out.push((id - self.last_id) << 4 | kind);
        self.last_id = id;
    }

    pub(crate) fn bool(&mut self, id: u8, value: bool) {
        self.header(id, if value { TRUE } else { FALSE });
    }

    /// An `i8`, which is one byte.
    pub(crate) fn i8(&mut self, id: u8, value: u8) {
        self.header(id, 3);
        self.out.push(value);
    }

    pub(crate) fn i32(&mut self, id: u8, value: i32) {
        self.header(id, I32);
        zigzag(self.out, value.into());
    }

    pub(crate) fn i64(&mut self, id: u8, value: i64) {
        self.header(id, I64);
        zigzag(self.out, value);
    }

    pub(crate) fn bytes(&mut self, id: u8, value: &[u8]) {
        self.header(id, BINARY);
        write_bytes(self.out, value);
    }

    /// A struct in the struct.
    pub(crate) fn structure(&mut self, id: u8, fields: impl FnOnce(&mut StructWriter<'_>)) {
        self.header(id, STRUCT);
        let mut inner = StructWriter::new(self.out);
        fields(&mut inner);
        inner.end();
    }

    /// A list of structs.
    pub(crate) fn structures<T>(
        &mut self,
        id: u8,
        items: &[T],
        mut fields: impl FnMut(&T, &mut StructWriter<'_>),
    ) {
        self.list_header(id, items.len(), STRUCT);
        for item in items {
            let mut inner = StructWriter::new(self.out);
            fields(item, &mut inner);
            inner.end();
        }
    }

    /// A list of structs that are encoded already, back to back.
    pub(crate) fn encoded_structures(&mut self, id: u8, count: usize, encoded: &[u8]) {
        self.list_header(id, count, STRUCT);
        self.out.extend_from_slice(encoded);
    }

    pub(crate) fn list_i32(&mut self, id: u8, values: &[i32]) {
        self.list_header(id, values.len(), I32);
        values.iter().for_each(|value| zigzag(self.out, i64::from(*value)));
    }

    /// `count` times the same boolean.
    pub(crate) fn list_bool(&mut self, id: u8, value: bool, count: usize) {
        self.list_header(id, count, TRUE);
        let value = if value { TRUE } else { FALSE };
        self.out.extend(std::iter::repeat_n(value, count));
    }

    pub(crate) fn list_i64(&mut self, id: u8, values: &[i64]) {
        self.list_header(id, values.len(), I64);
        values.iter().for_each(|value| zigzag(self.out, *value));
    }

    pub(crate) fn list_bytes(&mut self, id: u8, values: &[&[u8]]) {
        self.list_header(id, values.len(), BINARY);
        values.iter().for_each(|value| write_bytes(self.out, value));
    }

    fn list_header(&mut self, id: u8, count: usize, kind: u8) {
        self.header(id, LIST);
        match u8::try_from(count) {
            Ok(count) if count < 15 => self.out.push(count << 4 | kind),
            _ => {
                self.out.push(0xf0 | kind);
                varint(self.out, count as u64);
            }
        }
    }

    /// Ends the struct.
    pub(crate) fn end(self) {
        self.out.push(0);
    }
}

fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        let bytes = |value: i64| {
            let mut out = Vec::new();
            zigzag(&mut out, value);
            out
        };
        assert_eq!(bytes(0), [0]);
        assert_eq!(bytes(-1), [1]);
        assert_eq!(bytes(64), [0x80, 1]);
        assert_eq!(bytes(i64::MIN), [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]);
    }

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
}
